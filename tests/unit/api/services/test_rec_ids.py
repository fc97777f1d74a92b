from __future__ import annotations

import base64
from itertools import product

import numpy as np
import pytest

from api.services.rec_ids import RecIds
from graph.errors import DataError
from graph.model import ItemId, RecId, ResidentId
from graph.vocabulary import interests, offers
from recommender.base import Reason, ReasonCode

A, B = ResidentId("resident-a"), ResidentId("resident-b")
X, Y = ItemId("item-x"), ItemId("item-y")
IDS = np.array(["item-x", "item-y", "item-z"])
ROWS = {item: row for row, item in enumerate(IDS.tolist())}
REASONS = [
    Reason(ReasonCode.OWN_INTEREST, {"interest": interests().codes[-1]}),
    Reason(ReasonCode.OWN_OFFER, {"offer": offers().codes[0]}),
    Reason(ReasonCode.OWN_GROUP, {"item": "item-z"}),
    Reason(ReasonCode.SIMILAR_TO_OWN, {"item": "item-y"}),
    *(Reason(ReasonCode.POPULAR, {"bucket": b}) for b in ("20-50", "50-200", "200+")),
    Reason(ReasonCode.IN_OWN_GRID),
    Reason(ReasonCode.GENERAL),
    Reason(ReasonCode.OWN_VENUE, {"item": "item-x"}),
    Reason(ReasonCode.OWN_TIME, {"item": "item-y"}),
]


@pytest.fixture
def rec_ids() -> RecIds:
    return RecIds(bytes(range(32)))


@pytest.mark.parametrize("reason", REASONS, ids=lambda r: r.code)
def test_the_very_reason_comes_back(rec_ids: RecIds, reason: Reason):
    made = rec_ids.mint(A, X, reason, ROWS)
    assert rec_ids.reason(made, A, X, IDS) == reason


def test_every_code_is_covered():
    assert {r.code for r in REASONS} == set(ReasonCode)


def test_all_look_alike_and_no_two_are_equal(rec_ids: RecIds):
    made = [rec_ids.mint(A, X, reason, ROWS) for reason in REASONS * 20]
    assert len(set(made)) == len(made)
    assert {len(each) for each in made} == {44}


def test_belongs_to_one_resident_and_one_item(rec_ids: RecIds):
    made = rec_ids.mint(A, X, REASONS[0], ROWS)
    for resident, item in product((A, B), (X, Y)):
        if (resident, item) != (A, X):
            with pytest.raises(DataError):
                rec_ids.reason(made, resident, item, IDS)
    # Moving a letter from one name to the other is another pair.
    moved = rec_ids.mint(ResidentId("ab"), ItemId("c"), REASONS[-1], ROWS)
    with pytest.raises(DataError):
        rec_ids.reason(moved, ResidentId("a"), ItemId("bc"), IDS)


def test_no_bit_can_be_changed(rec_ids: RecIds):
    raw = base64.urlsafe_b64decode(rec_ids.mint(A, X, REASONS[-1], ROWS))
    for bit in range(len(raw) * 8):
        other = bytearray(raw)
        other[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DataError):
            rec_ids.reason(RecId(base64.urlsafe_b64encode(other).decode()), A, X, IDS)


@pytest.mark.parametrize("given", ["", "x", "A" * 43, "A" * 44, "A" * 45, "中" * 44, "=" * 44])
def test_what_is_none_is_refused(rec_ids: RecIds, given: str):
    with pytest.raises(DataError):
        rec_ids.reason(RecId(given), A, X, IDS)


def test_another_home_does_not_know_it(rec_ids: RecIds):
    made = rec_ids.mint(A, X, REASONS[-1], ROWS)
    with pytest.raises(DataError):
        RecIds(bytes(32)).reason(made, A, X, IDS)
