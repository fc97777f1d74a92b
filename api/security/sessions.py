"""Who is signed in on this request: the session cookie, whose it is, and its CSRF token.

A session is a resident's or a member of staff's, told apart by type: a page that asks for the
one never gets the other.

Where sessions are kept is a seam (:class:`SessionStore`, in practice the ledger's ``access``);
the cookie is handled here and nowhere else. It holds an unguessable secret and nothing about the
person; the store knows only its hash.
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from flask import Response, current_app, g, request

from graph.errors import NotSignedIn, StoreUnavailable
from graph.gate import Ledger
from graph.model import InstitutionId, ResidentId, StaffRole

__all__ = [
    "COOKIE",
    "STAFF",
    "LedgerSessions",
    "ResidentSession",
    "SessionStore",
    "SignedIn",
    "StaffSession",
    "csrf_matches",
    "sign_in",
    "sign_out",
    "signed_in",
    "signed_in_resident",
    "signed_in_staff",
]

_log = logging.getLogger(__name__)

COOKIE = "linli_session"
STAFF = "staff:"
"""What the ids of staff begin with, in sessions and in the audit log."""
_NOTED_AFTER = 0.5
"""Seconds after which a session's use is written."""


@dataclass(frozen=True, slots=True)
class ResidentSession:
    """One signed-in resident on one device."""

    resident_id: ResidentId
    csrf: str
    """Repeated by every form of this session."""
    display_name: str = ""
    """How the pages address the resident; empty where a view says it."""


@dataclass(frozen=True, slots=True)
class StaffSession:
    """One signed-in member of staff on one device."""

    staff: str
    """Begins with :data:`STAFF`."""
    institution: InstitutionId
    csrf: str
    role: StaffRole = StaffRole.OPERATOR

    @property
    def display_name(self) -> str:
        """Name or number under which the sign-in link was made."""
        return self.staff.removeprefix(STAFF)


SignedIn = ResidentSession | StaffSession

_STAFF_ROLES = frozenset({StaffRole.OPERATOR, StaffRole.SOCIAL_WORKER})
"""Who has a desk: the clerk who brings in files, and the social worker of some grids."""
_LASTS = {ResidentSession: 7 * 24 * 3600, StaffSession: 8 * 3600}
"""Seconds for which a browser keeps the cookie; the ledger may end the session earlier."""


class SessionStore(Protocol):
    """Keeps sessions and one-time links; secrets are stored as hashes only."""

    def redeem(self, token: str) -> str | None:
        """Use up a one-time link; return the secret of a new session, None if it is not valid."""
        ...

    def find(self, secret: str) -> SignedIn | None:
        """Return the session of this secret, None if there is none or it ended."""
        ...

    def end(self, secret: str) -> None:
        """End the session of this secret, if there is one."""
        ...


class LedgerSessions:
    """Sessions and one-time links as the ledger keeps them; the ledger knows digests only.

    Parameters
    ----------
    ledger : Ledger
    clock : callable
        Returns the aware UTC time; both ways of ending (idle and longest) are told by it.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, datetime] = {}
        """Secrets whose use is to be noted. Lost with the process: half an hour idle is allowed."""

    def redeem(self, token: str) -> str | None:
        """Use up a one-time link; the session it begins has a secret never used before."""
        with self._ledger.write() as tx:
            return self._ledger.access.redeem(tx, token, at=self._clock())

    def find(self, secret: str) -> SignedIn | None:
        """Return the session of a secret; its use is noted at most once a minute, and soon after.

        Nobody who only looks at something waits for a write.
        """
        now = self._clock()
        session = self._ledger.session(secret, at=now)
        if session is None:
            return None
        if session.due:
            self._note(secret, now)
        who = session.principal
        if who.role is StaffRole.RESIDENT:
            return ResidentSession(ResidentId(who.id), session.csrf)
        if who.role in _STAFF_ROLES:
            return StaffSession(who.id, who.institution, session.csrf, who.role)
        return None

    def _note(self, secret: str, now: datetime) -> None:
        with self._lock:
            first = not self._used
            self._used[secret] = now
        if first:
            threading.Thread(target=self._write_noted, daemon=True).start()

    def _write_noted(self) -> None:
        """Write what is noted within half a second, in one transaction."""
        time.sleep(_NOTED_AFTER)
        with self._lock:
            used, self._used = self._used, {}
        try:
            with self._ledger.write() as tx:
                for secret, at in used.items():
                    self._ledger.access.touch(tx, secret, at=at)
        except StoreUnavailable as error:
            _log.warning("the use of %d sessions was not noted: %s", len(used), error)

    def end(self, secret: str) -> None:
        """End the session of a secret, if there is one."""
        with self._ledger.write() as tx:
            self._ledger.access.end(tx, secret)


class _HasSessions(Protocol):
    sessions: SessionStore


def _store() -> SessionStore:
    return cast(_HasSessions, current_app.extensions["linli"]).sessions


def signed_in() -> SignedIn | None:
    """Return the session of the present request; looked up once per request."""
    if "signed_in" not in g:
        secret = request.cookies.get(COOKIE, "")
        g.signed_in = _store().find(secret) if secret else None
    return cast("SignedIn | None", g.signed_in)


def signed_in_resident() -> ResidentSession | None:
    """Return the session of the present request, if it is a resident's."""
    session = signed_in()
    return session if isinstance(session, ResidentSession) else None


def signed_in_staff() -> StaffSession | None:
    """Return the session of the present request, if it is a member of staff's."""
    session = signed_in()
    return session if isinstance(session, StaffSession) else None


def csrf_matches(session: SignedIn, given: str) -> bool:
    """Compare a form's token with the session's, in constant time."""
    return hmac.compare_digest(session.csrf.encode(), given.encode())


def sign_in(response: Response, token: str) -> SignedIn:
    """Redeem a one-time link and put the new session's cookie on the response.

    An older session of this browser ends, so that a session never outlives a change of person.

    Raises
    ------
    NotSignedIn
        The link was used before, has expired or was never given.
    """
    secret = _store().redeem(token)
    session = _store().find(secret) if secret else None
    if secret is None or session is None:
        raise NotSignedIn("the sign-in link was used or has expired; ask for a new one")
    if old := request.cookies.get(COOKIE):
        _store().end(old)
    response.set_cookie(
        COOKIE,
        secret,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
        path="/",
        max_age=_LASTS[type(session)],
    )
    return session


def sign_out(response: Response) -> None:
    """End the session of the present request and remove its cookie."""
    if secret := request.cookies.get(COOKIE):
        _store().end(secret)
    response.delete_cookie(COOKIE, path="/", secure=request.is_secure, samesite="Lax")
