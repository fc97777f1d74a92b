"""All that differs between database engines; every other module writes SQL that both read alike.

One writer at a time on both: a transaction that will write takes SQLite's write lock, or on
PostgreSQL one advisory lock, before it reads anything. So whatever it read still holds when it
writes, sequence numbers rise in commit order, and no two writers can deadlock. Readers wait for
nobody: each transaction that only reads sees the one moment at which it began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Insert,
    Select,
    Table,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from graph.errors import ConfigError

__all__ = [
    "WRITE",
    "add_counts",
    "continue_numbers",
    "file_of",
    "insert_missing",
    "make_engine",
    "reason_of",
    "upsert",
    "upsert_from",
]

_SQLITE_NAMED = sqlite.dialect(paramstyle="named")

WRITE = {"linli_write": True}
"""Execution options of a transaction that will write."""

_BUSY_SECONDS = 30
"""How long a writer waits for the one before it."""
_CACHE_KIB = 32 * 1024
"""Pages of SQLite's own, at most, per connection: with its 2 MB a large import would write most
pages of an index anew for every few thousand rows."""
_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}",  # first: the next one may have to wait
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA cache_size = -{_CACHE_KIB}",
    "PRAGMA trusted_schema = OFF",
)
_WRITERS = 0x11_4E_11
"""Number of the advisory lock that writers take; locks of other databases do not meet it."""
_SESSION = {
    "default_transaction_isolation": r"repeatable\ read",
    "default_transaction_read_only": "on",
    "synchronous_commit": "on",
    "lock_timeout": f"{_BUSY_SECONDS}s",
    "statement_timeout": "600s",  # the commit of a whole city's register is one statement
    "idle_in_transaction_session_timeout": "300s",
}
"""Settings of every PostgreSQL session; a transaction that writes says so at its beginning."""
_CONNECT: dict[str, object] = {
    "application_name": "linli",
    "client_encoding": "utf8",
    "connect_timeout": 2,
    # A server whose machine vanished is noticed within seconds, not within minutes.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5_000,
    "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
}


def file_of(url: str) -> Path | None:
    """File of an embedded ledger, ``None`` for a server."""
    parsed = _parsed(url)
    return (
        Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
    )


def make_engine(url: str) -> Engine:
    """Make an engine whose transactions begin as the ledger needs them.

    Raises
    ------
    ConfigError
        The engine is not one Linli keeps a ledger in, its driver is not installed, or the
        database would live in memory.
    """
    parsed = _parsed(url)
    name = parsed.get_backend_name()
    if name == "postgresql":
        return _make_postgresql(parsed)
    if name != "sqlite":
        raise ConfigError(f"a ledger lives in {_WHERE}, not in {name}; set LINLI_LEDGER")
    if file_of(url) in {None, Path(":memory:")}:
        raise ConfigError("a ledger in memory would forget; give sqlite:///<file>")
    engine = create_engine(parsed, pool_size=8, max_overflow=64, pool_timeout=_BUSY_SECONDS)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


_WHERE = "sqlite:///<file> or postgresql://<user>:<password>@<host>/<database>"


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:  # its message would show the password
        raise ConfigError(f"the ledger's address is none; give {_WHERE}") from error


def _make_postgresql(url: URL) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=_CONNECT,
            pool_size=8,
            max_overflow=24,
            pool_timeout=_BUSY_SECONDS,
            pool_pre_ping=True,  # a server that was restarted is taken up again unnoticed
        )
    except ImportError as error:
        raise ConfigError(
            "a ledger in PostgreSQL needs its driver; run pip install 'linli[postgres]'"
        ) from error
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver would begin transactions on its own
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a read lock that is raised later can fail or deadlock."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    """Take the writers' lock first: each later statement sees all that was committed before it."""
    if _writes(connection):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("linli_write", False))


def _is_postgresql(tx: Connection) -> bool:
    return tx.dialect.name == "postgresql"


def reason_of(error: DBAPIError | PoolTimeout) -> str:
    """Say what the database said in one line, without the values it was given."""
    if not isinstance(error, DBAPIError):
        return str(error)
    diagnosis = getattr(error.orig, "diag", None)  # PostgreSQL quotes values in other fields
    return " ".join(str(getattr(diagnosis, "message_primary", None) or error.orig).split())


def continue_numbers(tx: Connection, table: Table) -> None:
    """Let the numbers that the engine gives out follow the highest one that was copied in.

    SQLite does so by itself.
    """
    column = table.autoincrement_column
    if column is None or not _is_postgresql(tx):
        return
    tx.exec_driver_sql(
        f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), max({column.name}))"  # noqa: S608, E501 - names of our own
        f" FROM {table.name} HAVING max({column.name}) IS NOT NULL"
    )


def insert_missing(
    tx: Connection, table: Table, values: Mapping[str, object] | Sequence[Mapping[str, object]]
) -> None:
    """Insert rows, leaving alone those whose key is there already."""
    make = postgresql.insert if _is_postgresql(tx) else sqlite.insert
    statement = make(table).on_conflict_do_nothing()
    if isinstance(values, Mapping):
        tx.execute(statement, values)
    else:
        _run_many(tx, statement, values)


def upsert(tx: Connection, table: Table, lines: Sequence[Mapping[str, object]]) -> None:
    """Insert rows; where the primary key is there already, replace all other columns."""
    make = postgresql.insert if _is_postgresql(tx) else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement = make(table)
    others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    _run_many(tx, statement.on_conflict_do_update(index_elements=keys, set_=others), lines)


def _run_many(tx: Connection, statement: Insert, lines: Sequence[Mapping[str, object]]) -> None:
    """Run an insertion once per line, all with the same columns.

    Drivers take bytes, text and numbers as they are; SQLAlchemy would look at each value of a
    million lines twice.
    """
    if lines:
        dialect = tx.dialect if _is_postgresql(tx) else _SQLITE_NAMED
        compiled = statement.compile(dialect=dialect, column_keys=list(lines[0]))
        tx.exec_driver_sql(str(compiled), lines)


def upsert_from(
    tx: Connection, table: Table, names: Sequence[str], query: Select[*tuple[object, ...]]
) -> None:
    """Insert the rows of a query, which must have a WHERE; see :func:`upsert`."""
    make = postgresql.insert if _is_postgresql(tx) else sqlite.insert
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
    make = postgresql.insert if _is_postgresql(tx) else sqlite.insert
    statement = make(table)
    changes: dict[str, object] = {c: table.c[c] + statement.excluded[c] for c in counts}
    changes |= {c: statement.excluded[c] for c in latest}
    keys = [column.name for column in table.primary_key]
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), lines)
