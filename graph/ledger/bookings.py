"""Seats and waiting lists. A conditional update decides; nothing is checked and then written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from graph.errors import DataError
from graph.ledger import tables
from graph.ledger.canonical import micros, moment
from graph.ledger.dialect import insert_missing
from graph.model import ItemId, RecId, ResidentId

__all__ = ["Booking", "BookingState", "Bookings"]

_seats, _bookings = tables.seats, tables.bookings


class BookingState(StrEnum):
    """Whether a place is certain."""

    CONFIRMED = "confirmed"
    WAITLIST = "waitlist"


@dataclass(frozen=True, slots=True)
class Booking:
    """One resident's place at one item."""

    item: ItemId
    state: BookingState
    position: int | None
    """1 is next in line; ``None`` when confirmed."""
    already: bool
    """The resident held this place before the call."""
    at: datetime
    rec_id: RecId | None = None


class Bookings:
    """Who has a place where."""

    def set_seats(
        self, tx: Connection, item: ItemId, seats: int | None, *, batch: str | None = None
    ) -> list[ResidentId]:
        """Set how many places an item has; ``None`` for as many as come.

        ``batch`` is the import that says so. Nobody loses a place when there are fewer from now on.

        Returns
        -------
        list of ResidentId
            Who moved up from the waiting list, in order.
        """
        if seats is not None and seats < 0:
            raise DataError(f"{item}: seats must be 0 or more, not {seats}")
        self._lock(tx, item)
        tx.execute(update(_seats).where(_seats.c.item == item).values(seats=seats, batch=batch))
        moved = []
        while (resident := self._promote(tx, item)) is not None:
            moved.append(resident)
        return moved

    def book(
        self,
        tx: Connection,
        item: ItemId,
        resident: ResidentId,
        *,
        rec_id: RecId | None = None,
        at: datetime,
    ) -> Booking:
        """Take a place, or the end of the waiting list; again changes nothing."""
        place = self._lock(tx, item)
        held = self._held(tx, item, resident)
        if held is not None:
            self._keep(tx, item, resident)
            return held
        won = tx.execute(
            update(_seats)
            .where(_seats.c.item == item)
            .where(or_(_seats.c.seats.is_(None), _seats.c.taken < _seats.c.seats))
            .values(taken=_seats.c.taken + 1)
        ).rowcount
        state = BookingState.CONFIRMED if won else BookingState.WAITLIST
        position = None if won else self._join_line(tx, item)
        tx.execute(
            insert(_bookings),
            {
                "item": item,
                "resident": resident,
                "state": state.value,
                "place": place,
                "rec_id": rec_id,
                "at": micros(at),
            },
        )
        return Booking(item, state, position, False, at, rec_id)

    def book_many(
        self,
        tx: Connection,
        wanted: Sequence[tuple[ItemId, ResidentId, datetime]],
        *,
        batch: str | None = None,
    ) -> int:
        """Take many places in order, with the same outcome as :meth:`book` for each.

        Parameters
        ----------
        wanted : sequence of (item, resident, when)
        batch : str, optional
            The import that brings them.

        Returns
        -------
        int
            Places newly taken or waited for.
        """
        by_item: dict[ItemId, dict[ResidentId, datetime]] = {}
        for item, resident, at in wanted:
            by_item.setdefault(item, {}).setdefault(resident, at)
        lines: list[dict[str, object]] = []
        for item, people in by_item.items():
            first = self._lock(tx, item)
            query = select(_bookings.c.resident).where(_bookings.c.item == item)
            holding = set(tx.execute(query).scalars())
            new = {who: at for who, at in people.items() if who not in holding}
            seats, taken, _ = self.taken(tx, [item])[item]
            free = len(new) if seats is None else max(0, min(len(new), seats - taken))
            for n, (who, at) in enumerate(new.items()):
                state = BookingState.CONFIRMED if n < free else BookingState.WAITLIST
                place = {"item": item, "resident": who, "state": state.value, "place": first + n}
                lines.append({**place, "rec_id": None, "at": micros(at), "batch": batch})
            tx.execute(
                update(_seats)
                .where(_seats.c.item == item)
                .values(
                    taken=_seats.c.taken + free,
                    waiting=_seats.c.waiting + len(new) - free,
                    places=_seats.c.places + len(new),
                )
            )
        if lines:
            tx.execute(insert(_bookings), lines)
        return len(lines)

    def drop_batch(self, tx: Connection, batch: str) -> list[ItemId]:
        """Cancel the places that came with an import; nobody moves up before :meth:`fill`.

        A place that another import claims too is that one's from now on; one whose holder asked
        for it since is theirs and stays.

        Returns
        -------
        list of ItemId
            Where places were given back.
        """
        self._hand_over(tx, batch)
        mine = _bookings.c.batch == batch
        items = tx.execute(select(_bookings.c.item).where(mine).distinct()).scalars().all()
        for item in items:
            self._lock(tx, ItemId(item))
        tx.execute(delete(_bookings).where(mine))
        for item in items:
            left = [
                select(func.count())
                .select_from(_bookings)
                .where(_bookings.c.item == item, _bookings.c.state == state.value)
                .scalar_subquery()
                for state in (BookingState.CONFIRMED, BookingState.WAITLIST)
            ]
            counts = update(_seats).where(_seats.c.item == item)
            tx.execute(counts.values(taken=left[0], waiting=left[1]))
        return [ItemId(item) for item in items]

    def fill(self, tx: Connection, item: ItemId, *, at: datetime) -> list[ResidentId]:
        """Let people move up from the waiting list while there is room; returns them in order."""
        self._lock(tx, item)
        moved = []
        while (resident := self._promote(tx, item, at=at)) is not None:
            moved.append(resident)
        return moved

    def _hand_over(self, tx: Connection, batch: str) -> None:
        """Let the next import that claims a place have it.

        An earlier one has lost it already: it would hold the place still.
        """
        claims, imports = tables.staged_bookings, tables.imports
        mine = select(imports.c.seq).where(imports.c.id == batch).scalar_subquery()
        others = (
            select(claims.c.item, claims.c.resident, claims.c.batch)
            .join(imports, imports.c.id == claims.c.batch)
            .join(
                _bookings,
                and_(
                    _bookings.c.item == claims.c.item,
                    _bookings.c.resident == claims.c.resident,
                ),
            )
            .where(_bookings.c.batch == batch, claims.c.batch != batch)
            .where(imports.c.state == "committed", imports.c.seq > mine)
            .order_by(imports.c.seq.desc())
        )
        for item, resident, other in tx.execute(others).all():  # the earliest import comes last
            place = (_bookings.c.item == item, _bookings.c.resident == resident)
            tx.execute(update(_bookings).where(*place).values(batch=other))

    def _keep(self, tx: Connection, item: ItemId, resident: ResidentId) -> None:
        """Note that its holder wants a place that had come with an import."""
        place = (_bookings.c.item == item, _bookings.c.resident == resident)
        tx.execute(
            update(_bookings).where(*place, _bookings.c.batch.is_not(None)).values(batch=None)
        )

    def cancel(
        self, tx: Connection, item: ItemId, resident: ResidentId, *, at: datetime
    ) -> ResidentId | None:
        """Give a place back; again changes nothing.

        Returns
        -------
        ResidentId or None
            Who moved up from the waiting list and now has the place: append their event in this
            transaction.
        """
        self._lock(tx, item)
        held = self._held(tx, item, resident)
        if held is None:
            return None
        confirmed = held.state is BookingState.CONFIRMED
        column = _seats.c.taken if confirmed else _seats.c.waiting
        tx.execute(
            delete(_bookings).where(_bookings.c.item == item, _bookings.c.resident == resident)
        )
        tx.execute(update(_seats).where(_seats.c.item == item).values({column.name: column - 1}))
        return self._promote(tx, item, at=at) if confirmed else None

    def of(self, tx: Connection, resident: ResidentId) -> list[Booking]:
        """All places of a resident, oldest first."""
        query = (
            select(_bookings.c.item)
            .where(_bookings.c.resident == resident)
            .order_by(_bookings.c.at, _bookings.c.item)
        )
        held = [self._held(tx, item, resident) for item in tx.execute(query).scalars().all()]
        return [booking for booking in held if booking is not None]

    def taken(
        self, tx: Connection, items: Sequence[ItemId] | Sequence[str] | None
    ) -> dict[str, tuple[int | None, int, int]]:
        """Return (seats, taken, waiting) of each item; of all that are known for ``None``."""
        query = select(_seats.c.item, _seats.c.seats, _seats.c.taken, _seats.c.waiting)
        if items is None:
            return {item: (a, b, c) for item, a, b, c in tx.execute(query)}
        found: dict[str, tuple[int | None, int, int]] = {}
        for start in range(0, len(items), 10_000):
            some = query.where(_seats.c.item.in_(items[start : start + 10_000]))
            found.update((item, (a, b, c)) for item, a, b, c in tx.execute(some))
        return found

    def _lock(self, tx: Connection, item: ItemId) -> int:
        """Make rivals for this item wait, and draw the next number in line."""
        draw = (
            update(_seats)
            .where(_seats.c.item == item)
            .values(places=_seats.c.places + 1)
            .returning(_seats.c.places)
        )
        place = tx.execute(draw).scalar()
        if place is None:
            new = {"item": item, "seats": None, "taken": 0, "waiting": 0, "places": 0}
            insert_missing(tx, _seats, new)
            place = tx.execute(draw).scalar_one()
        return int(place)

    def _held(self, tx: Connection, item: str, resident: ResidentId) -> Booking | None:
        query = select(
            _bookings.c.state, _bookings.c.place, _bookings.c.at, _bookings.c.rec_id
        ).where(_bookings.c.item == item, _bookings.c.resident == resident)
        line = tx.execute(query).first()
        if line is None:
            return None
        state = BookingState(line.state)
        position = None
        if state is BookingState.WAITLIST:
            position = tx.execute(
                select(func.count())
                .select_from(_bookings)
                .where(_bookings.c.item == item, _bookings.c.state == BookingState.WAITLIST)
                .where(_bookings.c.place <= line.place)
            ).scalar_one()
        rec_id = RecId(line.rec_id) if line.rec_id is not None else None
        return Booking(ItemId(item), state, position, True, moment(line.at), rec_id)

    def _join_line(self, tx: Connection, item: ItemId) -> int:
        waiting: int = tx.execute(
            update(_seats)
            .where(_seats.c.item == item)
            .values(waiting=_seats.c.waiting + 1)
            .returning(_seats.c.waiting)
        ).scalar_one()
        return waiting

    def _promote(
        self, tx: Connection, item: ItemId, *, at: datetime | None = None
    ) -> ResidentId | None:
        """Move the first in line up, if there is a line and a free place."""
        first = tx.execute(
            select(_bookings.c.resident)
            .where(_bookings.c.item == item, _bookings.c.state == BookingState.WAITLIST)
            .order_by(_bookings.c.place)
            .limit(1)
        ).scalar()
        if first is None:
            return None
        won = tx.execute(
            update(_seats)
            .where(_seats.c.item == item)
            .where(or_(_seats.c.seats.is_(None), _seats.c.taken < _seats.c.seats))
            .values(taken=_seats.c.taken + 1, waiting=_seats.c.waiting - 1)
        ).rowcount
        if not won:
            return None
        changes: dict[str, object] = {"state": BookingState.CONFIRMED.value}
        if at is not None:
            changes["at"] = micros(at)
        tx.execute(
            update(_bookings)
            .where(_bookings.c.item == item, _bookings.c.resident == first)
            .values(changes)
        )
        return ResidentId(first)
