"""What all pages have in common: rendering, error pages, headers, and forms from other sites."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException

from api.security.sessions import (
    ResidentSession,
    SignedIn,
    StaffSession,
    csrf_matches,
    signed_in_resident,
    signed_in_staff,
)
from api.web.assets import ASSETS, SECURITY_HEADERS
from api.web.look import Look
from api.web.wording import MESSAGES, Messages
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
from graph.model import StaffRole

__all__ = [
    "check_csrf",
    "error_page",
    "first_page",
    "guard",
    "messages",
    "render",
    "resident_session",
    "see_other",
    "staff_session",
]

DESK = "desk"
"""Name of the blueprint of the pages of staff."""
_RETRY_AFTER = {429: "10", 503: "5"}
"""Seconds after which it is worth trying again, by status."""


def guard(pages: Blueprint) -> None:
    """Let a blueprint refuse forms of other sites, answer errors in words, and send headers."""
    pages.before_request(_refuse_foreign_posts)
    pages.after_request(_with_headers)
    pages.register_error_handler(LinliError, error_page)
    pages.register_error_handler(HTTPException, error_page)


def resident_session() -> ResidentSession:
    """Return the session of the resident who is signed in.

    Raises
    ------
    NotSignedIn
    """
    session = signed_in_resident()
    if session is None:
        raise NotSignedIn("no session on this request; open a sign-in link")
    return session


def staff_session() -> StaffSession:
    """Return the session of staff that made this request.

    Raises
    ------
    NotSignedIn
        There is none.
    """
    session = signed_in_staff()
    if session is None:
        raise NotSignedIn("no session of staff on this request; open a sign-in link")
    return session


def messages() -> Messages:
    """Return the words of the reader's language."""
    return MESSAGES[Look.of(request).language]


def render(template: str, *, session: SignedIn | None = None, **values: object) -> Response:
    """Render a template for whoever is signed in."""
    look = Look.of(request)
    back = request.full_path.rstrip("?") if request.method == "GET" else _home()
    context: dict[str, object] = {
        "at": "",
        "away": False,
        "back": back,
        "csrf": session.csrf if session else "",
    }
    html = render_template(
        f"{template}.html",
        **(context | values),
        t=MESSAGES[look.language],
        look=look,
        signed_in=session is not None,
        version=ASSETS.version,
    )
    return make_response(html)


def see_other(address: str) -> Response:
    """Lead on to another page after a form."""
    return cast(Response, redirect(address, 303, Response))


def check_csrf(session: SignedIn) -> None:
    """Refuse a form that does not repeat its session's token.

    Raises
    ------
    Denied
    """
    if not csrf_matches(session, request.form.get("csrf", "")):
        raise Denied("the form's token is not the session's; reload the page and try again")


def error_page(error: Exception) -> Response:
    """Answer an error in words that help the reader; details belong in the log."""
    code = _status(error)
    name = "link" if getattr(error, "stale_link", False) else _name(code)
    t = messages()
    title = t.table.get(f"error.{name}.title", t("error.500.title"))
    lead = t.table.get(f"error.{name}.lead", t("error.500.lead"))
    if "HX-Request" in request.headers:
        response = Response(f"{title} {lead}", mimetype="text/plain")
        if code == 401:
            response.headers["HX-Redirect"] = url_for("resident.signed_out")
    else:
        home = _home() if code != 401 else ""
        response = render("resident/message", title=title, lead=lead, home=home, tone="warn")
    response.status_code = code
    if code in _RETRY_AFTER:
        response.headers["Retry-After"] = _RETRY_AFTER[code]
    return _with_headers(response)


def _name(code: int) -> str:
    """Name the words for an error: the desk has some of its own, and each wrong door."""
    at_desk = request.blueprint == DESK
    if code == 403 and isinstance(_known(), ResidentSession if at_desk else StaffSession):
        return "not_staff" if at_desk else "staff"
    named = f"{code}.desk"
    return named if at_desk and f"error.{named}.title" in messages().table else str(code)


def _home() -> str:
    """Return the first page of whoever this is."""
    return url_for(first_page(_known()))


def first_page(session: SignedIn | None) -> str:
    """Endpoint of the page on which somebody begins."""
    if not isinstance(session, StaffSession):
        return "resident.feed"
    return "desk.care" if session.role is StaffRole.SOCIAL_WORKER else "desk.imports"


def _known() -> SignedIn | None:
    """Return whose session it is as far as this request knows: the ledger may be away."""
    return cast("SignedIn | None", g.get("signed_in"))


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


def _refuse_foreign_posts() -> None:
    if request.method != "POST":
        return
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Denied(f"a POST from another site ({origin}) was refused")


def _with_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
