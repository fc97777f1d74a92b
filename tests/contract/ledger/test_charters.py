"""Charters: their states, one per resident, and answers that nobody can tell apart."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from graph.errors import Conflict, NotFound
from graph.ledger import tables
from graph.ledger.charters import Answer, CharterState, NewCharter
from graph.ledger.ledger import Ledger
from graph.model import ResidentId
from tests.contract.ledger.data import LI, WANG, ZHAO
from tests.ledger_worker import NOW

WEEK = timedelta(days=7)
BODY = {"theme": "tai_chi"}


def proposal(id_="c-1", *people):
    return NewCharter(id_, "g-1", BODY, {who: {"role": "founder"} for who in people})


def invite(ledger, id_="c-1", *people):
    with ledger.write() as tx:
        assert ledger.charters.propose(tx, proposal(id_, *people), at=NOW)
        ledger.charters.move(tx, id_, CharterState.INVITING, at=NOW, answer_by=NOW + WEEK)


def test_a_proposal_is_read_as_it_was_made(ledger: Ledger):
    with ledger.write() as tx:
        assert ledger.charters.propose(tx, proposal("c-1", LI, WANG), at=NOW)
    with ledger.read() as tx:
        charter = ledger.charters.get(tx, "c-1")
        assert ledger.charters.all(tx) == [charter]
        assert (charter.state, charter.version, charter.body) == ("proposed", 0, BODY)
        assert ledger.charters.people(tx, "c-1") == {
            LI: {"role": "founder"},
            WANG: {"role": "founder"},
        }
        assert ledger.charters.invitation(tx, LI) is None
        with pytest.raises(NotFound):
            ledger.charters.get(tx, "c-2")


def test_nobody_is_in_two_charters(ledger: Ledger):
    with ledger.write() as tx:
        assert ledger.charters.propose(tx, proposal("c-1", LI, WANG), at=NOW)
        assert not ledger.charters.propose(tx, proposal("c-2", WANG, ZHAO), at=NOW)
        assert ledger.charters.propose(tx, proposal("c-3", ZHAO), at=NOW)  # c-2 holds nobody
        with pytest.raises(NotFound):
            ledger.charters.get(tx, "c-2")
        assert ledger.charters.taken(tx, at=NOW) == frozenset()  # newer proposals may take them


def test_rivals_for_one_resident_get_them_once(reopen, sizes):
    ledgers = [reopen(), reopen()]
    for n in range(sizes.rivals):
        won: list[bool] = []
        start = threading.Barrier(2)

        def ask(ledger: Ledger, id_: str, won=won, start=start, n=n):
            start.wait()
            with ledger.write() as tx:
                people = (ResidentId(f"r-{n}"), ResidentId(f"{id_}-own"))
                won.append(ledger.charters.propose(tx, proposal(id_, *people), at=NOW))

        threads = [
            threading.Thread(target=ask, args=(ledger, f"c-{n}-{k}"))
            for k, ledger in enumerate(ledgers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == [False, True]


def test_an_edit_holds_the_new_and_lets_the_old_go(ledger: Ledger):
    with ledger.write() as tx:
        ledger.charters.propose(tx, proposal("c-1", LI, WANG), at=NOW)
        new = {LI: {"role": "host"}, ZHAO: {"role": "founder"}}
        ledger.charters.edit(tx, "c-1", 0, body={"theme": "tea"}, people=new, at=NOW)
        assert ledger.charters.people(tx, "c-1") == new
        assert ledger.charters.get(tx, "c-1").body == {"theme": "tea"}
        assert ledger.charters.taken(tx, at=NOW) == {LI, ZHAO}
    with ledger.write() as tx, pytest.raises(Conflict):
        ledger.charters.edit(tx, "c-1", 0, body=BODY, people=new, at=NOW)


def test_an_edit_takes_nobody_from_another_charter(ledger: Ledger):
    with ledger.write() as tx:
        ledger.charters.propose(tx, proposal("c-1", LI), at=NOW)
        ledger.charters.propose(tx, proposal("c-2", WANG), at=NOW)
    people = {LI: {}, WANG: {}}
    with pytest.raises(Conflict), ledger.write() as tx:
        ledger.charters.edit(tx, "c-1", 0, body=BODY, people=people, at=NOW)
    with ledger.read() as tx:
        assert list(ledger.charters.people(tx, "c-1")) == [LI]
        assert ledger.charters.get(tx, "c-1").version == 0


def test_newer_proposals_replace_only_what_nobody_touched(ledger: Ledger):
    with ledger.write() as tx:
        for id_, who in (("c-1", LI), ("c-2", WANG), ("c-3", ZHAO)):
            ledger.charters.propose(tx, proposal(id_, who), at=NOW)
        ledger.charters.edit(tx, "c-2", 0, body=BODY, people={WANG: {}}, at=NOW)
        ledger.charters.move(tx, "c-3", CharterState.INVITING, at=NOW, answer_by=NOW + WEEK)
        assert ledger.charters.drop_untouched(tx) == 1
        assert [c.id for c in ledger.charters.all(tx)] == ["c-2", "c-3"]
        assert ledger.charters.taken(tx, at=NOW) == {WANG, ZHAO}


def test_states_follow_one_another_and_none_leads_back(ledger: Ledger):
    invite(ledger, "c-1", LI)
    for state in (CharterState.FORMING, CharterState.ACTIVE, CharterState.DORMANT):
        with ledger.write() as tx:
            ledger.charters.move(tx, "c-1", state, at=NOW)
    with ledger.write() as tx:
        ledger.charters.move(tx, "c-1", CharterState.ACTIVE, at=NOW)
        ledger.charters.move(tx, "c-1", CharterState.CLOSED, at=NOW)
    for state in CharterState:
        with pytest.raises(Conflict), ledger.write() as tx:
            ledger.charters.move(tx, "c-1", state, at=NOW)


def test_only_those_asked_answer_and_only_in_time(ledger: Ledger):
    invite(ledger, "c-1", LI, WANG)
    with ledger.write() as tx:
        ledger.charters.answer(tx, "c-1", LI, Answer.NO, at=NOW)
        ledger.charters.answer(tx, "c-1", LI, Answer.YES, at=NOW)
        asked = ledger.charters.invitation(tx, LI)
        assert (asked.charter.id, asked.charter.answer_by) == ("c-1", NOW + WEEK)
        assert (asked.said, asked.why) == (Answer.YES, {"role": "founder"})
        assert ledger.charters.invitation(tx, WANG).said is Answer.NONE
        assert ledger.charters.agreed(tx, "c-1") == [LI]
        for id_, who, at in (("c-1", ZHAO, NOW), ("c-2", LI, NOW), ("c-1", LI, NOW + WEEK)):
            with pytest.raises(NotFound):
                ledger.charters.answer(tx, id_, who, Answer.YES, at=at)


def everything_but_answers(ledger: Ledger, at):
    """All that any door can read of charters, but for the one question the founding asks."""
    with ledger.read() as tx:
        charters = ledger.charters.all(tx)
        holds = tx.execute(select(tables.charter_holds)).all()
        lengths = [len(a) for a in tx.execute(select(tables.charter_places.c.answer)).scalars()]
        people = [ledger.charters.people(tx, charter.id) for charter in charters]
        return charters, people, sorted(holds), lengths, ledger.charters.taken(tx, at=at)


@pytest.mark.parametrize("said", [Answer.YES, Answer.NO, Answer.LATER])
def test_no_answer_shows_before_the_group_forms(ledger: Ledger, said: Answer):
    invite(ledger, "c-1", LI, WANG)
    silent = everything_but_answers(ledger, NOW)
    with ledger.write() as tx:
        ledger.charters.answer(tx, "c-1", LI, said, at=NOW)
    assert everything_but_answers(ledger, NOW) == silent


def test_a_hold_that_ended_with_a_no_would_show(ledger: Ledger):
    """The control: what the test above compares does see somebody who is let go."""
    invite(ledger, "c-1", LI, WANG)
    silent = everything_but_answers(ledger, NOW)
    with ledger.write() as tx:
        ledger.charters.answer(tx, "c-1", LI, Answer.NO, at=NOW)
        ledger.charters._release(tx, "c-1", [LI])
    assert everything_but_answers(ledger, NOW) != silent


def test_all_are_let_go_at_the_same_moment(ledger: Ledger):
    invite(ledger, "c-1", LI, WANG, ZHAO)
    with ledger.write() as tx:
        ledger.charters.answer(tx, "c-1", LI, Answer.YES, at=NOW)
        ledger.charters.answer(tx, "c-1", WANG, Answer.NO, at=NOW)
        ledger.charters.free(tx, "c-1", until=NOW + WEEK)
        ledger.charters.forget_places(tx, "c-1")
        assert ledger.charters.agreed(tx, "c-1") == []
        assert ledger.charters.taken(tx, at=NOW) == {LI, WANG, ZHAO}
        assert ledger.charters.taken(tx, at=NOW + WEEK) == frozenset()
        assert ledger.charters.propose(tx, proposal("c-2", WANG), at=NOW + WEEK)
