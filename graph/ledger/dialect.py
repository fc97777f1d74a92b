"""All that differs between database engines: opening, beginning a transaction, inserting once.

SQLite today. PostgreSQL needs only another branch here: every other module writes SQL that both
engines read alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import ConnectionPoolEntry

from graph.errors import ConfigError

__all__ = [
    "WRITE",
    "add_counts",
    "file_of",
    "insert_missing",
    "is_postgresql",
    "lock_migration",
    "make_engine",
    "upsert",
    "upsert_from",
]

WRITE = {"linli_write": True}
"""Execution options of a transaction that will write."""

_BUSY_SECONDS = 30
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}",  # first: the next one may have to wait
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)
_MIGRATION_LOCK = 0x11_4E_11  # any constant number that no other program on the server uses


def file_of(url: str) -> Path | None:
    """File of an embedded ledger, ``None`` for a server."""
    parsed = make_url(url)
    return (
        Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
    )


def make_engine(url: str) -> Engine:
    """Make an engine whose transactions begin as the ledger needs them.

    Raises
    ------
    ConfigError
        The engine is not one Linli keeps a ledger in, or the database would live in memory.
    """
    name = make_url(url).get_backend_name()
    if name != "sqlite":
        raise ConfigError(f"a ledger lives in sqlite:///<file>, not in {name}; set LINLI_LEDGER")
    if file_of(url) in {None, Path(":memory:")}:
        raise ConfigError("a ledger in memory would forget; give sqlite:///<file>")
    engine = create_engine(url, pool_size=8, max_overflow=64, pool_timeout=_BUSY_SECONDS)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver would begin transactions on its own
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a read lock that is raised later can fail or deadlock."""
    write = connection.get_execution_options().get("linli_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def is_postgresql(tx: Connection) -> bool:
    """Whether this transaction runs on PostgreSQL."""
    return tx.dialect.name == "postgresql"


def lock_migration(tx: Connection) -> None:
    """Let one process at a time change the tables; SQLite's write lock already does."""
    if is_postgresql(tx):
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def insert_missing(
    tx: Connection, table: Table, values: Mapping[str, object] | Sequence[Mapping[str, object]]
) -> None:
    """Insert rows, leaving alone those whose key is there already."""
    make = postgresql.insert if is_postgresql(tx) else sqlite.insert
    tx.execute(make(table).on_conflict_do_nothing(), values)


def upsert(tx: Connection, table: Table, lines: Sequence[Mapping[str, object]]) -> None:
    """Insert rows; where the primary key is there already, replace all other columns."""
    make = postgresql.insert if is_postgresql(tx) else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement = make(table)
    others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), lines)


def upsert_from(
    tx: Connection, table: Table, names: Sequence[str], query: Select[*tuple[object, ...]]
) -> None:
    """Insert the rows of a query, which must have a WHERE; see :func:`upsert`."""
    make = postgresql.insert if is_postgresql(tx) else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement = make(table).from_select(list(names), query)
    others = {name: statement.excluded[name] for name in names if name not in keys}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=others))


def add_counts(
    tx: Connection,
    table: Table,
    lines: Sequence[Mapping[str, object]],
    *,
    counts: Sequence[str],
    latest: Sequence[str],
) -> None:
    """Insert rows; where the primary key is there already, add counts and set latest values."""
    make = postgresql.insert if is_postgresql(tx) else sqlite.insert
    statement = make(table)
    changes: dict[str, object] = {c: table.c[c] + statement.excluded[c] for c in counts}
    changes |= {c: statement.excluded[c] for c in latest}
    keys = [column.name for column in table.primary_key]
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), lines)
