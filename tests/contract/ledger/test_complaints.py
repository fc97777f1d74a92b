"""Complaints: kept once, sealed, answered once, due on a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from graph.errors import Conflict, NotFound
from graph.ledger import tables
from graph.ledger.complaints import Complaint, Complaints, ComplaintState, Matter
from graph.ledger.ledger import Ledger
from tests.contract.ledger.data import LI, WANG
from tests.ledger_worker import NOW, entry_about

WORDS = "我没有去过那里"


def file(ledger: Ledger, tx: Connection, who=LI, about="c-1", *, days: int = 0) -> Complaint:
    at = NOW + timedelta(days=days)
    return ledger.complaints.file(tx, who, matter=Matter.LOOK, about=about, words=WORDS, at=at)


def test_a_complaint_is_kept_once_and_due_on_the_same_day_however_often_it_is_said(ledger: Ledger):
    with ledger.write() as tx:
        first = file(ledger, tx)
        assert first.due_at == NOW + Complaints.DUE
        assert file(ledger, tx, days=3) == first
        other = file(ledger, tx, WANG)
        assert (other.id != first.id, other.resident) == (True, WANG)
        assert ledger.complaints.of(tx, LI) == [first]
        assert ledger.complaints.waiting(tx) == sorted([first, other], key=lambda c: c.id)


def test_what_a_complaint_says_lies_sealed(ledger: Ledger):
    with ledger.write() as tx:
        made = file(ledger, tx)
        ledger.complaints.answer(tx, made.id, WORDS, at=NOW)
        (line,) = tx.execute(tables.complaints.select()).mappings()
        assert all(WORDS.encode() not in line[column] for column in ("said", "answer"))
        ledger.keys.destroy(tx, LI, ["audit"], at=NOW)
    with ledger.read() as tx:
        assert ledger.complaints.of(tx, LI) == ledger.complaints.waiting(tx) == []


def test_an_answer_is_given_once(ledger: Ledger):
    with ledger.write() as tx:
        made = file(ledger, tx)
        done = ledger.complaints.answer(tx, made.id, "查过了", at=NOW)
        assert (done.state, done.answer, done.answered_at) == (
            ComplaintState.ANSWERED,
            "查过了",
            NOW,
        )
        assert ledger.complaints.waiting(tx) == []
        with pytest.raises(Conflict, match="already"):
            ledger.complaints.answer(tx, made.id, "again", at=NOW)
        with pytest.raises(NotFound):
            ledger.complaints.answer(tx, "none", "x", at=NOW)


def test_the_one_that_is_due_first_stands_first(ledger: Ledger):
    with ledger.write() as tx:
        late = file(ledger, tx, about="b", days=2)
        early = file(ledger, tx, about="a")
        assert ledger.complaints.waiting(tx) == [early, late]
        assert ledger.complaints.of(tx, LI) == [late, early]


def test_an_entry_is_found_by_its_reference_for_its_own_subject_only(ledger: Ledger):
    ledger.audit.record(entry_about(LI))
    ledger.audit.record(entry_about(WANG))
    with ledger.read() as tx:
        (one,) = ledger.audit.recorded(tx, LI, limit=5)
        assert ledger.audit.find(tx, LI, one.ref) == one.entry == entry_about(LI)
        assert ledger.audit.find(tx, WANG, one.ref) is None
        for ref in ("", "x", one.ref + "9", "-", f"{one.ref}x", "c-" + "9" * 30, "c-²"):
            assert ledger.audit.find(tx, LI, ref) is None
