"""Style sheets and scripts, served from memory under an address that changes with their content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from flask import Response, abort, request

__all__ = ["ASSETS", "SECURITY_HEADERS", "Assets"]

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every page; ``img-src data:`` is for the small pictures inside WeUI's style sheet."""


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    packed: bytes
    type: str


class Assets:
    """All files of a folder, read once; small enough to stay in memory.

    Parameters
    ----------
    folder : Path
        Only what lies in it can be served, whatever path is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._assets: dict[str, _Asset] = {}
        total = hashlib.sha256()
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            content = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            kind = mimetypes.guess_type(name)[0] or "text/plain"
            self._assets[name] = _Asset(content, gzip.compress(content, 9, mtime=0), kind)
            total.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        self.version = total.hexdigest()[:12]
        """Changes when any file does."""

    def __contains__(self, name: str) -> bool:
        """Tell whether there is such a file."""
        return name in self._assets

    def response(self, version: str, name: str) -> Response:
        """Answer a request for one file; cached for a year when the version is the present one."""
        asset = self._assets.get(name)
        if asset is None:
            abort(404)
        packed = request.accept_encodings["gzip"] > 0
        response = Response(asset.packed if packed else asset.content, mimetype=asset.type)
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if version == self.version else "no-cache"
        )
        return response


ASSETS = Assets(Path(__file__).parent / "static")
"""The assets of the pages."""
