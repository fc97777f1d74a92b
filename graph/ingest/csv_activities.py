"""Activities (活动): what happens when and where, and what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from graph.ingest.cells import (
    read_category,
    read_cost,
    read_count,
    read_date,
    read_text,
    read_time,
    read_yes,
    utc,
)
from graph.ingest.common import listed, own_id, public, read_place
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, Lazy, SeatRow
from graph.ingest.table import Column, Row, Table
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
from graph.view import LANGUAGE_BIT
from graph.vocabulary import fold, interests, source, vocabulary_nodes

__all__ = ["ACTIVITY_COLUMNS", "activity_id", "plan_activities"]

ACTIVITY_COLUMNS: tuple[Column, ...] = (
    Column("title", "活动名称", ("名称",), required=True),
    Column("date", "日期", ("活动日期",), required=True),
    Column("start", "开始", ("开始时间",), required=True),
    Column("end", "结束", ("结束时间",)),
    Column("venue", "地点", ("活动地点",), required=True),
    Column("title_en", "英文名称"),
    Column("summary", "简介", ("内容",)),
    Column("summary_en", "英文简介"),
    Column("category", "类别"),
    Column("interests", "兴趣", ("标签",)),
    Column("seats", "名额", ("人数上限",)),
    Column("min_age", "最小年龄", ("年龄下限",)),
    Column("max_age", "最大年龄", ("年龄上限",)),
    Column("languages", "语言"),
    Column("cost", "费用", ("费用(元)",)),
    Column("step_free", "无障碍"),
    Column("participatory", "参与式"),
    Column("grid", "网格编码", ("网格", "grid_code")),
    Column("lat", "纬度"),
    Column("lon", "经度"),
)
"""Header of a list of activities; the order does not matter."""

SOURCE = source("organiser-notice")
USUAL_LENGTH = timedelta(minutes=90)
"""Taken for clashes only; an end that is not given stays unknown."""
MOST_SEATS = 100_000
EVENING, MORNING = time(18), time(6)
"""What begins in the evening and ends by the morning ends on the next day."""


@dataclass(frozen=True, slots=True)
class _Activity:
    row: int
    id: ItemId
    properties: dict[str, Scalar]
    venue: str
    place: tuple[float, float] | None
    grid: str | None
    interests: tuple[str, ...]
    starts: datetime
    until: datetime
    seats: int | None


def activity_id(institution: InstitutionId, title: str, day: date, start: time | None) -> ItemId:
    """Return the id of an activity, the same for its row here and in a list of sign-ups."""
    at = start.isoformat("minutes") if start else ""
    return ItemId(own_id(institution, "act", title, day.isoformat(), at))


def plan_activities(table: Table, *, now: datetime, institution: InstitutionId) -> ImportPlan:
    """Turn a list of activities into a plan."""
    kept: dict[ItemId, _Activity] = {}
    at_venue: dict[str, list[_Activity]] = {}
    for row in table.each():
        activity = _read(row, now, institution)
        if activity is None:
            continue
        if activity.id in kept:
            row.report("item_repeated", "title", str(kept[activity.id].row))
            continue
        others = at_venue.setdefault(fold(activity.venue), [])
        for other in others:
            if other.starts < activity.until and activity.starts < other.until:
                row.report("venue_clash", "venue", str(other.row))
                break
        others.append(activity)
        kept[activity.id] = activity
    activities = list(kept.values())
    return ImportPlan(
        kind="activities",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        changes=Lazy(lambda: _changes(activities, now, institution)),
        items=list(kept),
        grids=sorted({a.grid for a in activities if a.grid}),
        seats=[SeatRow(a.id, a.seats) for a in activities],
        issues=table.issues,
    )


def _read(row: Row, now: datetime, institution: InstitutionId) -> _Activity | None:
    title = row.read("title", read_text)
    if title is None and row.good:
        row.report("title_missing", "title")
    venue = row.read("venue", read_text)
    if venue is None and row.good:
        row.report("venue_missing", "venue")
    day = row.read("date", _required_date)
    start = row.read("start", _required_time)
    end = row.read("end", read_time)
    seats = row.read("seats", lambda raw: read_count(raw, "seats_invalid", high=MOST_SEATS))
    ages = [
        row.read(column, lambda raw: read_count(raw, "age_invalid", high=130))
        for column in ("min_age", "max_age")
    ]
    texts = {c: row.read(c, read_text) for c in ("title_en", "summary", "summary_en", "grid")}
    late = start is not None and end is not None and start >= EVENING and end <= MORNING
    if day and start and end and end <= start and not late:
        row.report("end_before_start", "end")
    if not row.good or not (title and venue and day and start):
        return None
    starts = utc(day, start)
    ends = utc(day + timedelta(days=1) if late else day, end) if end else None
    if late:
        row.report("crosses_midnight", "end")
    if starts < now:
        row.report("in_past", "date")
    category = row.read("category", read_category)
    properties: dict[str, Scalar] = {
        "title": title,
        "title_en": texts["title_en"],
        "summary": texts["summary"],
        "summary_en": texts["summary_en"],
        "state": str(ItemState.CLOSED if starts < now else ItemState.OPEN),
        "life_category": str(category) if category else None,
        "seats": seats,
        "min_age": ages[0],
        "max_age": ages[1],
        "languages": _languages(row),
        "cost_fen": row.read("cost", read_cost),
        "step_free": row.read("step_free", read_yes),
        "participatory": row.read("participatory", read_yes),
        "opened_at": min(now, starts),
        "starts_at": starts,
        "ends_at": ends,
    }
    return _Activity(
        row=row.number,
        id=activity_id(institution, title, day, start),
        properties=properties,
        venue=venue,
        place=read_place(row, "lat", "lon"),
        grid=texts["grid"],
        interests=_interests(row),
        starts=starts,
        until=ends or starts + USUAL_LENGTH,
        seats=seats,
    )


def _required_date(raw: str) -> date:
    day = read_date(raw)
    if day is None:
        raise CellFault("cell_empty", "日期")
    return day


def _required_time(raw: str) -> time:
    at = read_time(raw)
    if at is None:
        raise CellFault("cell_empty", "开始")
    return at


def _interests(row: Row) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for word in listed(row.cells.get("interests", "")):
        code = interests().find(word)
        if code is None:
            row.report("interest_unknown", "interests", word)
        else:
            found[code] = None
    return tuple(found)


def _languages(row: Row) -> str | None:
    names = {"中文": "zh", "普通话": "zh", "英语": "en", "英文": "en"}
    found = []
    for word in listed(row.cells.get("languages", "")):
        tag = names.get(word, word.casefold())
        if tag in LANGUAGE_BIT:
            found.append(tag)
        else:
            row.report("language_unknown", "languages", word)
    return ",".join(dict.fromkeys(found)) or None


def _changes(
    activities: list[_Activity], now: datetime, institution: InstitutionId
) -> Iterator[Change]:
    def venue_id(name: str) -> str:
        return own_id(institution, "ven", name)

    said = public(SOURCE.id, now)
    yield from vocabulary_nodes(now)
    venues: dict[str, dict[str, Scalar]] = {}
    for activity in activities:
        about = venues.setdefault(venue_id(activity.venue), {"name": activity.venue})
        if activity.place:
            about["lat"], about["lon"] = activity.place
        if activity.properties["step_free"] is not None:
            about["step_free"] = activity.properties["step_free"]
    for id_, about in venues.items():
        yield NodeChange(Op.PUT, "Venue", id_, about, said)
    for activity in activities:
        yield NodeChange(Op.PUT, "Activity", activity.id, activity.properties, said)
    for activity in activities:
        start, venue = ("Activity", activity.id), venue_id(activity.venue)
        yield RelationshipChange(Op.PUT, "HELD_AT", *start, "Venue", venue, {}, said)
        for code in activity.interests:
            yield RelationshipChange(Op.PUT, "ABOUT", *start, "Interest", code, {}, said)
        if activity.grid:
            ends = ("Venue", venue, "Grid", activity.grid)
            yield RelationshipChange(Op.PUT, "BUILT_IN", *ends, {}, said)
