"""What is made of rows: order, ways, rarity and distance; rows in any order, one answer."""

from __future__ import annotations

import json

import pytest

from graph.errors import DataError
from graph.explore import (
    Acquaintance,
    Circle,
    Introducer,
    Introducers,
    Neighbour,
    Question,
    RareNeed,
    Shared,
    Thing,
    question_of,
    question_said,
)
from graph.explore.answers import MOST, answer_to, metres_between, relevant
from graph.explore.findings import Finding, Findings, What
from graph.model import DataCategory, ItemId, ResidentId, Scalar

A, B, C, D = (ResidentId(name) for name in "abcd")


def finding(what: What, **row: Scalar) -> Finding:
    people = {ResidentId(str(row[column])) for column in ("a", "b", "c") if column in row}
    return Finding(what, row, frozenset((who, DataCategory.TIE) for who in people))


def found(question: Question, *rows: Finding) -> Findings:
    return Findings(question, rows)


def holder(who: str, need: str = "lift") -> Finding:
    return finding(What.HOLDER, a=A, b=who, id=need, zh="电梯", en="Lift")


def home(who: str, lat: float | None, what: What = What.HOME) -> Finding:
    return finding(what, a=who, lat=lat, lon=118.0)


METRE = 1 / 111_194.93
"""Degrees of latitude on the sphere."""


@pytest.mark.parametrize(
    "question",
    [Shared(A, B), Introducers(A, ItemId("g")), Circle(A, 1), RareNeed(A, "lift", 300, 5)],
)
def test_questions_and_findings_can_be_kept_as_json(question: Question):
    kept = found(question, finding(What.TIE, a=A, b=B, strength=0.5), holder(C), home(A, None))
    assert question_of(json.loads(json.dumps(question_said(question)))) == question
    assert Findings.heard(json.loads(json.dumps(kept.said()))) == kept


@pytest.mark.parametrize("said", [
    {"kind": "gossip"},
    {"kind": "shared", "a": "a", "b": "a"},
    {"kind": "shared", "a": "a"},
    {"kind": "circle", "resident": "a", "depth": 3},
    {"kind": "rare-need", "resident": "a", "within_m": 5_000},
    {"kind": "rare-need", "resident": "a", "fewer_than": 1_000},
])  # fmt: skip
def test_a_question_outside_the_list_is_refused(said: dict[str, object]):
    with pytest.raises(DataError):
        question_of(said)


def test_things_are_told_once_and_in_one_order():
    rows = [
        finding(What.ACQUAINTANCE, a=A, b=B, c=C),
        finding(What.HELPED, a=A, b=B, id="role", zh="导览", en=None),
        finding(What.ROLE, a=A, b=B, id="role", zh="导览", en=None),
        finding(What.INTEREST, a=A, b=B, id="taichi", zh="太极", en="Tai chi"),
    ]
    told = answer_to(found(Shared(A, B), *rows))
    assert told.entries == (
        Thing(What.INTEREST, "taichi", "太极", "Tai chi"),
        Thing(What.ROLE, "role", "导览", ""),
        Thing(What.ACQUAINTANCE, C, "", ""),
    )
    assert answer_to(found(Shared(A, B), *reversed(rows))) == told
    assert told.residents == {A, B, C}


def test_whoever_knows_the_resident_best_introduces_first():
    rows = [
        finding(What.INTRODUCER, a=A, b=who, strength=s)
        for who, s in ((B, 0.31), (C, 0.94), (D, 0.29))
    ]
    told = answer_to(found(Introducers(A, ItemId("g")), *rows))
    assert told.entries == (Introducer(C, 0.9), Introducer(B, 0.3), Introducer(D, 0.3))


def test_a_circle_names_who_could_bring_two_together():
    rows = [
        finding(What.TIE, a=A, b=B, strength=0.5),
        finding(What.TIE, a=A, b=C, strength=0.5),
        finding(What.SECOND_TIE, a=A, b=B, c=C),
        finding(What.SECOND_TIE, a=A, b=C, c=D),
        finding(What.SECOND_TIE, a=A, b=B, c=D),
    ]
    told = answer_to(found(Circle(A), *rows))
    assert told.entries == (
        Acquaintance(B, 1, ()),
        Acquaintance(C, 1, ()),
        Acquaintance(D, 2, (B, C)),
    )


def test_nobody_is_reached_through_somebody_withheld():
    rows = [finding(What.SECOND_TIE, a=A, b=B, c=D)]
    assert answer_to(found(Circle(A), *rows)).entries == ()


def test_nearness_is_told_in_hundreds_of_metres_and_ends_at_the_limit():
    homes = [
        home(A, 31.0),
        home(B, 31.0 + 120 * METRE),
        home(C, 31.0 + 499 * METRE),
        home(D, 31.0 + 501 * METRE),
    ]
    told = answer_to(found(RareNeed(A), *map(holder, (B, C, D)), *homes))
    assert told.entries == (
        Neighbour(B, "lift", "电梯", "Lift", 200),
        Neighbour(C, "lift", "电梯", "Lift", 500),
    )


def test_a_building_says_more_than_a_grid_and_no_place_says_nothing():
    rows = [
        holder(B),
        holder(C),
        holder(D),
        home(A, 31.0),
        home(B, 31.0),
        home(B, 31.1, What.HOME_GRID),
        home(C, 31.0, What.HOME_GRID),
        home(D, None),
    ]
    told = answer_to(found(RareNeed(A), *rows))
    assert [entry.resident for entry in told.entries] == [B, C]
    assert answer_to(found(RareNeed(A), *rows[:3], *rows[4:])).entries == ()


def test_what_many_have_is_not_rare():
    rows = [home(A, 31.0), home(B, 31.0), *map(holder, (B, C, D))]
    assert answer_to(found(RareNeed(A, fewer_than=5), *rows)).entries
    assert answer_to(found(RareNeed(A, fewer_than=4), *rows)).entries == ()


def test_rows_that_the_answer_does_not_need_are_let_go():
    rows = [home(A, 31.0), home(B, 31.0), home(C, 32.0), *map(holder, (B, C, D)), holder(C, "x")]
    whole = found(RareNeed(A), *rows)
    kept = relevant(whole)
    assert answer_to(kept) == answer_to(whole)
    assert kept.residents == {A, B}
    assert relevant(kept) == kept


def test_rows_about_two_who_are_kept_apart_or_somebody_gone_are_left_out():
    rows = found(
        Circle(A),
        finding(What.TIE, a=A, b=B, strength=1.0),
        finding(What.TIE, a=A, b=D, strength=1.0),
        finding(What.SECOND_TIE, a=A, b=D, c=C),
    )
    for pair in ((A, B), (B, A)):
        block = Finding(What.BLOCK, {"a": pair[0], "b": pair[1]}, frozenset())
        assert rows.without([block]).rows == rows.rows[1:]
    assert rows.without([finding(What.GONE, a=C)]).rows == rows.rows[:2]


def test_an_answer_is_no_longer_than_may_be():
    ties = [finding(What.TIE, a=A, b=f"r{n:04}", strength=0.5) for n in range(MOST + 5)]
    assert len(answer_to(found(Circle(A), *ties)).entries) == MOST


def test_distances_are_those_of_the_sphere():
    assert metres_between((31.0, 118.0), (31.0, 118.0)) == 0
    assert metres_between((0.0, 0.0), (0.0, 180.0)) == pytest.approx(20_015_086.8, rel=1e-6)
