"""Ways in: one-time links, sessions and API keys. Only keyed digests of secrets are stored."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from graph.errors import NotFound
from graph.ledger import tables
from graph.ledger.canonical import micros, moment, span
from graph.ledger.keys import KeyRing
from graph.model import InstitutionId, StaffRole

__all__ = ["SESSION", "Access", "ApiKey", "Principal", "Session"]

_links, _sessions, _api_keys = tables.links, tables.sessions, tables.api_keys

SESSION = select(
    _sessions.c.hash,
    _sessions.c.principal,
    _sessions.c.role,
    _sessions.c.institution,
    _sessions.c.began_at,
    _sessions.c.seen_at,
    _sessions.c.expires_at,
).where(_sessions.c.hash == bindparam("digest"))


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a secret stands for."""

    id: str
    """Resident pseudonym or staff number."""
    role: StaffRole
    institution: InstitutionId


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in on one device."""

    principal: Principal
    csrf: str
    """Every form of this session repeats it."""
    began_at: datetime
    expires_at: datetime
    due: bool = False
    """Whether :meth:`Access.touch` would change anything: at most once a minute."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of an institution's program."""

    id: str
    title: str
    institution: InstitutionId
    app: str
    scopes: frozenset[str]
    expires_at: datetime
    revoked_at: datetime | None


class Access:
    """Makes and checks secrets."""

    LINK_TTL = timedelta(minutes=15)
    SESSION_IDLE = timedelta(hours=8)
    SESSION_LONGEST = timedelta(days=7)
    STAFF_IDLE = timedelta(minutes=30)
    STAFF_LONGEST = timedelta(hours=8)
    """A computer in an office is left alone, and stands open for others' data."""
    KEY_TTL = timedelta(days=365)
    _TOUCH = timedelta(minutes=1)

    def __init__(self, keys: KeyRing) -> None:
        self._key = keys.derive("access")

    def new_link(
        self, tx: Connection, principal: Principal, *, at: datetime, ttl: timedelta = LINK_TTL
    ) -> str:
        """Make a sign-in link that works once; returns its token."""
        token = secrets.token_urlsafe(32)
        tx.execute(
            insert(_links),
            {
                "hash": self._hash("link", token),
                "principal": principal.id,
                "role": principal.role.value,
                "institution": principal.institution,
                "expires_at": micros(at + ttl),
            },
        )
        return token

    def redeem(self, tx: Connection, token: str, *, at: datetime) -> str | None:
        """Use a link up and begin a session.

        Returns
        -------
        str or None
            Secret of the session; ``None`` when the link is unknown, used or too old.
        """
        line = tx.execute(
            update(_links)
            .where(_links.c.hash == self._hash("link", token))
            .where(_links.c.used_at.is_(None), _links.c.expires_at > micros(at))
            .values(used_at=micros(at))
            .returning(_links.c.principal, _links.c.role, _links.c.institution)
        ).first()
        if line is None:
            return None
        who = Principal(line.principal, StaffRole(line.role), InstitutionId(line.institution))
        return self.begin(tx, who, at=at)

    def begin(self, tx: Connection, principal: Principal, *, at: datetime) -> str:
        """Begin a session; returns its secret."""
        return self._begin(tx, principal, at, at)

    def session(self, tx: Connection, secret: str, *, at: datetime) -> Session | None:
        """Session of a secret; ``None`` when there is none, it idled or ran too long."""
        line = tx.execute(SESSION, {"digest": self.digest(secret)}).first()
        return None if line is None else self.session_of(line, secret, at=at)

    def digest(self, secret: str) -> bytes:
        """Keyed digest under which a session is kept."""
        return self._hash("session", secret)

    def session_of(self, line: Sequence[object], secret: str, *, at: datetime) -> Session | None:
        """Session of a secret that a line of :data:`SESSION` tells of."""
        digest, principal, role, institution, *times = line
        began_at, seen_at, expires_at = (int(str(value)) for value in times)
        if not hmac.compare_digest(bytes(cast("bytes", digest)), self.digest(secret)):
            return None
        who = Principal(str(principal), StaffRole(str(role)), InstitutionId(str(institution)))
        idle = self.SESSION_IDLE if who.role is StaffRole.RESIDENT else self.STAFF_IDLE
        now = micros(at)
        if now >= expires_at or now >= seen_at + span(idle):
            return None
        return Session(
            who,
            self._csrf(secret),
            moment(began_at),
            moment(expires_at),
            due=now - seen_at >= span(self._TOUCH),
        )

    def due(self, tx: Connection, secret: str, *, at: datetime) -> bool:
        """Whether :meth:`touch` would change anything: at most once a minute."""
        seen = tx.execute(
            select(_sessions.c.seen_at).where(_sessions.c.hash == self._hash("session", secret))
        ).scalar()
        return seen is not None and micros(at) - seen >= span(self._TOUCH)

    def touch(self, tx: Connection, secret: str, *, at: datetime) -> None:
        """Note that a session is in use, so that it does not idle out."""
        tx.execute(
            update(_sessions)
            .where(_sessions.c.hash == self._hash("session", secret))
            .where(_sessions.c.seen_at <= micros(at - self._TOUCH))
            .values(seen_at=micros(at))
        )

    def rotate(self, tx: Connection, secret: str, *, at: datetime) -> str | None:
        """Replace the secret of a session; the longest time runs on. ``None`` when it ended."""
        session = self.session(tx, secret, at=at)
        if session is None:
            return None
        self.end(tx, secret)
        return self._begin(tx, session.principal, session.began_at, at)

    def end(self, tx: Connection, secret: str) -> None:
        """End a session; again changes nothing."""
        tx.execute(delete(_sessions).where(_sessions.c.hash == self._hash("session", secret)))

    def end_all(self, tx: Connection, principal: str) -> int:
        """End all sessions of somebody and drop the links not used yet; returns how many ended."""
        unused = (_links.c.principal == principal, _links.c.used_at.is_(None))
        tx.execute(delete(_links).where(*unused))
        return tx.execute(delete(_sessions).where(_sessions.c.principal == principal)).rowcount

    def clean(self, tx: Connection, *, at: datetime) -> int:
        """Forget links and sessions that can no longer be used."""
        gone = tx.execute(delete(_links).where(_links.c.expires_at <= micros(at))).rowcount
        idle = micros(at - self.SESSION_IDLE)
        ended = (_sessions.c.expires_at <= micros(at)) | (_sessions.c.seen_at <= idle)
        return gone + tx.execute(delete(_sessions).where(ended)).rowcount

    def new_key(  # noqa: PLR0913 - the fields of a key
        self,
        tx: Connection,
        *,
        title: str,
        institution: InstitutionId,
        app: str,
        scopes: Iterable[str],
        at: datetime,
        ttl: timedelta = KEY_TTL,
    ) -> str:
        """Make an API key ``llk_<id>_<secret>``; it is shown once and never again."""
        id_, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        tx.execute(
            insert(_api_keys),
            {
                "id": id_,
                "hash": self._hash("api-key", secret),
                "title": title,
                "institution": institution,
                "app": app,
                "scopes": " ".join(sorted(set(scopes))),
                "made_at": micros(at),
                "expires_at": micros(at + ttl),
            },
        )
        return f"llk_{id_}_{secret}"

    def key(self, tx: Connection, given: str, *, at: datetime) -> ApiKey | None:
        """Check an API key; ``None`` when it is wrong, revoked or too old."""
        mark, _, rest = given.partition("_")
        id_, _, secret = rest.partition("_")
        line = tx.execute(select(_api_keys).where(_api_keys.c.id == id_)).first()
        stored = bytes(line.hash) if line is not None else bytes(32)
        right = hmac.compare_digest(stored, self._hash("api-key", secret))
        if line is None or mark != "llk" or not right:
            return None
        key = _api_key(line)
        return key if key.revoked_at is None and at < key.expires_at else None

    def list_keys(self, tx: Connection) -> list[ApiKey]:
        """All API keys, without their secrets; newest first."""
        query = select(_api_keys).order_by(_api_keys.c.made_at.desc(), _api_keys.c.id)
        return [_api_key(line) for line in tx.execute(query)]

    def revoke_key(self, tx: Connection, id_: str, *, at: datetime) -> None:
        """Revoke an API key; again changes nothing.

        Raises
        ------
        NotFound
            There is no key with this id.
        """
        known = tx.execute(select(_api_keys.c.id).where(_api_keys.c.id == id_)).scalar()
        if known is None:
            raise NotFound(f"no API key {id_!r}; `linli keys list` shows them")
        tx.execute(
            update(_api_keys)
            .where(_api_keys.c.id == id_, _api_keys.c.revoked_at.is_(None))
            .values(revoked_at=micros(at))
        )

    def _begin(self, tx: Connection, principal: Principal, began: datetime, at: datetime) -> str:
        secret = secrets.token_urlsafe(32)
        resident = principal.role is StaffRole.RESIDENT
        longest = self.SESSION_LONGEST if resident else self.STAFF_LONGEST
        tx.execute(
            insert(_sessions),
            {
                "hash": self._hash("session", secret),
                "principal": principal.id,
                "role": principal.role.value,
                "institution": principal.institution,
                "began_at": micros(began),
                "seen_at": micros(at),
                "expires_at": micros(began + longest),
            },
        )
        return secret

    def _csrf(self, secret: str) -> str:
        return hmac.digest(self._key, b"csrf\0" + secret.encode(), "sha256").hex()[:40]

    def _hash(self, use: str, secret: str) -> bytes:
        return hmac.digest(self._key, f"{use}\0{secret}".encode(), "sha256")


def _api_key(line: Row[tuple[object, ...]]) -> ApiKey:
    said = line._mapping
    return ApiKey(
        said["id"],
        said["title"],
        InstitutionId(said["institution"]),
        said["app"],
        frozenset(said["scopes"].split()),
        moment(said["expires_at"]),
        None if said["revoked_at"] is None else moment(said["revoked_at"]),
    )
