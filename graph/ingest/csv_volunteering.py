"""Volunteering and time bank (志愿/时间银行): who helped whom, or which project, for how long.

An hour of help enters the graph only when everyone it is about authorises the category "help":
the volunteer, and the one who was helped. All rows of one pair are one relationship with the sum
of their hours and the last day, because there is at most one per pair; so a file holds the whole
time of a pair, not one month of it, and a later file takes the place of an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from graph.ingest.cells import clean, read_category, read_id_number, read_phones, read_text
from graph.ingest.common import known_resident, made_id, need, public, read_moment
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, Lazy
from graph.ingest.register import Register
from graph.ingest.table import Column, Row, Table
from graph.ledger.rows import RowKind
from graph.model import (
    Basis,
    Category,
    Change,
    DataCategory,
    ItemId,
    ItemState,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    ResidentId,
    Scalar,
)
from graph.vocabulary import source

__all__ = ["VOLUNTEERING_COLUMNS", "plan_volunteering"]

VOLUNTEERING_COLUMNS: tuple[Column, ...] = (
    Column("volunteer", "志愿者", ("志愿者姓名", "服务者"), required=True),
    Column("phone", "志愿者电话", ("电话", "联系电话", "手机")),
    Column("id_number", "公民身份号码", ("身份证号", "志愿者身份证号")),
    Column("recipient", "受助者或项目", ("受助者", "项目", "服务对象"), required=True),
    Column("recipient_kind", "对象类型", ("受助类型",)),
    Column("recipient_phone", "受助者电话"),
    Column("recipient_id_number", "受助者身份证号"),
    Column("date", "日期", ("服务日期",), required=True),
    Column("hours", "时长", ("时长(h)", "时长(小时)", "服务时长"), required=True),
    Column("category", "类别", ("服务类别",)),
    Column("confirmed_by", "确认人"),
)
"""Header of a list of hours. Without a telephone or number, 对象类型 must say 项目."""

SOURCE = source("organiser-notice")
MOST_HOURS = 24.0
_PERSON, _PROJECT = {"个人", "居民", "person", "resident"}, {"项目", "project"}


@dataclass(frozen=True, slots=True)
class _Project:
    id: ItemId
    title: str
    category: Category | None


@dataclass(frozen=True, slots=True)
class _Hours:
    volunteer: ResidentId
    label: str
    """``Resident`` or ``HelperRole``."""
    helped: str
    at: datetime
    hours: float
    project: _Project | None = None

    @property
    def pair(self) -> tuple[str, str, str]:
        return (self.volunteer, self.label, self.helped)


def plan_volunteering(table: Table, *, now: datetime, register: Register) -> ImportPlan:
    """Turn a list of hours into a plan."""
    seen: dict[tuple[tuple[str, str, str], datetime, float], int] = {}
    sums: dict[tuple[str, str, str], _Hours] = {}
    for row in table.each():
        said = _read(row, now, register)
        if said is None:
            continue
        first = seen.setdefault((said.pair, said.at, said.hours), row.number)
        if first != row.number:
            row.report("hours_repeated", "hours", str(first))
            continue
        if not _authorised(said, register):
            row.report("record_not_authorised", "volunteer")
            continue
        before = sums.get(said.pair)
        sums[said.pair] = said if before is None else _sum(before, said)
    kept = list(sums.values())
    projects = {
        s.project.id: s.project
        for s in kept
        if s.project and not register.has(RowKind.ITEM, s.project.id)
    }
    return ImportPlan(
        kind="volunteering",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        consented=frozenset({DataCategory.HELP} if kept else ()),
        changes=Lazy(lambda: _changes(kept, list(projects.values()), now)),
        items=list(projects),
        issues=table.issues,
    )


def _read(row: Row, now: datetime, register: Register) -> _Hours | None:
    name, helped = need(row, "volunteer", read_text), need(row, "recipient", read_text)
    at = need(row, "date", read_moment)
    hours = need(row, "hours", _read_hours)
    if at and at.date() > now.date():
        row.report("date_future", "date")
    category = row.read("category", read_category)
    if not row.good or not (name and helped and at and hours):
        return None
    volunteer = _known(row, register, name, "volunteer")
    is_project = _is_project(row)
    if volunteer is None or is_project is None:
        return None
    if is_project:
        id_ = made_id("hlp", helped)
        project = _Project(ItemId(id_), helped, category)
        return _Hours(volunteer, "HelperRole", id_, at, hours, project)
    other = _known(row, register, helped, "recipient")
    if other is None:
        return None
    if other == volunteer:
        row.report("helped_self", "recipient")
        return None
    return _Hours(volunteer, "Resident", other, at, hours)


def _known(row: Row, register: Register, name: str, column: str) -> ResidentId | None:
    before = "" if column == "volunteer" else f"{column}_"
    phone = row.read(f"{before}phone", read_phones)
    id_number = row.read(f"{before}id_number", read_id_number)
    return known_resident(row, register, name, phone, id_number, column=column)


def _is_project(row: Row) -> bool | None:
    """Tell a project from a person; a name alone never becomes the public title of one."""
    kind = clean(row.cells.get("recipient_kind", "")).casefold()
    if kind in _PROJECT or kind in _PERSON:
        return kind in _PROJECT
    if any(clean(row.cells.get(c, "")) for c in ("recipient_phone", "recipient_id_number")):
        return False
    row.report("helped_unclear", "recipient")
    return None


def _read_hours(raw: str) -> float | None:
    text = clean(raw)
    if not text:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:h|小时)?", text)
    hours = float(found[1]) if found else 0.0
    if not 0 < hours <= MOST_HOURS or hours * 2 != int(hours * 2):
        raise CellFault("hours_invalid", text[:20])
    return hours


def _authorised(said: _Hours, register: Register) -> bool:
    people = [said.volunteer]
    if said.label == "Resident":
        people.append(ResidentId(said.helped))
    return all(register.granted(who, DataCategory.HELP) for who in people)


def _sum(one: _Hours, other: _Hours) -> _Hours:
    return replace(one, at=max(one.at, other.at), hours=one.hours + other.hours)


def _changes(kept: list[_Hours], projects: list[_Project], now: datetime) -> Iterator[Change]:
    for project in projects:
        # Hours of the past are no invitation: a coordinator opens the role when it is wanted.
        about: dict[str, Scalar] = {
            "title": project.title,
            "state": str(ItemState.CLOSED),
            "life_category": str(project.category) if project.category else None,
        }
        yield NodeChange(Op.PUT, "HelperRole", project.id, about, public(SOURCE.id, now))
    for said in kept:
        why = Provenance(SOURCE.id, said.at, now, 1.0, DataCategory.HELP, Basis.CONSENT)
        ends = ("Resident", said.volunteer, said.label, said.helped)
        done: dict[str, Scalar] = {"at": said.at, "hours": said.hours}
        yield RelationshipChange(Op.PUT, "HELPED", *ends, done, why)
