"""A file as rows under known columns, whatever it is saved as and however its header is written.

CSV files are streamed: a table may be gone through as often as is needed, from the start each
time, and never holds all rows. Blank rows, rows of notes under the header, headers that come
again on each printed page, and totals and signatures below are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TypeVar, cast

from graph.ingest.columns import HEADER_WITHIN, REFUSED, Column, Header, count_known, find_header
from graph.ingest.csv_file import open_csv
from graph.ingest.issues import CellFault, Issues, make_issue
from graph.ingest.opened import Line, Opened
from graph.ingest.plan import Severity
from graph.ingest.refusing import refused
from graph.ingest.shelves import RowSet
from graph.ingest.workbook import is_workbook, open_workbook

__all__ = ["REFUSED", "Column", "Row", "Table", "open_file", "read_table"]

T = TypeVar("T")

_SHEET_ERRORS = {
    "#REF!": "cell_error",
    "#N/A": "cell_error",
    "#VALUE!": "cell_error",
    "#NAME?": "cell_error",
    "#DIV/0!": "cell_error",
    "#NUM!": "cell_error",
    "#NULL!": "cell_error",
    "#SPILL!": "cell_error",
    "#CALC!": "cell_error",
    "#FORMULA!": "formula_empty",
}
"""What a spreadsheet shows where a formula failed; the last one marks a formula not computed."""

_TOTAL = re.compile(
    r"(本页|本户)?(合计|共计|总计|小计|总人数|总数|总户数|sub-?total|total)"
    r"\s*[:：]?\s*[\d,.]*\s*[人户次元名个]?",
    re.IGNORECASE,
)
_FOOT = re.compile(
    r"(制表|填表|审核|复核|填报|负责|经办|统计|报送|联系)[人员者单位日期时间]*\s*[:：].*|(备?注|说明|签字|盖章)\s*[:：].*",
    re.DOTALL,
)
_FOOT_STARTS = frozenset("本合共总小制填审复负经统报联备注说签盖sStT")
_NOTES = re.compile(
    r"[（(【\[]?(必填|选填|可选|可不填|填写|请填|请按|格式|例如|例[:：]|示例|如[:：]|如20|required\b|optional\b|e\.g\.|example\b)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Table:
    """A file that was read, and what was found wrong so far."""

    digest: str
    headers: Mapping[str, str]
    """Header as it stands in the file, by column name."""
    header: Header
    opened: Opened
    issues: Issues = field(default_factory=Issues)
    rows: int = 0
    """Data rows of the last time through, those with errors included."""
    _noted: RowSet = field(default_factory=RowSet)
    """Rows with an issue as such, that is taken down already: it is met each time through."""

    def each(self) -> Iterator[Row]:
        """Yield the rows that have as many cells as the header, from the start each time."""
        names, pick = tuple(self.headers), _picker(tuple(self.header.places.values()))
        width = len(self.header.cells)
        self.rows = 0
        for number, line in self._data():
            self.rows += 1
            if isinstance(line, CellFault):
                self._note(number, line.code, line.value)
                continue
            if len(line) != width and not _fit(line, width):
                self._note(number, "row_width", str(len(line)), width)
                continue
            yield Row(self, number, dict(zip(names, pick(line), strict=True)))

    def report(self, row: int, code: str, column: str = "", value: str = "") -> Severity:
        """Take down an issue of a row."""
        issue = make_issue(code, row=row, column=self.headers.get(column, ""), value=value)
        self.issues.append(issue)
        return issue.severity

    def _data(self) -> Iterator[Line]:
        """Yield the rows below the header that hold data."""
        kept = self.header.kept
        for number, line in self.opened.lines():
            if number <= self.header.row:
                continue
            if isinstance(line, CellFault):
                yield number, line
                continue
            opening = line[kept[0]].strip() if len(line) > kept[0] else ""
            opening = opening or _first_word(line, kept)
            if not opening:
                continue
            code = self._beside_data(opening, line)
            if code:
                self._note(number, code)
            else:
                yield number, line

    def _beside_data(self, opening: str, line: Sequence[str]) -> str:
        """Return the code of a row that holds no data, or nothing."""
        if opening[0] in _FOOT_STARTS and (_TOTAL.fullmatch(opening) or _FOOT.fullmatch(opening)):
            return "row_total"
        if tuple(line) == self.header.cells:
            return "header_again"
        if self.rows == 0 and _explains(opening, line):
            return "row_notes"
        return ""

    def _note(self, number: int, code: str, value: str = "", count: int = 0) -> None:
        if number not in self._noted:
            self._noted.add(number)
            self.issues.append(make_issue(code, row=number, value=value, count=count))


@dataclass(slots=True)
class Row:
    """One row; ``good`` turns false with the first error."""

    table: Table
    number: int
    cells: Mapping[str, str]
    good: bool = True

    def read(self, column: str, how: Callable[[str], T | None]) -> T | None:
        """Read a cell; a fault is taken down and gives what can be used in its place, if any."""
        raw = self.cells.get(column, "")
        if raw in _SHEET_ERRORS:
            self.report(_SHEET_ERRORS[raw], column, raw)
            return None
        try:
            return how(raw)
        except CellFault as fault:
            self.report(fault.code, column, fault.value)
            return cast("T | None", fault.instead)

    def report(self, code: str, column: str = "", value: str = "") -> None:
        """Take down an issue of this row."""
        if self.table.report(self.number, code, column, value) is Severity.ERROR:
            self.good = False


def read_table(path: Path, columns: Sequence[Column]) -> Table:
    """Open a CSV file or a workbook and find its header.

    Raises
    ------
    ImportRefused
        The file is not what can be read safely, has no rows, or lacks a required column; nothing
        of it is read.
    """
    opened = open_file(path, columns)
    header = find_header(path.name, opened.top(HEADER_WITHIN), columns)
    table = Table(
        digest=opened.digest,
        headers={name: " ".join(header.cells[at].split()) for name, at in header.places.items()},
        header=header,
        opened=opened,
        issues=Issues([*opened.issues, *header.issues]),
    )
    if next(table._data(), None) is None:
        raise refused(
            path.name,
            "表头下面没有内容；请填好再导入",
            "it has a header but no rows; fill it in and import again",
        )
    return table


def open_file(path: Path, columns: Sequence[Column]) -> Opened:
    """Open a file as what its first bytes say it is, whatever its name says."""

    def fits(top: Sequence[tuple[int, Sequence[str]]]) -> int:
        return count_known(top, columns)

    workbook = is_workbook(path)
    opened = open_workbook(path, fits) if workbook else open_csv(path, fits)
    named_as_workbook = path.suffix.casefold() in {".xlsx", ".xlsm", ".xls"}
    if workbook != named_as_workbook and path.suffix:
        what = "xlsx" if workbook else "CSV"
        opened.issues.append(make_issue("file_renamed", row=0, value=what))
    return opened


def _picker(places: tuple[int, ...]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    if len(places) == 1:
        return lambda line: (line[places[0]],)
    return itemgetter(*places)


def _explains(opening: str, line: Sequence[str]) -> bool:
    """Whether a row tells how to fill in the columns: at its beginning, or more than once."""
    return bool(_NOTES.match(opening)) or sum(bool(_NOTES.match(c.strip())) for c in line) > 1


def _first_word(line: Sequence[str], kept: Sequence[int]) -> str:
    """Return the first cell that is not blank, among those that may be shown."""
    return next((text for n in kept if (text := "".join(line[n : n + 1]).strip())), "")


def _fit(line: list[str], width: int) -> bool:
    """Drop empty cells beyond the header; tell whether the row then has its width."""
    while len(line) > width and not line[-1].strip():
        line.pop()
    return len(line) == width
