"""An import enters the ledger whole or not at all, once, and only on a basis."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from graph.errors import Denied, ImportRefused
from graph.gate import Gate, open_ledger
from graph.ingest import LedgerRegister, import_plan, issues_of, read_file
from graph.ingest.csv_residents import RESIDENT_COLUMNS
from graph.ledger.imports import BatchState
from graph.ledger.rows import RowKind
from graph.model import DataCategory, NodeChange, Op, StaffRole
from tests.corruptor import Agreeable
from tests.factories import csv_file, make_id_number, operator


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def bring(ledger, clock):
    gate = Gate(ledger, clock)

    def bring(plan, *, actor=None):
        return import_plan(ledger, plan, gate=gate, actor=actor or operator(), clock=clock)

    return bring


def visible(ledger):
    """All that anybody could see of an import."""
    with ledger.read() as tx:
        return {
            "head": ledger.outbox.head(tx),
            "residents": ledger.rows.all(tx, RowKind.RESIDENT),
            "items": ledger.rows.all(tx, RowKind.ITEM),
            "seats": ledger.bookings.taken(tx, None),
            "committed": [b.id for b in ledger.imports.list(tx) if b.state is BatchState.COMMITTED],
        }


def test_the_demo_city_comes_in_whole(ledger, bring, city):
    result = bring(city.plan())
    assert not result.already
    with ledger.read() as tx:
        assert ledger.rows.all(tx, RowKind.RESIDENT) == city.residents
        assert ledger.rows.all(tx, RowKind.ITEM) == city.items
        assert ledger.rows.all(tx, RowKind.GRID) == city.grids
        staged = [c for chunk in ledger.imports.changes(tx, result.batch) for c in chunk]
        assert staged == list(city.changes())
        who = next(iter(city.identities()))
        assert ledger.identity.get(tx, who.resident) == dict(who.fields)
        given = list(city.grants())
        of_first = {g.id for g in given if g.resident == given[0].resident}
        assert {g.id for g in ledger.grants.of(tx, given[0].resident)} == of_first
        assert ledger.outbox.head(tx).seq == result.seq


def test_places_are_as_if_booked_one_by_one(ledger, bring, city, tmp_path, clock):
    bring(city.plan())
    beside = open_ledger(
        f"sqlite:///{tmp_path / 'beside.db'}",
        keys_dir=tmp_path / "keys2",
        log_dir=tmp_path / "log2",
        clock=clock,
    )
    with beside.write() as tx:
        for seat in city.seats():
            beside.bookings.set_seats(tx, seat.item, seat.seats)
        for row in city.bookings():
            beside.bookings.book(tx, row.item, row.resident, at=row.at)
        expected = beside.bookings.taken(tx, None)
    beside.close()
    with ledger.read() as tx:
        taken = ledger.bookings.taken(tx, None)
    assert taken == expected
    assert any(waiting for _, _, waiting in taken.values())
    assert all(seats is None or n <= seats for seats, n, _ in taken.values())


def test_the_same_plan_twice_changes_nothing(ledger, bring, city):
    first = bring(city.plan())
    before = visible(ledger)
    again = bring(city.plan())
    assert again.already
    assert (again.batch, again.seq) == (first.batch, first.seq)
    assert visible(ledger) == before


@pytest.mark.parametrize("where", ["staging", "identities", "grants", "bookings"])
def test_a_killed_import_leaves_nothing_visible_and_can_be_repeated(ledger, bring, city, where):
    def cut(rows, after):
        yield from itertools.islice(rows, after)
        raise Killed

    plan = city.plan()
    broken = {
        "staging": lambda: replace(plan, changes=cut(plan.changes, 2_500)),
        "identities": lambda: replace(plan, identities=cut(plan.identities, 150)),
        "grants": lambda: replace(plan, grants=cut(plan.grants, 2_000)),
        "bookings": lambda: replace(plan, bookings=cut(plan.bookings, 20)),
    }[where]()
    before = visible(ledger)
    with pytest.raises(Killed):
        bring(broken)
    assert visible(ledger) == before
    with ledger.read() as tx:
        assert ledger.grants.of(tx, city.residents[0]) == []
        assert ledger.identity.names(tx, city.residents) == {}
    result = bring(plan)
    assert not result.already
    assert visible(ledger)["residents"] == city.residents
    with ledger.read() as tx:
        staged = sum(len(chunk) for chunk in ledger.imports.changes(tx, result.batch))
    assert staged == result.changes == sum(1 for _ in city.changes())


KILLED_HERE = """
import os, sys
from dataclasses import replace
from pathlib import Path
from graph.gate import Gate, open_ledger
from graph.ingest import import_plan
from graph.synthetic import generate
from tests.corruptor import Agreeable
from tests.factories import NOW, operator

folder, where = Path(sys.argv[1]), sys.argv[2]
ledger = open_ledger(
    f"sqlite:///{folder / 'ledger.db'}",
    keys_dir=folder / "keys",
    log_dir=folder / "log",
    clock=lambda: NOW,
)

def cut(rows):
    for n, row in enumerate(rows):
        if n == 2_500:
            os._exit(9)
        yield row

plan = generate(200, 3, now=NOW).plan()
plan = replace(plan, **{where: cut(getattr(plan, where))})
import_plan(ledger, plan, gate=Gate(ledger, lambda: NOW), actor=operator(), clock=lambda: NOW)
"""


@pytest.mark.parametrize("where", ["changes", "grants"])
def test_a_process_killed_while_importing_leaves_nothing_visible(
    tmp_path, ledger, bring, city, where
):
    before = visible(ledger)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED_HERE, str(tmp_path), where]
    assert subprocess.run(command, cwd=root, check=False).returncode == 9
    assert visible(ledger) == before
    with ledger.read() as tx:
        assert [b.state for b in ledger.imports.list(tx)] == [BatchState.STAGING]
    assert not bring(city.plan()).already
    assert visible(ledger)["residents"] == city.residents


def test_a_fact_without_a_grant_stops_the_whole_import(ledger, bring, city):
    plan = city.plan()
    victim = next(g.resident for g in city.grants() if g.category is DataCategory.GRID)
    fewer = [
        g for g in city.grants() if not (g.resident == victim and g.category is DataCategory.GRID)
    ]
    before = visible(ledger)
    with pytest.raises(ImportRefused, match=f"{victim} did not authorise grid"):
        bring(replace(plan, grants=fewer))
    assert visible(ledger) == before
    assert not bring(plan).already


def test_an_undeclared_category_stops_the_whole_import(ledger, bring, city):
    plan = replace(city.plan(), consented=frozenset({DataCategory.GRID}))
    with pytest.raises(ImportRefused, match="which the plan does not declare"):
        bring(plan)
    assert visible(ledger)["committed"] == []


def test_a_change_outside_the_schema_is_left_out_and_explained(ledger, bring, city):
    plan = city.plan()
    changes = list(plan.changes)
    wrong = NodeChange(Op.PUT, "Suspect", "s-1", {}, changes[0].provenance)
    result = bring(replace(plan, changes=[*changes[:3], wrong, *changes[3:]]))
    with ledger.read() as tx:
        staged = [c for chunk in ledger.imports.changes(tx, result.batch) for c in chunk]
        (issue,) = issues_of(ledger, tx, result.batch)
    assert staged == changes
    assert issue.code == "schema"
    assert issue.row == 0
    assert "it alone was left out" in issue.message_en
    assert "unknown label" in issue.message_en


def test_only_the_operator_imports(ledger, bring, city):
    worker = replace(operator(), role=StaffRole.GRID_WORKER)
    with pytest.raises(Denied):
        bring(city.plan(), actor=worker)
    with ledger.read() as tx:
        assert ledger.imports.list(tx) == []


def register_file(folder, *rows):
    header = [column.zh for column in RESIDENT_COLUMNS]
    return csv_file(folder, header, *rows)


def test_words_and_names_are_sealed(tmp_path, ledger, bring, clock):
    text = "老伴走了以后吃不下饭"
    row = {
        "姓名": "王秀兰",
        "公民身份号码": make_id_number(),
        "联系方式": "15400000001",
        "困难及诉求": text,
    }
    path = register_file(tmp_path, row)
    assert text.encode() in path.read_bytes()
    plan = read_file(
        "residents",
        path,
        pseudonym=ledger.keys.pseudonym,
        clock=clock,
        register=Agreeable({}),
    )
    bring(plan)
    path.unlink()
    (resident,) = plan.residents
    with ledger.read() as tx:
        assert [w.text for w in ledger.words.of(tx, resident)] == [text]
        assert ledger.identity.find(tx, "phone", "15400000001") == resident
        assert ledger.grants.of(tx, resident) == []
    ledger.close()
    stored = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert resident.encode() in stored  # the control: the search does look into the files
    for secret in (text, "王秀兰", row["公民身份号码"], "15400000001"):
        assert secret.encode() not in stored
        assert secret.encode("unicode_escape") not in stored


def test_a_register_brings_no_grant_and_respects_those_that_are_there(
    tmp_path, ledger, bring, city, clock
):
    bring(city.plan())
    gate = Gate(ledger, clock)
    register = LedgerRegister(ledger, gate, operator())
    people = {row.resident: row.fields for row in city.identities()}
    held = city.consent.in_force(DataCategory.OCCUPATION, next(iter(city.grants())).purpose)
    yes = city.residents[int(held.argmax())]
    no = city.residents[int((~held).argmax())]
    rows = [
        {"姓名": people[r]["name"], "公民身份号码": people[r]["id_number"], "职业": "厨师"}
        for r in (yes, no)
    ]
    plan = read_file(
        "residents",
        register_file(tmp_path, *rows),
        pseudonym=ledger.keys.pseudonym,
        clock=clock,
        register=register,
    )
    assert list(plan.residents) == [yes, no]
    assert {c.start for c in plan.changes if getattr(c, "type", "") == "WORKS_AS"} == {yes}
    assert not bring(plan).already


def test_a_grant_that_ran_out_is_no_basis_for_a_new_fact(tmp_path, ledger, bring, city, clock):
    bring(city.plan())
    held = city.consent.in_force(DataCategory.OCCUPATION, next(iter(city.grants())).purpose)
    resident = city.residents[int(held.argmax())]
    register = LedgerRegister(ledger, Gate(ledger, clock), operator())
    assert register.granted(resident, DataCategory.OCCUPATION)
    clock.now += timedelta(days=400)
    register = LedgerRegister(ledger, Gate(ledger, clock), operator())
    assert not register.granted(resident, DataCategory.OCCUPATION)
