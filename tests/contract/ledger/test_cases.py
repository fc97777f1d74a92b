"""Grids of staff and what came of visits: sealed, noted once per key, the latest first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text

from graph.ledger.cases import Case, Outcome
from graph.ledger.ledger import Ledger
from graph.ledger.records import NewRecord
from graph.model import DataCategory
from tests.contract.ledger.data import LI, WANG
from tests.ledger_worker import NOW

CASE = Case(LI, "staff:zhou", NOW, "visit", Outcome.NOT_HOME, NOW.date() + timedelta(days=7))


def test_staff_look_after_the_grids_named_last(ledger: Ledger):
    with ledger.write() as tx:
        ledger.cases.post(tx, "staff:zhou", ["g2", "g1", "g2"])
        ledger.cases.post(tx, "staff:wu", ["g3"])
    with ledger.read() as tx:
        assert ledger.cases.grids_of(tx, "staff:zhou") == ["g1", "g2"]
    with ledger.write() as tx:
        ledger.cases.post(tx, "staff:zhou", [])
        assert ledger.cases.grids_of(tx, "staff:zhou") == []
        assert ledger.cases.grids_of(tx, "staff:wu") == ["g3"]


def test_a_case_is_noted_once_per_key_and_the_latest_comes_first(ledger: Ledger):
    later = replace(CASE, at=NOW + timedelta(days=1), outcome=Outcome.MET, again=None)
    with ledger.write() as tx:
        for case, key in ((CASE, "a" * 16), (CASE, "a" * 16), (later, "b" * 16)):
            ledger.cases.note(tx, case, key=key)
    with ledger.read() as tx:
        assert ledger.cases.of(tx, [LI, WANG]) == {LI: [later, CASE]}


def test_what_came_of_a_visit_is_sealed_and_goes_with_its_key(ledger: Ledger):
    with ledger.write() as tx:
        ledger.cases.note(tx, CASE, key="a" * 16)
        sealed = bytes(tx.execute(text("SELECT sealed FROM cases")).scalar_one())
        assert b"not home" not in sealed
        category = DataCategory.ISOLATION_SCORE.value
        assert ledger.keys.destroy(tx, LI, [category], at=NOW) == 1
    with ledger.read() as tx:
        assert ledger.cases.of(tx, [LI]) == {}


def test_records_of_many_come_oldest_first(ledger: Ledger):
    def record(resident, days):
        at = NOW + timedelta(days=days)
        return NewRecord(resident, "assessment", DataCategory.SURVEY, at, {"total": days})

    with ledger.write() as tx:
        ledger.records.put_many(tx, [record(LI, 3), record(WANG, 1), record(LI, 2)])
        found = ledger.records.of_many(tx, [LI, WANG], "assessment")
    assert [r.fields["total"] for r in found] == [1, 2, 3]
    with ledger.read() as tx:
        assert [r.fields["total"] for r in ledger.records.of(tx, LI, "assessment")] == [2, 3]
