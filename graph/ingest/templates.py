"""Templates: empty tables with two examples, for each kind of file.

What each column means, which values it takes and the examples stand in ``templates.csv``, one
line per column; columns without a line are left out of the template. Made-up people have identity
numbers of the region 99xxxx, which no real one has.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from graph.errors import ImportRefused
from graph.ingest.columns import Column
from graph.ingest.files import columns_of
from graph.ingest.workbook import NOTES_SHEET

__all__ = ["EMPTY_ROWS", "write_template"]

EMPTY_ROWS = 2_000
"""Rows below the header that take the formats and the lists of values."""

_HEAD, _HEAD_REQUIRED = (PatternFill("solid", fgColor=colour) for colour in ("DDEBF7", "FCE4D6"))
_NOTES_HEADER = (
    *("列 Column", "英文名 Name", "必填 Required", "说明", "Explanation"),
    *("可填的值 Values", "也认得的表头 Other headers"),
)
_NOTES_WIDTHS = (18, 16, 12, 48, 56, 36, 30)


@dataclass(frozen=True, slots=True)
class _Help:
    """One column of a template."""

    column: Column
    note_zh: str
    note_en: str
    values: tuple[str, ...]
    """All that may be entered; empty when it is free."""
    examples: tuple[str, str]

    @property
    def header(self) -> str:
        return self.column.zh + ("*" if self.column.required else "")


def write_template(kind: str, path: Path) -> None:
    """Write a template as ``.csv`` or ``.xlsx``, after the ending of ``path``.

    Raises
    ------
    ImportRefused
        The kind or the ending is unknown.
    """
    helps = _helps(kind)
    rows = [[h.header for h in helps], *([h.examples[n] for h in helps] for n in (0, 1))]
    ending = path.suffix.casefold()
    if ending == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file, lineterminator="\r\n").writerows(rows)
    elif ending == ".xlsx":
        book = Workbook()
        sheet = book.active
        if not isinstance(sheet, Worksheet):
            raise TypeError("a new workbook begins with a worksheet")
        _fill(sheet, kind, rows, helps)
        _explain(book.create_sheet(NOTES_SHEET), helps)
        book.save(path)
    else:
        raise ImportRefused(f"{path.name}: a template ends in .xlsx or .csv, not {ending!r}")


def _helps(kind: str) -> tuple[_Help, ...]:
    lines = {line["column"]: line for line in _lines() if line["kind"] == kind}
    return tuple(
        _Help(
            column=column,
            note_zh=line["note_zh"],
            note_en=line["note_en"],
            values=tuple(line["values"].split("|")) if line["values"] else (),
            examples=(line["example_1"], line["example_2"]),
        )
        for column in columns_of(kind)
        if (line := lines.get(column.name))
    )


@cache
def _lines() -> tuple[dict[str, str], ...]:
    text = resources.files("graph.ingest").joinpath("templates.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _fill(sheet: Worksheet, kind: str, rows: list[list[str]], helps: tuple[_Help, ...]) -> None:
    sheet.title = kind
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append(row)
    for n, help_ in enumerate(helps, 1):
        letter = get_column_letter(n)
        head = sheet.cell(1, n)
        head.font = Font(bold=True)
        head.fill = _HEAD_REQUIRED if help_.column.required else _HEAD
        head.comment = Comment(f"{help_.note_zh}\n{help_.note_en}", "Linli", height=120, width=280)
        widest = max(len(text.encode("gb18030")) for text in (help_.header, *help_.examples))
        sheet.column_dimensions[letter].width = min(max(10, widest + 3), 40)
        # As text: a spreadsheet turns long numbers into 3.4E+17, and 3-2 into a date.
        for cells in sheet.iter_rows(2, EMPTY_ROWS, n, n):
            cells[0].number_format = "@"
        if help_.values:
            allowed = DataValidation(
                type="list", formula1=f'"{",".join(help_.values)}"', allow_blank=True
            )
            allowed.add(f"{letter}2:{letter}{EMPTY_ROWS}")
            sheet.add_data_validation(allowed)


def _explain(sheet: Worksheet, helps: tuple[_Help, ...]) -> None:
    sheet.append(_NOTES_HEADER)
    sheet.freeze_panes = "A2"
    for help_ in helps:
        required = "是 yes" if help_.column.required else ""
        others = "、".join(help_.column.aliases)
        values = " / ".join(help_.values)
        said = (help_.note_zh, help_.note_en, values, others)
        sheet.append([help_.column.zh, help_.column.name, required, *said])
    for n, width in enumerate(_NOTES_WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(n)].width = width
        sheet.cell(1, n).font = Font(bold=True)
    for row in sheet.iter_rows(2):
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
