"""Readings of water meters (水表读数): cubic metres since a meter was fitted, sealed in the ledger.

A reading is taken in only for a resident whose meter is known from the register and who
authorises the category "utility water" for alarms; none enters the graph. Readings of one meter
are looked at in the order of time, whatever the order of the rows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from graph.codec import Json
from graph.ingest.cells import clean
from graph.ingest.common import HeldBack, need, read_moment
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, RecordKind, RecordRow
from graph.ingest.register import Register
from graph.ingest.table import Column, Row, Table
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


@dataclass(frozen=True, slots=True)
class _Reading:
    row: Row
    resident: ResidentId
    at: datetime
    total: float
    """Cubic metres."""


def plan_meters(table: Table, *, now: datetime, register: Register) -> ImportPlan:
    """Turn readings into a plan."""
    held = HeldBack(table, register)
    by_meter: dict[str, list[_Reading]] = defaultdict(list)
    owners: dict[str, ResidentId | None] = {}
    for row in table.each():
        meter = need(row, "meter", read_meter)
        at, total = need(row, "time", read_moment), need(row, "reading", _read_number)
        litres = _in_litres(row)
        if at and at > now:
            row.report("date_future", "time")
        if not row.good or meter is None or at is None or total is None:
            continue
        if meter not in owners:
            owners[meter] = register.find("meter", meter)
        who = owners[meter]
        if who is None:
            row.report("meter_unknown", "meter", f"…{meter[-3:]}")
        elif held.may(who, DataCategory.UTILITY_WATER, "meter"):
            if litres:
                row.report("reading_litres", "reading", f"{total:g}")
            by_meter[meter].append(_Reading(row, who, at, total / 1000 if litres else total))
    held.report()
    records = [record for readings in by_meter.values() for record in _in_order(readings)]
    return ImportPlan(
        kind="meters",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        consented=frozenset({DataCategory.UTILITY_WATER} if records else ()),
        changes=(),
        records=records,
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


def _in_order(readings: list[_Reading]) -> list[RecordRow]:
    """Check the readings of one meter against each other; those with errors are left out."""
    readings.sort(key=lambda reading: reading.at)
    usual = _usual(readings)
    kept: list[RecordRow] = []
    last: _Reading | None = None
    for reading in readings:
        reset = last is not None and reading.total < last.total and reading.total <= NEW_METER
        if last is not None and not _fits(last, reading, usual):
            continue
        fields: dict[str, Json] = {"m3": reading.total, "reset": reset}
        who, kind = reading.resident, RecordKind.READING
        kept.append(RecordRow(who, DataCategory.UTILITY_WATER, kind, reading.at, fields))
        last = reading
    return kept


def _usual(readings: list[_Reading]) -> timedelta:
    seconds = [(b.at - a.at).total_seconds() for a, b in pairwise(readings)]
    return timedelta(seconds=median([s for s in seconds if s] or [0]))


def _fits(last: _Reading, reading: _Reading, usual: timedelta) -> bool:
    """Whether a reading may follow another; says what is odd about it."""
    row, before = reading.row, str(last.row.number)
    passed, used = reading.at - last.at, reading.total - last.total
    if not passed:
        row.report("reading_repeated" if not used else "reading_conflict", "time", before)
        return False
    if used < 0:
        reset = reading.total <= NEW_METER
        row.report("meter_reset" if reset else "reading_backwards", "reading", before)
        return reset
    if used > MOST_A_DAY * max(passed / timedelta(days=1), 1):
        row.report("reading_jump", "reading", f"{used:g}")
        return False
    if passed > usual * LONG_GAP:
        row.report("reading_gap", "time", f"{passed / timedelta(hours=1):g}")
    return True
