"""The log: history moved into files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.errors import (
    CorruptStore,
    IdempotencyConflict,
    NotReady,
)
from graph.ledger.ledger import Ledger
from tests.contract.ledger.data import (
    WANG,
    tap,
)
from tests.sizes import Sizes


class TestLog:
    def test_history_is_whole_after_compaction(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(n) for n in range(10)])
        for upto in (3, 3, 7):
            ledger.log.compact(upto)
        with ledger.read() as tx:
            history = list(ledger.log.events(tx))
            with pytest.raises(NotReady):
                ledger.outbox.after(tx, 5)
            assert [e.seq for e in ledger.outbox.after(tx, 7)] == [8, 9, 10]
        assert [e.seq for e in history] == list(range(1, 11))
        assert [e.payload for e in history] == [tap(n).payload for n in range(10)]
        with ledger.read() as tx:  # the outbox does not grow for ever
            assert tx.exec_driver_sql("SELECT min(seq) FROM outbox").scalar() == 8

    def test_keys_and_answers_outlive_compaction(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap()])
            ledger.outbox.set_reply(tx, "tap-0", {"n": 1})
        ledger.log.compact(1)
        with ledger.write() as tx:
            assert not ledger.outbox.append_many(tx, [tap()])[0].new
            assert ledger.outbox.reply(tx, "tap-0") == {"n": 1}
        with pytest.raises(IdempotencyConflict), ledger.write() as tx:
            ledger.outbox.append_many(tx, [replace(tap(), subject=WANG)])

    def test_numbers_are_never_given_out_again(self, ledger: Ledger, reopen: Callable[[], Ledger]):
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(0), tap(1)])
        ledger.log.compact(2)
        with reopen().write() as tx:
            assert ledger.outbox.append_many(tx, [tap(2)])[0].seq == 3

    def test_any_flipped_bit_is_found_and_the_file_named(
        self, ledger: Ledger, tmp_path: Path, rng: np.random.Generator, sizes: Sizes
    ):
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(n) for n in range(3)])
        ledger.log.compact(3)
        (path,) = (tmp_path / "log").glob("*.seg")
        good = path.read_bytes()
        spots = rng.choice(len(good), min(len(good), sizes.histories), replace=False)
        for spot in [0, len(good) - 1, *spots.tolist()]:
            bad = bytearray(good)
            bad[spot] ^= 1 << int(rng.integers(8))
            path.write_bytes(bad)
            with ledger.read() as tx, pytest.raises(CorruptStore, match=path.name):
                list(ledger.log.events(tx))
        path.write_bytes(good[:-1])
        with ledger.read() as tx, pytest.raises(CorruptStore, match=path.name):
            list(ledger.log.events(tx))
        path.unlink()
        with ledger.read() as tx, pytest.raises(CorruptStore, match=path.name):
            list(ledger.log.events(tx))
        path.write_bytes(good)
        with ledger.read() as tx:
            assert len(list(ledger.log.events(tx))) == 3

    def test_a_gap_is_found(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(n) for n in range(4)])
            tx.exec_driver_sql("DELETE FROM outbox WHERE seq = 2")
        with ledger.read() as tx, pytest.raises(CorruptStore, match="event 2"):
            list(ledger.log.events(tx))
        with pytest.raises(CorruptStore, match="event 2"):
            ledger.log.compact(4)
