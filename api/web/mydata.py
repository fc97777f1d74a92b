"""Pages on which residents see and steer their own data. Every one works without JavaScript."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, cast

from flask import Blueprint, Response, current_app, request, url_for

from api.security.attachments import attachment
from api.security.sessions import ResidentSession
from api.services.consents import Consents, until
from api.services.facts import MyFacts
from api.services.looks import MOST_WORDS, Looks
from api.services.my_data import MyData, TagsView
from api.services.own_export import OwnExport
from api.services.what_if import WhatIf, Withdrawal
from api.web.answers import check_csrf, guard, messages, render, resident_session, see_other
from api.web.facts import read_value, works
from api.web.grants import grants_page
from api.web.tags import tags_page
from graph.errors import DataError, NotFound
from graph.model import DataCategory, InstitutionId, Purpose

__all__ = ["data_pages"]

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_FARTHEST = 7
"""Digits of the number of a page's first line."""


class Doors(Protocol):
    """What the pages find in ``app.extensions["linli"]``."""

    looks: Looks
    my_data: MyData
    consents: Consents
    what_if: WhatIf
    facts: MyFacts
    export: OwnExport
    clock: Callable[[], datetime]
    institution: InstitutionId


def data_pages() -> Blueprint:
    """Make the blueprint ``data``."""
    pages = Blueprint("data", __name__, template_folder="templates", url_prefix="/data")
    get, post = ["GET"], ["POST"]
    pages.add_url_rule("", "home", _home, methods=get)
    pages.add_url_rule("/personal", "personal", _personal, methods=post)
    pages.add_url_rule("/tags", "tags", _tags, methods=get)
    pages.add_url_rule("/tags", "tag", _tag, methods=post)
    pages.add_url_rule("/grants", "grants", _grants, methods=get)
    pages.add_url_rule("/grants/withdraw", "what_if", _what_if, methods=get)
    pages.add_url_rule("/grants/withdraw", "withdraw", _withdraw, methods=post)
    pages.add_url_rule("/facts", "facts", _facts, methods=get)
    pages.add_url_rule("/facts/tell", "tell", _tell, methods=post)
    pages.add_url_rule("/facts/complaint", "dispute", _dispute, methods=post)
    pages.add_url_rule("/export/<ending>", "export", _export, methods=get)
    pages.add_url_rule("/looks", "looks", _looks, methods=get)
    pages.add_url_rule("/looks/<ref>/complaint", "complain", _complain, methods=post)
    guard(pages)
    return pages


def _home() -> Response:
    session = resident_session()
    personal = _doors().my_data.is_personal(session.resident_id)
    return _page("home", session, impersonal=not personal)


def _personal() -> Response:
    session = resident_session()
    check_csrf(session)
    on = request.form.get("on")
    if on not in {"0", "1"}:
        raise DataError("the switch is set to 0 or 1")
    _doors().my_data.set_personal(session.resident_id, _key(), on=on == "1")
    back = "data.home" if request.form.get("back") == "home" else "resident.mine"
    return see_other(url_for(back, _anchor="personal"))


def _tags() -> Response:
    session = resident_session()
    view = _doors().my_data.tags(session.resident_id)
    return _page("tags", session, page=tags_page(view), done=_done_with(view))


def _tag() -> Response:
    session = resident_session()
    check_csrf(session)
    act = next((name for name in ("choose", "delete") if name in request.form), "")
    list_, _, code = request.form.get(act, "").partition("/")
    held = act == "choose"
    _doors().my_data.set_tag(session.resident_id, list_, code, _key(), held=held)
    return see_other(url_for("data.tags", done=f"{list_}/{code}"))


def _done_with(view: TagsView) -> str:
    """Say what was just chosen or deleted, as it stands now."""
    asked, t = request.args.get("done", ""), messages()
    tag = next((tag for tag in view.tags if f"{tag.list}/{tag.code}" == asked), None)
    if tag is None:
        return ""
    word = t.pick(tag.label).text
    return t("tags.chosen" if tag.held else "tags.deleted", word=word)


def _grants() -> Response:
    session, doors = resident_session(), _doors()
    page = grants_page(doors.consents.list(session.resident_id), doors.clock())
    return _page("grants", session, page=page, done="done" in request.args)


def _what_if() -> Response:
    session, asked = resident_session(), _withdrawal(request.args)
    view = _doors().what_if.withdrawn(session.resident_id, asked)
    return _page("what_if", session, page=view, asked=asked)


def _withdraw() -> Response:
    session = resident_session()
    check_csrf(session)
    asked = _withdrawal(request.form)
    _doors().consents.withdraw(
        session.resident_id,
        institution=asked.institution,
        category=asked.category,
        purpose=asked.purpose,
        key=_key(),
    )
    return see_other(url_for("data.grants", done=""))


def _withdrawal(given: Mapping[str, str]) -> Withdrawal:
    """Read what is to be withdrawn: one category, or none named for all of a purpose."""
    try:
        category = given.get("category", "")
        return Withdrawal(
            InstitutionId(given["institution"]),
            Purpose(given["purpose"]),
            DataCategory(category) if category else None,
        )
    except (KeyError, ValueError) as error:
        raise DataError("name an institution, a purpose and a category that exist") from error


def _facts() -> Response:
    session = resident_session()
    view = _doors().facts.of(session.resident_id)
    return _page("facts", session, page=view, works=works(), done="done" in request.args)


def _tell() -> Response:
    session = resident_session()
    check_csrf(session)
    kind, value = request.form.get("kind", ""), request.form.get("value", "").strip()
    _doors().facts.tell(session.resident_id, kind, read_value(kind, value), _key())
    return see_other(url_for("data.facts", done=""))


def _dispute() -> Response:
    session = resident_session()
    check_csrf(session)
    _doors().facts.dispute(session.resident_id, request.form.get("name", ""), _words())
    return see_other(url_for("data.facts", done=""))


def _export(ending: str) -> Response:
    session, export = resident_session(), _doors().export
    if ending not in {"json", "csv"}:
        raise NotFound("own data come as json or csv")
    write = export.to_csv if ending == "csv" else export.to_json
    return attachment(write(session.resident_id), ending)


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


def _key() -> str:
    """Idempotency key of the form."""
    key = request.form.get("key", "")
    if not _KEY.fullmatch(key):
        raise DataError("malformed key; reload the page and try again")
    return key


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
        until=until,
        at="mine",
        key=secrets.token_urlsafe(16),
        **values,
    )


def _doors() -> Doors:
    return cast(Doors, current_app.extensions["linli"])
