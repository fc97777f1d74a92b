"""Sign-ups (活动报名表): who comes, and who came.

A seat is kept in the ledger for everyone named. That somebody signed up or attended becomes part
of the graph only with their authorisation of the category "attendance".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from graph.ingest.cells import (
    birth_of,
    clean,
    read_count,
    read_date,
    read_id_number,
    read_phones,
    read_text,
    read_time,
    read_yes,
    utc,
)
from graph.ingest.common import known_resident, says_gone
from graph.ingest.csv_activities import activity_id
from graph.ingest.plan import BookingRow, ImportPlan, Lazy
from graph.ingest.register import Register
from graph.ingest.table import Column, Row, Table
from graph.model import (
    Basis,
    Change,
    DataCategory,
    InstitutionId,
    ItemId,
    Op,
    Provenance,
    RelationshipChange,
    ResidentId,
    Scalar,
)
from graph.vocabulary import source

__all__ = ["SIGNUP_COLUMNS", "plan_signups"]

SIGNUP_COLUMNS: tuple[Column, ...] = (
    Column("title", "活动名称", ("名称",), required=True),
    Column("date", "日期", ("活动日期",), required=True),
    Column("start", "开始", ("开始时间",), required=True),
    Column("name", "姓名", required=True),
    Column("phone", "联系电话", ("电话", "手机", "联系方式", "手机号")),
    Column("id_number", "公民身份号码", ("身份证号", "身份证号码")),
    Column("people", "人数", ("带人", "人数(带人)")),
    Column("attended", "到场", ("签到", "到场(√)")),
    Column("signed_up_at", "报名日期", ("报名时间",)),
    Column("age", "年龄", ("周岁",)),
    Column("remark", "备注"),
    Column("end", "结束", ("结束时间",)),
    Column("venue", "地点", ("活动地点",)),
    Column("building", "楼栋", ("楼号", "住址")),
    Column("number", "序号", ("编号",)),
)
"""Header of a list of sign-ups; title, date and start are those of the activity.

The last four are what such lists have beside it: they are known and need no reading.
"""

_GONE = frozenset({"moved", "deceased"})
"""Status of residents who sign up for nothing more."""

_MISSING = {
    "title": "title_missing",
    "name": "name_missing",
    "date": "cell_empty",
    "start": "cell_empty",
}

SOURCE = source("organiser-notice")


@dataclass(frozen=True, slots=True)
class _SignUp:
    row: int
    resident: ResidentId
    item: ItemId
    at: datetime
    starts: datetime
    attended: bool
    kept: bool
    """The resident authorises keeping it in the graph."""


def plan_signups(
    table: Table, *, now: datetime, register: Register, institution: InstitutionId
) -> ImportPlan:
    """Turn a list of sign-ups into a plan. Residents must be known, by number or telephone."""
    found: dict[tuple[ResidentId, ItemId], _SignUp] = {}
    for row in table.each():
        sign_up = _read(row, now, register, institution)
        if sign_up is None:
            continue
        first = found.setdefault((sign_up.resident, sign_up.item), sign_up)
        if first is not sign_up:
            row.report("signup_repeated", "name", str(first.row))
    sign_ups = list(found.values())
    kept = [s for s in sign_ups if s.kept]
    return ImportPlan(
        kind="signups",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        consented=frozenset({DataCategory.ATTENDANCE} if kept else ()),
        changes=Lazy(lambda: _changes(kept, now)),
        bookings=[BookingRow(s.item, s.resident, s.at) for s in sign_ups if s.starts > now],
        issues=table.issues,
    )


def _read(
    row: Row, now: datetime, register: Register, institution: InstitutionId
) -> _SignUp | None:
    title, name = row.read("title", read_text), row.read("name", read_text)
    day, start = row.read("date", read_date), row.read("start", read_time)
    for column, value in (("title", title), ("name", name), ("date", day), ("start", start)):
        if value is None and row.good:
            row.report(_MISSING[column], column, row.table.headers[column])
    phone, id_number = row.read("phone", read_phones), row.read("id_number", read_id_number)
    signed_up = row.read("signed_up_at", read_date)
    _check_remark(row)
    if not row.good or not (title and name and day and start):
        return None
    resident = known_resident(row, register, name, phone, id_number)
    if resident is None:
        return None
    starts = utc(day, start)
    recorded = register.fields(resident)
    _check_age(row, id_number or recorded.get("id_number"), day)
    attended = row.read("attended", read_yes) is True
    if starts > now:
        _check_ahead(row, recorded.get("status"), attended=attended)
    if not row.good:
        return None
    more = _companions(row)
    if more:
        row.report("companions", "people", str(more))
    kept = register.granted(resident, DataCategory.ATTENDANCE)
    if not kept:
        row.report("attendance_not_authorised", "name")
    return _SignUp(
        row=row.number,
        resident=resident,
        item=activity_id(institution, title, day, start),
        at=_when(signed_up, starts, now),
        starts=starts,
        attended=attended,
        kept=kept,
    )


def _check_remark(row: Row) -> None:
    """Point out who cannot come, as far as the remark says so."""
    gone = says_gone(row.cells.get("remark", ""))
    if gone:
        row.report("person_gone", "remark", gone)


def _check_ahead(row: Row, status: str | None, *, attended: bool) -> None:
    """Point out what cannot be of an activity that has not begun."""
    if status in _GONE:
        row.report("resident_gone", "name")
    if attended:
        row.report("attended_future", "attended")


def _check_age(row: Row, id_number: str | None, day: date) -> None:
    """Point out an age that is not that of the identity number.

    People count their years in two ways, so a year more or less is no conflict.
    """
    age = row.read("age", lambda raw: read_count(raw, "age_invalid", high=130))
    if age is not None and id_number:
        born = birth_of(id_number)
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        if abs(years - age) > 1:
            row.report("age_conflict", "age")


def _companions(row: Row) -> int:
    text = clean(row.cells.get("people", ""))
    found = re.fullmatch(r"(\+?)(\d+)人?", text)
    if found is None:
        return 0
    return int(found[2]) if found[1] else max(0, int(found[2]) - 1)


def _when(signed_up: date | None, starts: datetime, now: datetime) -> datetime:
    said = utc(signed_up, time(12)) if signed_up else now
    return min(said, starts, now)


def _changes(sign_ups: list[_SignUp], now: datetime) -> Iterator[Change]:
    for sign_up in sign_ups:
        ends = ("Resident", sign_up.resident, "Activity", sign_up.item)
        said = Provenance(SOURCE.id, sign_up.at, now, 1.0, DataCategory.ATTENDANCE, Basis.CONSENT)
        # Before it begins, the ledger alone knows whether a seat is certain.
        state = "confirmed" if sign_up.starts <= now else None
        about: dict[str, Scalar] = {"at": sign_up.at, "state": state}
        yield RelationshipChange(Op.PUT, "SIGNED_UP", *ends, about, said)
        if sign_up.attended:
            about = {"at": sign_up.starts}
            yield RelationshipChange(Op.PUT, "ATTENDED", *ends, about, said)
