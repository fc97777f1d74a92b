"""Grids (网格台账): which grid belongs to which residential area and street, and its buildings.

Names and telephones of grid workers are not kept: whom staff accounts belong to is for the
institution that employs them to say, not for a file of places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from graph.ingest.addresses import building_id, buildings_in
from graph.ingest.cells import clean, read_count, read_text
from graph.ingest.common import drop_staff, made_id, need, public, read_place
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, Lazy
from graph.ingest.register import Register
from graph.ingest.table import Column, Row, Table
from graph.ledger.rows import RowKind
from graph.model import Change, NodeChange, Op, RelationshipChange, Scalar
from graph.vocabulary import fold, source

__all__ = ["GRID_COLUMNS", "area_id", "plan_grids"]

GRID_COLUMNS: tuple[Column, ...] = (
    Column("grid", "网格编码", ("grid_code", "编码"), required=True),
    Column("name", "网格名称", ("网格",), required=True),
    Column("area", "社区", ("居委会", "所属社区"), required=True),
    Column("street", "街道", ("所属街道", "街镇"), required=True),
    Column("kind", "网格类型", ("类型",)),
    Column("worker", "网格员", ("网格员姓名",)),
    Column("worker_phone", "手机", ("网格员手机", "联系电话")),
    Column("households", "户数"),
    Column("people", "人数", ("人口数",)),
    Column("centre", "中心经纬度", ("经纬度",)),
    Column("lat", "中心纬度", ("纬度",)),
    Column("lon", "中心经度", ("经度",)),
    Column("buildings", "楼栋列表", ("楼栋",)),
)
"""Header of a list of grids."""

SOURCE = source("government-services")
MOST_PEOPLE = 1_000_000
_KINDS = {
    "基础网格": "base",
    "基础": "base",
    "base": "base",
    "专属网格": "dedicated",
    "专属": "dedicated",
    "dedicated": "dedicated",
}


@dataclass(frozen=True, slots=True)
class _Grid:
    row: int
    id: str
    area: str
    street: str
    about: dict[str, Scalar]
    buildings: tuple[tuple[str, str], ...]
    """Estate and building."""


def area_id(street: str, area: str) -> str:
    """Id of a residential area: names come twice in a city, but not in a street."""
    return made_id("area", street, area)


def plan_grids(table: Table, *, now: datetime, register: Register) -> ImportPlan:
    """Turn a list of grids into a plan."""
    drop_staff(table, "worker", "worker_phone")
    kept: dict[str, _Grid] = {}
    for row in table.each():
        grid = _read(row)
        if grid is None:
            continue
        first = kept.setdefault(grid.id, grid)
        if first is grid:
            continue
        same = area_id(first.street, first.area) == area_id(grid.street, grid.area)
        row.report("grid_repeated" if same else "grid_two_areas", "grid", str(first.row))
    grids = list(kept.values())
    new = {
        building_id(grid.id, *which): (grid.id, *which)
        for grid in grids
        for which in grid.buildings
    }
    # What a list of addresses said of a building is more than its number.
    new = {id_: said for id_, said in new.items() if not register.has(RowKind.BUILDING, id_)}
    return ImportPlan(
        kind="grids",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        changes=Lazy(lambda: _changes(grids, new, now)),
        grids=list(kept),
        buildings=list(new),
        issues=table.issues,
    )


def _read(row: Row) -> _Grid | None:
    id_ = need(row, "grid", _read_code)
    name, area, street = (need(row, column, read_text) for column in ("name", "area", "street"))
    if not row.good or not (id_ and name and area and street):
        return None
    place = _centre(row)
    about: dict[str, Scalar] = {
        "name": name,
        "lat": place[0] if place else None,
        "lon": place[1] if place else None,
        "kind": row.read("kind", _read_kind),
    }
    for column in ("households", "people"):
        about[column] = row.read(column, _read_size)
    buildings = []
    for found in buildings_in(row.cells.get("buildings", "")):
        if isinstance(found, CellFault):
            row.report(f"{found.code}_skipped", "buildings", found.value)
        else:
            buildings.append(found)
    return _Grid(row.number, id_, area, street, about, tuple(dict.fromkeys(buildings)))


def _read_code(raw: str) -> str | None:
    text = clean(raw)
    if text and not re.fullmatch(r"[0-9A-Za-z_-]{1,32}", text):
        raise CellFault("grid_code_invalid", text[:20])
    return text or None


def _read_kind(raw: str) -> str | None:
    text = clean(raw).casefold()
    if text and text not in _KINDS:
        raise CellFault("grid_kind_unknown", text[:20])
    return _KINDS.get(text)


def _read_size(raw: str) -> int | None:
    return read_count(re.sub(r"户$", "", clean(raw)), "size_invalid", high=MOST_PEOPLE)


def _centre(row: Row) -> tuple[float, float] | None:
    both = re.fullmatch(r"([\d.]+)[,\s]+([\d.]+)", clean(row.cells.get("centre", "")))
    if both is None:
        if clean(row.cells.get("centre", "")):
            row.report("place_invalid", "centre", clean(row.cells["centre"])[:30])
        return read_place(row, "lat", "lon")
    # In China a longitude (73 to 135) is always larger than a latitude (3 to 54).
    lat, lon = sorted(float(text) if text.count(".") < 2 else 999.0 for text in both.groups())
    if lat > 90 or lon > 180:
        row.report("place_invalid", "centre", both[0])
        return None
    return lat, lon


def _changes(
    grids: list[_Grid], buildings: dict[str, tuple[str, str, str]], now: datetime
) -> Iterator[Change]:
    said = public(SOURCE.id, now)
    streets = {fold(grid.street): grid.street for grid in grids}
    areas = {area_id(grid.street, grid.area): grid for grid in grids}
    for street in streets.values():
        yield NodeChange(Op.PUT, "Street", made_id("street", street), {"name": street}, said)
    for id_, grid in areas.items():
        yield NodeChange(Op.PUT, "ResidentialArea", id_, {"name": grid.area}, said)
        ends = ("ResidentialArea", id_, "Street", made_id("street", grid.street))
        yield RelationshipChange(Op.PUT, "PART_OF", *ends, {}, said)
    for grid in grids:
        yield NodeChange(Op.PUT, "Grid", grid.id, grid.about, said)
        ends = ("Grid", grid.id, "ResidentialArea", area_id(grid.street, grid.area))
        yield RelationshipChange(Op.PUT, "PART_OF", *ends, {}, said)
    for id_, (grid_id, estate, name) in buildings.items():
        about: dict[str, Scalar] = {"name": name, "estate": estate or None}
        yield NodeChange(Op.PUT, "Building", id_, about, said)
        ends = ("Building", id_, "Grid", grid_id)
        yield RelationshipChange(Op.PUT, "BUILT_IN", *ends, {}, said)
