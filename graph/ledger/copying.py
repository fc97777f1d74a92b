"""Copy a whole ledger into an empty database of either engine, row for row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, Table, func, insert, select

from graph.errors import CorruptStore
from graph.ledger.dialect import continue_numbers
from graph.ledger.tables import METADATA

__all__ = ["Progress", "copy_tables"]

Progress = Callable[[int, int, str], None]
"""Told (rows done, rows in all, table)."""

_BATCH = 500
"""Rows at once: a sealed chunk of an import may be hundreds of kilobytes long."""


@dataclass(slots=True)
class _Sum:
    """Count and digest of rows in any order: engines sort texts differently."""

    rows: int = 0
    digest: int = 0

    def add(self, row: RowMapping) -> None:
        """Count one row; no two rows of a table are equal, so exclusive or hides none."""
        self.rows += 1
        self.digest ^= int.from_bytes(
            hashlib.sha256(repr(tuple(row.values())).encode()).digest(), "big"
        )


def copy_tables(source: Connection, target: Connection, progress: Progress) -> Mapping[str, int]:
    """Copy every table and compare what arrived.

    Parameters
    ----------
    source : Connection
        A write transaction, so that nothing changes meanwhile.
    target : Connection
        A write transaction on an empty database; whoever gives it up leaves it empty.
    progress : callable

    Returns
    -------
    mapping of str to int
        Rows per table.

    Raises
    ------
    CorruptStore
        What is read back from the target is not what was read from the source.
    """
    from graph.ledger.migrating import migrate  # slow to load, and rarely needed

    migrate(target, None)
    tables = METADATA.sorted_tables
    total = sum(source.execute(select(func.count()).select_from(t)).scalar_one() for t in tables)
    copied: dict[str, int] = {}
    for table in tables:
        sent = _Sum()
        for batch in _batches(source, table):
            target.execute(insert(table), [dict(row) for row in batch])
            for row in batch:
                sent.add(row)
            progress(sum(copied.values()) + sent.rows, total, table.name)
        if _summed(target, table) != sent:
            raise CorruptStore(f"table {table.name} did not arrive as it was sent; nothing is kept")
        continue_numbers(target, table)
        copied[table.name] = sent.rows
    return copied


def _batches(tx: Connection, table: Table) -> Iterator[Sequence[RowMapping]]:
    rows = tx.execute(select(table).execution_options(yield_per=_BATCH))
    return rows.mappings().partitions()


def _summed(tx: Connection, table: Table) -> _Sum:
    total = _Sum()
    for batch in _batches(tx, table):
        for row in batch:
            total.add(row)
    return total
