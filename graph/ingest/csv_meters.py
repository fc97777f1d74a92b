"""Readings of water meters (水表读数): cubic metres since a meter was fitted, sealed in the ledger.

A reading is taken in only for a resident whose meter is known from the register and who
authorises the category "utility water" for alarms; none enters the graph. Readings of one meter
are looked at in the order of time, whatever the order of the rows; a file may hold millions, so
they are kept compact, by resident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from graph.ingest.cells import clean
from graph.ingest.common import HeldBack, need, read_moment
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, Lazy, RecordKind, RecordRow
from graph.ingest.register import Register
from graph.ingest.shelves import RowSet, Shelves, by_pseudonym
from graph.ingest.table import Column, Row, Table
from graph.ledger.canonical import micros, moment
from graph.model import DataCategory, ResidentId
from graph.vocabulary import source

__all__ = ["METER_COLUMNS", "MOST_A_DAY", "NEW_METER", "plan_meters", "read_meter"]

METER_COLUMNS: tuple[Column, ...] = (
    Column("meter", "户表号", ("水表号", "表号"), required=True),
    Column("time", "时间", ("抄表时间",), required=True),
    Column("reading", "累计", ("累计m3", "累计m³", "读数", "累计(m³)", "累计 m³"), required=True),
    Column("unit", "单位"),
)
"""Header of a list of readings; m³ unless the unit says L."""

SOURCE = source("enterprise-providers")
NEW_METER = 1.0
"""A reading at most this many m³, after a higher one, is that of a meter that began anew."""
MOST_A_DAY = 20.0
"""More m³ a day than any home uses: litres written as cubic metres are a thousand times more."""
LONG_GAP = 3
"""A gap is longer than this many times the usual time between readings of the same meter."""
_LITRES = {"l", "升", "litre", "litres"}
_CUBIC_METRES = {"", "m3", "吨", "方", "立方", "立方米", "m³"}


class _Reading(NamedTuple):
    resident: ResidentId
    meter: str
    row: int
    at: int
    """Microseconds since 1970."""
    total: float
    """Cubic metres."""


def plan_meters(table: Table, *, now: datetime, register: Register) -> ImportPlan:
    """Turn readings into a plan."""
    held = HeldBack(table, register)
    readings: Shelves[str] = Shelves(by_pseudonym)
    for row in table.each():
        meter = need(row, "meter", read_meter)
        at, total = need(row, "time", read_moment), need(row, "reading", _read_number)
        litres = _in_litres(row)
        if at and at > now:
            row.report("date_future", "time")
        if not row.good or meter is None or at is None or total is None:
            continue
        who = register.find("meter", meter)
        if who is None:
            row.report("meter_unknown", "meter", f"…{meter[-3:]}")
        elif held.may(who, DataCategory.UTILITY_WATER, "meter"):
            if litres:
                row.report("reading_litres", "reading", f"{total:g}")
            readings.add(who, meter, row.number, micros(at), total / 1000 if litres else total)
    held.report()
    odd = _Odd(table)
    for one in _by_meter(readings):
        odd.look_at(one)
    return ImportPlan(
        kind="meters",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        consented=frozenset({DataCategory.UTILITY_WATER} if odd.kept else ()),
        changes=(),
        records=Lazy(lambda: _records(readings, odd)),
        issues=table.issues,
    )


def read_meter(raw: str) -> str | None:
    """Read the number of a meter."""
    text = "".join(clean(raw).split()).upper().lstrip("'")
    if re.fullmatch(r"\d(\.\d+)?E\+?\d+", text):
        raise CellFault("meter_scientific", text)
    if text and not re.fullmatch(r"[0-9A-Z-]{4,20}", text):
        raise CellFault("meter_invalid", f"…{text[-2:]} ({len(text)})")
    return text or None


def _read_number(raw: str) -> float | None:
    text = re.sub(r"(m3|l|升|吨|方|立方米?)$", "", clean(raw).casefold())
    if not text:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise CellFault("reading_invalid", text[:20])
    return float(text)


def _in_litres(row: Row) -> bool:
    said = clean(row.cells.get("unit", "")).casefold()
    cell = clean(row.cells.get("reading", "")).casefold()
    if said not in _LITRES and said not in _CUBIC_METRES:
        row.report("unit_unknown", "unit", said[:10])
    return said in _LITRES or cell.endswith(("l", "升"))


def _by_meter(readings: Shelves[str]) -> Iterator[list[_Reading]]:
    """Yield the readings of each meter in the order of time."""
    lines = (_Reading(ResidentId(who), *rest) for who, *rest in readings)
    for _, of_one in groupby(lines, attrgetter("resident")):
        ordered = sorted(of_one, key=attrgetter("meter", "at"))
        for _, of_meter in groupby(ordered, attrgetter("meter")):
            yield list(of_meter)


def _records(readings: Shelves[str], odd: _Odd) -> Iterator[RecordRow]:
    category, kind = DataCategory.UTILITY_WATER, RecordKind.READING
    for one in _by_meter(readings):
        for who, _, row, at, total in one:
            if row not in odd.left_out:
                fields = {"m3": total, "reset": row in odd.resets}
                yield RecordRow(who, category, kind, moment(at), fields)


class _Odd:
    """Holds the readings of one meter against each other, and remembers what came of it."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.kept = 0
        self.left_out, self.resets = RowSet(), RowSet()

    def look_at(self, readings: list[_Reading]) -> None:
        """Report what is odd about the readings of a meter, in the order of time."""
        usual = _usual(readings)
        last: _Reading | None = None
        for reading in readings:
            if last is not None and not self._fits(last, reading, usual):
                self.left_out.add(reading.row)
                continue
            last = reading
            self.kept += 1

    def _fits(self, last: _Reading, reading: _Reading, usual: timedelta) -> bool:
        """Whether a reading may follow another; says what is odd about it."""
        row, before = reading.row, str(last.row)
        passed, used = timedelta(microseconds=reading.at - last.at), reading.total - last.total
        if not passed:
            self._report("reading_conflict" if used else "reading_repeated", row, "time", before)
            return False
        if used < 0:
            if reading.total > NEW_METER:
                self._report("reading_backwards", row, "reading", before)
                return False
            self._report("meter_reset", row, "reading", before)
            self.resets.add(row)
            return True
        if used > MOST_A_DAY * max(passed / timedelta(days=1), 1):
            self._report("reading_jump", row, "reading", f"{used:g}")
            return False
        if passed > usual * LONG_GAP:
            self._report("reading_gap", row, "time", f"{passed / timedelta(hours=1):g}")
        return True

    def _report(self, code: str, row: int, column: str, value: str) -> None:
        self._table.report(row, code, column, value)


def _usual(readings: list[_Reading]) -> timedelta:
    passed = [b.at - a.at for a, b in pairwise(readings)]
    return timedelta(microseconds=median([some for some in passed if some] or [0]))
