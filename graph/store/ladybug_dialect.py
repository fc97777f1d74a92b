"""What only LadybugDB says or wants: declarations, types, values and the meaning of its errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from graph.errors import CorruptStore, DataError, LinliError, StoreUnavailable
from graph.model import Scalar
from graph.schema import LABELS, RELATIONSHIPS, Property, PropertyType
from graph.store.cypher import META_LABEL, NodeTable, RelationshipTable, Statement, Table
from graph.store.rows import Row

__all__ = [
    "FILE_ENDINGS",
    "IO_ERROR",
    "NO_CHECKPOINT_AT_CLOSING",
    "TABLE_NAMES",
    "copy",
    "declarations",
    "inward",
    "opening_error",
    "outward",
    "running_error",
    "sendable",
    "without_zones",
]

FILE_ENDINGS: Final = (".wal", ".wal.checkpoint", ".shadow", ".tmp", "")
"""Endings of the files of one database; the main file goes last."""
IO_ERROR: Final = "IO exception"
"""How errors of the disk begin."""
NO_CHECKPOINT_AT_CLOSING: Final = "CALL force_checkpoint_on_close=false"
TABLE_NAMES: Final = "CALL show_tables() RETURN name"

_TYPES: Final = {
    PropertyType.TEXT: "STRING",
    PropertyType.INT: "INT64",
    PropertyType.FLOAT: "DOUBLE",
    PropertyType.BOOL: "BOOL",
    PropertyType.TIME: "TIMESTAMP",
}
_TYPED: Final[dict[PropertyType, Scalar]] = {
    PropertyType.TEXT: "",
    PropertyType.INT: 2**62,
    PropertyType.FLOAT: 0.5,
    PropertyType.BOOL: True,
    PropertyType.TIME: datetime.fromtimestamp(0, UTC).replace(tzinfo=None),
}


def declarations() -> Iterator[str]:
    """Yield the tables of the schema; the pairs of a relationship type share one table."""
    meta = "`id` STRING, `value` INT64"
    yield f"CREATE NODE TABLE IF NOT EXISTS `{META_LABEL}`({meta}, PRIMARY KEY(`id`))"
    for label in LABELS:
        columns = _columns(NodeTable(label).properties)
        yield f"CREATE NODE TABLE IF NOT EXISTS `{label}`(`id` STRING{columns}, PRIMARY KEY(`id`))"
    for kind in RELATIONSHIPS.values():
        pairs = ", ".join(f"FROM `{start}` TO `{end}`" for start, end in kind.pairs)
        columns = _columns(RelationshipTable(kind.name, *kind.pairs[0]).properties)
        yield f"CREATE REL TABLE IF NOT EXISTS `{kind.name}`({pairs}{columns})"


def _columns(properties: Iterable[Property]) -> str:
    return "".join(f", `{p.name}` {_TYPES[p.type]}" for p in properties)


def copy(table: Table) -> str:
    """Return the text that appends the Arrow table ``$rows``."""
    if isinstance(table, NodeTable):
        return f"COPY `{table.label}` FROM $rows"
    return f"COPY `{table.type}` FROM $rows (from='{table.start_label}', to='{table.end_label}')"


def without_zones(rows: pa.Table) -> pa.Table:
    """Return the rows with times in UTC that do not say so: the engine's own type."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(place, field.name, rows[field.name].cast(pa.timestamp("us")))
    return rows


def sendable(statement: Statement, rows: Sequence[Row]) -> list[Row]:
    """Return ``$rows``; when they carry properties, led by a row that types every column.

    The engine takes a column's type from the values sent and keeps the plan for later batches,
    where it misreads what does not fit. The leading row makes the types the same each time; its
    keys are empty, which no node's id is, so it matches nothing.
    """
    sent = [{name: outward(value) for name, value in row.items()} for row in rows]
    if statement.columns and rows:
        typed = {p.name: _TYPED[p.type] for p in statement.columns}
        sent.insert(0, {name: typed.get(name, "") for name in rows[0]} | {"n": 2**62})
    return sent


def outward(value: Scalar) -> Scalar:
    """Return a value as the engine takes it: it would drop the offset of a time."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def inward(name: str, value: object) -> Scalar:
    """Return a value of the engine as the domain has it."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise DataError(f"column {name!r} is not a scalar: return properties, not whole nodes or lists")


def opening_error(path: Path, text: str) -> LinliError:
    """Say why a database could not be opened."""
    if "lock" in text.lower():
        return StoreUnavailable(
            f"{path} is open in another process; one process uses the graph at a time: "
            f"stop it or ask it to hand over ({text.splitlines()[0]})"
        )
    if text.startswith((IO_ERROR, "Buffer manager exception")):
        return StoreUnavailable(f"{path} cannot be opened: {text}")
    return CorruptStore(f"{path} cannot be read; make it again from the log ({text})")


def running_error(path: Path, text: str) -> LinliError:
    """Say why a statement failed."""
    if text.startswith(("Parser exception", "Binder exception")):
        return DataError(f"the graph engine cannot read this: {text}")
    return StoreUnavailable(f"{path}: {text}")
