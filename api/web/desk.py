"""The desk: pages on which clerks bring in files. Everything works with and without JavaScript.

The application registers :func:`desk_pages` beside the resident pages, whose look and assets they
share. Who may open them is decided before any view runs (:mod:`api.security.operations`).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO, Protocol, cast
from urllib.parse import quote

from flask import (
    Blueprint,
    Response,
    current_app,
    request,
    send_file,
    stream_with_context,
    url_for,
)

from api.security.callers import caller
from api.security.operations import MAX_FILE
from api.services.desk import Desk
from api.services.imports import Imports, ending_for
from api.web.answers import DESK, first_page, guard, messages, render, see_other, staff_session
from api.web.care_pages import add_worker_pages
from api.web.charters import add_charter_pages
from api.web.communities import communities_page
from api.web.imports import ImportPresenter
from graph.errors import Conflict, DataError, NotFound
from graph.gate import BatchState
from graph.ingest import FILE_COLUMNS, why_no_report

__all__ = ["desk_pages"]

_STOP_ASKING = 286
"""Status that htmx shows like 200, and asks no more."""
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class _Doors(Protocol):
    """What the pages find in ``app.extensions["linli"]``."""

    imports: Imports
    desk: Desk

    @property
    def clock(self) -> Callable[[], datetime]:
        """The present, aware UTC."""
        ...


def desk_pages() -> Blueprint:
    """Make the blueprint ``desk``."""
    pages = Blueprint(DESK, __name__, url_prefix="/desk", template_folder="templates")
    get, post = ["GET"], ["POST"]
    pages.add_url_rule("", "home", _home, methods=get)
    pages.add_url_rule("/communities", "communities", _communities, methods=get)
    pages.add_url_rule("/imports", "imports", _imports, methods=get)
    pages.add_url_rule("/imports/new", "kinds", _kinds, methods=get)
    pages.add_url_rule("/imports/new/<kind>", "choose", _choose, methods=get)
    pages.add_url_rule("/imports/new/<kind>", "upload", _upload, methods=post)
    pages.add_url_rule("/templates/<kind>", "template", _template, methods=get)
    pages.add_url_rule("/imports/<batch>", "batch", _batch, methods=get)
    pages.add_url_rule("/imports/<batch>/copy", "copy", _copy, methods=get)
    pages.add_url_rule("/imports/<batch>/commit", "commit", _commit, methods=post)
    pages.add_url_rule("/imports/<batch>/discard", "discard", _discard, methods=post)
    pages.add_url_rule("/imports/<batch>/undo", "confirm_undo", _confirm_undo, methods=get)
    pages.add_url_rule("/imports/<batch>/undo", "undo", _undo, methods=post)
    add_charter_pages(pages)
    add_worker_pages(pages)
    guard(pages)
    pages.before_request(_keep_to_own_imports)
    return pages


def _keep_to_own_imports() -> None:
    """Let no page with an import in its address reach another institution's."""
    if batch := (request.view_args or {}).get("batch"):
        _doors().desk.check_own(caller().actor, batch)


def _home() -> Response:
    return see_other(url_for(first_page(staff_session())))


def _communities() -> Response:
    return communities_page(staff_session())


def _imports() -> Response:
    session = staff_session()
    lines = [_presenter().line(found) for found in _doors().desk.latest(caller().actor)]
    dropped = "dropped" in request.args
    return render("desk/imports", session=session, lines=lines, staff=session, dropped=dropped)


def _kinds() -> Response:
    return render("desk/kinds", session=staff_session(), kinds=list(FILE_COLUMNS))


def _choose(kind: str) -> Response:
    return _form(kind)


def _form(kind: str, problem: str = "") -> Response:
    if kind not in FILE_COLUMNS:
        raise NotFound(f"no kind of file {kind!r}; there are {', '.join(FILE_COLUMNS)}")
    response = render(
        "desk/choose",
        session=staff_session(),
        kind=kind,
        problem=problem,
        most=MAX_FILE,
        back=url_for("desk.choose", kind=kind),
    )
    response.status_code = 400 if problem else 200
    return response


def _upload(kind: str) -> Response:
    given = request.files.get("file")
    if kind not in FILE_COLUMNS or given is None or not given.filename:
        return _form(kind, "nothing")
    stream, suffix = cast("BinaryIO", given.stream), ending_for(given.filename)
    try:
        batch = _doors().imports.receive(caller().actor, kind, stream, suffix=suffix)
    except DataError:
        return _form(kind, "empty")
    except Conflict:
        return _form(kind, "taken")
    return _see_batch(batch.id)


def _template(kind: str) -> Response:
    book = io.BytesIO(_doors().desk.template(kind))
    name = f"{messages()(f'import.kind.{kind}')}.xlsx"
    return send_file(book, _WORKBOOK, as_attachment=True, download_name=name)


def _batch(batch: str) -> Response:
    found = _doors().desk.checking(caller().actor, batch)
    page = _presenter().checking(found) if found else None
    asks = "HX-Request" in request.headers
    if asks and (page is None or page.broken):  # what comes of the wait is shown as a whole
        return Response(headers={"HX-Refresh": "true"})
    if page is None:
        return _result(batch)
    answer = render("desk/checking", session=staff_session(), page=page)
    if asks and not page.asks_again:
        answer.status_code = _STOP_ASKING
    return answer


def _result(batch: str) -> Response:
    session, doors, actor = staff_session(), _doors(), caller().actor
    shown = doors.imports.show(actor, batch, limit=1)
    if shown.refusal is not None:
        refused = _presenter().refused(shown.batch, shown.refusal)
        return render("desk/refused", session=session, page=refused)
    if shown.preview is None:
        raise NotFound(why_no_report(shown.batch))
    groups = doors.desk.groups(actor, batch)
    due = doors.desk.update_due(shown.batch)
    report = _presenter().report(shown.preview, groups, due)
    return render("desk/report", session=session, page=report)


def _copy(batch: str) -> Response:
    copy, t = _doors().imports.copy(caller().actor, batch), messages()
    answer = Response(stream_with_context(copy.pieces), mimetype="application/octet-stream")
    title = t("import.copy.file", kind=t(f"import.kind.{copy.kind}")) + copy.ending
    names = {"filename": batch + copy.ending, "filename*": f"UTF-8''{quote(title)}"}
    answer.headers.set("Content-Disposition", "attachment", **names)
    return answer


def _commit(batch: str) -> Response:
    _doors().imports.commit(caller().actor, batch)
    return _see_batch(batch)


def _discard(batch: str) -> Response:
    _doors().imports.discard(caller().actor, batch)
    return see_other(url_for("desk.imports", dropped=1))


def _confirm_undo(batch: str) -> Response:
    session = staff_session()
    shown = _doors().imports.show(caller().actor, batch, limit=1)
    if shown.preview is None or shown.batch.state is not BatchState.COMMITTED:
        return _see_batch(batch)
    report = _presenter().report(shown.preview, [], None)
    return render("desk/undo", session=session, page=report)


def _undo(batch: str) -> Response:
    _doors().imports.undo(caller().actor, batch)
    return _see_batch(batch)


def _see_batch(batch: str) -> Response:
    return see_other(url_for("desk.batch", batch=batch))


def _doors() -> _Doors:
    return cast(_Doors, current_app.extensions["linli"])


def _presenter() -> ImportPresenter:
    return ImportPresenter(messages(), _doors().clock())
