"""Services (服务清单): what is offered to residents, in the words of HSDS where it has some.

One row is a service with its schedule, cost option, required documents and service area. Who is
responsible is not kept, nor is a mobile number: both are somebody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time

from graph.ingest.cells import (
    clean,
    read_category,
    read_cost,
    read_count,
    read_date,
    read_text,
    read_time,
    utc,
)
from graph.ingest.common import drop_staff, listed, made_id, need, own_id, public
from graph.ingest.csv_activities import MOST_SEATS
from graph.ingest.csv_grids import area_id
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, Lazy, SeatRow
from graph.ingest.register import Register
from graph.ingest.table import Column, Row, Table
from graph.ledger.rows import RowKind
from graph.model import (
    Change,
    InstitutionId,
    ItemId,
    ItemState,
    NodeChange,
    Op,
    RelationshipChange,
    Scalar,
)
from graph.vocabulary import source

__all__ = ["SERVICE_COLUMNS", "plan_services", "read_schedule"]

SERVICE_COLUMNS: tuple[Column, ...] = (
    Column("title", "服务名称", ("名称",), required=True),
    Column("provider", "提供单位", ("机构", "单位"), required=True),
    Column("category", "类别", ("服务类别",), required=True),
    Column("eligibility", "对象", ("服务对象",)),
    Column("min_age", "年龄下限", ("最小年龄",)),
    Column("max_age", "年龄上限", ("最大年龄",)),
    Column("cost", "费用", ("费用(元)",)),
    Column("required_documents", "材料", ("所需材料",)),
    Column("schedule", "时间", ("服务时间", "开放时间")),
    Column("venue", "地点", ("服务地点",)),
    Column("phone", "电话", ("服务电话", "联系电话")),
    Column("seats", "名额"),
    Column("worker", "责任人", ("负责人", "联系人")),
    Column("status", "状态"),
    Column("valid_until", "有效期至", ("截止日期",)),
    Column("grids", "服务网格", ("网格编码", "网格")),
    Column("area_street", "街道"),
    Column("areas", "服务社区", ("社区",)),
)
"""Header of a list of services."""

SOURCE = source("government-services")
_DAYS = {day: n for n, day in enumerate("一二三四五六日")} | {"天": 6}
_BYDAY = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EVERY_DAY = ("每天", "每日", "天天", "全周")
_SPAN = re.compile(r"(\d{1,2}[:时点]\d{0,2}分?)[-~至到—](\d{1,2}[:时点]\d{0,2}分?)")
_STATUS = {
    **dict.fromkeys(("active", "正常", "启用", "在用", "开放"), "active"),
    **dict.fromkeys(("inactive", "停用", "未启用"), "inactive"),
    **dict.fromkeys(("defunct", "撤销", "取消", "终止"), "defunct"),
    **dict.fromkeys(("temporarily closed", "暂停", "临时关闭"), "temporarily closed"),
}
_STATES = {
    "active": ItemState.OPEN,
    "inactive": ItemState.CLOSED,
    "defunct": ItemState.CANCELLED,
    "temporarily closed": ItemState.CLOSED,
}


@dataclass(frozen=True, slots=True)
class _Service:
    row: int
    id: ItemId
    provider: str
    venue: str | None
    about: dict[str, Scalar]
    grids: tuple[str, ...]
    areas: tuple[str, ...]
    """Ids."""
    seats: int | None


def plan_services(
    table: Table, *, now: datetime, register: Register, institution: InstitutionId
) -> ImportPlan:
    """Turn a list of services into a plan."""
    drop_staff(table, "worker")
    kept: dict[ItemId, _Service] = {}
    for row in table.each():
        service = _read(row, now, register, institution)
        if service is None:
            continue
        first = kept.setdefault(service.id, service)
        if first is not service:
            row.report("service_repeated", "title", str(first.row))
    services = list(kept.values())
    return ImportPlan(
        kind="services",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        changes=Lazy(lambda: _changes(services, now, institution)),
        items=list(kept),
        seats=[SeatRow(s.id, s.seats) for s in services],
        issues=table.issues,
    )


def _read(
    row: Row, now: datetime, register: Register, institution: InstitutionId
) -> _Service | None:
    title, provider = (need(row, column, read_text) for column in ("title", "provider"))
    category = need(row, "category", read_category)
    seats = row.read("seats", lambda raw: read_count(raw, "seats_invalid", high=MOST_SEATS))
    ages = [
        row.read(column, lambda raw: read_count(raw, "age_invalid", high=130))
        for column in ("min_age", "max_age")
    ]
    if ages[0] is not None and ages[1] is not None and ages[0] > ages[1]:
        row.report("age_order", "max_age")
    words = {
        column: row.read(column, read_text)
        for column in ("eligibility", "required_documents", "schedule", "venue", "area_street")
    }
    valid_until = row.read("valid_until", read_date)
    if not row.good or not (title and provider):
        return None
    status = _status(row)
    state = _STATES[status] if status else ItemState.DRAFT
    if valid_until and utc(valid_until, time(23, 59)) < now and state is ItemState.OPEN:
        row.report("service_expired", "valid_until", valid_until.isoformat())
        state = ItemState.CLOSED
    about: dict[str, Scalar] = {
        "title": title,
        "state": str(state),
        "status": status,
        "life_category": str(category) if category else None,
        "seats": seats,
        "min_age": ages[0],
        "max_age": ages[1],
        "cost_fen": row.read("cost", read_cost),
        "opened_at": now,
        "contact_hours": words["schedule"],
        "schedule": row.read("schedule", read_schedule),
        "eligibility": words["eligibility"],
        "required_documents": words["required_documents"],
        "phone": row.read("phone", _read_phone),
    }
    grids, areas = _area(row, words["area_street"] or "", register)
    id_ = ItemId(own_id(institution, "svc", title, provider))
    return _Service(row.number, id_, provider, words["venue"], about, grids, areas, seats)


def _status(row: Row) -> str | None:
    """Read the status; a list that has none lists what is there."""
    text = clean(row.cells.get("status", "")).casefold()
    if text and text not in _STATUS:
        row.report("service_status_unknown", "status", text[:20])
        return None
    return _STATUS.get(text, "active")


def _area(row: Row, street: str, register: Register) -> tuple[tuple[str, ...], tuple[str, ...]]:
    grids = []
    for code in listed(row.cells.get("grids", "")):
        if register.has(RowKind.GRID, code):
            grids.append(code)
        else:
            row.report("grid_unknown", "grids", code[:32])
    areas = [area_id(street, name) for name in listed(row.cells.get("areas", ""))]
    if areas and not street:
        row.report("street_missing", "areas")
        areas = []
    return tuple(dict.fromkeys(grids)), tuple(dict.fromkeys(areas))


def _read_phone(raw: str) -> str | None:
    """Read the number of an office; a mobile is somebody's and is not kept."""
    digits = re.sub(r"[\s()-]", "", clean(raw))
    if not digits:
        return None
    if re.fullmatch(r"(\+86)?1[3-9]\d{9}", digits):
        raise CellFault("mobile_dropped")
    if not re.fullmatch(r"0\d{9,11}|[48]00\d{7}|\d{5,8}", digits):
        raise CellFault("phone_invalid", f"…{digits[-2:]} ({len(digits)})")
    return digits


def read_schedule(raw: str) -> str | None:
    """Read opening hours.

    Examples
    --------
    >>> read_schedule("周一至周三、周五 8:30-11:30，14:00-17:00；周六 9点-11点")
    'MO,TU,WE,FR 08:30-11:30,14:00-17:00; SA 09:00-11:00'
    """
    parts = [part for part in re.split(r"[;；\n]", clean(raw)) if part.strip()]
    return "; ".join(_one_schedule("".join(part.split())) for part in parts) or None


def _one_schedule(text: str) -> str:
    spans = _SPAN.findall(text)
    days = _days(re.sub(r"[,、，]", "", _SPAN.sub("", text)))
    if not spans or not days:
        raise CellFault("schedule_unclear", text[:20])
    hours = []
    for opens, closes in spans:
        begin, end = read_time(opens), read_time(closes)
        if begin is None or end is None or end <= begin:
            raise CellFault("schedule_unclear", text[:20])
        hours.append(f"{begin:%H:%M}-{end:%H:%M}")
    return f"{','.join(_BYDAY[day] for day in sorted(days))} {','.join(hours)}"


def _days(text: str) -> set[int]:
    """Days of the week that words name; empty when there is anything else in them."""
    if text in _EVERY_DAY:
        return set(range(7))
    days: set[int] = set()
    rest = text.replace("星期", "周").replace("礼拜", "周")
    for found in re.finditer(r"周?([一二三四五六日天])(?:[-~至到—]周?([一二三四五六日天]))?", rest):
        first = _DAYS[found[1]]
        days |= set(range(first, _DAYS[found[2] or found[1]] + 1))
    left = re.sub(r"周?[一二三四五六日天](?:[-~至到—]周?[一二三四五六日天])?", "", rest)
    return days if not left else set()


def _changes(
    services: list[_Service], now: datetime, institution: InstitutionId
) -> Iterator[Change]:
    said = public(SOURCE.id, now)
    for name in dict.fromkeys(s.provider for s in services):
        yield NodeChange(
            Op.PUT, "Organisation", made_id("organisation", name), {"name": name}, said
        )
    for name in dict.fromkeys(s.venue for s in services if s.venue):
        yield NodeChange(Op.PUT, "Venue", own_id(institution, "ven", name), {"name": name}, said)
    for service in services:
        yield NodeChange(Op.PUT, "Service", service.id, service.about, said)
    for service in services:
        start = ("Service", service.id)
        links = [("PROVIDED_BY", "Organisation", made_id("organisation", service.provider))]
        if service.venue:
            links.append(("HELD_AT", "Venue", own_id(institution, "ven", service.venue)))
        links += [("SERVES", "Grid", grid) for grid in service.grids]
        links += [("SERVES", "ResidentialArea", area) for area in service.areas]
        for type_, label, end in links:
            yield RelationshipChange(Op.PUT, type_, *start, label, end, {}, said)
