"""Row numbers of residents, items, grids and buildings: append-only, never reused.

Arrays, models and feeds know residents by row. Because a row is never given out twice, a model
refitted without somebody equals the model of a world in which they never were.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select, update

from graph.ledger import tables
from graph.ledger.dialect import insert_missing

__all__ = ["RowKind", "Rows"]

_CHUNK = 10_000


class RowKind(StrEnum):
    """What is numbered; each kind counts from 0."""

    RESIDENT = "resident"
    ITEM = "item"
    GRID = "grid"
    BUILDING = "building"


class Rows:
    """The register of row numbers."""

    def assign(self, tx: Connection, kind: RowKind, keys: Sequence[str]) -> NDArray[np.int64]:
        """Give every key its row: the one it has, or the next free one.

        Parameters
        ----------
        tx : Connection
            A write transaction.
        kind : RowKind
        keys : sequence of str
            Ids; new ones are numbered in this order.

        Returns
        -------
        NDArray[int64], (len(keys),)
        """
        unique = list(dict.fromkeys(keys))
        if not unique:
            return np.empty(0, np.int64)
        insert_missing(tx, tables.row_counts, {"kind": kind.value, "next": 0})
        # Touching the counter first makes rival transactions wait their turn on every engine.
        count = tables.row_counts
        tx.execute(update(count).where(count.c.kind == kind.value).values(next=count.c.next))
        known = self._known(tx, kind, unique)
        new = [key for key in unique if key not in known]
        if new:
            end = tx.execute(
                update(count)
                .where(count.c.kind == kind.value)
                .values(next=count.c.next + len(new))
                .returning(count.c.next)
            ).scalar_one()
            first = end - len(new)
            fresh = {key: first + n for n, key in enumerate(new)}
            tx.execute(
                insert(tables.rows),
                [{"kind": kind.value, "row": row, "key": key} for key, row in fresh.items()],
            )
            known |= fresh
        return np.fromiter((known[key] for key in keys), np.int64, len(keys))

    def all(self, tx: Connection, kind: RowKind) -> list[str]:
        """All keys; the index in the list is the row."""
        rows = tables.rows
        query = select(rows.c.key).where(rows.c.kind == kind.value).order_by(rows.c.row)
        return list(tx.execute(query).scalars())

    def get(self, tx: Connection, kind: RowKind, key: str) -> int | None:
        """Row of a key, ``None`` when it never got one."""
        return self._known(tx, kind, [key]).get(key)

    def some(self, tx: Connection, kind: RowKind, keys: Sequence[str]) -> NDArray[np.int64]:
        """Rows of those of these keys that have one, (n,), ascending."""
        return np.sort(np.fromiter(self._known(tx, kind, keys).values(), np.int64))

    def of_batch(self, tx: Connection, kind: RowKind, batch: str) -> list[int]:
        """Rows that an import gave out."""
        rows = tables.rows
        query = select(rows.c.row).where(rows.c.kind == kind.value, rows.c.batch == batch)
        return list(tx.execute(query).scalars())

    def count(self, tx: Connection, kind: RowKind) -> int:
        """How many rows were given out."""
        count = tables.row_counts
        query = select(count.c.next).where(count.c.kind == kind.value)
        return tx.execute(query).scalar() or 0

    def _known(self, tx: Connection, kind: RowKind, keys: Sequence[str]) -> dict[str, int]:
        rows = tables.rows
        query = select(rows.c.key, rows.c.row).where(rows.c.kind == kind.value)
        known: dict[str, int] = {}
        for start in range(0, len(keys), _CHUNK):
            some = query.where(rows.c.key.in_(keys[start : start + _CHUNK]))
            known.update((key, row) for key, row in tx.execute(some))
        return known
