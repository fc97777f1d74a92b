"""What the readers of the kinds of files have in common."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from graph.ingest.cells import clean, name_key, read_date, read_time, utc
from graph.ingest.grants import OPERATOR
from graph.ingest.issues import make_issue
from graph.ingest.register import Register
from graph.ingest.table import Row, Table
from graph.model import (
    Basis,
    DataCategory,
    InstitutionId,
    Provenance,
    ResidentId,
    SourceId,
)
from graph.vocabulary import fold

__all__ = [
    "HeldBack",
    "drop_staff",
    "known_resident",
    "listed",
    "made_id",
    "need",
    "own_id",
    "public",
    "read_moment",
    "read_place",
    "says_gone",
]

T = TypeVar("T")

_GONE_WORDS = ("已故", "去世", "死亡", "病故", "搬走", "迁出", "搬离")


def made_id(prefix: str, *words: str) -> str:
    """Make the id of something that is known by words alone; the same words give the same id."""
    said = "|".join(fold(word) for word in words)
    return f"{prefix}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def own_id(institution: InstitutionId, prefix: str, *words: str) -> str:
    """Make the id of something an institution lists: two may call different things the same.

    What the operator lists is known by its words alone, as it was before there were others.
    """
    scope = () if institution == OPERATOR else (institution,)
    return made_id(prefix, *scope, *words)


def public(source: SourceId, now: datetime) -> Provenance:
    """Say that a fact is public and as of now."""
    return Provenance(source, now, now, 1.0, DataCategory.PUBLIC, Basis.PUBLIC)


def need(row: Row, column: str, how: Callable[[str], T | None]) -> T | None:
    """Read a cell that must not be empty; when it gives ``None`` the report says why."""
    errors = len(row.table.issues)
    value = row.read(column, how)
    if value is None and len(row.table.issues) == errors:
        row.report("cell_empty", column, row.table.headers.get(column, column))
    return value


def listed(raw: str) -> list[str]:
    """Split a cell that holds several things."""
    text = clean(raw)
    for mark in "、;/|\n":
        text = text.replace(mark, ",")
    return [word.strip() for word in text.split(",") if word.strip()]


def read_moment(raw: str) -> datetime | None:
    """Read a day, with a time of day or without (then noon), as aware UTC."""
    text = clean(raw).replace("T", " ")
    day, _, at = text.partition(" ")
    date = read_date(day)
    if date is None:
        return None
    time = read_time(at or "12:00")
    return utc(date, time) if time else None


def read_place(row: Row, lat: str, lon: str) -> tuple[float, float] | None:
    """Read a position in degrees WGS-84; what is no position is reported and left out."""
    raw = [clean(row.cells.get(column, "")) for column in (lat, lon)]
    if not any(raw):
        return None
    try:
        place = float(raw[0]), float(raw[1])
    except ValueError:
        place = (999.0, 999.0)
    if not (-90 <= place[0] <= 90 and -180 <= place[1] <= 180):
        row.report("place_invalid", lat, ", ".join(raw))
        return None
    return place


def says_gone(remark: str) -> str | None:
    """Return the word of a remark that says that somebody died or moved."""
    text = clean(remark)
    return next((word for word in _GONE_WORDS if word in text), None)


def drop_staff(table: Table, *columns: str) -> None:
    """Say that columns about members of staff are not kept."""
    for column in columns:
        if column in table.headers:
            header = table.headers[column]
            table.issues.append(make_issue("staff_dropped", row=0, column=header, value=header))


def known_resident(
    row: Row,
    register: Register,
    name: str,
    phone: str | None,
    id_number: str | None,
    *,
    column: str = "name",
) -> ResidentId | None:
    """Find the resident whom a row names, by number or telephone; the name must be the same."""
    known = register.find("id_number", id_number) if id_number else None
    known = known or (register.find("phone", phone) if phone else None)
    if known is None:
        row.report("resident_unknown", column, f"{name[0]}…")
    elif name_key(register.fields(known).get("name", "")) != name_key(name):
        row.report("name_mismatch", column)
        known = None
    return known


class HeldBack:
    """Counts cells that wait for an authorisation, to say so once per column."""

    def __init__(self, table: Table, register: Register) -> None:
        self._table = table
        self._register = register
        self._held: Counter[str] = Counter()
        self.taken: Counter[DataCategory] = Counter()
        """Cells that residents authorise, by category."""

    def may(self, resident: ResidentId, category: DataCategory, column: str) -> bool:
        """Whether this resident authorises a fact of this category."""
        granted = self._register.granted(resident, category)
        if granted:
            self.taken[category] += 1
        else:
            self._held[column] += 1
        return granted

    def report(self) -> None:
        """Take down how many cells of each column were left out."""
        for column, count in self._held.items():
            header = self._table.headers[column]
            self._table.issues.append(
                make_issue("column_not_authorised", row=0, column=header, value=header, count=count)
            )
