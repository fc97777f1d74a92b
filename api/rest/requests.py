"""What endpoints read from a request besides its body."""

from __future__ import annotations

import re
from typing import cast

from flask import current_app, request

from api.security.callers import Caller, Door, caller
from api.security.operations import PURPOSE_HEADER
from api.services.services import Services
from graph.errors import DataError, NotFound
from graph.model import Purpose, ResidentId, StaffRole

__all__ = ["KEY_HEADER", "REPLAYED", "about", "idempotency_key", "purpose", "services", "viewer"]

KEY_HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[!-~]{8,128}")


def services() -> Services:
    """Return the services of this application."""
    return cast("Services", current_app.extensions["linli"])


def idempotency_key() -> str:
    """Return the key of the request, of the client's choice.

    Raises
    ------
    DataError
        There is none, or it is no 8 to 128 visible characters.
    """
    given = request.headers.get(KEY_HEADER, "")
    if not _KEY.fullmatch(given):
        raise DataError(f"send {KEY_HEADER}: 8 to 128 visible characters, new for each act")
    return given


def purpose() -> Purpose:
    """Return the purpose an API key names; its operation's policy line has checked it."""
    return Purpose(request.headers[PURPOSE_HEADER])


def about(resident: str) -> Caller:
    """Return the caller, if they may name this resident at all.

    Raises
    ------
    NotFound
        It is not their own id; worded as for an id that nobody has.
    """
    who = caller()
    if who.door is Door.SESSION and who.actor.resident != resident:
        raise NotFound("there is no such resident, or not for you")
    return who


def viewer() -> ResidentId | None:
    """Return the resident for whom cards are made; None for institutions."""
    who = caller().actor
    return who.resident if who.role is StaffRole.RESIDENT else None
