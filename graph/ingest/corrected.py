"""A copy of a file that says in its first column what is wrong with each row.

It is a file of the same kind, can be corrected in a spreadsheet and read again as it is. Columns
that Linli refuses are left out of it, and nothing in it is run as a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from unicodedata import east_asian_width

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from graph.ingest.columns import HEADER_WITHIN, PROBLEMS, Header, find_header
from graph.ingest.files import columns_of
from graph.ingest.issues import CellFault
from graph.ingest.opened import Opened
from graph.ingest.plan import RowIssue, Severity
from graph.ingest.sheet_text import harmless, without_controls
from graph.ingest.table import open_file

__all__ = ["corrected_copy", "ending_of"]

_RED, _YELLOW = (PatternFill("solid", fgColor=colour) for colour in ("F8CBAD", "FFF2CC"))
_MOST_TEXT = 32_000
"""A spreadsheet cell takes 32,767 characters."""
_WIDTH, _WIDTH_OF_OTHERS = 60, 14
_NO_ROW = 1 << 62
_SIGNS, _LINE, _HIGHEST = 72, 12.5, 400
"""Narrow signs of the small font in the first column; points of a line, and of a row at most."""


def corrected_copy(kind: str, source: Path, issues: Iterable[RowIssue], target: Path) -> Path:
    """Write the copy beside its problems.

    Parameters
    ----------
    kind : str
        Kind of file, as for :func:`graph.ingest.files.read_file`.
    source : Path
        The file that was read.
    issues : iterable of RowIssue
        Of the plan that was made of it, in the order of their rows.
    target : Path
        Written with the ending ``.csv`` or ``.xlsx``, after what the source holds.

    Returns
    -------
    Path
        The file that was written.
    """
    columns = columns_of(kind)
    opened = open_file(source, columns)
    header = find_header(source.name, opened.top(HEADER_WITHIN), columns)
    written = target.with_suffix(".xlsx" if opened.is_workbook else ".csv")
    rows = _rows(opened, header, issues)
    if opened.is_workbook:
        _write_workbook(written, rows, len(header.kept))
    else:
        _write_csv(written, rows)
    return written


def ending_of(start: bytes) -> str:
    """Tell from its first bytes whether a copy is a ``.xlsx`` or a ``.csv``."""
    return ".xlsx" if start.startswith(b"PK") else ".csv"


Rows = Iterator[tuple[Sequence[RowIssue], list[str]]]


def _rows(opened: Opened, header: Header, issues: Iterable[RowIssue]) -> Rows:
    """Yield each row of the copy with its issues."""
    by_row = groupby(issues, attrgetter("row"))
    at, waiting = next(by_row, (0, iter(())))
    for number, line in opened.lines():
        while at < number:
            at, waiting = next(by_row, (_NO_ROW, iter(())))
        found = list(waiting) if at == number else []
        said = PROBLEMS if number == header.row else _wording(found)
        cells = [] if isinstance(line, CellFault) else line
        shown = _shown(cells, header)
        if number < header.row:
            # A title that was merged over many cells stands once.
            shown = [text if text != before else "" for before, text in pairwise(["", *shown])]
        yield found, [said, *map(harmless, shown)]


def _shown(cells: Sequence[str], header: Header) -> list[str]:
    """Return what may be shown of a row.

    In a row of another width than the header a cell may have moved, so nothing is shown of it
    from the first refused column on.
    """
    width = len(header.cells)
    if len(cells) == width:
        return [cells[place] for place in header.kept]
    sure = [place for place in header.kept if place < min(len(cells), header.refused_from)]
    beyond = cells[width:] if header.refused_from == width else []
    return [*(cells[place] for place in sure), *beyond]


def _wording(issues: Sequence[RowIssue]) -> str:
    lines = []
    for issue in issues:
        column = f"[{issue.column}] " if issue.column else ""
        lines.append(f"{column}{issue.message_zh}；{issue.remedy_zh}")
        lines.append(f"{column}{issue.message_en}; {issue.remedy_en} ({issue.code})")
    return harmless("\n".join(lines))


def _write_csv(target: Path, rows: Rows) -> None:
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(cells for _, cells in rows)


def _lines_of(text: str) -> int:
    """Lines that a text takes in the first column: spreadsheets do not fit rows to it."""
    return sum(-(-max(_breadth(line), 1) // _SIGNS) for line in text.split("\n"))


def _breadth(line: str) -> int:
    return sum(2 if east_asian_width(sign) in "WFA" else 1 for sign in line)


def _write_workbook(target: Path, rows: Rows, columns: int) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.column_dimensions["A"].width = _WIDTH
    for place in range(2, columns + 2):
        sheet.column_dimensions[get_column_letter(place)].width = _WIDTH_OF_OTHERS
    for line, (issues, cells) in enumerate(rows, 1):
        first = WriteOnlyCell(sheet, without_controls(cells[0])[:_MOST_TEXT])
        first.alignment = Alignment(wrap_text=True, vertical="top")
        first.font = Font(size=9)
        if issues:
            failed = any(issue.severity is Severity.ERROR for issue in issues)
            first.fill = _RED if failed else _YELLOW
            sheet.row_dimensions[line].height = min(_LINE * _lines_of(str(first.value)), _HIGHEST)
        sheet.append([first, *(without_controls(cell)[:_MOST_TEXT] for cell in cells[1:])])
    book.save(target)
