"""Endpoints that bring files in: upload, look, commit, undo, discard.

The upload answers at once; a jobs process validates the file. Again the same file, or the same
commit, undo or discard, changes nothing: no idempotency key is needed.
"""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import Response, request, stream_with_context
from werkzeug.exceptions import UnsupportedMediaType

from api.rest.door import api
from api.rest.import_schemas import (
    CommittedOut,
    ImportIn,
    ImportOut,
    ImportPage,
    ImportsOut,
    IssueOut,
    PreviewOut,
    ReceivedOut,
)
from api.rest.requests import services
from api.security.callers import caller
from api.services.imports import Shown, ending_for
from graph.gate import BatchState, ImportBatch

__all__: list[str] = []

_SUFFIXES = {
    "text/csv": ".csv",
    "application/octet-stream": ".csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_FORM = "multipart/form-data"


@api.post("/imports", endpoint="receive_import")
@api.input(ImportIn, location="query")
@api.output(ReceivedOut, status_code=202)
def receive_import(query_data: ImportIn) -> tuple[ReceivedOut, int, dict[str, str]]:
    """Upload a file, as the body or as the field ``file`` of a form; it is validated afterwards.

    Follow ``Location`` until the state is ``previewed`` or ``refused``.
    """
    stream, suffix = _file()
    batch = services().imports.receive(caller().actor, query_data.kind, stream, suffix=suffix)
    status = 200 if batch.state is BatchState.COMMITTED else 202
    where = {"Location": f"/api/v1/imports/{batch.id}"}
    return ReceivedOut(id=batch.id, state=batch.state.value), status, where


@api.get("/imports", endpoint="imports")
@api.output(ImportsOut)
def imports() -> ImportsOut:
    """List the imports of the caller's institution, the newest first."""
    found = services().imports.all(caller().actor)
    return ImportsOut(imports=[ImportOut(**_fields(batch)) for batch in found])


@api.get("/imports/<batch>", endpoint="import_batch")
@api.input(ImportPage, location="query")
@api.output(ImportOut)
def import_batch(batch: str, query_data: ImportPage) -> ImportOut:
    """Show how far an import is, its preview, and its issues in pages."""
    shown = services().imports.show(
        caller().actor, batch, first=query_data.cursor, limit=query_data.limit
    )
    return _shown(shown)


@api.get("/imports/<batch>/errors", endpoint="import_errors")
def import_errors(batch: str) -> Response:
    """Download the file with its issues beside the rows."""
    copy = services().imports.copy(caller().actor, batch)
    answer = Response(stream_with_context(copy.pieces), mimetype="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="{batch}{copy.ending}"'
    return answer


@api.post("/imports/<batch>/commit", endpoint="commit_import")
@api.output(CommittedOut)
def commit_import(batch: str) -> CommittedOut:
    """Take in what was previewed, whole; again changes nothing."""
    return CommittedOut.model_validate(services().imports.commit(caller().actor, batch))


@api.post("/imports/<batch>/undo", endpoint="undo_import")
@api.output(ReceivedOut)
def undo_import(batch: str) -> ReceivedOut:
    """Take a committed import back, as if it had never come; again changes nothing."""
    services().imports.undo(caller().actor, batch)
    return ReceivedOut(id=batch, state=BatchState.UNDONE.value)


@api.delete("/imports/<batch>", endpoint="discard_import")
@api.output({}, status_code=204)
def discard_import(batch: str) -> tuple[str, int]:
    """Drop an import that is not committed."""
    services().imports.discard(caller().actor, batch)
    return "", 204


def _file() -> tuple[BinaryIO, str]:
    """Return the file of the request and the ending of its name."""
    if request.mimetype == _FORM:
        given = request.files.get("file")
        if given is None:
            raise UnsupportedMediaType("the form has no field file")
        return cast("BinaryIO", given.stream), ending_for(given.filename or "")
    suffix = _SUFFIXES.get(request.mimetype)
    if suffix is None:
        raise UnsupportedMediaType(f"send {_FORM} or one of {', '.join(_SUFFIXES)}")
    return cast("BinaryIO", request.stream), suffix


def _shown(shown: Shown) -> ImportOut:
    preview = None if shown.preview is None else PreviewOut(**shown.preview.to_json())
    fields, refusal = _fields(shown.batch), shown.refusal
    return ImportOut(
        **{**fields, "state": "refused" if refusal else fields["state"]},
        reason_zh=refusal.zh if refusal else "",
        reason_en=refusal.en if refusal else "",
        preview=preview,
        issues=[IssueOut.model_validate(issue) for issue in shown.issues],
        next_cursor=shown.next,
    )


def _fields(batch: ImportBatch) -> dict[str, object]:
    return {
        "id": batch.id,
        "kind": batch.kind,
        "state": batch.state.value,
        "institution": batch.institution,
        "begun_at": batch.begun_at,
        "committed_at": batch.committed_at,
        "undone_at": batch.undone_at,
    }
