"""A CSV file as rows under known columns, whatever language its header is written in."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from graph.errors import ImportRefused
from graph.ingest.issues import CellFault, make_issue
from graph.ingest.plan import RowIssue, Severity
from graph.vocabulary import fold

__all__ = ["MOST_BYTES", "REFUSED", "Column", "Row", "Table", "read_table"]

MOST_BYTES = 64 * 1024 * 1024
"""A larger file is refused: split it by street."""

REFUSED: tuple[str, ...] = (
    "宗教信仰",
    "宗教",
    "信仰",
    "政治面貌",
    "党员",
    "民族",
    "重点人员",
    "重点人员分类",
    "religion",
    "political_status",
    "politics",
    "party_member",
    "ethnicity",
    "key_person",
)
"""Headers of columns that are dropped unread, with a notice."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """A column a reader knows."""

    name: str
    """English header, and the name in code."""
    zh: str
    """Chinese header."""
    aliases: tuple[str, ...] = ()
    required: bool = False


@dataclass(slots=True)
class Table:
    """A file that was read, and what was found wrong so far."""

    digest: str
    headers: Mapping[str, str]
    """Header as it stands in the file, by column name."""
    lines: Sequence[tuple[int, Mapping[str, str]]]
    """Line number and raw cells by column name."""
    issues: list[RowIssue] = field(default_factory=list)
    rows: int = 0

    def each(self) -> Iterator[Row]:
        """Yield the rows that have as many cells as the header."""
        for number, cells in self.lines:
            yield Row(self, number, cells)


@dataclass(slots=True)
class Row:
    """One row; ``good`` turns false with the first error."""

    table: Table
    number: int
    cells: Mapping[str, str]
    good: bool = True

    def read(self, column: str, how: Callable[[str], T | None]) -> T | None:
        """Read a cell; a fault is taken down and gives ``None``."""
        raw = self.cells.get(column, "")
        try:
            return how(raw)
        except CellFault as fault:
            self.report(fault.code, column, fault.value)
            return None

    def report(self, code: str, column: str = "", value: str = "") -> None:
        """Take down an issue of this row."""
        header = self.table.headers.get(column, "")
        issue = make_issue(code, row=self.number, column=header, value=value)
        self.table.issues.append(issue)
        if issue.severity is Severity.ERROR:
            self.good = False


def read_table(path: Path, columns: Sequence[Column]) -> Table:
    """Read a UTF-8 file, with or without a byte order mark.

    Raises
    ------
    ImportRefused
        It is not UTF-8, has no rows, is too large, is not separated by commas, or lacks a
        required column; nothing of it is read.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ImportRefused(f"{path.name} has {size} bytes; split it into files of 64 MB at most")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused(
            f"{path.name} is not UTF-8 (byte {error.start}); 请另存为“CSV UTF-8”再导入, "
            f"save it as “CSV UTF-8” and import again"
        ) from error
    if "\0" in text:
        raise ImportRefused(f"{path.name} holds binary data; it is not a CSV file")
    lines = list(csv.reader(io.StringIO(text, newline="")))
    if not lines or not any(cell.strip() for cell in lines[0]):
        raise ImportRefused(f"{path.name} is empty: the first line must be the header")
    header = [cell.strip() for cell in lines[0]]
    if len(header) == 1 and any(mark in header[0] for mark in (";", "\t", "|", "，")):
        raise ImportRefused(f"{path.name} is not separated by commas; save it as CSV with commas")
    places, issues = _places(path.name, header, columns)
    table = Table(
        digest=hashlib.sha256(raw).hexdigest(),
        headers={name: header[place] for name, place in places.items()},
        lines=[],
        issues=issues,
    )
    rows: list[tuple[int, Mapping[str, str]]] = []
    for number, line in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        table.rows += 1
        if len(line) != len(header):
            issue = make_issue("row_width", row=number, value=str(len(line)), count=len(header))
            issues.append(issue)
            continue
        rows.append((number, {name: line[place] for name, place in places.items()}))
    if not table.rows:
        raise ImportRefused(f"{path.name} has a header but no rows")
    table.lines = rows
    return table


def _places(
    name: str, header: Sequence[str], columns: Sequence[Column]
) -> tuple[dict[str, int], list[RowIssue]]:
    known = {
        fold(spelling): column.name
        for column in columns
        for spelling in (column.name, column.zh, *column.aliases)
    }
    refused = {fold(spelling) for spelling in REFUSED}
    places: dict[str, int] = {}
    issues: list[RowIssue] = []
    for place, cell in enumerate(header):
        word = fold(cell)
        if word in refused:
            issues.append(make_issue("column_refused", row=0, column=cell, value=cell))
        elif word in known and known[word] not in places:
            places[known[word]] = place
        elif cell:
            issues.append(make_issue("column_unknown", row=0, column=cell, value=cell))
    missing = [f"{c.zh} ({c.name})" for c in columns if c.required and c.name not in places]
    if missing:
        raise ImportRefused(
            f"{name}: 缺少必填列 required columns are missing: {', '.join(missing)}"
        )
    return places, issues
