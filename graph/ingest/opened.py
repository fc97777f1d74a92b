"""A file that is open for reading: lines of cells that can be gone through again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from graph.ingest.issues import CellFault
from graph.ingest.plan import RowIssue

__all__ = ["Fits", "Line", "Opened", "digest_of"]

Line = tuple[int, list[str] | CellFault]
"""Row number as a spreadsheet program shows it, and the cells, or why there are none."""

Fits = Callable[[Sequence[tuple[int, Sequence[str]]]], int]
"""Counts the known columns of the likeliest header in the first rows of a file."""


@dataclass(slots=True)
class Opened:
    """A file, or one sheet of a workbook."""

    digest: str
    """SHA-256 of the file."""
    lines: Callable[[], Iterator[Line]]
    """Starts from the first row each time; blank rows may be left out."""
    is_workbook: bool
    issues: list[RowIssue] = field(default_factory=list)
    """Of the file as a whole."""

    def top(self, count: int) -> list[tuple[int, list[str]]]:
        """Return those of the first rows that can be read."""
        return readable(islice(self.lines(), count))


def readable(lines: Iterator[Line]) -> list[tuple[int, list[str]]]:
    """Keep the rows that have cells."""
    return [(number, cells) for number, cells in lines if not isinstance(cells, CellFault)]


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
