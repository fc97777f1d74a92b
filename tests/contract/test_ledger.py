"""What every engine's ledger keeps. PostgreSQL joins by one more line in `URLS`."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from graph.errors import (
    AuditUnavailable,
    Conflict,
    CorruptStore,
    DataError,
    IdempotencyConflict,
    LeaseLost,
    NotFound,
    NotReady,
    SchemaViolation,
)
from graph.gate import open_ledger
from graph.ledger import tables
from graph.ledger.access import Principal
from graph.ledger.audit_chain import chained
from graph.ledger.bookings import BookingState
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import EventKind, NewEvent
from graph.ledger.rows import RowKind
from graph.ledger.runs import RunState
from graph.model import (
    Action,
    Basis,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    ItemId,
    NodeChange,
    Op,
    Provenance,
    Purpose,
    ResidentId,
    Source,
    SourceClass,
    SourceId,
    StaffRole,
)
from graph.policy import CATEGORY_COLUMN, PURPOSE_BIT, permitted_rows
from tests.conftest import ROOT, FixedClock
from tests.ledger_worker import NOW, entry_about
from tests.sizes import Sizes

URLS: dict[str, Callable[[Path], str]] = {"sqlite": lambda folder: f"sqlite:///{folder}/ledger.db"}

LI, WANG, ZHAO = ResidentId("r-li"), ResidentId("r-wang"), ResidentId("r-zhao")
TAICHI = ItemId("a-taichi")
OPERATOR = InstitutionId("operator")
WORKER = (sys.executable, "-m", "tests.ledger_worker")
FULL_WIDTH = {ord("0") + n: ord("\uff10") + n for n in range(10)}
BOTH = frozenset({Action.DERIVE, Action.TRAIN})


class Interrupted(Exception):
    """Something failed in the middle of a decision."""


def make_grant(resident: ResidentId = LI, **changes: object) -> Grant:
    grant = Grant(
        id=f"g-{resident}",
        resident=resident,
        institution=OPERATOR,
        app="linli",
        category=DataCategory.INTEREST,
        purpose=Purpose.FEED,
        actions=BOTH,
        not_before=NOW,
        expires_at=NOW + timedelta(days=30),
        state=GrantState.GIVEN,
        notice_hash="0" * 64,
        channel="app",
    )
    return replace(grant, **changes)


def tap(n: int = 0, *, key: str | None = None, subject: ResidentId = LI) -> NewEvent:
    return NewEvent(
        kind=EventKind.INTERACTION,
        key=key or f"tap-{n}",
        subject=subject,
        category=DataCategory.INTEREST,
        payload={"kind": "like", "item": f"i{n}", "at": NOW.isoformat()},
        at=NOW,
    )


@pytest.fixture(params=sorted(URLS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return URLS[request.param](tmp_path)


@pytest.fixture
def reopen(url: str, tmp_path: Path, clock: FixedClock) -> Iterator[Callable[[], Ledger]]:
    opened: list[Ledger] = []

    def opener() -> Ledger:
        ledger = open_ledger(url, keys_dir=tmp_path / "keys", log_dir=tmp_path / "log", clock=clock)
        opened.append(ledger)
        return ledger

    yield opener
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(reopen: Callable[[], Ledger]) -> Ledger:
    return reopen()


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


class TestGrants:
    def test_given_grants_reach_the_arrays_and_the_head(self, ledger: Ledger, clock: FixedClock):
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI, WANG])
            before = ledger.outbox.head(tx).epoch
            ledger.grants.give(tx, [make_grant()], key="k")
            assert ledger.outbox.head(tx).epoch == before + 1
            assert ledger.grants.of(tx, LI) == [make_grant()]
            event = ledger.outbox.after(tx, 0)[0]
            assert (event.kind, event.subject) == (EventKind.GRANT, LI)
            masks, expires = ledger.grants.arrays(tx, 2, institution=OPERATOR, at=NOW)
            changed = ledger.grants.changed_since(tx, before, institution=OPERATOR, at=NOW)
        column = CATEGORY_COLUMN[DataCategory.INTEREST]
        assert masks[0, column] == PURPOSE_BIT[Purpose.FEED]
        assert expires[0, column] == int((NOW + timedelta(days=30)).timestamp())
        assert np.count_nonzero(masks) == 1
        assert [row for row, _, _ in changed] == [0]
        np.testing.assert_array_equal(changed[0][1], masks[0])
        np.testing.assert_array_equal(changed[0][2], expires[0])

    @pytest.mark.parametrize(
        "change",
        [
            {"institution": InstitutionId("clinic")},
            {"app": "other"},
            {"actions": frozenset({Action.DERIVE})},
            {"actions": frozenset({Action.VIEW, Action.TRAIN})},
            {"not_before": NOW + timedelta(seconds=1)},
            {"not_before": NOW - timedelta(days=9), "expires_at": NOW},
            {"not_before": NOW - timedelta(days=365), "expires_at": NOW + timedelta(days=9)},
            {"uses_left": 0},
        ],
    )
    def test_what_is_not_in_force_is_not_in_the_arrays(
        self, ledger: Ledger, change: dict[str, object]
    ):
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI])
            ledger.grants.give(tx, [make_grant(**change)], key="k")
            masks, expires = ledger.grants.arrays(tx, 1, institution=OPERATOR, at=NOW)
        assert not masks.any()
        assert not expires.any()

    def test_the_longer_of_two_counts_and_the_earliest_purpose_ends_the_cell(self, ledger: Ledger):
        longer = make_grant(id="g2", expires_at=NOW + timedelta(days=60))
        group = make_grant(
            id="g3", purpose=Purpose.GROUP_MATCHING, expires_at=NOW + timedelta(days=40)
        )
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI])
            ledger.grants.give(tx, [make_grant(), longer, group], key="k")
            masks, expires = ledger.grants.arrays(tx, 1, institution=OPERATOR, at=NOW)
        column = CATEGORY_COLUMN[DataCategory.INTEREST]
        both = PURPOSE_BIT[Purpose.FEED] | PURPOSE_BIT[Purpose.GROUP_MATCHING]
        assert masks[0, column] == both
        assert expires[0, column] == int((NOW + timedelta(days=40)).timestamp())

    def test_withdrawal_ends_a_grant_for_good(self, ledger: Ledger):
        need = make_grant(id="g2", category=DataCategory.NEED)
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI, WANG])
            ledger.grants.give(tx, [make_grant(), need, make_grant(WANG)], key="k")
        withdraw = {"institution": OPERATOR, "purpose": None, "at": NOW, "key": "w"}
        for _ in range(2):  # the second is a retry
            with ledger.write() as tx:
                done = ledger.grants.withdraw(tx, LI, category=DataCategory.NEED, **withdraw)
                assert done == 1
        with ledger.read() as tx:
            head = ledger.outbox.head(tx)
            states = {g.id: g.state for g in ledger.grants.of(tx, LI)}
            changed = ledger.grants.changed_since(tx, 1, institution=OPERATOR, at=NOW)
            masks, _ = ledger.grants.arrays(tx, 2, institution=OPERATOR, at=NOW)
        assert head.epoch == 2
        assert states == {"g-r-li": GrantState.GIVEN, "g2": GrantState.WITHDRAWN}
        assert [row for row, _, _ in changed] == [0]
        assert masks[0, CATEGORY_COLUMN[DataCategory.NEED]] == 0
        assert masks[:, CATEGORY_COLUMN[DataCategory.INTEREST]].tolist() == [1, 1]
        with ledger.write() as tx:
            everything = {"institution": None, "category": None, "purpose": None}
            assert ledger.grants.withdraw(tx, LI, **everything, at=NOW, key="w2") == 1
            assert ledger.grants.withdraw(tx, LI, **everything, at=NOW, key="w3") == 0
            assert ledger.outbox.head(tx).epoch == 3

    def test_giving_twice_gives_once(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.grants.give(tx, [make_grant()], key="k")
        with ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(id="another id")], key="k")
            assert len(ledger.grants.of(tx, LI)) == 1
            assert ledger.outbox.head(tx).epoch == 1
        with pytest.raises(IdempotencyConflict), ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(purpose=Purpose.STATISTICS)], key="k")
        with pytest.raises(Conflict), ledger.write() as tx:
            ledger.grants.give(tx, [make_grant()], key="same id under another key")

    def test_bulk_grants_make_one_event(self, ledger: Ledger):
        many = [make_grant(ResidentId(f"r{n}"), channel="import") for n in range(50)]
        with ledger.write() as tx:
            ledger.grants.give(tx, many, key="batch")
            assert ledger.outbox.head(tx).seq == 1
            assert ledger.outbox.head(tx).epoch == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"state": GrantState.WITHDRAWN},
            {"category": DataCategory.HEALTH},
            {"category": DataCategory.PUBLIC},
            {"expires_at": NOW},
        ],
    )
    def test_impossible_grants_are_refused(self, ledger: Ledger, change: dict[str, object]):
        with pytest.raises(SchemaViolation), ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(**change)], key="k")

    def test_counted_use_runs_out(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(uses_left=1)], key="k")
            assert ledger.grants.use(tx, "g-r-li")
            assert not ledger.grants.use(tx, "g-r-li")

    def test_sixty_thousand_grants_agree_with_the_policy(self, ledger: Ledger):
        names = [ResidentId(f"r{n}") for n in range(1_000)]
        kinds = (DataCategory.INTEREST, DataCategory.NEED, DataCategory.OFFER)
        many = [
            make_grant(
                who,
                id=f"{who}/{kind}",
                category=kind,
                channel="import",
                expires_at=NOW + timedelta(days=1 + n % 200),
            )
            for n, who in enumerate(names)
            for kind in kinds
        ]
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, names)
            ledger.grants.give(tx, many, key="k")
            masks, expires = ledger.grants.arrays(tx, 1_000, institution=OPERATOR, at=NOW)
        at = int((NOW + timedelta(days=100)).timestamp())
        rows = permitted_rows(
            masks, expires, purpose=Purpose.FEED, category=DataCategory.NEED, at=at
        )
        assert rows.tolist() == [1 + n % 200 > 100 for n in range(1_000)]


class TestBookings:
    def test_seats_then_a_line_in_order(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.bookings.set_seats(tx, TAICHI, 1)
            got = [ledger.bookings.book(tx, TAICHI, r, at=NOW) for r in (LI, WANG, ZHAO)]
            again = ledger.bookings.book(tx, TAICHI, ZHAO, at=NOW)
        assert [(b.state, b.position, b.already) for b in got] == [
            (BookingState.CONFIRMED, None, False),
            (BookingState.WAITLIST, 1, False),
            (BookingState.WAITLIST, 2, False),
        ]
        assert (again.state, again.position, again.already) == (BookingState.WAITLIST, 2, True)
        with ledger.write() as tx:
            assert ledger.bookings.taken(tx, [TAICHI]) == {TAICHI: (1, 1, 2)}
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) == WANG
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) is None
            assert ledger.bookings.taken(tx, None) == {TAICHI: (1, 1, 1)}
            assert ledger.bookings.of(tx, ZHAO)[0].position == 1
            assert ledger.bookings.of(tx, WANG)[0].state is BookingState.CONFIRMED
            assert ledger.bookings.book(tx, TAICHI, LI, at=NOW).position == 2

    def test_leaving_the_line_moves_nobody_up(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.bookings.set_seats(tx, TAICHI, 1)
            for who in (LI, WANG, ZHAO):
                ledger.bookings.book(tx, TAICHI, who, at=NOW)
            assert ledger.bookings.cancel(tx, TAICHI, WANG, at=NOW) is None
            assert ledger.bookings.taken(tx, None) == {TAICHI: (1, 1, 1)}
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) == ZHAO

    def test_more_seats_take_from_the_line_and_fewer_take_from_nobody(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.bookings.set_seats(tx, TAICHI, 0)
            for who in (ZHAO, LI, WANG):
                ledger.bookings.book(tx, TAICHI, who, at=NOW)
            assert ledger.bookings.set_seats(tx, TAICHI, 2) == [ZHAO, LI]
            assert ledger.bookings.set_seats(tx, TAICHI, 1) == []
            assert ledger.bookings.taken(tx, None) == {TAICHI: (1, 2, 1)}
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) is None  # still full
            assert ledger.bookings.set_seats(tx, TAICHI, None) == [WANG]
            with pytest.raises(DataError):
                ledger.bookings.set_seats(tx, TAICHI, -1)

    def test_no_limit_means_everybody(self, ledger: Ledger):
        with ledger.write() as tx:
            states = {
                ledger.bookings.book(tx, TAICHI, ResidentId(f"r{n}"), at=NOW).state
                for n in range(30)
            }
        assert states == {BookingState.CONFIRMED}

    def test_the_last_seat_goes_to_one_of_many_threads(self, ledger: Ledger, sizes: Sizes):
        rounds = max(5, 200 // sizes.rivals)
        for n in range(rounds):
            item = ItemId(f"race-{n}")
            with ledger.write() as tx:
                ledger.bookings.set_seats(tx, item, 1)
            states: list[str] = []
            gate = threading.Barrier(sizes.rivals)

            def race(who: str, item: ItemId = item, gate: threading.Barrier = gate) -> None:
                gate.wait()
                with ledger.write() as tx:
                    got = ledger.bookings.book(tx, item, ResidentId(who), at=NOW)
                states.append(got.state)  # noqa: B023 - joined before the next round

            threads = [threading.Thread(target=race, args=(f"r{k}",)) for k in range(sizes.rivals)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert states.count(BookingState.CONFIRMED) == 1
            assert states.count(BookingState.WAITLIST) == sizes.rivals - 1
            with ledger.write() as tx:
                order = [ledger.bookings.cancel(tx, item, _winner(ledger, tx, item), at=NOW)]
                while order[-1] is not None:
                    order.append(ledger.bookings.cancel(tx, item, order[-1], at=NOW))
            assert (
                len(set(order)) == sizes.rivals
            )  # everybody in line got the seat once, then nobody

    def test_the_last_seat_goes_to_one_of_several_processes(
        self, ledger: Ledger, url: str, tmp_path: Path, sizes: Sizes
    ):
        items = max(50, sizes.rivals)
        with ledger.write() as tx:
            for n in range(items):
                ledger.bookings.set_seats(tx, ItemId(f"i{n}"), 1)
        rivals = [
            subprocess.Popen(
                [*WORKER, "book", url, str(tmp_path), name, str(items)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in ("p1", "p2", "p3", "p4")
        ]
        for rival in rivals:
            assert rival.stdin is not None
            rival.stdin.write("go\n")
            rival.stdin.flush()
        said = [rival.communicate()[0].split("\n") for rival in rivals]
        assert [rival.returncode for rival in rivals] == [0, 0, 0, 0]
        won = [line for lines in said for line in lines if line.endswith(" confirmed")]
        assert sorted(won) == sorted(f"i{n} confirmed" for n in range(items))
        with ledger.read() as tx:
            assert set(ledger.bookings.taken(tx, None).values()) == {(1, 1, 3)}


def _winner(ledger: Ledger, tx: object, item: ItemId) -> ResidentId:
    line = tx.exec_driver_sql(  # type: ignore[attr-defined]
        f"SELECT resident FROM bookings WHERE item = '{item}' AND state = 'confirmed'"  # noqa: S608
    )
    return ResidentId(line.scalar_one())


class TestPeople:
    def test_identity_is_found_by_any_spelling(self, ledger: Ledger):
        fields = {"name": "李秀英", "phone": "138-0013-8000", "id_number": "11010119500307123x"}
        with ledger.write() as tx:
            ledger.identity.put(tx, LI, fields, NOW)
            ledger.identity.put(tx, WANG, {"name": "王强"}, NOW)
        with ledger.read() as tx:
            assert ledger.identity.get(tx, LI) == fields
            assert ledger.identity.names(tx, [WANG, LI, ZHAO]) == {LI: "李秀英", WANG: "王强"}
            assert ledger.identity.find(tx, "phone", "138 0013 8000".translate(FULL_WIDTH)) == LI
            assert ledger.identity.find(tx, "phone", "+86 138 0013 8000") == LI
            assert ledger.identity.find(tx, "id_number", "11010119500307123X") == LI
            assert ledger.identity.find(tx, "id_number", "138-0013-8000") is None
        with ledger.write() as tx:
            ledger.identity.put(tx, LI, {"name": "李秀"}, NOW)
            assert ledger.identity.names(tx, [LI]) == {LI: "李秀"}
            ledger.identity.put(tx, ZHAO, {"phone": "13800138000"}, NOW)
            assert ledger.identity.find(tx, "phone", "13800138000") is None  # two have it

    def test_a_sealed_value_does_not_open_in_another_line(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.identity.put(tx, LI, {"name": "李秀英"}, NOW)
            ledger.identity.put(tx, WANG, {"name": "王强"}, NOW)
            tx.exec_driver_sql(
                "UPDATE identity SET sealed = (SELECT sealed FROM identity"
                " WHERE resident = 'r-li') WHERE resident = 'r-wang'"
            )
        with pytest.raises(CorruptStore), ledger.read() as tx:
            ledger.identity.names(tx, [WANG])

    def test_words_come_back_and_go(self, ledger: Ledger):
        with ledger.write() as tx:
            one = ledger.words.put(tx, LI, "想学太极，膝盖不好", at=NOW)
            two = ledger.words.put(tx, LI, "谢谢", category=DataCategory.HELP, at=NOW)
        with ledger.write() as tx:
            assert {w.text for w in ledger.words.of(tx, LI)} == {"想学太极，膝盖不好", "谢谢"}
            ledger.keys.destroy(tx, LI, [DataCategory.NEED_WORDS], at=NOW)
        with ledger.write() as tx:
            assert ledger.words.get(tx, one) is None
            assert ledger.words.get(tx, two) is not None
            ledger.words.remove(tx, two)
            assert ledger.words.of(tx, LI) == []


SOURCE = Source(SourceId("register"), SourceClass.GOVERNMENT, "street", "Register", "law")


def node(n: int) -> NodeChange:
    said = Provenance(SOURCE.id, NOW, NOW, 1.0, DataCategory.IDENTITY, Basis.STATUTORY)
    return NodeChange(Op.PUT, "Resident", f"r{n}", {"birth_year": 1950}, said)


class TestImports:
    def test_a_batch_is_staged_committed_and_read_back(self, ledger: Ledger):
        with ledger.write() as tx:
            batch = ledger.imports.begin(
                tx, kind="residents", file_hash="f" * 64, source=SOURCE, at=NOW
            )
            ledger.imports.stage(tx, batch.id, 0, [node(0)])
            ledger.imports.stage(tx, batch.id, 0, [node(1), node(2)])
            ledger.imports.stage(tx, batch.id, 1, [node(3)])
        with ledger.write() as tx:
            again = ledger.imports.begin(
                tx, kind="residents", file_hash="f" * 64, source=SOURCE, at=NOW
            )
            assert again == batch
            seq = ledger.imports.commit(tx, batch.id, NOW)
        with ledger.write() as tx:
            assert ledger.imports.commit(tx, batch.id, NOW) == seq
            assert [e.kind for e in ledger.outbox.after(tx, 0)] == [EventKind.IMPORT]
            assert list(ledger.imports.changes(tx, batch.id)) == [[node(1), node(2)], [node(3)]]
            (listed,) = ledger.imports.list(tx)
            assert (listed.seq, listed.changes, listed.source) == (seq, 3, SOURCE)
            with pytest.raises(Conflict):
                ledger.imports.stage(tx, batch.id, 2, [])
            with pytest.raises(Conflict):
                ledger.imports.discard(tx, batch.id)

    @pytest.mark.parametrize(("n", "what"), [(0, "chunk 0"), (1, "changes are missing")])
    def test_a_missing_chunk_is_found(self, ledger: Ledger, n: int, what: str):
        with ledger.write() as tx:
            batch = ledger.imports.begin(tx, kind="k", file_hash="f", source=SOURCE, at=NOW)
            for k in range(2):
                ledger.imports.stage(tx, batch.id, k, [node(k)])
            ledger.imports.commit(tx, batch.id, NOW)
            tx.exec_driver_sql(f"DELETE FROM import_chunks WHERE n = {n}")  # noqa: S608
            with pytest.raises(CorruptStore, match=what):
                list(ledger.imports.changes(tx, batch.id))

    def test_unknown_and_discarded_batches(self, ledger: Ledger):
        with ledger.write() as tx:
            with pytest.raises(NotFound):
                ledger.imports.get(tx, "none")
            batch = ledger.imports.begin(tx, kind="k", file_hash="f", source=SOURCE, at=NOW)
            ledger.imports.stage(tx, batch.id, 0, [node(0)])
            with pytest.raises(DataError):
                ledger.imports.stage(tx, batch.id, 1, [node(0)] * 1_001)
            ledger.imports.discard(tx, batch.id)
            assert ledger.imports.list(tx) == []


class TestRunsAndLeases:
    def test_a_request_is_claimed_once_and_answered(self, ledger: Ledger):
        with ledger.write() as tx:
            asked = ledger.runs.request(tx, "train", {"seed": 7}, "operator", NOW)
        with ledger.write() as tx:
            request = ledger.runs.claim(tx, "jobs-1", NOW)
            assert request is not None
            assert (request.id, request.job, request.args) == (asked, "train", {"seed": 7})
            assert ledger.runs.claim(tx, "jobs-2", NOW) is None
            run = ledger.runs.start(tx, "train", f"request-{asked}", NOW, request=asked)
            ledger.runs.progress(tx, run, 1, 4, "fitting")
            ledger.runs.finish(tx, run, True, "done", NOW)
            found = ledger.runs.of_request(tx, asked)
            assert found is not None
            assert (found.state, found.done, found.total) == (RunState.DONE, 1, 4)
            assert ledger.runs.last_done(tx, "train") == found
            assert ledger.runs.latest(tx) == [found]

    def test_a_slot_runs_once(self, ledger: Ledger):
        with ledger.write() as tx:
            run = ledger.runs.start(tx, "drain", "2026-06-01T08", NOW)
            with pytest.raises(Conflict):
                ledger.runs.start(tx, "drain", "2026-06-01T08", NOW)
            ledger.runs.finish(tx, run, True, "", NOW)
            with pytest.raises(Conflict):
                ledger.runs.start(tx, "drain", "2026-06-01T08", NOW)
            with pytest.raises(NotFound):
                ledger.runs.get(tx, 999)

    def test_what_a_dead_process_left_is_done_again(self, ledger: Ledger):
        with ledger.write() as tx:
            asked = ledger.runs.request(tx, "train", {}, "operator", NOW)
            ledger.runs.claim(tx, "jobs-1", NOW)
            run = ledger.runs.start(tx, "train", "s", NOW, request=asked)
        with ledger.write() as tx:
            assert ledger.runs.recover(tx, NOW) == 1
            assert ledger.runs.get(tx, run).state is RunState.LOST
            request = ledger.runs.claim(tx, "jobs-2", NOW)
            assert request is not None
            assert ledger.runs.start(tx, "train", "s", NOW, request=asked) == run
            assert ledger.runs.get(tx, run).attempts == 2

    def test_a_lease_has_one_holder_and_rising_tokens(self, ledger: Ledger):
        ttl, later = timedelta(seconds=30), NOW + timedelta(seconds=31)
        leases = ledger.leases
        with ledger.write() as tx:
            assert leases.acquire(tx, "graph", "a", ttl, NOW) == 1
            assert leases.acquire(tx, "graph", "b", ttl, NOW) is None
            assert leases.ask(tx, "graph", "b", NOW)
            assert leases.asked(tx, "graph") == "b"
            leases.renew(tx, "graph", "a", 1, ttl, NOW)
        with ledger.write() as tx:
            assert leases.acquire(tx, "graph", "b", ttl, later) == 2
            assert leases.asked(tx, "graph") is None
            with pytest.raises(LeaseLost):
                leases.renew(tx, "graph", "a", 1, ttl, later)
            leases.release(tx, "graph", "a", 1)  # not its own any more
            held = leases.holder(tx, "graph", later)
            assert held is not None
            assert (held.holder, held.token) == ("b", 2)
            with pytest.raises(LeaseLost):  # an earlier life of the same holder
                leases.renew(tx, "graph", "b", 1, ttl, later)
            leases.release(tx, "graph", "b", 2)
            assert leases.holder(tx, "graph", later) is None
            assert not leases.ask(tx, "graph", "c", later)
            assert leases.acquire(tx, "graph", "c", ttl, later) == 3


RESIDENT = Principal(LI, StaffRole.RESIDENT, OPERATOR)


class TestAccess:
    def test_a_link_works_once_and_not_for_long(self, ledger: Ledger, clock: FixedClock):
        with ledger.write() as tx:
            token = ledger.access.new_link(tx, RESIDENT, at=clock())
            late = ledger.access.new_link(tx, RESIDENT, at=clock())
            assert ledger.access.redeem(tx, "guess", at=clock()) is None
            secret = ledger.access.redeem(tx, token, at=clock())
            assert secret is not None
            assert ledger.access.redeem(tx, token, at=clock()) is None
            session = ledger.access.session(tx, secret, at=clock())
            assert session is not None
            assert session.principal == RESIDENT
            assert len(session.csrf) >= 32
            assert ledger.access.redeem(tx, late, at=clock.advance(hours=0.25)) is None

    def test_sessions_idle_out_and_end(self, ledger: Ledger, clock: FixedClock):
        access = ledger.access
        with ledger.write() as tx:
            secret = access.begin(tx, RESIDENT, at=clock())
            assert access.session(tx, secret, at=clock.advance(hours=7.9)) is not None
            assert access.due(tx, secret, at=clock())
            access.touch(tx, secret, at=clock())
            assert not access.due(tx, secret, at=clock())
            assert access.session(tx, secret, at=clock.advance(hours=7.9)) is not None
            assert access.session(tx, secret, at=clock.advance(hours=0.2)) is None
            assert access.clean(tx, at=clock()) == 1

    def test_no_session_outlives_seven_days(self, ledger: Ledger, clock: FixedClock):
        access = ledger.access
        with ledger.write() as tx:
            secret = access.begin(tx, RESIDENT, at=clock())
            for _ in range(23):
                clock.advance(hours=7)
                access.touch(tx, secret, at=clock())
                rotated = access.rotate(tx, secret, at=clock())
                assert rotated is not None
                assert access.session(tx, secret, at=clock()) is None  # the old one is dead
                secret = rotated
            assert access.session(tx, secret, at=clock.advance(hours=7)) is None
            assert access.rotate(tx, secret, at=clock()) is None

    def test_signing_out_everywhere(self, ledger: Ledger):
        with ledger.write() as tx:
            first = ledger.access.begin(tx, RESIDENT, at=NOW)
            second = ledger.access.begin(tx, RESIDENT, at=NOW)
            csrf = {ledger.access.session(tx, s, at=NOW).csrf for s in (first, second)}
            assert len(csrf) == 2
            ledger.access.end(tx, first)
            assert ledger.access.session(tx, first, at=NOW) is None
            assert ledger.access.end_all(tx, LI) == 1
            assert ledger.access.session(tx, second, at=NOW) is None

    def test_api_keys_are_checked_and_revoked(self, ledger: Ledger, clock: FixedClock):
        with ledger.write() as tx:
            given = ledger.access.new_key(
                tx,
                title="Clinic",
                institution=InstitutionId("clinic"),
                app="visits",
                scopes=["feed:read"],
                at=clock(),
            )
            key = ledger.access.key(tx, given, at=clock())
            assert key is not None
            assert (key.institution, key.app, key.scopes) == ("clinic", "visits", {"feed:read"})
            for wrong in ("", "llk_", given[:-1], given + "x", "x" + given, "llk_0_0"):
                assert ledger.access.key(tx, wrong, at=clock()) is None
            assert ledger.access.key(tx, given, at=clock() + timedelta(days=366)) is None
            ledger.access.revoke_key(tx, key.id, at=clock())
            assert ledger.access.key(tx, given, at=clock()) is None
            assert [k.revoked_at for k in ledger.access.list_keys(tx)] == [clock()]
            with pytest.raises(NotFound):
                ledger.access.revoke_key(tx, "none", at=clock())


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
