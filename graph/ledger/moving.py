"""How the rows of a batch move into their tables, and out again when it is undone.

Of what an import overwrites the earlier line is kept, with the import that had brought it. So
the lines of one key form a chain, newest first, and taking one import out of the middle leaves
the others as they would be without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Exists,
    Table,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from graph.ledger import tables
from graph.ledger.bookings import Bookings
from graph.ledger.canonical import moment
from graph.ledger.dialect import insert_missing, upsert_from
from graph.ledger.grants import Grants
from graph.ledger.rows import RowKind
from graph.model import ItemId, ResidentId

__all__ = ["Moved", "move_in", "move_out"]

_BOOKINGS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Moved:
    """What a commit or an undo did to scarce things."""

    grants: int
    bookings: int
    moved_up: tuple[tuple[ItemId, ResidentId], ...]
    """Who got a place from a waiting list: append their events in this transaction."""


@dataclass(frozen=True, slots=True)
class _Overwritten:
    """A table whose lines an import may overwrite, and the table of earlier lines."""

    table: Table
    before: Table
    keys: tuple[str, ...]
    values: tuple[str, ...]

    def same(self, one: Table, other: Table) -> ColumnElement[bool]:
        """Whether two lines have the same key."""
        return and_(*(one.c[key] == other.c[key] for key in self.keys))


_IDENTITY = _Overwritten(
    tables.identity, tables.identity_before, ("resident", "kind"), ("sealed", "blind", "at")
)
_SEATS = _Overwritten(tables.seats, tables.seats_before, ("item",), ("seats",))


def move_in(
    tx: Connection, batch: str, *, grants: Grants, bookings: Bookings, at: datetime
) -> Moved:
    """Move everything that is staged for a batch into its place."""
    for kind in RowKind:
        _number_rows(tx, batch, kind)
    _keep_before(tx, batch, _IDENTITY, tables.staged_identity)
    names = ["resident", "kind", "sealed", "blind", "at", "batch"]
    staged = tables.staged_identity
    query = select(*(staged.c[name] for name in names)).where(staged.c.batch == batch)
    upsert_from(tx, tables.identity, names, query)
    for table, waiting in (
        (tables.words, tables.staged_words),
        (tables.records, tables.staged_records),
    ):
        names = [column.name for column in waiting.columns if column.name != "n"]
        lines = select(*(waiting.c[name] for name in names)).where(waiting.c.batch == batch)
        tx.execute(insert(table).from_select(names, lines))
    given = grants.give_staged(tx, batch, at)
    moved_up = _set_seats(tx, batch, bookings)
    return Moved(given, _book(tx, batch, bookings), tuple(moved_up))


def move_out(
    tx: Connection, batch: str, *, grants: Grants, bookings: Bookings, at: datetime
) -> Moved:
    """Take out what a batch had brought, as if it had never come."""
    for table in (tables.words, tables.records):
        tx.execute(delete(table).where(table.c.batch == batch))
    _restore(tx, batch, _IDENTITY)
    revoked = grants.revoke_batch(tx, batch, at)
    dropped = bookings.drop_batch(tx, batch)
    seated = tx.execute(select(tables.seats.c.item).where(tables.seats.c.batch == batch)).scalars()
    touched = sorted({*dropped, *map(ItemId, seated)})
    _restore(tx, batch, _SEATS)
    moved_up = [(item, who) for item in touched for who in bookings.fill(tx, item, at=at)]
    return Moved(revoked, len(dropped), tuple(moved_up))


def _number_rows(tx: Connection, batch: str, kind: str) -> None:
    """Give every staged id without a row number the next free one, in the order of the file."""
    staged, rows, count = tables.staged_rows, tables.rows, tables.row_counts
    known = select(rows.c.key).where(rows.c.kind == kind, rows.c.key == staged.c.key)
    fresh = and_(staged.c.batch == batch, staged.c.kind == kind, ~known.exists())
    insert_missing(tx, count, {"kind": kind, "next": 0})
    # Touching the counter first makes rival transactions wait their turn on every engine.
    tx.execute(update(count).where(count.c.kind == kind).values(next=count.c.next))
    first = tx.execute(select(count.c.next).where(count.c.kind == kind)).scalar_one()
    number = func.row_number().over(order_by=(staged.c.n, staged.c.place)) + literal(first - 1)
    query = select(staged.c.kind, number, staged.c.key, staged.c.batch).where(fresh)
    added = tx.execute(insert(rows).from_select(["kind", "row", "key", "batch"], query)).rowcount
    tx.execute(update(count).where(count.c.kind == kind).values(next=first + added))


def _keep_before(tx: Connection, batch: str, of: _Overwritten, staged: Table) -> None:
    names = [*of.keys, *of.values]
    query = (
        select(literal(batch), of.table.c.batch, *(of.table.c[name] for name in names))
        .join(staged, of.same(of.table, staged))
        .where(staged.c.batch == batch)
    )
    tx.execute(insert(of.before).from_select(["batch", "was", *names], query))


def _restore(tx: Connection, batch: str, of: _Overwritten) -> None:
    """Take one import out of the chain of lines of every key it wrote."""
    table, before, earlier = of.table, of.before, of.before.alias()

    def from_earlier(line: Table, batch_column: str) -> tuple[Exists, dict[str, object]]:
        """Whether the import overwrote anything under a line's key, and that line's values."""
        found = and_(earlier.c.batch == batch, *(earlier.c[k] == line.c[k] for k in of.keys))
        names = {**{name: name for name in of.values}, batch_column: "was"}
        values: dict[str, object] = {
            name: select(earlier.c[source]).where(found).scalar_subquery()
            for name, source in names.items()
        }
        return select(earlier.c.batch).where(found).exists(), values

    mine = table.c.batch == batch
    there, values = from_earlier(table, "batch")
    if of is _SEATS:  # such a line also counts who is there
        tx.execute(update(table).where(mine, ~there).values(seats=None, batch=None))
    else:
        tx.execute(delete(table).where(mine, ~there))
    tx.execute(update(table).where(mine, there).values(values))
    # Where a later import overwrote this one, it now overwrote what had been before this one.
    later = before.c.was == batch
    there, values = from_earlier(before, "was")
    tx.execute(delete(before).where(later, ~there))
    tx.execute(update(before).where(later, there).values(values))
    tx.execute(delete(before).where(before.c.batch == batch))


def _set_seats(tx: Connection, batch: str, bookings: Bookings) -> list[tuple[ItemId, ResidentId]]:
    staged = tables.staged_seats
    _keep_before(tx, batch, _SEATS, staged)
    query = select(staged.c.item, staged.c.seats).where(staged.c.batch == batch)
    lines = tx.execute(query.order_by(staged.c.n, staged.c.item)).all()
    return [
        (ItemId(item), who)
        for item, seats in lines
        for who in bookings.set_seats(tx, ItemId(item), seats, batch=batch)
    ]


def _book(tx: Connection, batch: str, bookings: Bookings) -> int:
    staged = tables.staged_bookings
    query = (
        select(staged.c.item, staged.c.resident, staged.c.at)
        .where(staged.c.batch == batch)
        .order_by(staged.c.place)
    )
    lines = tx.execute(query).all()
    count = 0
    for start in range(0, len(lines), _BOOKINGS_AT_ONCE):
        some = lines[start : start + _BOOKINGS_AT_ONCE]
        wanted = [(ItemId(item), ResidentId(who), moment(when)) for item, who, when in some]
        count += bookings.book_many(tx, wanted, batch=batch)
    return count
