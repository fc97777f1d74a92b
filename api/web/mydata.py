"""Pages on which residents see and steer their own data. Every one works without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, cast

from flask import Blueprint, Response, current_app, request, url_for

from api.security.sessions import ResidentSession
from api.services.looks import MOST_WORDS, Looks
from api.web.answers import check_csrf, guard, render, resident_session, see_other
from graph.errors import DataError
from graph.model import InstitutionId

__all__ = ["data_pages"]

_FARTHEST = 7
"""Digits of the number of a page's first line."""


class Doors(Protocol):
    """What the pages find in ``app.extensions["linli"]``."""

    looks: Looks
    clock: Callable[[], datetime]
    institution: InstitutionId


def data_pages() -> Blueprint:
    """Make the blueprint ``data``."""
    pages = Blueprint("data", __name__, template_folder="templates", url_prefix="/data")
    get, post = ["GET"], ["POST"]
    pages.add_url_rule("", "home", _home, methods=get)
    pages.add_url_rule("/looks", "looks", _looks, methods=get)
    pages.add_url_rule("/looks/<ref>/complaint", "complain", _complain, methods=post)
    guard(pages)
    return pages


def _home() -> Response:
    return _page("home", resident_session())


def _looks() -> Response:
    session = resident_session()
    asked = request.args.get("skip", "")
    skip = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _FARTHEST else 0
    page = _doors().looks.page(session.resident_id, skip)
    return _page("looks", session, page=page)


def _complain(ref: str) -> Response:
    session = resident_session()
    check_csrf(session)
    _doors().looks.complain(session.resident_id, ref, _words())
    return see_other(url_for("data.looks", _anchor=f"look-{ref}"))


def _words() -> str:
    words = request.form.get("words", "").strip()
    if len(words) > MOST_WORDS:
        raise DataError(f"these words are longer than {MOST_WORDS} characters")
    return words


def _page(name: str, session: ResidentSession, **values: object) -> Response:
    doors = _doors()
    return render(
        f"data/{name}",
        session=session,
        now=doors.clock(),
        here=doors.institution,
        most=MOST_WORDS,
        at="mine",
        **values,
    )


def _doors() -> Doors:
    return cast(Doors, current_app.extensions["linli"])
