"""Pages on care visits: the worker's list, one resident's page, and a resident's own.

The worker's pages hang on the desk's blueprint and the resident's on theirs; who may open them is
decided before any view runs (:mod:`api.security.operations`), whose data they show by the gate.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Protocol, cast

from flask import Blueprint, Response, current_app, request, url_for

from api.security.callers import caller
from api.security.sessions import signed_in
from api.services.care_views import Note
from api.services.outreach import Outreach
from api.web.answers import check_csrf, messages, render, see_other
from api.web.care import CarePresenter
from graph.errors import DataError, NotReady, NotSignedIn
from graph.gate import Outcome
from graph.model import ResidentId
from recommender.outreach.actions import Action

__all__ = ["add_own_page", "add_worker_pages"]

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class _Doors(Protocol):
    """What the pages find in ``app.extensions["linli"]``."""

    outreach: Outreach

    @property
    def clock(self) -> Callable[[], datetime]:
        """The present, aware UTC."""
        ...


def add_worker_pages(pages: Blueprint) -> None:
    """Add the pages of social workers to the desk."""
    pages.add_url_rule("/care", "care", _list, methods=["GET"])
    pages.add_url_rule("/care/<resident>", "care_resident", _resident, methods=["GET"])
    pages.add_url_rule("/care/<resident>/note", "care_note", _note, methods=["POST"])


def add_own_page(pages: Blueprint) -> None:
    """Add to the resident pages what they are told of their own score."""
    pages.add_url_rule("/care", "care", _own, methods=["GET"])
    pages.add_url_rule("/care/off", "care_off", _off, methods=["POST"])


def _list() -> Response:
    session = signed_in()
    try:
        page = _presenter().list(_doors().outreach.worklist(caller().actor))
    except NotReady:
        return render("desk/care", session=session, page=None)
    return render("desk/care", session=session, page=page, staff=session)


def _resident(resident: str) -> Response:
    found = _doors().outreach.resident(caller().actor, ResidentId(resident))
    page, noted = _presenter().resident(found), "noted" in request.args
    return render("desk/care_resident", session=signed_in(), page=page, noted=noted)


def _note(resident: str) -> Response:
    form = request.form
    action = next((a for a in Action if a.value == form.get("action")), None)
    outcome = next((o for o in Outcome if o.value == form.get("outcome")), None)
    key = form.get("key", "")
    if action is None or outcome is None or not _KEY.fullmatch(key):
        raise DataError("a note names what was done, what came of it, and its form's key")
    note = Note(action, outcome, _day(form.get("again", "")))
    _doors().outreach.note(caller().actor, ResidentId(resident), note, key=key)
    return see_other(url_for("desk.care_resident", resident=resident, noted=1))


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as error:
        raise DataError("the day to come back is no date") from error


def _own() -> Response:
    who, outreach = _own_id(), _doors().outreach
    page = _presenter().own(outreach.own(who), allowed=outreach.allowed(who))
    return render("resident/care", session=signed_in(), page=page, at="mine")


def _off() -> Response:
    session = signed_in()
    if session is None:
        raise NotSignedIn("no session on this request; open a sign-in link")
    check_csrf(session)
    key = request.form.get("key", "")
    if not _KEY.fullmatch(key):
        raise DataError("the form's key is malformed")
    _doors().outreach.switch_off(_own_id(), key=key)
    return see_other(url_for("resident.care"))


def _own_id() -> ResidentId:
    resident = caller().actor.resident
    if resident is None:
        raise NotSignedIn("no session of a resident on this request; open a sign-in link")
    return resident


def _doors() -> _Doors:
    return cast(_Doors, current_app.extensions["linli"])


def _presenter() -> CarePresenter:
    return CarePresenter(messages(), _doors().clock())
