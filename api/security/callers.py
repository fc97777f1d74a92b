"""Who asks: a session of a resident or of staff, an institution's API key, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, cast

from flask import current_app, g, request

from api.security.sessions import ResidentSession, SessionStore, signed_in
from graph.errors import StoreUnavailable
from graph.gate import Ledger
from graph.model import Actor, InstitutionId, StaffRole

__all__ = ["KEY_HEADER", "Caller", "Door", "Guard", "caller", "identify"]

KEY_HEADER = "X-API-Key"
_APP = "linli"


class Door(StrEnum):
    """How somebody came in."""

    NOBODY = "nobody"
    SESSION = "session"
    """Of a resident."""
    STAFF = "staff"
    """With a session of a member of staff."""
    KEY = "key"
    WRONG_KEY = "wrong-key"
    UNCHECKED = "unchecked"
    """With a cookie or key that cannot be checked while the ledger is away."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and with what."""

    door: Door
    actor: Actor
    scopes: frozenset[str] = frozenset()
    """Of an API key."""
    csrf: str = ""
    """Of a session."""

    @property
    def name(self) -> str:
        """Name under which requests are counted: never a secret."""
        if self.door in {Door.SESSION, Door.STAFF, Door.KEY}:
            return f"{self.door}:{self.actor.id}"
        return f"address:{request.remote_addr or '-'}"


class Guard(Protocol):
    """What the security room finds in ``app.extensions["linli"]``."""

    @property
    def ledger(self) -> Ledger:
        """Keeps sessions and keys."""
        ...

    @property
    def sessions(self) -> SessionStore:
        """Sessions of residents and of staff."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """Aware UTC."""
        ...

    @property
    def institution(self) -> InstitutionId:
        """Institution this home works for."""
        ...


def caller() -> Caller:
    """Return who asks; :func:`identify` has found out before any view runs."""
    return cast("Caller", g.caller)


def identify() -> None:
    """Find out who asks. Decides nothing: that is :mod:`api.security.operations`."""
    guard = cast("Guard", current_app.extensions["linli"])
    given = request.headers.get(KEY_HEADER)
    try:
        g.caller = _by_key(guard, given) if given is not None else _by_session(guard)
    except StoreUnavailable:
        g.caller = Caller(Door.UNCHECKED, _nobody(guard))


def _by_key(guard: Guard, given: str) -> Caller:
    with guard.ledger.read() as tx:
        key = guard.ledger.access.key(tx, given, at=guard.clock())
    if key is None:
        return Caller(Door.WRONG_KEY, _nobody(guard))
    role = _role(guard, key.institution)
    return Caller(Door.KEY, Actor(key.id, role, key.institution, key.app), key.scopes)


def _by_session(guard: Guard) -> Caller:
    session = signed_in()
    if session is None:
        return Caller(Door.NOBODY, _nobody(guard))
    if isinstance(session, ResidentSession):
        resident = session.resident_id
        actor = Actor(resident, StaffRole.RESIDENT, guard.institution, _APP, resident)
        return Caller(Door.SESSION, actor, csrf=session.csrf)
    role = _role(guard, session.institution)
    if role is StaffRole.OPERATOR:  # what a session was made for never widens it
        role = session.role
    actor = Actor(session.staff, role, session.institution, _APP)
    return Caller(Door.STAFF, actor, csrf=session.csrf)


def _role(guard: Guard, institution: InstitutionId) -> StaffRole:
    """Only this home's own institution operates it, whatever a session or a key was made for."""
    return StaffRole.OPERATOR if institution == guard.institution else StaffRole.INSTITUTION


def _nobody(guard: Guard) -> Actor:
    return Actor("nobody", StaffRole.ANONYMOUS, guard.institution, _APP)
