"""The policy line of every operation that a door offers: who may, with which scope and purpose.

Deny by default: an application in which a route has no line does not start, and neither does one
in which a line has no route. What may be done with whose data is decided further in, by
:class:`graph.gate.Gate`; here is decided who may knock.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import Flask, request

from api.security.callers import Caller, Door, caller
from graph.errors import (
    ConfigError,
    Denied,
    NotSignedIn,
    PurposeNotAuthorised,
    StoreUnavailable,
)
from graph.model import Purpose, StaffRole

__all__ = [
    "CSRF_HEADER",
    "MAX_FILE",
    "MAX_UPLOAD",
    "OPERATIONS",
    "PURPOSE_HEADER",
    "SCOPES",
    "Line",
    "authorise_request",
    "check",
]

PURPOSE_HEADER = "X-Purpose"
CSRF_HEADER = "X-CSRF-Token"
MAX_FILE = 64 << 20
"""Largest file that is taken in, in bytes; the command line takes larger CSV files."""
MAX_UPLOAD = MAX_FILE + (64 << 10)
"""Largest body of a request that brings a file, with the form around it."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_NOBODY = StaffRole.ANONYMOUS
_RESIDENT = StaffRole.RESIDENT
_KEYS = frozenset({StaffRole.INSTITUTION, StaffRole.OPERATOR})
_ANYBODY = frozenset({_NOBODY, _RESIDENT, StaffRole.SOCIAL_WORKER, *_KEYS})
_STAFF = frozenset({StaffRole.OPERATOR, StaffRole.SOCIAL_WORKER})
_FEED = frozenset({Purpose.FEED})
_CARE_VISIT = frozenset({Purpose.CARE_VISIT})
_MATCHING = frozenset({Purpose.GROUP_MATCHING, Purpose.NEEDS_MATCHING})
_GROUPS = frozenset({Purpose.GROUP_MATCHING})
_ANY_PURPOSE = frozenset(Purpose)


@dataclass(frozen=True, slots=True)
class Line:
    """Who may do one operation."""

    operation: str
    roles: frozenset[StaffRole]
    scope: str = ""
    """Scope that an API key must have."""
    purposes: frozenset[Purpose] = _ANY_PURPOSE
    """Purposes that an API key may name."""
    about: bool = False
    """Its address names a resident: whoever may not ask about them is told nothing of them."""
    public: bool = False
    """It shows public facts, so it goes on while the ledger is away and nobody can be checked."""
    desk: bool = False
    """A page of the desk: for sessions of staff and for nothing else, and they for nothing else."""
    upload: bool = False
    """It takes a file, so its body may be as large as one."""


def _line(
    operation: str,
    *roles: StaffRole | frozenset[StaffRole],
    scope: str = "",
    purposes: frozenset[Purpose] = _ANY_PURPOSE,
    about: bool = False,
    public: bool = False,
    upload: bool = False,
) -> Line:
    flat: set[StaffRole] = set()
    for role in roles:
        flat |= {role} if isinstance(role, StaffRole) else role
    return Line(operation, frozenset(flat), scope, purposes, about, public, upload=upload)


def _desk(operation: str, *, upload: bool = False) -> Line:
    return Line(operation, frozenset({StaffRole.OPERATOR}), desk=True, upload=upload)


def _grids(operation: str) -> Line:
    """For all staff; social workers see no more than the grids they look after."""
    return Line(operation, _STAFF, desk=True)


def _care(operation: str) -> Line:
    return Line(operation, frozenset({StaffRole.SOCIAL_WORKER}), desk=True)


_CATALOGUE = _line("catalogue.read", _RESIDENT, _KEYS, scope="catalogue:read", public=True)

OPERATIONS: Mapping[str, Line] = {
    # Pages of residents.
    "resident.feed": _line("feed.read", _RESIDENT, public=True),
    "resident.item": _line("item.read", _RESIDENT, public=True),
    "resident.why": _line("reason.read", _RESIDENT),
    "resident.act": _line("interaction.write", _RESIDENT),
    "resident.answer": _line("invitation.write", _RESIDENT),
    "resident.mine": _line("own.read", _RESIDENT),
    "resident.care": _line("isolation.read", _RESIDENT),
    "resident.care_off": _line("grants.write", _RESIDENT),
    "resident.sign_in": _line("session.begin", _ANYBODY),
    "resident.sign_out": _line("session.end", _NOBODY, _RESIDENT, _STAFF),
    "resident.signed_out": _line("session.ended", _ANYBODY),
    "resident.look": _line("look.write", _ANYBODY),
    "resident.asset": _line("asset.read", _ANYBODY),
    # Pages of residents about their own data.
    "data.home": _line("own.read", _RESIDENT),
    "data.personal": _line("own.write", _RESIDENT),
    "data.tags": _line("own.read", _RESIDENT),
    "data.tag": _line("own.write", _RESIDENT),
    "data.grants": _line("grants.read", _RESIDENT),
    "data.what_if": _line("grants.read", _RESIDENT),
    "data.withdraw": _line("grants.write", _RESIDENT),
    "data.facts": _line("own.read", _RESIDENT),
    "data.export": _line("own.export", _RESIDENT),
    "data.dispute": _line("complaint.write", _RESIDENT),
    "data.tell": _line("own.write", _RESIDENT),
    "data.looks": _line("own.read", _RESIDENT),
    "data.complain": _line("complaint.write", _RESIDENT),
    # Pages of staff.
    "desk.communities": _grids("communities.read"),
    "desk.home": _grids("desk.read"),
    "desk.imports": _desk("import.read"),
    "desk.kinds": _desk("import.read"),
    "desk.template": _desk("import.read"),
    "desk.choose": _desk("import.read"),
    "desk.upload": _desk("import.write", upload=True),
    "desk.batch": _desk("import.read"),
    "desk.copy": _desk("import.read"),
    "desk.commit": _desk("import.write"),
    "desk.discard": _desk("import.write"),
    "desk.confirm_undo": _desk("import.read"),
    "desk.undo": _desk("import.write"),
    "desk.charters": _grids("charter.read"),
    "desk.charter": _grids("charter.read"),
    "desk.edit_charter": _grids("charter.write"),
    "desk.approve_charter": _grids("charter.write"),
    "desk.reject_charter": _grids("charter.write"),
    "desk.care": _care("isolation.read"),
    "desk.care_resident": _care("isolation.read"),
    "desk.care_note": _care("case.write"),
    # REST.
    "api.session": _line("session.read", _RESIDENT),
    "api.feed": _line("feed.read", _RESIDENT, _KEYS, scope="feed:read", purposes=_FEED, about=True),
    "api.interact": _line(
        "interaction.write", _RESIDENT, _KEYS, scope="interactions:write", purposes=_FEED
    ),
    "api.sign_up": _line(
        "interaction.write",
        _RESIDENT,
        _KEYS,
        scope="interactions:write",
        purposes=_FEED,
        about=True,
    ),
    "api.cancel": _line(
        "interaction.write",
        _RESIDENT,
        _KEYS,
        scope="interactions:write",
        purposes=_FEED,
        about=True,
    ),
    "api.grants": _line("grants.read", _RESIDENT, about=True),
    "api.give_grant": _line("grants.write", _RESIDENT, about=True),
    "api.withdraw_grants": _line("grants.write", _RESIDENT, about=True),
    "api.personalisation": _line("own.read", _RESIDENT, about=True),
    "api.set_personalisation": _line("own.write", _RESIDENT, about=True),
    "api.tags": _line("own.read", _RESIDENT, about=True),
    "api.choose_tag": _line("own.write", _RESIDENT, about=True),
    "api.delete_tag": _line("own.write", _RESIDENT, about=True),
    "api.what_if": _line("grants.read", _RESIDENT, about=True),
    "api.facts": _line("own.read", _RESIDENT, about=True),
    "api.export_own": _line("own.export", _RESIDENT, about=True),
    "api.tell": _line("own.write", _RESIDENT, about=True),
    "api.dispute": _line("complaint.write", _RESIDENT, about=True),
    "api.looks": _line("own.read", _RESIDENT, about=True),
    "api.complaints": _line("own.read", _RESIDENT, about=True),
    "api.complain": _line("complaint.write", _RESIDENT, about=True),
    "api.groups": _CATALOGUE,
    "api.group": _CATALOGUE,
    "api.activities": _CATALOGUE,
    "api.activity": _CATALOGUE,
    "api.services": _CATALOGUE,
    "api.service": _CATALOGUE,
    "api.roles": _CATALOGUE,
    "api.role": _CATALOGUE,
    "api.publish_activity": _line("item.write", _KEYS, scope="items:write"),
    "api.explore": _line("explore.read", _KEYS, scope="explore:read", purposes=_MATCHING),
    "api.exploration": _line("explore.read", _KEYS, scope="explore:read", purposes=_MATCHING),
    "api.charters": _line("charter.read", _KEYS, scope="charters:read", purposes=_GROUPS),
    "api.charter": _line("charter.read", _KEYS, scope="charters:read", purposes=_GROUPS),
    "api.edit_charter": _line("charter.write", _KEYS, scope="charters:write", purposes=_GROUPS),
    "api.approve_charter": _line("charter.write", _KEYS, scope="charters:write", purposes=_GROUPS),
    "api.reject_charter": _line("charter.write", _KEYS, scope="charters:write", purposes=_GROUPS),
    "api.invitation": _line("invitation.read", _RESIDENT, about=True),
    "api.answer_invitation": _line("invitation.write", _RESIDENT, about=True),
    "api.communities": _line(
        "communities.read", StaffRole.OPERATOR, scope="communities:read", purposes=_GROUPS
    ),
    "api.receive_import": _line("import.write", _KEYS, scope="imports:write", upload=True),
    "api.imports": _line("import.read", _KEYS, scope="imports:read"),
    "api.import_batch": _line("import.read", _KEYS, scope="imports:read"),
    "api.import_errors": _line("import.read", _KEYS, scope="imports:read"),
    "api.commit_import": _line("import.write", _KEYS, scope="imports:write"),
    "api.undo_import": _line("import.write", _KEYS, scope="imports:write"),
    "api.discard_import": _line("import.write", _KEYS, scope="imports:write"),
    "api.outreach": _line(
        "isolation.read", StaffRole.OPERATOR, scope="outreach:read", purposes=_CARE_VISIT
    ),
    "api.isolation": _line("isolation.read", _RESIDENT, about=True),
    "api.jobs": _line("jobs.read", StaffRole.OPERATOR, scope="jobs:read"),
    "api.vocabularies": _line("vocabulary.read", _ANYBODY),
    "api.vocabulary": _line("vocabulary.read", _ANYBODY),
    # For machines that look after this one.
    "health.alive": _line("health.read", _ANYBODY),
    "health.ready": _line("health.read", _ANYBODY),
    "openapi.spec": _line("openapi.read", _ANYBODY),
}
"""Every operation, by endpoint."""


SCOPES: tuple[str, ...] = tuple(sorted({line.scope for line in OPERATIONS.values() if line.scope}))
"""What an API key may be allowed to do."""


def check(app: Flask) -> None:
    """See to it that every route has a line and every line a route.

    Raises
    ------
    ConfigError
        Names the endpoints.
    """
    routes = {rule.endpoint for rule in app.url_map.iter_rules()}
    _refuse(routes - OPERATIONS.keys(), "routes without a policy line")
    _refuse(OPERATIONS.keys() - routes, "policy lines without a route")


def _refuse(endpoints: Iterable[str], what: str) -> None:
    found = sorted(endpoints)
    if found:
        raise ConfigError(f"{what}: {', '.join(found)}; see api/security/operations.py")


def authorise_request() -> None:
    """Refuse the request unless its operation's line allows the caller.

    Raises
    ------
    NotSignedIn
        Nobody is signed in, or the API key is not valid.
    Denied
        Somebody is, but may not; or the request does not carry the session's CSRF token.
    PurposeNotAuthorised
        An API key came without a purpose that fits the operation.
    StoreUnavailable
        The ledger is away, and the operation is not a public one.
    """
    if request.endpoint is None:  # there is no such address; answered as 404 further on
        return
    line = OPERATIONS[request.endpoint]
    who = caller()
    if who.door is Door.UNCHECKED:
        if not line.public and StaffRole.ANONYMOUS not in line.roles:
            raise StoreUnavailable("the ledger is away, so nobody can be told from anybody else")
        return
    if who.door is Door.WRONG_KEY:
        raise NotSignedIn("this API key is unknown, revoked or too old")
    if not _names(line, who):
        if who.door is Door.NOBODY:
            raise NotSignedIn("nobody is signed in; open a sign-in link or send an API key")
        raise Denied(f"{line.operation} is not for the role {who.actor.role}, or not by this door")
    if line.upload:
        request.max_content_length = MAX_UPLOAD
    if who.door is Door.KEY:
        _check_key(line, who)
    elif who.door in {Door.SESSION, Door.STAFF} and request.method not in _SAFE:
        _check_csrf(line, who)


def _names(line: Line, who: Caller) -> bool:
    """Whether a line names a caller; a session of staff opens no door that API keys open."""
    open_to_all = StaffRole.ANONYMOUS in line.roles
    return who.actor.role in line.roles and (open_to_all or line.desk == (who.door is Door.STAFF))


def _check_key(line: Line, who: Caller) -> None:
    if line.scope and line.scope not in who.scopes:
        raise Denied(f"this API key does not have the scope {line.scope}")
    named = request.headers.get(PURPOSE_HEADER, "")
    if line.scope and named not in line.purposes:
        allowed = ", ".join(sorted(line.purposes))
        raise PurposeNotAuthorised(f"name a purpose in {PURPOSE_HEADER}; here: {allowed}")


def _check_csrf(line: Line, who: Caller) -> None:
    if StaffRole.ANONYMOUS in line.roles:
        return
    given = request.headers.get(CSRF_HEADER) or request.form.get("csrf", "")
    if not hmac.compare_digest(who.csrf.encode(), given.encode()):
        raise Denied("the request does not carry the session's token; reload and try again")
