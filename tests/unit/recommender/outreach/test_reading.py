"""What residents authorised becomes evidence, and what they did not stays unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import scipy.sparse as sp

from graph.gate import CareFacts, Record
from graph.measures.aggregate import LEAST_PEOPLE
from graph.model import DataCategory, ItemKind, ResidentId
from graph.view import ITEM_KINDS, ItemTable, View
from recommender.base import Query
from recommender.outreach.actions import Action
from recommender.outreach.bodies import bodies_of, groups_of, parts_of
from recommender.outreach.evidence import UNKNOWN, Evidence
from recommender.outreach.options import callers, options_for
from recommender.outreach.points import Factor
from recommender.outreach.reading import evidence_of
from recommender.outreach.report import report_of
from recommender.outreach.score import score

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AS_OF = int(NOW.timestamp())
DAY = 86_400
RESIDENTS = {"a": 0, "b": 1, "c": 2}


def record(resident: str, kind: str, days: float, **fields: object) -> Record:
    category = DataCategory.SURVEY if kind == "assessment" else DataCategory.UTILITY_WATER
    at = NOW - timedelta(days=days)
    return Record(ResidentId(resident), kind, category, at, fields, f"r{days}")


def facts(**changes: object) -> CareFacts:
    """Three residents: a and b authorise everything, c nothing; a and b know each other."""
    history = sp.csr_array(np.array([[3.0, 2.0, 1.0], [0, 0, 3.0], [3.0, 0, 0]], np.float32))
    times = AS_OF - DAY * np.array([10, 200, 1, 400, 5])
    view = View.of(history, as_of=AS_OF, times=times)
    yes = np.array([True, True, False])
    born = np.array([1950, 0, 1990], np.int16)
    given = CareFacts(
        view=replace(view, birth_year=born),
        permitted=dict.fromkeys(DataCategory, yes),
        scored=yes,
        living={0: "alone", 1: "unknown"},
        registered_here={0: True},
        ties=np.array([[0, 1]]),
        tie_kinds=["kin"],
        assessments=[],
        readings=[],
    )
    return replace(given, **changes)


def test_everything_authorised_is_laid_out():
    found = evidence_of(facts(), RESIDENTS)
    assert found.age.tolist() == [76, UNKNOWN, UNKNOWN]
    assert found.alone.tolist() == [1, UNKNOWN, UNKNOWN]
    assert found.ties.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [UNKNOWN] * 4]
    assert found.core.tolist() == [1, 1, UNKNOWN]
    assert found.last_seen.tolist() == [10, 365, UNKNOWN]  # a like of yesterday is no taking part
    assert found.recent.tolist() == [1, 0, UNKNOWN]
    assert found.earlier.tolist() == [1, 0, UNKNOWN]


@pytest.mark.parametrize(
    ("category", "name"),
    [(DataCategory.TIE, "ties"), (DataCategory.ATTENDANCE, "last_seen")],
)
def test_a_category_that_is_not_authorised_is_unknown_and_not_zero(category, name):
    given = facts()
    closed = {**given.permitted, category: np.zeros(3, bool)}
    assert (getattr(evidence_of(replace(given, permitted=closed), RESIDENTS), name) == -1).all()


def test_the_latest_whole_answer_counts():
    given = facts(
        assessments=[
            record("a", "assessment", 90, scale="lsns", total=9),
            record("a", "assessment", 30, scale="lsns", total=15),
            record("b", "assessment", 20, scale="lsns", total=None),
            record("b", "assessment", 10, scale="ucla", total=7),
        ]
    )
    found = evidence_of(given, RESIDENTS)
    assert found.lsns.tolist() == [15, UNKNOWN, UNKNOWN]
    assert found.ucla.tolist() == [UNKNOWN, 7, UNKNOWN]
    assert found.answered.tolist() == [30, 10, UNKNOWN]


def test_days_without_water_are_counted_where_enough_days_were_read():
    still = [record("a", "reading", day, m3=5.0 if day < 12 else 17.0 - day) for day in range(20)]
    few = [record("b", "reading", day, m3=1.0) for day in range(4)]
    old = [record("b", "reading", day, m3=1.0) for day in range(40, 80)]
    readings = sorted([*still, *few, *old], key=lambda r: r.at)
    found = evidence_of(facts(readings=readings), RESIDENTS)
    assert found.silent.tolist() == [12, UNKNOWN, UNKNOWN]


def test_a_body_says_what_it_rests_on_and_nothing_else():
    evidence = evidence_of(facts(), RESIDENTS)
    scores = score(evidence)
    groups = groups_of(evidence, {0: True})
    first, second = bodies_of(evidence, scores, groups, np.array([0, 1]))
    assert set(first["categories"]) == {
        "grid",
        "isolation_score",
        "identity",
        "household",
        "tie",
        "attendance",
    }
    assert "household" not in second["categories"]
    assert {factor for factor, _, _ in parts_of(second)}.isdisjoint({Factor.AGE, Factor.ALONE})
    seen = {factor: n for factor, _, n in parts_of(first)}
    assert (seen[Factor.AGE], seen[Factor.ALONE], seen[Factor.SEEN]) == (76, 1, 10)
    assert groups[0] != groups[1] == groups[2]  # of two nothing is known


def test_reports_tell_of_no_fewer_than_20_people(rng):
    n = 400
    alone = rng.integers(0, 2, n)
    evidence = replace(
        Evidence.empty(n),
        alone=alone,
        last_seen=np.full(n, 100),
        lsns=np.where(rng.random(n) < 0.1 + 0.4 * alone, 5, 20),
        answered=np.zeros(n, np.int64),
    )
    groups = np.r_[np.zeros(n - 10, np.int64), np.ones(10, np.int64)]
    everybody = np.ones(n, bool)
    report = report_of(evidence, score(evidence), everybody, groups)
    assert (report["scored"], report["not_enough_data"], report["answered"]) == (n, 0, n)
    assert 0.6 < float(str(report["area_under_curve"])) < 1
    assert list(report["recall_by_group"]) == ["0"]
    few = replace(evidence, lsns=np.where(np.arange(n) < LEAST_PEOPLE - 1, evidence.lsns, -1))
    hidden = report_of(few, score(few), everybody, groups)
    assert (hidden["answered"], hidden["area_under_curve"]) == (None, None)


def offered(kind: ItemKind, *, seats: int = 5, word: int = 0) -> ItemTable:
    table = ItemTable.of(["x"], n_interests=2, n_needs=2, n_offers=2)
    one = sp.csr_array(np.eye(2, dtype=np.float32)[[word]])
    return replace(
        table,
        kind=np.array([ITEM_KINDS.index(kind)], np.int8),
        seats_left=np.array([seats], np.int32),
        participatory=np.array([True]),
        tags=one,
        needs=one,
        offers=one,
    )


def asking(items: ItemTable) -> Query:
    """Somebody with the first interest, need and offer."""
    view = View.of(sp.csr_array((1, 1), dtype=np.float32), items=items, as_of=AS_OF)
    word = sp.csr_array(np.array([[1.0, 0.0]], np.float32))
    view = replace(view, interests=word, needs=word, offers=word)
    return Query.from_view(view, np.array([0]))


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (ItemKind.GROUP, Action.GROUP),
        (ItemKind.ACTIVITY, Action.GROUP),
        (ItemKind.HELPER_ROLE, Action.HELPER_ROLE),
        (ItemKind.SERVICE, Action.REFERRAL),
    ],
)
def test_what_fits_and_has_a_seat_is_an_option(kind, action):
    found = options_for(asking(offered(kind)), place=3, callers=["buddy"])
    assert [(o.resident, o.action, o.item) for o in found] == [
        (3, Action.VISIT, ""),
        (3, Action.CALL_BUDDY, "buddy"),
        (3, action, "x"),
    ]
    for other in (offered(kind, seats=0), offered(kind, word=1)):
        assert len(options_for(asking(other), place=0, callers=[])) == 1


def test_only_who_listens_or_reads_aloud_calls_others():
    role = offered(ItemKind.HELPER_ROLE)
    assert callers(role, ["listening", "cooking"]).tolist() == [0]
    assert callers(role, ["cooking", "listening"]).tolist() == []
    closed = replace(role, open=np.array([False]))
    assert callers(closed, ["listening", "cooking"]).tolist() == []
