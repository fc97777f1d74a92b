"""The audit chains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graph.errors import (
    AuditUnavailable,
)
from graph.ledger import tables
from graph.ledger.audit_chain import chained
from graph.ledger.ledger import Ledger
from graph.model import (
    DataCategory,
)
from tests.conftest import FixedClock
from tests.contract.ledger.data import (
    LI,
    WANG,
)
from tests.ledger_worker import NOW, entry_about


class TestAudit:
    def test_entries_are_chained_and_read_back(self, ledger: Ledger, reopen: Callable[[], Ledger]):
        other = reopen()
        for n in range(4):
            (ledger, other)[n % 2].audit.record(entry_about(LI if n < 3 else WANG))
        with ledger.read() as tx:
            report = ledger.audit.verify(tx)
            assert (report.chains, report.entries, report.fault) == (2, 4, None)
            assert ledger.audit.of(tx, LI) == [entry_about(LI)] * 3
            assert ledger.audit.of(tx, LI, limit=1) == [entry_about(LI)]
            assert [head.n for head in ledger.audit.heads(tx)] == [2, 2]
            assert ledger.audit.last_at(tx) == NOW

    @pytest.mark.parametrize(
        "tampering",
        [
            "UPDATE audit SET at = at + 1 WHERE n = 3",
            "UPDATE audit SET subject = 'x' WHERE n = 3",
            "UPDATE audit SET body = (SELECT body FROM audit WHERE n = 2) WHERE n = 3",
            "UPDATE audit SET hash = previous WHERE n = 3",
            "DELETE FROM audit WHERE n = 1",
            "DELETE FROM audit WHERE n = 3",
            "DELETE FROM audit WHERE n BETWEEN 2 AND 4",
            "DELETE FROM audit WHERE n >= 5",
            "DELETE FROM audit",
            "UPDATE audit SET n = CASE n WHEN 2 THEN -3 WHEN 3 THEN 2 ELSE n END",
            "UPDATE audit SET chain = 'f' WHERE n >= 4",
            "INSERT INTO audit SELECT chain, 7, at, subject, body, hash, previous"
            " FROM audit WHERE n = 6",
        ],
    )
    def test_every_tampering_is_found(self, ledger: Ledger, tampering: str):
        for _ in range(6):
            ledger.audit.record(entry_about(LI))
        ledger.audit.sign()
        with ledger.write() as tx:
            assert ledger.audit.verify(tx).ok
            tx.exec_driver_sql(tampering)
            if "-3" in tampering:
                tx.exec_driver_sql("UPDATE audit SET n = 3 WHERE n = -3")
            assert ledger.audit.verify(tx).fault is not None

    def test_a_rebuilt_chain_does_not_match_the_signed_heads(self, ledger: Ledger, tmp_path: Path):
        for _ in range(3):
            ledger.audit.record(entry_about(LI))
        ledger.audit.sign()
        with ledger.write() as tx:  # all rewritten, with hashes that follow from each other
            last = bytes(32)
            for line in tx.execute(tables.audit.select().order_by(tables.audit.c.n)).mappings():
                said = {**line, "at": line["at"] + 1, "previous": last}
                last = said["hash"] = chained(said)
                tx.execute(tables.audit.update().where(tables.audit.c.n == line["n"]), said)
            assert "signed" in str(ledger.audit.verify(tx).fault)

    def test_one_entry_rewritten_with_a_hash_of_its_own_is_found(self, ledger: Ledger):
        for _ in range(4):
            ledger.audit.record(entry_about(LI))
        with ledger.write() as tx:
            mine = tables.audit.c.n == 3
            line = tx.execute(tables.audit.select().where(mine)).mappings().one()
            said = {**line, "at": line["at"] + 1}
            said["hash"] = chained(said)
            tx.execute(tables.audit.update().where(mine), said)
            assert "entry 4" in str(ledger.audit.verify(tx).fault)

    def test_a_forged_head_is_found(self, ledger: Ledger, tmp_path: Path):
        ledger.audit.record(entry_about(LI))
        ledger.audit.sign()
        path = tmp_path / "log" / "audit-heads.jsonl"
        text = path.read_text()
        path.write_text(text.replace('"at":', '"at":1'))
        with ledger.read() as tx:
            assert "line 1" in str(ledger.audit.verify(tx).fault)
        path.write_text(text + text[:40])  # a power cut in the middle of a line
        with ledger.read() as tx:
            assert ledger.audit.verify(tx).ok
        ledger.audit.record(entry_about(LI))
        ledger.audit.sign()
        with ledger.read() as tx:
            assert ledger.audit.verify(tx).ok
        assert len(path.read_text().splitlines()) == 3

    def test_what_others_record_and_sign_while_it_is_verified_is_no_fault(self, ledger: Ledger):
        ledger.audit.record(entry_about(LI))
        with ledger.read() as tx:
            assert ledger.audit.verify(tx).entries == 1
            ledger.audit.record(entry_about(LI))
            ledger.audit.sign()
            assert ledger.audit.verify(tx).ok

    def test_the_chain_verifies_after_an_entry_was_made_unreadable(self, ledger: Ledger):
        ledger.audit.record(entry_about(LI))
        with ledger.write() as tx:
            ledger.keys.destroy(tx, LI, ["audit"], at=NOW)
        with ledger.read() as tx:
            assert ledger.audit.of(tx, LI) == []
            assert ledger.audit.verify(tx).ok

    def test_nothing_is_recorded_inside_a_write_transaction(self, ledger: Ledger):
        with ledger.write(), pytest.raises(AuditUnavailable):
            ledger.audit.record(entry_about(LI))
        ledger.audit.record(entry_about(LI))
        with ledger.read() as tx:
            assert ledger.audit.verify(tx).entries == 1

    def test_own_looks_are_counted(self, ledger: Ledger, clock: FixedClock):
        for _ in range(5):
            ledger.audit.count_own(LI, DataCategory.INTEREST, clock())
        ledger.audit.flush()
        ledger.audit.count_own(LI, DataCategory.INTEREST, clock.advance(seconds=1))
        ledger.audit.flush()
        with ledger.read() as tx:
            assert ledger.audit.own_reads(tx, LI) == {DataCategory.INTEREST: 6}
            assert ledger.audit.own_reads(tx, WANG) == {}
