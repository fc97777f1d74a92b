"""Random histories of seats, grants and events, against models that fit on a page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.ledger.bookings import BookingState
from graph.ledger.ledger import Ledger
from graph.ledger.log import decode_segment, encode_segment
from graph.ledger.outbox import EventKind, StoredEvent
from graph.ledger.rows import RowKind
from graph.model import (
    Action,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    ItemId,
    Purpose,
    ResidentId,
)
from graph.policy import permits, permitted_rows
from graph.schema import PURPOSE_CATEGORIES
from tests.ledger_worker import NOW, open_at
from tests.postgres_server import Databases

ITEM = ItemId("i")
OPERATOR = InstitutionId("operator")


Fresh = Callable[[], AbstractContextManager[Ledger]]
"""Opens an empty ledger for one example."""


@contextmanager
def _in_sqlite() -> Iterator[Ledger]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_at(f"sqlite:///{folder}/ledger.db", Path(folder))
        yield ledger
        ledger.close()


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def fresh(request: pytest.FixtureRequest) -> Fresh:
    if request.param == "sqlite":
        return _in_sqlite
    databases: Databases = request.getfixturevalue("postgres_server")

    @contextmanager
    def in_postgresql() -> Iterator[Ledger]:
        url = databases.new()
        with tempfile.TemporaryDirectory() as folder:
            ledger = open_at(url, Path(folder))
            yield ledger
            ledger.close()
        databases.drop(url)

    return in_postgresql


PEOPLE = st.sampled_from("abcdef")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("book"), PEOPLE),
        st.tuples(st.just("cancel"), PEOPLE),
        st.tuples(st.just("book"), PEOPLE),
        st.tuples(st.just("seats"), st.sampled_from([0, 1, 1, 2, 3, None])),
    ),
    min_size=10,
    max_size=30,
)


class Hall:
    """What seats and a waiting line do, in plain lists."""

    def __init__(self) -> None:
        self.seats: int | None = None
        self.taken: list[str] = []
        self.line: list[str] = []

    def free(self) -> bool:
        return self.seats is None or len(self.taken) < self.seats

    def move_up(self) -> str | None:
        if not self.line or not self.free():
            return None
        self.taken.append(self.line.pop(0))
        return self.taken[-1]

    def set_seats(self, seats: int | None) -> list[str]:
        self.seats = seats
        return list(iter(self.move_up, None))

    def book(self, who: str) -> tuple[bool, int | None]:
        already = who in self.taken or who in self.line
        if not already:
            (self.taken if self.free() else self.line).append(who)
        return already, self.line.index(who) + 1 if who in self.line else None

    def cancel(self, who: str) -> str | None:
        if who in self.line:
            self.line.remove(who)
        if who not in self.taken:
            return None
        self.taken.remove(who)
        return self.move_up()

    def state(self, who: str) -> list[BookingState]:
        if who in self.taken:
            return [BookingState.CONFIRMED]
        return [BookingState.WAITLIST] if who in self.line else []


@given(steps=STEPS)
def test_seats_and_line_follow_the_model(fresh: Fresh, steps: list[tuple[str, object]]):
    hall = Hall()
    with fresh() as ledger, ledger.write() as tx:
        for step, value in steps:
            if step == "seats":
                seats = cast("int | None", value)
                assert ledger.bookings.set_seats(tx, ITEM, seats) == hall.set_seats(seats)
                continue
            who = ResidentId(str(value))
            if step == "book":
                got = ledger.bookings.book(tx, ITEM, who, at=NOW)
                assert (got.already, got.position) == hall.book(who)
            else:
                assert ledger.bookings.cancel(tx, ITEM, who, at=NOW) == hall.cancel(who)
            counts = ledger.bookings.taken(tx, [ITEM])[ITEM]
            assert counts == (hall.seats, len(hall.taken), len(hall.line))
        for who in map(ResidentId, "abcdef"):
            assert [b.state for b in ledger.bookings.of(tx, who)] == hall.state(who)


@st.composite
def grant_lists(draw: st.DrawFn) -> list[Grant]:
    grants = []
    for n in range(draw(st.integers(1, 12))):
        purpose = draw(st.sampled_from([Purpose.FEED, Purpose.NEEDS_MATCHING]))
        begin = NOW + timedelta(days=draw(st.integers(-200, 5)))
        grants.append(
            Grant(
                id=f"g{n}",
                resident=ResidentId(draw(st.sampled_from("abc"))),
                institution=OPERATOR,
                app="linli",
                category=draw(st.sampled_from(sorted(PURPOSE_CATEGORIES[purpose]))),
                purpose=purpose,
                actions=draw(
                    st.sampled_from([{Action.DERIVE, Action.TRAIN}, {Action.VIEW}]).map(frozenset)
                ),
                not_before=begin,
                expires_at=begin + timedelta(days=draw(st.integers(1, 400))),
                state=GrantState.GIVEN,
                notice_hash="",
                channel="app",
            )
        )
    return grants


@given(grants=grant_lists(), withdrawn=st.sets(st.sampled_from("abc")), later=st.integers(0, 100))
def test_arrays_never_allow_what_no_grant_allows(
    fresh: Fresh, grants: list[Grant], withdrawn: set[str], later: int
):
    at = NOW + timedelta(days=later)
    with fresh() as ledger, ledger.write() as tx:
        ledger.rows.assign(tx, RowKind.RESIDENT, list("abc"))
        ledger.grants.give(tx, grants, key="k")
        epoch = ledger.outbox.head(tx).epoch
        for who in sorted(withdrawn):
            ledger.grants.withdraw(
                tx,
                ResidentId(who),
                institution=None,
                category=None,
                purpose=None,
                at=NOW,
                key=f"w{who}",
            )
        masks, expires = ledger.grants.arrays(tx, 3, institution=OPERATOR, at=NOW)
        changed = ledger.grants.changed_since(tx, epoch, institution=OPERATOR, at=NOW)
        kept = [g for who in "abc" for g in ledger.grants.of(tx, ResidentId(who))]
    for row, mask, expiry in changed:
        np.testing.assert_array_equal(mask, masks[row])
        np.testing.assert_array_equal(expiry, expires[row])
    given_to = {g.resident for g in grants}
    assert {"abc"[row] for row, _, _ in changed} == withdrawn & given_to
    for purpose in (Purpose.FEED, Purpose.NEEDS_MATCHING):
        for category in PURPOSE_CATEGORIES[purpose]:
            rows = permitted_rows(
                masks, expires, purpose=purpose, category=category, at=int(at.timestamp())
            )
            for row, who in enumerate("abc"):
                alone = any(
                    g.resident == who
                    and permits(g, purpose=purpose, category=category, action=Action.TRAIN, at=at)
                    for g in kept
                )
                other = any(
                    g.resident == who and g.category == category and g.purpose != purpose
                    for g in kept
                )
                begins = any(g.not_before > NOW for g in kept)
                assert alone or not rows[row]
                if not other and not begins:  # where one purpose alone decides, they are equal
                    assert alone == bool(rows[row])


KEYS = st.sampled_from(["k1", "k2", "k3", "k4", "k5"])


@given(steps=st.lists(st.one_of(KEYS, st.just("compact"), st.just("fail")), max_size=15))
def test_each_key_is_in_the_history_once_whatever_happens(fresh: Fresh, steps: list[str]):
    order: list[str] = []
    with fresh() as ledger:
        for step in steps:
            if step == "compact":
                with ledger.read() as tx:
                    upto = ledger.outbox.head(tx).seq
                ledger.log.compact(max(upto - 1, 0))
                continue
            try:
                with ledger.write() as tx:
                    key = "k0" if step == "fail" else step
                    done = ledger.outbox.append(
                        tx,
                        kind=EventKind.INTERACTION,
                        key=key,
                        subject=f"r{key}",
                        category=DataCategory.INTEREST,
                        payload={"key": key},
                        at=NOW,
                    )
                    assert done.new == (key not in order)
                    if step == "fail":
                        raise InterruptedError
                    ledger.outbox.set_reply(tx, key, {"key": key})
            except InterruptedError:
                continue
            if step not in order:
                order.append(step)
        with ledger.read() as tx:
            history = [event.payload for event in ledger.log.events(tx)]
            assert history == [{"key": key} for key in order]
            assert all(ledger.outbox.reply(tx, key) == {"key": key} for key in order)
            assert ledger.outbox.reply(tx, "k0") is None


@given(
    st.lists(
        st.builds(
            StoredEvent,
            seq=st.integers(1, 2**63 - 1),
            kind=st.text(max_size=5),
            subject=st.text(max_size=30),
            category=st.text(max_size=10),
            tag=st.binary(max_size=16),
            payload=st.binary(max_size=300),
            at=st.integers(-(2**62), 2**62),
        ),
        max_size=5,
    )
)
def test_segments_come_back_as_they_went_in(stored: list[StoredEvent]):
    assert decode_segment(encode_segment(stored)) == stored
