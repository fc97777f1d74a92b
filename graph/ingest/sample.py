"""The first clean rows of a file as they are understood, shown without telling who they are.

What may be shown is decided by the column. Names keep their first sign, telephones and identity
numbers their ends, texts in people's own words only their length. In every other column too, a
run of seven digits or more is starred.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from itertools import islice

from graph.ingest.cells import clean
from graph.ingest.table import Table

__all__ = ["SAMPLE_ROWS", "masked", "sample_of"]

SAMPLE_ROWS = 5

_NAMES = {
    *("name", "volunteer", "helper", "recipient", "beneficiary", "resident", "person", "worker"),
    *("visitor", "contact", "responsible", "confirmer", "confirmed", "owner", "subject", "head"),
}
_WORDS = {"difficulties", "remark", "remarks", "note", "notes", "story"}
_NUMBERS = {"phone", "phones", "mobile", "id", "contact", "meter"}
_SPACED = re.compile(r"\d(?: ?\d){6,}")
_PHONE = re.compile(r"(?<!\d)(\d{3})\d{4,5}(\d{4})(?!\d)")
_ID = re.compile(r"(?<!\d)(\d{6})\d{8}(\d{3}[\dXx])(?![\dXx])")
_RUN = re.compile(r"\d{7,}")


def sample_of(table: Table, bad: Container[int]) -> tuple[Mapping[str, str], ...]:
    """Return the first rows that are not bad, masked, by column name; empty cells left out."""
    good = (row for row in table.each() if row.number not in bad)
    return tuple(
        {c: masked(c, text) for c, raw in row.cells.items() if (text := clean(raw))}
        for row in islice(good, SAMPLE_ROWS)
    )


def masked(column: str, text: str) -> str:
    """Star what would tell who a person is.

    Examples
    --------
    >>> masked("name", "张三"), masked("phone", "13812341234"), masked("seats", "20")
    ('张*', '138****1234', '20')
    """
    said = set(column.split("_"))
    if said & _NAMES:
        return text[0] + "*" * min(len(text) - 1, 3)
    if said & _WORDS:
        return f"… ({len(text)})"
    if said & _NUMBERS:
        text = re.sub(r"[\s()-]", "", text)
    starred = _ID.sub(r"\1********\2", _SPACED.sub(_closed, text))
    starred = _PHONE.sub(r"\1****\2", starred)
    if column == "address":
        return re.sub(r"\d", "*", starred)
    return _RUN.sub(lambda run: run[0][:3] + "*" * (len(run[0]) - 3), starred)


def _closed(run: re.Match[str]) -> str:
    return run[0].replace(" ", "")
