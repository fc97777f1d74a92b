"""When two stores hold the same graph: one number for all of it, and where two differ."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.model import Scalar
from graph.store.base import GraphStore
from graph.store.cypher import NodeTable, Table, all_tables

__all__ = ["differences", "fingerprint"]

_SHOWN: Final = 5


def fingerprint(store: GraphStore) -> str:
    """Return one digest of every node, relationship and property; the watermark is not in it.

    Parameters
    ----------
    store : GraphStore

    Returns
    -------
    str
        SHA-256 in hexadecimal; equal for equal graphs, whatever the engine.
    """
    digest = hashlib.sha256()
    for table in all_tables():
        rows = _rows(store, table)
        digest.update(f"{table} {len(rows)}\n".encode())
        for name in rows.column_names:
            digest.update(name.encode())
            for part in _column_bytes(rows[name]):
                digest.update(part)
    return digest.hexdigest()


def differences(a: GraphStore, b: GraphStore) -> list[str]:
    """Say where two stores differ, at most a few rows per table; empty when they are equal."""
    found = []
    for table in all_tables():
        left, right = _rows(a, table), _rows(b, table)
        if not left.equals(right):
            found += _compare(table, left, right)
    return found


def _rows(store: GraphStore, table: Table) -> pa.Table:
    if isinstance(table, NodeTable):
        return store.nodes(table.label)
    return store.relationships(table.type, table.start_label, table.end_label)


def _column_bytes(column: pa.ChunkedArray) -> list[bytes]:
    """Bytes that depend on the values only, not on chunks or on what lies beneath a null."""
    nulls = np.asarray(pc.is_null(column)).tobytes()
    if pa.types.is_string(column.type):
        lengths = np.asarray(pc.fill_null(pc.binary_length(column), 0), np.int64)
        text = "".join(value for value in column.to_pylist() if value is not None)
        return [nulls, lengths.tobytes(), text.encode()]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    filled = pc.fill_null(column, pa.scalar(0).cast(column.type))
    return [nulls, np.asarray(filled).tobytes()]


def _compare(table: Table, left: pa.Table, right: pa.Table) -> list[str]:
    mine, theirs = _by_key(table, left), _by_key(table, right)
    lines = [f"{table}: {key} only in the first" for key in mine.keys() - theirs.keys()]
    lines += [f"{table}: {key} only in the second" for key in theirs.keys() - mine.keys()]
    for key in mine.keys() & theirs.keys():
        for name, value in mine[key].items():
            other = theirs[key][name]
            if value != other:
                lines.append(f"{table}: {key} {name} is {value!r} and {other!r}")
    if not lines:
        return [f"{table}: {left.schema} and {right.schema}"]
    more = [f"{table}: {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return sorted(lines)[:_SHOWN] + more


def _by_key(table: Table, rows: pa.Table) -> dict[str, dict[str, Scalar]]:
    return {" -> ".join(row[name] for name in table.keys): row for row in rows.to_pylist()}
