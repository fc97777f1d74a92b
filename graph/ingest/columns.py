"""The columns a reader knows, and finding them in a header as people write it.

A header may carry marks of its own: ``姓名*``, ``● 姓名``, ``姓名（必填）``, ``时长(h)``, line
breaks, full-width letters. Rows of a title may stand above it, and it may be spread over two rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graph.ingest.cells import strip_marks
from graph.ingest.issues import make_issue
from graph.ingest.plan import ColumnFate, ColumnUse, RowIssue
from graph.ingest.refusing import refused
from graph.vocabulary import fold

__all__ = ["HEADER_WITHIN", "PROBLEMS", "REFUSED", "Column", "Header", "count_known", "find_header"]

HEADER_WITHIN = 30
"""The header stands within this many rows from the top."""

PROBLEMS = "问题 Problems"
"""Header of the column that a corrected copy adds; passed over when the copy is read again."""

REFUSED: tuple[str, ...] = (
    "宗教",
    "信仰",
    "邪教",
    "政治",
    "党员",
    "党派",
    "民族",
    "族别",
    "重点人员",
    "重点人口",
    "重点对象",
    "社区矫正",
    "刑满",
    "吸毒",
    "上访",
    "religio",
    "politic",
    "party_member",
    "partymember",
    "ethnic",
    "key_person",
    "keyperson",
)
"""A column whose header holds one of these is dropped unread, with a notice."""

_MARKS = " *●★☆◆■※#:：.。、_-"
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]|【[^】]*】|<[^>]*>")


@dataclass(frozen=True, slots=True)
class Column:
    """A column a reader knows."""

    name: str
    """English header, and the name in code."""
    zh: str
    """Chinese header."""
    aliases: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """Where the header stands and what each of its columns is."""

    row: int
    """Number of its last row."""
    cells: tuple[str, ...]
    """As they stand in the file, one per column."""
    places: Mapping[str, int]
    """Column of the file (from 0) by name of the known column."""
    uses: tuple[ColumnUse, ...]
    kept: tuple[int, ...]
    """Columns of the file that may be shown again: not refused, not added by a corrected copy."""
    refused_from: int
    """The first refused column, or the number of columns when none is refused."""
    issues: tuple[RowIssue, ...]


_NUMBERING = frozenset({"序号", "no", "no."})
"""Headers of columns that number the rows: nobody need be told that they are not read."""


def find_header(
    name: str, top: Sequence[tuple[int, Sequence[str]]], columns: Sequence[Column]
) -> Header:
    """Find the header among the first rows of a file.

    Parameters
    ----------
    name : str
        Of the file, for the message.
    top : sequence of (row number, cells)
        The first rows, at most ``HEADER_WITHIN`` of them are looked at.
    columns : sequence of Column

    Raises
    ------
    ImportRefused
        No row holds every required column.
    """
    known = _spellings(columns)
    best = max(_candidates(top), key=lambda row: _score(row[1], known), default=None)
    if best is None or not any(cell.strip() for cell in best[1]):
        raise refused(
            name, "文件是空的，第一行应是表头", "it is empty: the first line must be the header"
        )
    number, cells = best
    header = _read(number, cells, known)
    missing = [c for c in columns if c.required and c.name not in header.places]
    if missing:
        zh = "、".join(c.zh for c in missing)
        en = ", ".join(f"{c.name} ({c.zh})" for c in missing)
        raise refused(
            name,
            f"缺少必填的列：{zh}；请对照模板改表头",
            f"required columns are missing: {en}; rename the headers after the template",
        )
    return header


def count_known(top: Sequence[tuple[int, Sequence[str]]], columns: Sequence[Column]) -> int:
    """Count the known columns of the likeliest header in these rows."""
    known = _spellings(columns)
    return max((_score(cells, known) for _, cells in _candidates(top)), default=0)


def _spellings(columns: Sequence[Column]) -> dict[str, str]:
    """Name of a column by each way to write it; exact ones win over those without brackets."""
    said = [(w, c.name) for c in columns for w in (c.name, c.zh, *c.aliases)]
    known = {fold(spelling): name for spelling, name in reversed(said)}
    for spelling, name in said:
        known.setdefault(_bare(spelling), name)
    return known


def _bare(text: str) -> str:
    """Fold a header and drop its marks and what stands in brackets."""
    folded = fold(strip_marks(text))
    return _BRACKETS.sub("", folded).strip(_MARKS) or folded


def _find(cell: str, known: Mapping[str, str]) -> str | None:
    return known.get(fold(strip_marks(cell)).strip(_MARKS)) or known.get(_bare(cell))


def _candidates(
    top: Sequence[tuple[int, Sequence[str]]],
) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield each row, then each pair of rows read as one header of two storeys."""
    some = top[:HEADER_WITHIN]
    yield from some
    for (_, above), (number, below) in pairwise(some):
        if len(above) == len(below):
            pairs = zip(above, below, strict=True)
            yield number, [low if low.strip() else high for high, low in pairs]


def _score(cells: Sequence[str], known: Mapping[str, str]) -> int:
    return len({found for cell in cells if cell and (found := _find(cell, known))})


def _read(number: int, cells: Sequence[str], known: Mapping[str, str]) -> Header:
    places: dict[str, int] = {}
    uses: list[ColumnUse] = []
    kept: list[int] = []
    refused_from = len(cells)
    issues: list[RowIssue] = []
    for place, raw in enumerate(cells):
        cell = " ".join(raw.split())
        if cell == PROBLEMS:
            continue
        if any(word in _squeezed(cell) for word in REFUSED):
            refused_from = min(refused_from, place)
            uses.append(ColumnUse(cell, ColumnFate.REFUSED))
            issues.append(make_issue("column_refused", row=0, column=cell, value=cell))
            continue
        kept.append(place)
        found = _find(cell, known)
        if found and found not in places:
            places[found] = place
            uses.append(ColumnUse(cell, ColumnFate.TAKEN, found))
        elif cell:
            uses.append(ColumnUse(cell, ColumnFate.UNKNOWN))
            code = "column_repeated" if found else "column_unknown"
            if _squeezed(cell) not in _NUMBERING:
                issues.append(make_issue(code, row=0, column=cell, value=cell))
    return Header(
        row=number,
        cells=tuple(cells),
        places=places,
        uses=tuple(uses),
        kept=tuple(kept),
        refused_from=refused_from,
        issues=tuple(issues),
    )


def _squeezed(text: str) -> str:
    """Fold a header, and drop spaces and signs that would hide a refused word."""
    return re.sub(r"[\s*·.\-/\\]", "", fold(strip_marks(text)))
