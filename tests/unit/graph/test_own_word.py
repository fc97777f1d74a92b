"""A resident's own word overrules what others bring in, and nothing else of it."""

from __future__ import annotations

import numpy as np

from graph.ledger.told import Word
from graph.live_residents import OwnWord, applied, with_changes
from graph.model import DataCategory, NodeChange, Op, RelationshipChange, ResidentId
from graph.own_word import (
    about_oneself,
    overruled,
    property_slot,
    tag_changes,
    tag_slot,
    work_changes,
)
from graph.schema import validate
from graph.view import View, empty_csr
from graph.vocabulary import interests
from tests.contract.store_data import link, put
from tests.factories import NOW

LI, WANG = ResidentId("r-li"), ResidentId("r-wang")
TAICHI, OTHER = "taichi", "baking"
WORK = "WORKS_AS"


def told(slot: str, value: str | int | bool | None) -> dict[ResidentId, dict[str, Word]]:
    return {LI: {slot: Word(slot, DataCategory.INTEREST, value, NOW)}}


def holds(who: str, type_: str, label: str, code: str) -> RelationshipChange:
    more = {"weight": 0.5, "origin": "inferred"} if type_ == "INTERESTED_IN" else {}
    return link(type_, "Resident", who, label, code, **more)


def test_a_deleted_word_is_not_brought_back_and_others_are():
    wanted = [
        holds(LI, "INTERESTED_IN", "Interest", OTHER),
        holds(WANG, "INTERESTED_IN", "Interest", TAICHI),
        put("Interest", TAICHI, label_zh="x", label_en="x"),
    ]
    back = holds(LI, "INTERESTED_IN", "Interest", TAICHI)
    mine = told(tag_slot("Interest", TAICHI), False)
    assert list(overruled([back, *wanted], mine)) == wanted
    assert list(overruled([back, *wanted], {})) == [back, *wanted]  # control


def test_a_chosen_word_is_not_taken_away_by_others():
    gone = RelationshipChange(Op.REMOVE, "INTERESTED_IN", "Resident", LI, "Interest", TAICHI)
    assert list(overruled([gone], told(tag_slot("Interest", TAICHI), True))) == []


def test_any_other_occupation_is_overruled():
    brought = holds(LI, WORK, "Occupation", "111")
    assert list(overruled([brought], told(WORK, "112"))) == []
    assert list(overruled([brought], told(WORK, None))) == []


def test_a_corrected_property_stays_and_the_others_are_renewed():
    node = put("Resident", LI, birth_year=1950, walk_limit=300, status="active")
    (kept,) = overruled([node], told(property_slot("birth_year"), 1948))
    assert isinstance(kept, NodeChange)
    assert kept.properties == {"birth_year": 1948, "walk_limit": 300, "status": "active"}
    assert kept.provenance == node.provenance


def test_every_change_of_ones_own_word_fits_the_schema():
    changes = [
        *tag_changes(LI, "Interest", TAICHI, held=True, at=NOW),
        *tag_changes(LI, "Interest", TAICHI, held=False, at=NOW),
        *tag_changes(LI, "Offer", "cooking", held=True, at=NOW),
        *tag_changes(LI, "Need", "meal_delivery", held=True, at=NOW),
        *work_changes(LI, "112", before=["111", "112"], at=NOW),
        *work_changes(LI, None, before=["111"], at=NOW),
        *about_oneself(LI, {"birth_year": 1948}, NOW),
    ]
    for change in changes:
        validate(change)
    assert len(changes) == 12


def test_what_was_told_is_laid_over_permitted_cells_only():
    view = View.of(empty_csr(1, 1))
    n = len(interests())
    view = View(**{f: getattr(view, f) for f in view.__slots__} | {"interests": empty_csr(1, n)})
    mine = with_changes(OwnWord(), tag_changes(LI, "Interest", TAICHI, held=True, at=NOW))
    laid = applied(view, mine, frozenset({DataCategory.INTEREST}))
    assert laid.interests.indices.tolist() == [interests().index(TAICHI)]
    assert laid.interests.data.tolist() == [1.0]
    assert applied(view, mine, frozenset()).interests.nnz == 0
    gone = with_changes(mine, tag_changes(LI, "Interest", TAICHI, held=False, at=NOW))
    assert applied(laid, gone, frozenset({DataCategory.INTEREST})).interests.nnz == 0
    about = with_changes(mine, about_oneself(LI, {"birth_year": 1948, "languages": "en"}, NOW))
    assert applied(view, about, frozenset()).birth_year.tolist() == [0]
    seen = applied(view, about, frozenset({DataCategory.IDENTITY}))
    assert (seen.birth_year.tolist(), seen.walk_limit.tolist()) == ([1948], [-1])
    assert np.array_equal(seen.active, [True])
