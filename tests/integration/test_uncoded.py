"""Occupations no list knew: sealed, counted for the steward, coded once the list knows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from graph.errors import DataError, Denied
from graph.gate import Gate
from graph.ingest import (
    FEWEST,
    LedgerRegister,
    UncodedText,
    forget_coded,
    import_plan,
    plan_recode,
    read_file,
    uncoded_occupations,
)
from graph.ingest.csv_residents import RESIDENT_COLUMNS
from graph.model import DataCategory, RelationshipChange, StaffRole
from tests.factories import NOW, csv_file, operator

WORK = DataCategory.OCCUPATION
UNKNOWN = "修时光机的"


@pytest.fixture
def gate(ledger, clock):
    return Gate(ledger, clock)


@pytest.fixture
def people(ledger, gate, city, clock):
    """Residents who authorise their occupation, then those who do not."""
    import_plan(ledger, city.plan(), gate=gate, actor=operator(), clock=clock)
    held = city.consent.in_force(WORK, next(iter(city.grants())).purpose)
    yes = [r for r, h in zip(city.residents, held, strict=True) if h]
    no = [r for r, h in zip(city.residents, held, strict=True) if not h]
    return yes, no


def keep(ledger, residents, text, at=NOW):
    with ledger.write() as tx:
        for resident in residents:
            ledger.words.put(tx, resident, text, category=WORK, at=at)


def withdraw(ledger, resident):
    with ledger.write() as tx:
        ledger.grants.withdraw(
            tx, resident, institution=None, category=None, purpose=None, at=NOW, key="w"
        )


def kept(ledger, resident):
    with ledger.read() as tx:
        return [w.text for w in ledger.words.of(tx, resident) if w.category is WORK]


def test_a_register_keeps_the_words_of_those_who_authorise_it_and_of_nobody_else(
    tmp_path, ledger, gate, city, clock, people
):
    known = {row.resident: row.fields for row in city.identities()}
    yes, no = people[0][0], people[1][0]
    rows = [
        {"姓名": known[r]["name"], "公民身份号码": known[r]["id_number"], "职业": UNKNOWN}
        for r in (yes, no)
    ]
    path = csv_file(tmp_path, [column.zh for column in RESIDENT_COLUMNS], *rows)
    plan = read_file(
        "residents",
        path,
        pseudonym=ledger.keys.pseudonym,
        clock=clock,
        register=LedgerRegister(ledger, gate, operator()),
    )
    path.unlink()
    import_plan(ledger, plan, gate=gate, actor=operator(), clock=clock)
    assert (kept(ledger, yes), kept(ledger, no)) == ([UNKNOWN], [])
    assert UNKNOWN not in repr(list(plan.changes))
    ledger.close()
    stored = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert yes.encode() in stored  # the control: the search does look into the files
    assert UNKNOWN.encode() not in stored


def test_texts_are_counted_once_per_resident_and_rare_ones_are_not_shown(ledger, gate, people):
    yes, _ = people
    keep(ledger, yes[: FEWEST + 1], UNKNOWN)
    keep(ledger, yes[:2], f" {UNKNOWN} ")
    keep(ledger, yes[FEWEST + 1 : 2 * FEWEST + 1], "老师")
    keep(ledger, yes[-FEWEST + 1 :], "驯龙的")
    found = uncoded_occupations(ledger, gate, operator())
    assert found.texts == (
        UncodedText(UNKNOWN, FEWEST + 1, (), None),
        UncodedText("老师", FEWEST, ("231", "232", "233", "234", "235"), None),
    )
    assert found.rare == 1
    with pytest.raises(DataError, match="fewer than 5"):
        uncoded_occupations(ledger, gate, operator(), at_least=1)


def test_who_withdraws_no_longer_counts(ledger, gate, people):
    yes, _ = people
    keep(ledger, yes[:FEWEST], UNKNOWN)
    assert len(uncoded_occupations(ledger, gate, operator()).texts) == 1
    withdraw(ledger, yes[0])
    found = uncoded_occupations(ledger, gate, operator())
    assert (found.texts, found.rare) == ((), 1)


def test_a_look_is_on_record_and_for_the_operator_only(ledger, gate, people):
    uncoded_occupations(ledger, gate, operator())
    with ledger.read() as tx:
        entry = ledger.audit.bulk(tx)[0]
    assert (entry.actor, entry.categories, entry.allowed) == (operator().id, (WORK,), True)
    clerk = replace(operator(), role=StaffRole.INSTITUTION)
    with pytest.raises(Denied):
        uncoded_occupations(ledger, gate, clerk)


def test_words_the_list_knows_by_now_become_codes_and_go(ledger, gate, clock, people):
    yes, _ = people
    keep(ledger, [yes[0]], UNKNOWN)
    keep(
        ledger, yes[:2], "外卖员", NOW + timedelta(seconds=1)
    )  # as an older list, without this word, would have kept it
    keep(ledger, [yes[2]], "外卖员")
    keep(ledger, [yes[3]], UNKNOWN)
    withdraw(ledger, yes[2])
    plan = plan_recode(ledger, gate, operator(), now=NOW)
    works = [c for c in plan.changes if isinstance(c, RelationshipChange)]
    assert sorted((c.type, c.start, c.end) for c in works) == sorted(
        ("WORKS_AS", resident, "933") for resident in yes[:2]
    )
    result = import_plan(ledger, plan, gate=gate, actor=operator(), clock=clock)
    assert not result.already
    assert import_plan(ledger, plan, gate=gate, actor=operator(), clock=clock).already
    assert forget_coded(ledger, gate, operator()) == 2
    assert [kept(ledger, r) for r in yes[:4]] == [[], [], ["外卖员"], [UNKNOWN]]
    assert plan_recode(ledger, gate, operator(), now=NOW).rows == 0
