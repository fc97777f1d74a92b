"""Named faults of rows and cells, with their texts from ``issues.csv``."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import cast

from graph.codec import Json
from graph.ingest.plan import RowIssue, Severity
from graph.ingest.shelves import RowSet, Shelves

__all__ = ["CellFault", "Issues", "codes", "fields_of", "issue_of", "make_issue"]

_ROWS_ON_A_SHELF = 4_096


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


class Issues(Collection[RowIssue]):
    """What was found wrong with a file, in the order of its rows; compact, as it may be every row.

    Issues of one row keep the order in which they were found.
    """

    def __init__(self, issues: Iterable[RowIssue] = ()) -> None:
        self._kept: Shelves[int] = Shelves(lambda row: row // _ROWS_ON_A_SHELF)
        self.left_out = RowSet()
        """Rows with an error."""
        for issue in issues:
            self.append(issue)

    def append(self, issue: RowIssue) -> None:
        """Take an issue down."""
        if issue.severity is Severity.ERROR:
            self.left_out.add(issue.row)
        self._kept.add(issue.row, fields_of(issue))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._kept)

    def __iter__(self) -> Iterator[RowIssue]:
        """Yield them by row."""
        for _, fields in self._kept:
            yield issue_of(fields)

    def __contains__(self, issue: object) -> bool:
        """Whether this very issue is among them."""
        return any(issue == other for other in self)


def fields_of(issue: RowIssue) -> list[Json]:
    """Take an issue apart, as JSON."""
    return [
        issue.code,
        issue.severity.value,
        issue.row,
        issue.column,
        issue.message_zh,
        issue.message_en,
        issue.remedy_zh,
        issue.remedy_en,
    ]


def issue_of(fields: Sequence[Json]) -> RowIssue:
    """Put together again what :func:`fields_of` took apart."""
    code, severity, row, *texts = cast("tuple[str, str, int, *tuple[str, ...]]", fields)
    return RowIssue(code, Severity(severity), row, *texts)
