"""Leases: who alone may work on something for a while, with fencing tokens and hand-over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update

from graph.errors import LeaseLost
from graph.ledger import tables
from graph.ledger.canonical import micros, moment
from graph.ledger.dialect import insert_missing

__all__ = ["Lease", "Leases"]

_leases = tables.leases


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a lease."""

    name: str
    holder: str
    token: int
    expires_at: datetime


class Leases:
    """Acquires, renews and hands over leases."""

    def acquire(
        self, tx: Connection, name: str, holder: str, ttl: timedelta, at: datetime
    ) -> int | None:
        """Take a lease that is free or has run out.

        Returns
        -------
        int or None
            Fencing token, higher than any before; ``None`` while somebody else holds it.
        """
        insert_missing(tx, _leases, {"name": name, "token": 0, "expires_at": 0})
        return tx.execute(
            update(_leases)
            .where(_leases.c.name == name)
            .where(or_(_leases.c.holder.is_(None), _leases.c.expires_at <= micros(at)))
            .values(
                holder=holder,
                token=_leases.c.token + 1,
                expires_at=micros(at + ttl),
                asked_by=None,
                asked_at=None,
            )
            .returning(_leases.c.token)
        ).scalar()

    def renew(
        self, tx: Connection, name: str, holder: str, token: int, ttl: timedelta, at: datetime
    ) -> None:
        """Hold a lease longer.

        Raises
        ------
        LeaseLost
            Somebody took it over since: stop at once.
        """
        done = tx.execute(
            update(_leases)
            .where(_leases.c.name == name, _leases.c.holder == holder, _leases.c.token == token)
            .values(expires_at=micros(at + ttl))
        ).rowcount
        if not done:
            raise LeaseLost(f"the lease {name!r} is no longer held by {holder}; stop this work")

    def release(self, tx: Connection, name: str, holder: str, token: int) -> None:
        """Give a lease back; nothing happens when it was taken over."""
        tx.execute(
            update(_leases)
            .where(_leases.c.name == name, _leases.c.holder == holder, _leases.c.token == token)
            .values(holder=None, expires_at=0, asked_by=None, asked_at=None)
        )

    def ask(self, tx: Connection, name: str, by: str, at: datetime) -> bool:
        """Ask the holder to hand over; ``False`` when nobody holds it now."""
        return bool(
            tx.execute(
                update(_leases)
                .where(_leases.c.name == name, _leases.c.holder.is_not(None))
                .where(_leases.c.expires_at > micros(at))
                .values(asked_by=by, asked_at=micros(at))
            ).rowcount
        )

    def asked(self, tx: Connection, name: str) -> str | None:
        """Who asked for the lease last, ``None`` when nobody waits."""
        return tx.execute(select(_leases.c.asked_by).where(_leases.c.name == name)).scalar()

    def holder(self, tx: Connection, name: str, at: datetime) -> Lease | None:
        """Who holds a lease now."""
        line = tx.execute(select(_leases).where(_leases.c.name == name)).first()
        if line is None or line.holder is None or line.expires_at <= micros(at):
            return None
        return Lease(line.name, line.holder, line.token, moment(line.expires_at))
