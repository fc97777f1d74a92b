"""Open a workbook (xlsx, xlsm): the sheet that is meant, as people see it.

What is hidden is not read: sheets, rows and columns. Merged cells all take the value that is seen
over them. Formulas are never run: the value that was saved with them is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NoReturn

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from graph.ingest.columns import HEADER_WITHIN
from graph.ingest.issues import make_issue
from graph.ingest.opened import Fits, Line, Opened, digest_of
from graph.ingest.package import ENCRYPTED, MOST_PACKED, check_package
from graph.ingest.plan import RowIssue
from graph.ingest.refusing import refused
from graph.ingest.sheet_marks import SheetMarks, scan_sheets

__all__ = ["NOTES_SHEET", "is_workbook", "open_workbook"]

NOTES_SHEET = "说明"
"""The sheet of explanations in Linli's own templates; passed over without a word."""

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_EXACT = 1e15
"""Whole numbers below it are exact in a spreadsheet; larger ones have lost digits."""

Value = int | float | str | bool | date | datetime | time | timedelta


def is_workbook(path: Path) -> bool:
    """Whether the first bytes are those of a workbook, or of another package or old document."""
    with path.open("rb") as file:
        first = file.read(8)
    return first.startswith((_ZIP, b"PK\x05\x06", _OLE))


def open_workbook(path: Path, fits: Fits) -> Opened:
    """Open a workbook at the visible sheet whose header fits best.

    Raises
    ------
    ImportRefused
        It is no workbook, encrypted, damaged, a bomb, or has no visible sheet with values.
    """
    marks, issues = _look_through(path)
    try:
        book = CalamineWorkbook.from_path(path)
        visible, hidden = _sheets(book)
        sheets = [_Sheet(book.get_sheet_by_name(name), marks[name]) for name in visible]
    except BaseException as error:
        # A fault inside the library arrives as pyo3's PanicException, which is no Exception.
        if not isinstance(error, CalamineError) and type(error).__name__ != "PanicException":
            raise
        raise refused(
            path.name, "打不开，请重新另存为 xlsx", "it cannot be opened, save it as xlsx again"
        ) from error
    filled = [sheet for sheet in sheets if sheet.height]
    if not filled:
        raise refused(
            path.name,
            "没有可见的内容；看看工作表是不是隐藏了",
            "it is empty: no visible sheet has values",
        )
    chosen = max(filled, key=lambda sheet: fits(sheet.top(HEADER_WITHIN)))
    others = [s.name for s in filled if s is not chosen and s.name != NOTES_SHEET]
    for code, names in (("sheets_hidden", hidden), ("sheets_others", others)):
        if names:
            issues.append(make_issue(code, row=0, value="、".join(names)))
    issues.extend(chosen.issues())
    return Opened(digest_of(path), chosen.lines, True, issues)


def _look_through(path: Path) -> tuple[dict[str, SheetMarks], list[RowIssue]]:
    """Check a file before the library opens it; return what the XML says of its sheets."""
    with path.open("rb") as file:
        first = file.read(8)
    if first.startswith(_OLE):
        _refuse_old(path)
    parts = check_package(path)
    if "xl/workbook.xml" not in parts:
        raise refused(
            path.name,
            "不是 xlsx 表格，请用表格软件另存为 xlsx",
            "it is not an xlsx workbook: save it as xlsx from a spreadsheet",
        )
    issues = []
    if any(part.casefold().endswith("vbaproject.bin") for part in parts):
        issues.append(make_issue("macros_ignored", row=0))
    if any(part.startswith("xl/externalLinks/") for part in parts):
        issues.append(make_issue("links_ignored", row=0))
    return dict(scan_sheets(path)), issues


def _refuse_old(path: Path) -> NoReturn:
    """Refuse what is no package: encrypted workbooks look like old documents from outside."""
    with path.open("rb") as file:
        if _ENCRYPTED in file.read(MOST_PACKED):
            raise refused(path.name, *ENCRYPTED)
    raise refused(
        path.name,
        "是旧格式（xls 或 doc），请用表格软件另存为 xlsx",
        "it is in an old format (xls or doc): save it as xlsx from a spreadsheet",
    )


def _sheets(book: CalamineWorkbook) -> tuple[list[str], list[str]]:
    def is_sheet(sheet: SheetMetadata) -> bool:
        return sheet.typ is SheetTypeEnum.WorkSheet

    sheets = [sheet for sheet in book.sheets_metadata if is_sheet(sheet)]
    visible = [s.name for s in sheets if s.visible is SheetVisibleEnum.Visible]
    return visible, [s.name for s in sheets if s.visible is not SheetVisibleEnum.Visible]


@dataclass(slots=True)
class _Merged:
    """Cells under one value."""

    top: int
    left: int
    bottom: int
    right: int
    text: str = ""


class _Sheet:
    """One sheet as rows of texts."""

    def __init__(self, sheet: CalamineSheet, marks: SheetMarks) -> None:
        self.name = sheet.name
        self.height = sheet.height
        self._sheet = sheet
        self._marks = marks
        self._left = sheet.start[1] if sheet.start else 0
        self._width = max(sheet.end[1] if sheet.end else -1, self._marks.right) + 1
        self._shown = [c for c in range(self._width) if c not in self._marks.hidden_columns]
        self._merged = sorted(
            (
                _Merged(top, left, bottom, min(right, self._width - 1))
                for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
            ),
            key=lambda range_: range_.top,
        )

    def top(self, count: int) -> list[tuple[int, list[str]]]:
        """Return the first rows."""
        return [row for row, _ in zip(self._rows(), range(count), strict=False)]

    def lines(self) -> Iterator[Line]:
        """Yield the visible rows with their numbers."""
        yield from self._rows()

    def issues(self) -> list[RowIssue]:
        """Say what was passed over, and that formulas were not run."""
        hidden = {
            "rows_hidden": len([r for r in self._marks.hidden_rows if r < self.height]),
            "columns_hidden": self._width - len(self._shown),
            "formula_value": self._marks.formulas,
        }
        return [
            make_issue(code, row=0, value=str(count)) for code, count in hidden.items() if count
        ]

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        coming, open_ = iter(self._merged), list[_Merged]()
        following = next(coming, None)
        marked = {row for row, _ in self._marks.texts}
        for n, values in enumerate(self._sheet.iter_rows()):
            cells = [""] * self._left + [_text(value) for value in values]
            cells += [""] * (self._width - len(cells))
            if n in marked:
                self._put_marks(n, cells)
            while following is not None and following.top <= n:
                following.text = cells[following.left] if following.left < len(cells) else ""
                open_.append(following)
                following = next(coming, None)
            if open_:
                open_ = [merged for merged in open_ if merged.bottom >= n]
                for merged in open_:
                    width = merged.right - merged.left + 1
                    cells[merged.left : merged.right + 1] = [merged.text] * width
            if n not in self._marks.hidden_rows:
                yield n + 1, [cells[c] for c in self._shown]

    def _put_marks(self, row: int, cells: list[str]) -> None:
        for column in range(self._width):
            cells[column] = self._marks.texts.get((row, column), cells[column])


def _text(value: Value) -> str:
    """Write a value as a person would type it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(float(value))
    return _moment(value)


def _moment(value: date | datetime | time | timedelta) -> str:
    if isinstance(value, timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60}:{minutes % 60:02d}"
    if isinstance(value, time):
        return value.isoformat("seconds" if value.second else "minutes")
    if isinstance(value, datetime) and value.time() != time():
        return value.isoformat(" ", "minutes")
    return value.strftime("%Y-%m-%d")


def _number(value: float) -> str:
    if abs(value) >= _EXACT:
        return f"{value:.5E}"
    return str(int(value)) if value.is_integer() else f"{value:.15g}"
