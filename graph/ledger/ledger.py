"""The ledger: one SQL database for what must never be lost or leaked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine

from graph.ledger.access import SESSION, Access, Session
from graph.ledger.answers import Answers
from graph.ledger.audit import Audit
from graph.ledger.bookings import Bookings
from graph.ledger.cases import Cases
from graph.ledger.charters import Charters
from graph.ledger.complaints import Complaints
from graph.ledger.database import Database
from graph.ledger.grants import Grants
from graph.ledger.holdings import Holdings
from graph.ledger.identity import Identity
from graph.ledger.imports import Imports
from graph.ledger.impressions import Impressions
from graph.ledger.keys import KeyRing
from graph.ledger.leases import Leases
from graph.ledger.log import Log
from graph.ledger.outbox import HEAD, Head, Outbox
from graph.ledger.records import Records
from graph.ledger.rows import Rows
from graph.ledger.runs import Runs
from graph.ledger.staging import Staging
from graph.ledger.told import Told
from graph.ledger.words import Words

__all__ = ["Ledger"]


class Ledger:
    """Repositories over one database. Made by :func:`graph.gate.open_ledger`; thread-safe.

    Every method of a repository takes the open transaction first, so what belongs together is
    decided together::

        with ledger.write() as tx:
            booking = ledger.bookings.book(tx, item, resident, at=now)
            ledger.outbox.append(tx, ...)

    ``audit`` is the exception: an entry is its own transaction, durable before it returns.
    """

    def __init__(
        self, engine: Engine, keys: KeyRing, log_dir: Path, clock: Callable[[], datetime]
    ) -> None:
        self._database = Database(engine, keys)
        self.clock = clock
        self.keys = keys
        self.rows = Rows()
        self.identity = Identity(keys)
        self.words = Words(keys)
        self.outbox = Outbox(keys)
        self.log = Log(self._database, keys, self.outbox, log_dir)
        self.bookings = Bookings()
        self.charters = Charters(keys)
        self.impressions = Impressions(keys, log_dir / "impressions")
        self.grants = Grants(self.outbox, self.impressions)
        self.imports = Imports(keys, self.outbox)
        self.staging = Staging(keys)
        self.records = Records(keys)
        self.runs = Runs(keys)
        self.answers = Answers(keys)
        self.cases = Cases(keys)
        self.holdings = Holdings(self.identity, self.words, self.records)
        self.complaints = Complaints(keys)
        self.told = Told(keys)
        self.leases = Leases()
        self.access = Access(keys)
        self.audit = Audit(self._database, keys, log_dir, clock)

    def write(self) -> AbstractContextManager[Connection]:
        """Open a write transaction: commit on leaving, roll back on any error.

        Raises
        ------
        StoreUnavailable
            The database is away, locked for too long, full or read-only; nothing was written.
        Conflict
            This thread is in a write transaction already, and would wait for itself.
        """
        return self._database.write()

    def read(self) -> AbstractContextManager[Connection]:
        """Open a consistent read: all of it sees one moment.

        Raises
        ------
        StoreUnavailable
            The database is away.
        """
        return self._database.read()

    def head(self) -> Head:
        """Last sequence number and grant epoch, in a read of its own.

        Raises
        ------
        StoreUnavailable
            The database is away.
        """
        line = self._database.glance(HEAD)
        if line is not None:
            return Head(*cast("tuple[int, int]", line))
        with self.read() as tx:
            return self.outbox.head(tx)

    def session(self, secret: str, *, at: datetime) -> Session | None:
        """Session of a secret as :meth:`graph.ledger.access.Access.session`, in its own read.

        Raises
        ------
        StoreUnavailable
            The database is away.
        """
        line = self._database.glance(SESSION, digest=self.access.digest(secret))
        if line is not None:
            return self.access.session_of(line, secret, at=at)
        with self.read() as tx:
            return self.access.session(tx, secret, at=at)

    def close(self) -> None:
        """Write what is counted in memory, sign the audit heads, close all connections."""
        try:
            self.audit.close()
        finally:
            self._database.close()
