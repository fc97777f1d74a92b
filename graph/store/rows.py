"""Changes as rows: maps for ``UNWIND``, Arrow columns for bulk loads, canonical values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from graph.errors import SchemaViolation
from graph.model import Change, NodeChange, Op, Provenance, Scalar
from graph.schema import PROVENANCE, PropertyType
from graph.store.cypher import Table, arrow_schema
from graph.store.plan import Entry

__all__ = ["Row", "arrow_table", "canonical", "key_of", "row_of", "sort_keys"]

Row = dict[str, Scalar]

_PROVENANCE = tuple(p.name for p in PROVENANCE)


def key_of(change: Change) -> tuple[str, ...]:
    """Return the values of the table's key columns."""
    return (change.id,) if isinstance(change, NodeChange) else (change.start, change.end)


def canonical(value: Scalar, type_: PropertyType) -> Scalar:
    """Return the value as engines keep it: floats as floats, times in UTC, enums as text."""
    if value is None:
        return None
    if type_ is PropertyType.FLOAT and not isinstance(value, str | datetime):
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return str(value) if type_ is PropertyType.TEXT else value


def row_of(entry: Entry, table: Table) -> Row:
    """Return one map for ``$rows``: position, keys and, for a ``PUT``, every property.

    The position of an entry is that of its first change.
    """
    change = entry.change
    row: Row = dict(zip(table.keys, key_of(change), strict=True))
    if change.op is Op.REMOVE:
        return row
    row["n"] = entry.positions[0]
    given, carried = change.properties, change.provenance
    for prop in table.properties:
        value = getattr(carried, prop.name) if prop.name in _PROVENANCE else given.get(prop.name)
        row[prop.name] = canonical(value, prop.type)
    return row


def arrow_table(changes: Sequence[Change], table: Table) -> pa.Table:
    """Return the changes, every one a ``PUT`` of this table, as the columns of a bulk read.

    Raises
    ------
    SchemaViolation
        A value is not of the type the schema gives it, or provenance is missing.
    """
    schema = arrow_schema(table)
    arrays = _key_arrays(changes, table)
    for prop in table.properties:
        if prop.name not in _PROVENANCE:
            column = [change.properties.get(prop.name) for change in changes]
            arrays[prop.name] = _array(table, prop.name, column)
    arrays |= _provenance_arrays(changes, table)
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


def _key_arrays(changes: Sequence[Change], table: Table) -> dict[str, pa.Array]:
    return {name: _array(table, name, [getattr(c, name) for c in changes]) for name in table.keys}


def _provenance_arrays(changes: Sequence[Change], table: Table) -> dict[str, pa.Array]:
    """Convert each provenance object once: the changes of one import share a few."""
    place: dict[int, int] = {}
    unique: list[Provenance] = []
    rows = []
    for change in changes:
        carried = change.provenance
        if carried is None:
            raise SchemaViolation(f"{table}: {key_of(change)} has no provenance")
        row = place.setdefault(id(carried), len(unique))
        if row == len(unique):
            unique.append(carried)
        rows.append(row)
    taken = pa.array(rows, pa.int64())
    return {
        name: _array(table, name, [getattr(p, name) for p in unique]).take(taken)
        for name in _PROVENANCE
    }


def _array(table: Table, name: str, column: Sequence[Scalar]) -> pa.Array:
    try:
        return pa.array(column, arrow_schema(table).field(name).type)
    except (pa.ArrowException, TypeError, OverflowError, UnicodeError) as error:
        raise SchemaViolation(f"{table}: {name!r} cannot be loaded: {error}") from error


def sort_keys(table: Table) -> list[tuple[str, str]]:
    """Return the order of bulk reads, as Arrow wants it said."""
    return [(name, "ascending") for name in table.keys]
