"""A copy of a table with its issues beside the rows, for the clerk to correct and send again."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from graph.ingest.plan import RowIssue

__all__ = ["PROBLEM_COLUMN", "corrected_copy"]

PROBLEM_COLUMN = "问题 problem"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def corrected_copy(source: Path, issues: Iterable[RowIssue], target: Path) -> None:
    """Write a CSV file again with one more column that says what is wrong with each row.

    Cells that a spreadsheet would take for formulas are made texts.
    """
    said: dict[int, list[str]] = {}
    for issue in issues:
        where = f"{issue.column}: " if issue.column else ""
        said.setdefault(issue.row, []).append(
            f"{where}{issue.message_zh} {issue.remedy_zh} / {issue.message_en} {issue.remedy_en}"
        )
    with (
        source.open(encoding=_encoding(source), errors="replace", newline="") as old,
        target.open("w", encoding="utf-8-sig", newline="") as new,
    ):
        writer = csv.writer(new)
        reader = csv.reader(old)
        for row in reader:
            number = reader.line_num
            beside = PROBLEM_COLUMN if number == 1 else "; ".join(said.get(number, []))
            writer.writerow([*(_text(cell) for cell in row), beside])


def _encoding(path: Path) -> str:
    """UTF-8 if the whole file is that, otherwise the national encoding."""
    with path.open("rb") as file:
        try:
            for line in file:
                line.decode("utf-8")
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8-sig"


def _text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
