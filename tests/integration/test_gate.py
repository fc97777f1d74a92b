"""The gate on a real ledger: deny by default, audit first, expiry without any job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.errors import AuditUnavailable, Denied, LeaseHeld, LeaseLost
from graph.gate import Gate, open_graph, open_ledger
from graph.ledger.ledger import Ledger
from graph.ledger.rows import RowKind
from graph.model import (
    Action,
    Actor,
    DataCategory,
    InstitutionId,
    Purpose,
    StaffRole,
)
from tests.conftest import FixedClock
from tests.contract.ledger.data import LI, OPERATOR, WANG, make_grant

WORKER = Actor("linli", StaffRole.OPERATOR, OPERATOR, "linli")
SELF = Actor("li", StaffRole.RESIDENT, OPERATOR, "linli", LI)
DERIVE = {
    "purpose": Purpose.FEED,
    "category": DataCategory.INTEREST,
    "subject": LI,
    "action": Action.DERIVE,
}
TRAIN = {
    "purpose": Purpose.FEED,
    "categories": [DataCategory.INTEREST, DataCategory.NEED],
    "action": Action.TRAIN,
    "rows": None,
}


@pytest.fixture
def ledger(tmp_path: Path, clock: FixedClock) -> Iterator[Ledger]:
    opened = open_ledger(
        f"sqlite:///{tmp_path}/ledger.db",
        keys_dir=tmp_path / "keys",
        log_dir=tmp_path / "log",
        clock=clock,
    )
    yield opened
    opened.close()


@pytest.fixture
def gate(ledger: Ledger, clock: FixedClock) -> Gate:
    with ledger.write() as tx:
        ledger.rows.assign(tx, RowKind.RESIDENT, [LI, WANG])
        ledger.grants.give(tx, [make_grant()], key="k")
    return Gate(ledger, clock)


def entries(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return ledger.audit.verify(tx).entries


def test_a_grant_opens_and_is_on_record_before_anything_leaves(gate: Gate, ledger: Ledger):
    decision = gate.authorise(WORKER, **DERIVE)
    assert (decision.grant_id, decision.subject) == ("g-r-li", LI)
    with ledger.read() as tx:
        (entry,) = ledger.audit.of(tx, LI)
    assert (entry.allowed, entry.grant, entry.actor) == (True, "g-r-li", "linli")


@pytest.mark.parametrize(
    ("actor", "change"),
    [
        (WORKER, {"subject": WANG}),
        (WORKER, {"purpose": Purpose.GROUP_MATCHING}),
        (WORKER, {"category": DataCategory.OFFER}),
        (WORKER, {"category": DataCategory.HEALTH}),
        (WORKER, {"action": Action.EXPORT}),
        (replace(WORKER, institution=InstitutionId("clinic")), {}),
        (replace(WORKER, app="other"), {}),
        (replace(WORKER, role=StaffRole.ANONYMOUS), {}),
        (replace(SELF, resident=WANG), {}),
    ],
)
def test_everything_else_is_denied_and_on_record(
    gate: Gate, ledger: Ledger, actor: Actor, change: dict[str, object]
):
    asked = {**DERIVE, **change}
    assert not gate.may(actor, **asked)
    assert entries(ledger) == 0
    with pytest.raises(Denied):
        gate.authorise(actor, **asked)
    assert entries(ledger) == 1


def test_residents_looks_at_their_own_data_are_counted_instead(gate: Gate, ledger: Ledger):
    for category in (DataCategory.INTEREST, DataCategory.HEALTH):
        view = {"purpose": Purpose.CARE_VISIT, "category": category, "subject": LI}
        assert gate.authorise(SELF, **view, action=Action.VIEW).grant_id is None
    ledger.audit.flush()
    assert entries(ledger) == 0
    with ledger.read() as tx:
        assert ledger.audit.own_reads(tx, LI) == {
            DataCategory.INTEREST: 1,
            DataCategory.HEALTH: 1,
        }


def test_a_grant_ends_by_the_clock_alone(gate: Gate, ledger: Ledger, clock: FixedClock):
    with ledger.read() as tx:
        masks, expires = ledger.grants.arrays(tx, 2, institution=OPERATOR, at=clock())
    clock.advance(days=30, seconds=-1)
    assert gate.may(WORKER, **DERIVE)
    bulk = gate.authorise_bulk(WORKER, **TRAIN)
    interest = DataCategory.INTEREST
    assert gate.permitted(bulk, masks, expires)[interest].tolist() == [True, False]
    assert gate.permitted_row(masks[0], expires[0], purpose=Purpose.FEED) == {interest}
    clock.advance(seconds=1)  # nothing else runs
    with pytest.raises(Denied):
        gate.authorise(WORKER, **DERIVE)
    assert not gate.permitted(bulk, masks, expires)[interest].any()
    assert gate.permitted_row(masks[0], expires[0], purpose=Purpose.FEED) == frozenset()


def test_withdrawal_bites_at_the_next_question(gate: Gate, ledger: Ledger, clock: FixedClock):
    gate.authorise(WORKER, **DERIVE)
    with ledger.write() as tx:
        ledger.grants.withdraw(
            tx, LI, institution=None, category=None, purpose=None, at=clock(), key="w"
        )
    with pytest.raises(Denied):
        gate.authorise(WORKER, **DERIVE)


def test_a_clock_set_back_revives_nothing(gate: Gate, clock: FixedClock):
    clock.advance(days=1)
    gate.authorise(WORKER, **DERIVE)
    clock.advance(seconds=-5)
    gate.authorise(WORKER, **DERIVE)
    clock.advance(seconds=-1)
    for actor in (WORKER, SELF):
        with pytest.raises(Denied, match="clock"):
            gate.authorise(actor, **DERIVE)
    with pytest.raises(Denied, match="clock"):
        gate.authorise_bulk(WORKER, **TRAIN)


def test_a_counted_grant_is_used_up(gate: Gate, ledger: Ledger):
    once = make_grant(id="once", category=DataCategory.NEED, uses_left=1)
    with ledger.write() as tx:
        ledger.grants.give(tx, [once], key="once")
    asked = {**DERIVE, "category": DataCategory.NEED}
    assert gate.authorise(WORKER, **asked).grant_id == "once"
    with pytest.raises(Denied):
        gate.authorise(WORKER, **asked)


def test_a_law_must_be_named_and_covers_its_categories_only(gate: Gate, ledger: Ledger):
    asked = {"purpose": Purpose.STATUTORY_DUTY, "action": Action.WRITE, "rows": None}
    household = {**asked, "categories": [DataCategory.HOUSEHOLD]}
    with pytest.raises(Denied, match="law"):
        gate.authorise_bulk(WORKER, **household)
    decision = gate.authorise_bulk(WORKER, **household, law="Household Register Act")
    masks, expires = np.zeros((3, 18), np.uint16), np.zeros((3, 18), np.int64)
    assert gate.permitted(decision, masks, expires)[DataCategory.HOUSEHOLD].all()
    for categories in ([], [DataCategory.INTEREST], [DataCategory.HOUSEHOLD, DataCategory.NEED]):
        with pytest.raises(Denied):
            gate.authorise_bulk(WORKER, **{**asked, "categories": categories}, law="x")
    with ledger.read() as tx:
        assert len(ledger.audit.bulk(tx)) == 5


def test_a_bulk_decision_holds_for_the_rows_it_was_asked_for(gate: Gate, ledger: Ledger):
    with ledger.read() as tx:
        masks, expires = ledger.grants.arrays(tx, 2, institution=OPERATOR, at=ledger.clock())
    rows = np.array([1], np.int64)
    decision = gate.authorise_bulk(WORKER, **{**TRAIN, "rows": rows})
    found = gate.permitted(decision, masks, expires, rows=rows)
    assert not found[DataCategory.INTEREST].any()
    with pytest.raises(Denied, match="other residents"):
        gate.permitted(decision, masks, expires)


def test_several_categories_are_decided_at_once(gate: Gate, ledger: Ledger):
    asked = {"purpose": Purpose.FEED, "subject": LI, "action": Action.DERIVE}
    both = [DataCategory.INTEREST, DataCategory.NEED]
    assert gate.authorise_some(WORKER, categories=both, **asked) == {DataCategory.INTEREST}
    for categories in ([], [DataCategory.NEED]):
        with pytest.raises(Denied):
            gate.authorise_some(WORKER, categories=categories, **asked)
    with ledger.read() as tx:
        denied, allowed = ledger.audit.of(tx, LI)
    assert (allowed.allowed, allowed.categories) == (True, (DataCategory.INTEREST,))
    assert (denied.allowed, denied.reason) == (False, "no grant in force allows it")


def test_no_audit_no_data(gate: Gate, ledger: Ledger, tmp_path: Path, clock: FixedClock):
    with ledger.write() as tx:  # the disk is full, as far as the audit can see
        tx.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
    with pytest.raises(AuditUnavailable):
        gate.authorise(WORKER, **DERIVE)
    with pytest.raises(AuditUnavailable):
        gate.authorise_bulk(WORKER, **TRAIN)
    with ledger.write() as tx:
        tx.exec_driver_sql("DROP TRIGGER full")
    gate.authorise(WORKER, **DERIVE)
    with ledger.read() as tx:
        report = ledger.audit.verify(tx)
    assert (report.entries, report.fault) == (1, None)


def test_a_child_process_writes_a_chain_of_its_own(gate: Gate, ledger: Ledger):
    gate.authorise(WORKER, **DERIVE)
    child = os.fork()
    if child == 0:
        try:
            gate.authorise(WORKER, **DERIVE)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    gate.authorise(WORKER, **DERIVE)
    with ledger.read() as tx:
        report = ledger.audit.verify(tx)
    assert (report.chains, report.entries, report.fault) == (2, 3, None)


def test_one_process_at_a_time_has_the_graph_open(ledger: Ledger, clock: FixedClock):
    url = "memory://"
    with open_graph(url, ledger=ledger, holder="a") as graph:
        assert graph.store.watermark() == 0
        with (
            pytest.raises(LeaseHeld, match=r"^a has the graph open"),
            open_graph(url, ledger=ledger, holder="b", ask=True),
        ):
            pass
        assert graph.asked() == "b"
        clock.advance(seconds=50)
        graph.renew()
        clock.advance(seconds=50)
        with pytest.raises(LeaseHeld), open_graph(url, ledger=ledger, holder="b"):
            pass
        clock.advance(seconds=11)  # it did not renew in time
        with open_graph(url, ledger=ledger, holder="b") as other:
            assert other.token > graph.token
            with pytest.raises(LeaseLost):
                graph.renew()
    with open_graph(url, ledger=ledger, holder="c") as graph:
        assert graph.asked() is None
