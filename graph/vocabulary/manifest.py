"""What is released: each list with its version, its size and the digest of its file.

``manifest.csv`` is written by hand when a list changes: the version is the year and month of the
change. A test compares digest and size with the file, so no list changes without a new line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from graph.vocabulary.files import read_rows

__all__ = ["Release", "edition", "manifest", "release"]


@dataclass(frozen=True, slots=True)
class Release:
    """One list as it is released."""

    name: str
    version: str
    """Year and month of its last change, such as ``2026.11``."""
    entries: int
    digest: str
    """SHA-256 of the file, hex."""


@cache
def manifest() -> tuple[Release, ...]:
    """Return every list that is released."""
    return tuple(
        Release(row["list"], row["version"], int(row["entries"]), row["sha256"])
        for row in read_rows("manifest")[0]
    )


def release(name: str) -> Release:
    """Return the release of one list that is known to exist."""
    return next(entry for entry in manifest() if entry.name == name)


def edition() -> str:
    """Version of the lists taken together: that of the list that changed last."""
    return max(entry.version for entry in manifest())
