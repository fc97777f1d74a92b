"""The resident pages: feed, item, why, mine, sign-in. Every act works with and without JavaScript.

The application puts an object like :class:`Doors` into ``app.extensions["linli"]`` and registers
:func:`resident_pages`. Unrouted addresses and unexpected errors are the application's; it may
answer them with :func:`error_page`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol, cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException

from api.security.sessions import (
    ResidentSession,
    SessionStore,
    csrf_matches,
    sign_in,
    sign_out,
    signed_in_resident,
)
from api.services.views import ACTS, CardView, ResidentServices
from api.web.assets import ASSETS, SECURITY_HEADERS
from api.web.cards import Place, Presenter
from api.web.look import LOOK_COOKIE, Look
from api.web.wording import MESSAGES
from graph.errors import (
    AuditUnavailable,
    Conflict,
    DataError,
    Denied,
    LinliError,
    NotFound,
    NotReady,
    NotSignedIn,
    StoreUnavailable,
)
from graph.model import InteractionKind, ItemId, ItemKind, RecId

__all__ = ["Doors", "error_page", "resident_pages"]

FEED_SIZE = 20
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_YEAR = 365 * 24 * 3600
_RETRY_AFTER = {429: "10", 503: "5"}
"""Seconds after which it is worth trying again, by status."""


class Doors(Protocol):
    """What the pages find in ``app.extensions["linli"]``."""

    residents: ResidentServices
    sessions: SessionStore
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
    pages.add_url_rule("/mine", "mine", _mine, methods=get)
    pages.add_url_rule("/sign-in/<token>", "sign_in", _sign_in, methods=get + post)
    pages.add_url_rule("/sign-out", "sign_out", _sign_out, methods=post)
    pages.add_url_rule("/signed-out", "signed_out", _signed_out, methods=get)
    pages.add_url_rule("/look", "look", _look, methods=post)
    pages.add_url_rule("/assets/<version>/<path:name>", "asset", ASSETS.response, methods=get)
    pages.before_request(_refuse_foreign_posts)
    pages.after_request(_with_headers)
    pages.register_error_handler(LinliError, error_page)
    pages.register_error_handler(HTTPException, error_page)
    return pages


def error_page(error: Exception) -> Response:
    """Answer an error in words that help the reader; details belong in the log."""
    code = _status(error)
    name = "link" if getattr(error, "stale_link", False) else str(code)
    t = MESSAGES[Look.of(request).language]
    title = t.table.get(f"error.{name}.title", t("error.500.title"))
    lead = t.table.get(f"error.{name}.lead", t("error.500.lead"))
    if "HX-Request" in request.headers:
        response = Response(f"{title} {lead}", mimetype="text/plain")
        if code == 401:
            response.headers["HX-Redirect"] = url_for("resident.signed_out")
    else:
        response = _render("message", title=title, lead=lead, home=code != 401, tone="warn")
    response.status_code = code
    if code in _RETRY_AFTER:
        response.headers["Retry-After"] = _RETRY_AFTER[code]
    return _with_headers(response)


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.code or 500
    statuses: tuple[tuple[type[LinliError], int], ...] = (
        (NotSignedIn, 401),
        (Denied, 403),
        (NotFound, 404),
        (Conflict, 409),
        (DataError, 400),
        (NotReady, 503),
        (StoreUnavailable, 503),
        (AuditUnavailable, 503),
    )
    return next((code for kind, code in statuses if isinstance(error, kind)), 500)


def _feed() -> Response:
    tab = next((kind for kind in ItemKind if kind.value == request.args.get("kind")), None)
    residents, kinds = _doors().residents, [tab] if tab else []
    try:
        session = _session()
        view = residents.feed(session.resident_id, kinds, FEED_SIZE)
        page = _presenter().feed(view, tab, _just(session))
    except (StoreUnavailable, AuditUnavailable):
        page = _presenter().feed(residents.public_feed(kinds, FEED_SIZE), tab, None)
        return _render("feed", page=page, away=True)
    return _render("feed", session=session, page=page, at="feed")


def _item(item: str) -> Response:
    try:
        session = _session()
        view = _doors().residents.item(session.resident_id, ItemId(item))
    except (StoreUnavailable, AuditUnavailable):
        page = _presenter().item(_doors().residents.public_item(ItemId(item)))
        return _render("item", page=page, away=True)
    if rec := _rec(request.args.get("rec")):  # what is done here counts for the suggestion
        view = replace(view, card=replace(view.card, rec_id=rec))
    return _render("item", session=session, page=_presenter().item(view))


def _why(item: str) -> Response:
    session = _session()
    rec = _rec(request.args.get("rec"))
    panel = _presenter().why(_doors().residents.why(session.resident_id, ItemId(item), rec))
    template = "why_panel" if "HX-Request" in request.headers else "why"
    return _render(template, session=session, panel=panel, rec=rec)


def _act(item: str) -> Response:
    session = _session()
    form = request.form
    _check_csrf(session)
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
        status, notice = 409, MESSAGES[Look.of(request).language]("error.409.title")
    if not enhanced:
        return _back_to_card(item, place, act)
    card = _presenter().card(view, place)
    response = _render(
        "card_alone", session=session, card=card, notice=notice, tab=form.get("tab", "")
    )
    response.status_code = status
    return response


def _back_to_card(item: str, place: Place, act: InteractionKind) -> Response:
    anchor = f"card-{item}"
    if place is Place.ITEM:
        return _see_other(url_for("resident.item", item=item, rec=request.form.get("rec") or None))
    if place is Place.MINE:
        return _see_other(url_for("resident.mine", done=item, _anchor=anchor))
    tab = request.form.get("tab") or None
    done = None if act is InteractionKind.UNDO else item
    return _see_other(url_for("resident.feed", kind=tab, done=done, _anchor=anchor))


def _mine() -> Response:
    session = _session()
    page = _presenter().mine(_doors().residents.mine(session.resident_id), _just(session))
    return _render("mine", session=session, page=page, at="mine")


def _sign_in(token: str) -> Response:
    if request.method == "GET":  # link previews fetch the address: only the button uses it up
        return _render("sign_in", token=token)
    response = _see_other(url_for("resident.feed"))
    try:
        sign_in(response, token)
    except NotSignedIn as error:
        error.stale_link = True  # type: ignore[attr-defined]
        raise
    return response


def _sign_out() -> Response:
    if session := signed_in_resident():
        _check_csrf(session)
    response = _see_other(url_for("resident.signed_out"))
    sign_out(response)
    return response


def _signed_out() -> Response:
    t = MESSAGES[Look.of(request).language]
    title, lead = t("signed_out.title"), t("signed_out.lead")
    return _render("message", title=title, lead=lead, home=False, tone="info")


def _look() -> Response:
    form = request.form
    look = Look.of(request).changed(
        language=form.get("language", ""), mode=form.get("mode", ""), theme=form.get("theme", "")
    )
    back = form.get("back", "/")
    local = back.startswith("/") and not re.match(r"/[/\\]|.*[\x00-\x1f\\]", back)
    response = _see_other(back if local else "/")
    response.set_cookie(
        LOOK_COOKIE, look.cookie(), max_age=_YEAR, samesite="Lax", secure=request.is_secure
    )
    return response


def _doors() -> Doors:
    return cast(Doors, current_app.extensions["linli"])


def _presenter() -> Presenter:
    return Presenter(MESSAGES[Look.of(request).language], _doors().clock())


def _session() -> ResidentSession:
    session = signed_in_resident()
    if session is None:
        raise NotSignedIn("no session on this request; open a sign-in link")
    return session


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


def _check_csrf(session: ResidentSession) -> None:
    if not csrf_matches(session, request.form.get("csrf", "")):
        raise Denied("the form's token is not the session's; reload the page and try again")


def _refuse_foreign_posts() -> None:
    if request.method != "POST":
        return
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Denied(f"a POST from another site ({origin}) was refused")


def _see_other(address: str) -> Response:
    return cast(Response, redirect(address, 303, Response))


def _render(template: str, *, session: ResidentSession | None = None, **values: object) -> Response:
    look = Look.of(request)
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    context: dict[str, object] = {
        "at": "",
        "away": False,
        "back": back,
        "csrf": session.csrf if session else "",
    }
    html = render_template(
        f"resident/{template}.html",
        **(context | values),
        t=MESSAGES[look.language],
        look=look,
        signed_in=session is not None,
        version=ASSETS.version,
    )
    return make_response(html)


def _with_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
