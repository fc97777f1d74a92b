"""Transactions on the ledger's database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import DataError as Unfit
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.compiler import SQLCompiler

from graph.errors import Conflict, CorruptStore, DataError, LinliError, StoreUnavailable
from graph.ledger.dialect import WRITE, reason_of
from graph.ledger.keys import KeyRing

__all__ = ["Database"]

_AWAY_SECONDS = 1.0
"""How long nobody tries again to reach a server that could not be reached."""


class Database:
    """Opens transactions and tells the key ring how they ended. Safe for threads and forks.

    While a server is away, requests do not queue up to find that out one after the other: what
    one of them found holds for the next second.
    """

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys
        self._process = os.getpid()
        self._thread = local()
        self._away = (0.0, "")
        self._compiled: dict[object, SQLCompiler] = {}

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """See :meth:`graph.ledger.ledger.Ledger.write`."""
        if self.writing:
            raise Conflict("this thread is writing already: pass its transaction on")
        try:
            with self._connect().execution_options(**WRITE) as tx:
                self._thread.writing = True
                try:
                    with tx.begin():
                        yield tx
                except BaseException:
                    self._keys.rolled_back(tx)
                    raise
                self._keys.committed(tx)
        except (DBAPIError, PoolTimeout) as error:
            raise _told(error, "write") from error
        finally:
            self._thread.writing = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See :meth:`graph.ledger.ledger.Ledger.read`."""
        try:
            with self._connect() as tx, tx.begin():
                yield tx
        except (DBAPIError, PoolTimeout) as error:
            raise _told(error, "answer") from error

    def glance(
        self, query: Select[*tuple[object, ...]], **values: object
    ) -> tuple[object, ...] | None:
        """First line of a query, by the shortest way; for what every request asks.

        No transaction is opened, and nothing of SQLAlchemy's but its pool is used: that takes a
        quarter of the time. ``None`` when there is no line, or when it did not work:
        :meth:`read` then tells which.

        Parameters
        ----------
        query : Select
            One of few, made once.
        values
            Of its parameters, as the driver takes them.
        """
        if time.monotonic() < self._away[0]:
            return None
        engine = self._current()
        try:
            connection = engine.raw_connection()
        except (PoolTimeout, engine.dialect.loaded_dbapi.Error):
            return None
        try:
            compiled = self._compiled.get(query)
            if compiled is None:
                compiled = self._compiled[query] = query.compile(dialect=engine.dialect)
            names = compiled.positiontup
            cursor = connection.cursor()
            cursor.execute(
                compiled.string, values if names is None else [values[name] for name in names]
            )
            line: tuple[object, ...] | None = cursor.fetchone()
            return line
        except engine.dialect.loaded_dbapi.Error:
            connection.invalidate()  # a broken one must not wait in the pool for the next request
            return None
        finally:
            connection.close()

    @property
    def writing(self) -> bool:
        """Whether this thread is inside :meth:`write`."""
        return bool(getattr(self._thread, "writing", False))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _connect(self) -> Connection:
        until, reason = self._away
        if time.monotonic() < until:
            raise StoreUnavailable(f"the ledger cannot be reached: {reason}")
        try:
            return self._current().connect()
        except OperationalError as error:
            self._away = (time.monotonic() + _AWAY_SECONDS, reason_of(error))
            raise

    def _current(self) -> Engine:
        """Engine for this process; connections inherited through a fork are not touched."""
        if os.getpid() != self._process:
            self._engine.dispose(close=False)
            self._process = os.getpid()
        return self._engine


def _told(error: DBAPIError | PoolTimeout, did: str) -> LinliError:
    """Say in Linli's words what the database said, without the values it was given."""
    reason = reason_of(error)
    if isinstance(error, IntegrityError):
        return Conflict(f"the ledger holds another line already ({reason}); nothing was written")
    if isinstance(error, OperationalError | PoolTimeout) or error.connection_invalidated:
        return StoreUnavailable(f"the ledger did not {did}: {reason}")
    if isinstance(error, Unfit):
        return DataError(f"the ledger cannot hold a value ({reason}); nothing was written")
    return CorruptStore(f"the ledger cannot be read ({reason}); restore a backup")
