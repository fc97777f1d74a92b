"""The resident pages: feed, item, why, mine, sign-in. Every act works with and without JavaScript.

The application puts an object like :class:`Doors` into ``app.extensions["linli"]`` and registers
:func:`resident_pages`. Unrouted addresses and unexpected errors are the application's; it may
answer them with :func:`api.web.answers.error_page`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol, cast

from flask import Blueprint, Response, current_app, request, url_for

from api.security.callers import caller
from api.security.sessions import (
    ResidentSession,
    SessionStore,
    sign_in,
    sign_out,
    signed_in,
)
from api.services.charters import ANSWERS, CharterService
from api.services.views import ACTS, CardView, ResidentServices
from api.web.answers import (
    check_csrf,
    first_page,
    guard,
    messages,
    render,
    resident_session,
    see_other,
)
from api.web.assets import ASSETS
from api.web.cards import Place, Presenter
from api.web.care_pages import add_own_page
from api.web.charters import invitation_card
from api.web.look import LOOK_COOKIE, Look
from graph.errors import (
    AuditUnavailable,
    Conflict,
    DataError,
    NotFound,
    NotSignedIn,
    StoreUnavailable,
)
from graph.model import InteractionKind, ItemId, ItemKind, RecId

__all__ = ["Doors", "resident_pages"]

FEED_SIZE = 20
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_YEAR = 365 * 24 * 3600


class Doors(Protocol):
    """What the pages find in ``app.extensions["linli"]``."""

    residents: ResidentServices
    sessions: SessionStore
    charters: CharterService
    clock: Callable[[], datetime]
    """The present, aware UTC."""


def resident_pages() -> Blueprint:
    """Make the blueprint ``resident`` with all pages, their assets and their error pages."""
    pages = Blueprint("resident", __name__, template_folder="templates")
    get, post = ["GET"], ["POST"]
    pages.add_url_rule("/", "feed", _feed, methods=get)
    pages.add_url_rule("/item/<item>", "item", _item, methods=get)
    pages.add_url_rule("/item/<item>/why", "why", _why, methods=get)
    pages.add_url_rule("/item/<item>/act", "act", _act, methods=post)
    pages.add_url_rule("/invitation/<charter>", "answer", _answer, methods=post)
    pages.add_url_rule("/mine", "mine", _mine, methods=get)
    pages.add_url_rule("/sign-in/<token>", "sign_in", _sign_in, methods=get + post)
    pages.add_url_rule("/sign-out", "sign_out", _sign_out, methods=post)
    pages.add_url_rule("/signed-out", "signed_out", _signed_out, methods=get)
    pages.add_url_rule("/look", "look", _look, methods=post)
    pages.add_url_rule("/assets/<version>/<path:name>", "asset", ASSETS.response, methods=get)
    add_own_page(pages)
    guard(pages)
    return pages


def _feed() -> Response:
    tab = next((kind for kind in ItemKind if kind.value == request.args.get("kind")), None)
    residents, kinds = _doors().residents, [tab] if tab else []
    try:
        session = resident_session()
        view = residents.feed(session.resident_id, kinds, FEED_SIZE)
        page = _presenter().feed(view, tab, _just(session))
        asked = invitation_card(_doors().charters, session.resident_id, _doors().clock())
    except (StoreUnavailable, AuditUnavailable):
        page = _presenter().feed(residents.public_feed(kinds, FEED_SIZE), tab, None)
        return render("resident/feed", page=page, away=True)
    return render("resident/feed", session=session, page=page, asked=asked, at="feed")


def _item(item: str) -> Response:
    try:
        session = resident_session()
        view = _doors().residents.item(session.resident_id, ItemId(item))
    except (StoreUnavailable, AuditUnavailable):
        page = _presenter().item(_doors().residents.public_item(ItemId(item)))
        return render("resident/item", page=page, away=True)
    if rec := _rec(request.args.get("rec")):  # what is done here counts for the suggestion
        view = replace(view, card=replace(view.card, rec_id=rec))
    return render("resident/item", session=session, page=_presenter().item(view))


def _why(item: str) -> Response:
    session = resident_session()
    rec = _rec(request.args.get("rec"))
    panel = _presenter().why(_doors().residents.why(session.resident_id, ItemId(item), rec))
    template = "resident/why_panel" if "HX-Request" in request.headers else "resident/why"
    return render(template, session=session, panel=panel, rec=rec)


def _act(item: str) -> Response:
    session = resident_session()
    form = request.form
    check_csrf(session)
    act = next((kind for kind in ACTS if kind.value == form.get("kind")), None)
    place = next((each for each in Place if each.value == form.get("place")), Place.FEED)
    key = form.get("key", "")
    if act is None or not _KEY.fullmatch(key):
        raise DataError(f"act {form.get('kind')!r} on item {item}: unknown act or malformed key")
    residents = _doors().residents
    enhanced = "HX-Request" in request.headers
    status, notice = 200, ""
    try:
        rec = _rec(form.get("rec"))
        view = residents.act(session.resident_id, ItemId(item), act, rec, key).card
    except Conflict:
        if not enhanced:
            raise
        view = residents.item(session.resident_id, ItemId(item)).card
        status, notice = 409, messages()("error.409.title")
    if not enhanced:
        return _back_to_card(item, place, act)
    card = _presenter().card(view, place)
    response = render(
        "resident/card_alone", session=session, card=card, notice=notice, tab=form.get("tab", "")
    )
    response.status_code = status
    return response


def _back_to_card(item: str, place: Place, act: InteractionKind) -> Response:
    anchor = f"card-{item}"
    if place is Place.ITEM:
        return see_other(url_for("resident.item", item=item, rec=request.form.get("rec") or None))
    if place is Place.MINE:
        return see_other(url_for("resident.mine", done=item, _anchor=anchor))
    tab = request.form.get("tab") or None
    done = None if act is InteractionKind.UNDO else item
    return see_other(url_for("resident.feed", kind=tab, done=done, _anchor=anchor))


def _answer(charter: str) -> Response:
    session = resident_session()
    check_csrf(session)
    said = ANSWERS.get(request.form.get("answer", ""))
    if said is None:
        raise DataError("an invitation is answered with yes, no or later")
    _doors().charters.answer(caller().actor, charter, said)
    return see_other(url_for("resident.feed"))


def _mine() -> Response:
    session = resident_session()
    page = _presenter().mine(_doors().residents.mine(session.resident_id), _just(session))
    return render("resident/mine", session=session, page=page, at="mine")


def _sign_in(token: str) -> Response:
    if request.method == "GET":  # link previews fetch the address: only the button uses it up
        return render("resident/sign_in", token=token)
    response = see_other(url_for("resident.feed"))
    try:
        session = sign_in(response, token)
    except NotSignedIn as error:
        error.stale_link = True  # type: ignore[attr-defined]
        raise
    response.location = url_for(first_page(session))
    return response


def _sign_out() -> Response:
    if session := signed_in():
        check_csrf(session)
    response = see_other(url_for("resident.signed_out"))
    sign_out(response)
    return response


def _signed_out() -> Response:
    t = messages()
    title, lead = t("signed_out.title"), t("signed_out.lead")
    return render("resident/message", title=title, lead=lead, home="", tone="info")


def _look() -> Response:
    form = request.form
    look = Look.of(request).changed(
        language=form.get("language", ""), mode=form.get("mode", ""), theme=form.get("theme", "")
    )
    back = form.get("back", "/")
    local = back.startswith("/") and not re.match(r"/[/\\]|.*[\x00-\x1f\\]", back)
    response = see_other(back if local else "/")
    response.set_cookie(
        LOOK_COOKIE, look.cookie(), max_age=_YEAR, samesite="Lax", secure=request.is_secure
    )
    return response


def _doors() -> Doors:
    return cast(Doors, current_app.extensions["linli"])


def _presenter() -> Presenter:
    return Presenter(messages(), _doors().clock())


def _rec(value: str | None) -> RecId | None:
    return RecId(value) if value else None


def _just(session: ResidentSession) -> CardView | None:
    done = request.args.get("done")
    if not done:
        return None
    try:
        return _doors().residents.item(session.resident_id, ItemId(done)).card
    except NotFound:
        return None
