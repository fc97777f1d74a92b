"""Files of one's own data, as both doors hand them out."""

from __future__ import annotations

from flask import Response

__all__ = ["attachment"]

_TYPES = {"json": "application/json", "csv": "text/csv"}


def attachment(content: bytes, ending: str) -> Response:
    """Answer with a file of one's own data; like every answer it stays in no cache."""
    response = Response(content, mimetype=_TYPES[ending])
    response.headers["Content-Disposition"] = f'attachment; filename="my-data.{ending}"'
    return response
