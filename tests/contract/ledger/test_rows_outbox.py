"""Row numbers and the outbox."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from graph.errors import (
    Conflict,
    CorruptStore,
    DataError,
    IdempotencyConflict,
    NotFound,
)
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import EventKind, NewEvent
from graph.ledger.rows import RowKind
from graph.model import (
    DataCategory,
)
from tests.contract.ledger.data import (
    LI,
    TAICHI,
    WANG,
    Interrupted,
    make_grant,
    tap,
)
from tests.ledger_worker import NOW


class TestRows:
    def test_rows_are_numbered_in_order_and_kept(self, ledger: Ledger):
        with ledger.write() as tx:
            assert ledger.rows.assign(tx, RowKind.RESIDENT, ["b", "a", "b"]).tolist() == [0, 1, 0]
        with ledger.write() as tx:
            assert ledger.rows.assign(tx, RowKind.RESIDENT, ["c", "a"]).tolist() == [2, 1]
            assert ledger.rows.assign(tx, RowKind.ITEM, ["a"]).tolist() == [0]
        with ledger.read() as tx:
            assert ledger.rows.all(tx, RowKind.RESIDENT) == ["b", "a", "c"]
            assert ledger.rows.get(tx, RowKind.RESIDENT, "c") == 2
            assert ledger.rows.get(tx, RowKind.RESIDENT, "nobody") is None
            assert ledger.rows.count(tx, RowKind.RESIDENT) == 3
            assert ledger.rows.count(tx, RowKind.GRID) == 0

    def test_rolled_back_rows_leave_no_gap(self, ledger: Ledger):
        with suppress(Interrupted), ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.ITEM, ["x", "y"])
            raise Interrupted
        with ledger.write() as tx:
            assert ledger.rows.assign(tx, RowKind.ITEM, ["z"]).tolist() == [0]


class TestOutbox:
    def test_events_come_back_as_they_went_in(self, ledger: Ledger):
        with ledger.write() as tx:
            done = ledger.outbox.append_many(tx, [tap(n) for n in range(5)])
        assert [d.seq for d in done] == [1, 2, 3, 4, 5]
        with ledger.read() as tx:
            events = ledger.outbox.after(tx, 2)
            assert ledger.outbox.head(tx).seq == 5
            assert len(ledger.outbox.after(tx, 0, limit=2)) == 2
        assert [e.seq for e in events] == [3, 4, 5]
        assert events[0].payload == tap(2).payload
        assert (events[0].subject, events[0].kind, events[0].at) == (
            LI,
            EventKind.INTERACTION,
            NOW,
        )

    def test_the_head_is_the_same_by_the_short_way(
        self, ledger: Ledger, reopen: Callable[[], Ledger]
    ):
        other = reopen()
        for n in range(3):
            with ledger.write() as tx:
                ledger.outbox.append_many(tx, [tap(n)])
                ledger.grants.give(tx, [make_grant(id=f"g{n}")], key=f"g{n}")
                inside = other.head()  # what is not committed yet is not there
            with ledger.read() as tx:
                assert other.head() == ledger.head() == ledger.outbox.head(tx) != inside

    def test_a_retry_gets_the_first_answer_and_changes_nothing(self, ledger: Ledger):
        with ledger.write() as tx:
            first = ledger.outbox.append_many(tx, [tap()])[0]
            ledger.outbox.set_reply(tx, "tap-0", {"state": "confirmed"})
        later = replace(tap(), payload={**tap().payload, "at": "later", "state": "waitlist"})
        with ledger.write() as tx:
            again = ledger.outbox.append_many(tx, [later])[0]
            seen = ledger.outbox.seen(
                tx, kind=EventKind.INTERACTION, key="tap-0", subject=LI, request=later.payload
            )
            assert ledger.outbox.reply(tx, "tap-0") == {"state": "confirmed"}
            assert len(ledger.outbox.after(tx, 0)) == 1
            assert ledger.outbox.head(tx).seq == 1
        assert (again.seq, again.new, again.payload_digest) == (1, False, first.payload_digest)
        assert seen is not None
        assert seen.reply == {"state": "confirmed"}

    @pytest.mark.parametrize(
        "other",
        [
            replace(tap(), payload={"kind": "dismiss", "item": "i0"}),
            replace(tap(), subject=WANG),
            replace(tap(), kind=EventKind.RESIDENT),
        ],
    )
    def test_one_key_for_two_requests_is_refused(self, ledger: Ledger, other: NewEvent):
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap()])
        with pytest.raises(IdempotencyConflict), ledger.write() as tx:
            ledger.outbox.append_many(tx, [other])
        with pytest.raises(IdempotencyConflict), ledger.read() as tx:
            ledger.outbox.seen(
                tx, kind=other.kind, key=other.key, subject=other.subject, request=other.payload
            )

    def test_duplicates_within_one_batch_count_once(self, ledger: Ledger):
        with ledger.write() as tx:
            done = ledger.outbox.append_many(tx, [tap(0), tap(1), tap(0), tap(2)])
            assert [(d.seq, d.new) for d in done] == [(1, True), (2, True), (1, False), (3, True)]
            assert ledger.outbox.head(tx).seq == 3

    def test_nothing_of_a_failed_decision_remains(self, ledger: Ledger):
        with suppress(Interrupted), ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap()])
            ledger.bookings.book(tx, TAICHI, LI, at=NOW)
            raise Interrupted
        with ledger.write() as tx:
            assert ledger.outbox.head(tx).seq == 0
            assert ledger.bookings.of(tx, LI) == []
            # A key made by the failed transaction must not seal anything now.
            ledger.outbox.append_many(tx, [tap()])
        ledger.close()

    def test_a_key_of_a_rolled_back_transaction_is_forgotten(
        self, ledger: Ledger, reopen: Callable[[], Ledger]
    ):
        with suppress(Interrupted), ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap()])
            raise Interrupted
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap()])
        other = reopen()
        with other.read() as tx:
            assert other.outbox.after(tx, 0)[0].payload == tap().payload

    def test_answer_needs_an_event(self, ledger: Ledger):
        with pytest.raises(NotFound), ledger.write() as tx:
            ledger.outbox.set_reply(tx, "never", {})
        with ledger.read() as tx:
            assert ledger.outbox.reply(tx, "never") is None

    def test_payload_must_be_json(self, ledger: Ledger):
        with pytest.raises(DataError), ledger.write() as tx:
            ledger.outbox.append_many(tx, [replace(tap(), payload={"at": NOW})])

    def test_destroyed_key_takes_payload_and_answer_with_it(
        self, ledger: Ledger, reopen: Callable[[], Ledger]
    ):
        other = reopen()
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(0), tap(1, subject=WANG)])
            ledger.outbox.set_reply(tx, "tap-0", {"ok": True})
        with other.read() as tx:  # its cache knows the key now
            assert other.outbox.after(tx, 0)[0].payload is not None
        with ledger.write() as tx:
            assert ledger.keys.destroy(tx, LI, [DataCategory.INTEREST], at=NOW) == 1
        for each in (ledger, other):
            with each.read() as tx:
                events = each.outbox.after(tx, 0)
                assert each.outbox.reply(tx, "tap-0") is None
            assert events[0].payload is None
            assert events[1].payload is not None
        with pytest.raises(CorruptStore, match="destroyed"), ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(5)])

    def test_what_was_read_before_writing_still_holds(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(0)])
        errors: list[BaseException] = []

        def read_then_append(n: int) -> None:
            try:
                for k in range(10):
                    with ledger.write() as tx:
                        before = ledger.outbox.head(tx).seq
                        new = tap(k, key=f"{n}-{k}")
                        assert ledger.outbox.append_many(tx, [new])[0].seq == before + 1
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=read_then_append, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []

    def test_writing_twice_in_one_thread_is_refused_at_once(self, ledger: Ledger):
        with (
            ledger.write(),
            pytest.raises(Conflict, match="already"),
            ledger.write(),
        ):
            pass
