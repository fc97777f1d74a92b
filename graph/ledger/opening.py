"""Open a ledger: make or migrate its tables, know its key again, refuse a newer one."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.exc import DatabaseError, OperationalError

from graph.errors import ConfigError, Conflict, CorruptStore, StoreUnavailable
from graph.ledger import tables
from graph.ledger.database import Database
from graph.ledger.dialect import WRITE, file_of, make_engine, reason_of
from graph.ledger.keys import KeyRing, make_home_key, read_home_key
from graph.ledger.ledger import Ledger
from graph.urls import masked

__all__ = ["open_empty", "open_ledger"]

VERSION = "0006"
"""Version of the tables that this Linli works with: the newest migration."""


def open_ledger(
    url: str, *, keys_dir: Path, log_dir: Path, clock: Callable[[], datetime]
) -> Ledger:
    """Open a ledger, making it and its home key when both are missing.

    See :func:`graph.gate.open_ledger`.
    """
    engine = _engine(url)
    try:
        with engine.connect() as tx, tx.begin():
            check = _key_check(tx) if _version(tx) == VERSION else None
        if check is None:
            # Of several processes one makes or migrates the tables, the others wait for it.
            with engine.connect().execution_options(**WRITE) as tx, tx.begin():
                check = _make(tx, keys_dir)
        keys = _know_key(keys_dir, check)
    except OperationalError as error:
        engine.dispose()
        raise StoreUnavailable(
            f"the ledger {masked(url)} cannot be opened: {reason_of(error)}"
        ) from error
    except DatabaseError as error:
        engine.dispose()
        raise CorruptStore(
            f"{masked(url)} is not a ledger: {reason_of(error)}; restore a backup"
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, keys, log_dir, clock)


@contextmanager
def open_empty(url: str, keys: KeyRing) -> Iterator[Connection]:
    """Open a write transaction on a database that holds nothing yet.

    Raises
    ------
    Conflict
        It is not empty.
    """
    target = Database(_engine(url), keys)
    try:
        with target.write() as tx:
            if inspect(tx).get_table_names():
                raise Conflict(
                    f"{masked(url)} is not empty; a ledger is copied into an empty database only"
                )
            yield tx
    finally:
        target.close()


def _engine(url: str) -> Engine:
    """Make the engine of a ledger, and the file of an embedded one, for its owner only."""
    engine = make_engine(url)
    path = file_of(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    return engine


def _version(tx: Connection) -> str | None:
    """Version of the tables, ``None`` where there are none of a ledger."""
    if not inspect(tx).has_table("alembic_version"):
        return None
    return tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _key_check(tx: Connection) -> bytes | None:
    return tx.execute(select(tables.head.c.key_check)).scalar()


def _make(tx: Connection, keys_dir: Path) -> bytes:
    """Make or migrate the tables, and with a new ledger its key; returns the key's check."""
    present = _version(tx)
    if present != VERSION:
        from graph.ledger.migrating import migrate  # slow to load, and rarely needed

        migrate(tx, present)
    check = _key_check(tx)
    if check is None:
        make_home_key(keys_dir)
        check = KeyRing(read_home_key(keys_dir)).check()
        first = {"id": 1, "seq": 0, "epoch": 0, "compacted": 0, "keys_epoch": 0}
        tx.execute(insert(tables.head), {**first, "key_check": check})
    return check


def _know_key(folder: Path, check: bytes) -> KeyRing:
    """Read the home key; a ledger opens with its own only."""
    keys = KeyRing(read_home_key(folder))
    if not hmac.compare_digest(bytes(check), keys.check()):
        raise ConfigError(f"the key in {folder} is not this ledger's; restore the right one")
    return keys
