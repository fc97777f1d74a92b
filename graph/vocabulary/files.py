"""The lists as files beside this module: their rows and their digests."""

from __future__ import annotations

import csv
import hashlib
from importlib import resources

__all__ = ["read_rows"]


def read_rows(name: str) -> tuple[list[dict[str, str]], str]:
    """Read ``{name}.csv``; returns its rows and the SHA-256 of its bytes (hex)."""
    raw = resources.files("graph.vocabulary").joinpath(f"{name}.csv").read_bytes()
    rows = list(csv.DictReader(raw.decode("utf-8").splitlines()))
    return rows, hashlib.sha256(raw).hexdigest()
