"""Named faults of rows and cells, with their texts from ``issues.csv``."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from graph.ingest.plan import RowIssue, Severity

__all__ = ["CellFault", "codes", "make_issue"]


class CellFault(Exception):
    """A cell cannot be used.

    Parameters
    ----------
    code : str
        A code of ``issues.csv``.
    value : str
        What is shown of the cell; never a whole name or number of a person.
    instead : object, optional
        What the cell surely means in spite of the fault, of the type that the reader returns.
    """

    def __init__(self, code: str, value: str = "", *, instead: object = None) -> None:
        super().__init__(code)
        self.code = code
        self.value = value
        self.instead = instead


@cache
def _texts() -> dict[str, dict[str, str]]:
    text = resources.files("graph.ingest").joinpath("issues.csv").read_text(encoding="utf-8")
    return {row["code"]: row for row in csv.DictReader(text.splitlines())}


def codes() -> tuple[str, ...]:
    """Return all codes, in the order of the file."""
    return tuple(_texts())


def make_issue(
    code: str, *, row: int, column: str = "", value: str = "", count: int = 0
) -> RowIssue:
    """Word an issue.

    Parameters
    ----------
    code : str
    row : int
        1-based line of the table; 0 for the file.
    column : str
        Header as it stands in the file.
    value, count
        Filled into the texts.
    """
    texts = _texts()[code]
    return RowIssue(
        code=code,
        severity=Severity(texts["severity"]),
        row=row,
        column=column,
        message_zh=texts["message_zh"].format(value=value, count=count),
        message_en=texts["message_en"].format(value=value, count=count),
        remedy_zh=texts["remedy_zh"],
        remedy_en=texts["remedy_en"],
    )
