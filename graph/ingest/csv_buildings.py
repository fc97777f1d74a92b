"""Addresses (地址): every dwelling of a street, one a row. Public; who lives there is not.

A file may have a million rows. It is read once to find faults and the size of each building, and
again whenever the changes are; between the two stand a 64-bit number per dwelling and the
buildings, never the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from graph.ingest.addresses import (
    building_id,
    read_address,
    read_building,
    read_floor,
    read_room,
    read_unit,
)
from graph.ingest.cells import clean, read_text, read_yes
from graph.ingest.common import public, read_place
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, Lazy
from graph.ingest.register import Register
from graph.ingest.shelves import RowSet
from graph.ingest.table import Column, Row, Table
from graph.ledger.rows import RowKind
from graph.model import Change, NodeChange, Op, RelationshipChange, Scalar
from graph.vocabulary import source

__all__ = ["BUILDING_COLUMNS", "plan_buildings"]

BUILDING_COLUMNS: tuple[Column, ...] = (
    Column("province", "省"),
    Column("city", "市"),
    Column("district", "区", ("区县", "县")),
    Column("street", "街道", ("街镇", "乡镇街道")),
    Column("area", "社区", ("居委会",)),
    Column("grid", "网格", ("网格编码", "grid_code")),
    Column("estate", "小区", ("小区名称",)),
    Column("building", "幢", ("楼栋", "栋", "楼号", "幢号"), required=True),
    Column("unit", "单元", ("单元号",), required=True),
    Column("floor", "层", ("楼层",), required=True),
    Column("room", "室", ("房号", "室号", "门牌"), required=True),
    Column("former", "曾用名", ("原名", "原楼栋")),
    Column("lift", "电梯"),
    Column("lat", "纬度"),
    Column("lon", "经度"),
)
"""Header of a list of addresses; 无 means that there is none, an empty cell is an error."""

SOURCE = source("enterprise-property")
_REMEMBERED = 1 << 16
"""Different spellings of which the reading is remembered."""


@dataclass(slots=True)
class _Building:
    """One building, as far as the file was read."""

    id: str
    name: str
    estate: str
    grid: str
    place: tuple[float, float] | None
    lift: bool | None
    floors: int = 0
    units: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Flat:
    """Where in a building a dwelling is."""

    key: str
    unit: str
    floor: int
    properties: Mapping[str, Scalar]


def plan_buildings(table: Table, *, now: datetime, register: Register) -> ImportPlan:
    """Turn a list of addresses into a plan."""
    found = _Buildings(register)
    left_out = RowSet()
    for row in table.each():
        if not found.take(row):
            left_out.add(row.number)
    return ImportPlan(
        kind="buildings",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        changes=Lazy(lambda: _changes(table, found, left_out, now)),
        buildings=list(found.by_id),
        issues=table.issues,
    )


class _Buildings:
    """The buildings of a file, and which dwellings were seen."""

    def __init__(self, register: Register) -> None:
        self.by_id: dict[str, _Building] = {}
        self._register = register
        self._seen: set[int] = set()
        self._streets: dict[str, str] = {}
        self._asked: set[str] = set()
        self._ids: dict[str, str] = {}

    def id_of(self, cells: Mapping[str, str]) -> str:
        """Id of the building of a row: one that was renamed keeps the id it had."""
        said = _block(*_where(cells))
        known = self._ids.get(said)
        if known is None:
            known = self._ids[said] = self._register.building(said) or said
        return known

    def take(self, row: Row) -> bool:
        """Take one row in; ``False`` when it is left out."""
        cells = row.cells
        try:
            id_ = self.id_of(cells)
            flat = _flat(cells["unit"], cells["floor"], cells["room"])
        except CellFault:
            _explain(row)
            return False
        building = self.by_id.get(id_)
        if building is None:
            building = self._begin(row, id_)
        if not self._in_its_street(row, building):
            return False
        key = hash((id_, flat.key))
        if key in self._seen:
            row.report("dwelling_repeated", "room", flat.key)
            return False
        self._seen.add(key)
        self.by_id[id_] = building
        building.floors = max(building.floors, flat.floor)
        if flat.unit:
            building.units.add(flat.unit)
        return True

    def _begin(self, row: Row, id_: str) -> _Building:
        cells = row.cells
        grid = clean(cells.get("grid", ""))
        if not grid:
            row.report("grid_missing", "grid")
        elif grid not in self._asked:
            self._asked.add(grid)
            if not self._register.has(RowKind.GRID, grid):
                row.report("grid_unknown", "grid", grid)
        return _Building(
            id=id_,
            name=read_building(cells["building"]),
            estate=row.read("estate", read_text) or "",
            grid=grid,
            place=read_place(row, "lat", "lon"),
            lift=row.read("lift", read_yes),
        )

    def _in_its_street(self, row: Row, building: _Building) -> bool:
        street = row.cells.get("street", "")
        if not building.grid or not street:
            return True
        known = self._streets.get(building.grid)
        if known is None:
            known = self._register.street_of(building.grid) or street
            self._streets[building.grid] = known
        if known != street and clean(known) != clean(street):
            row.report("grid_two_streets", "street", clean(known))
            return False
        return True


def _where(cells: Mapping[str, str]) -> tuple[str, str, str, str, str, str]:
    return (
        cells.get("grid", ""),
        cells.get("street", ""),
        cells.get("area", ""),
        cells.get("estate", ""),
        cells["building"],
        cells.get("former", ""),
    )


@lru_cache(maxsize=_REMEMBERED)
def _block(grid: str, street: str, area: str, estate: str, building: str, former: str) -> str:
    """Id of the building; the same few cells come back for every dwelling in it.

    A former name is that of the building, or of its estate when it names no building.
    """
    name, group = read_building(building), read_text(estate) or ""
    if not (name or group):
        raise CellFault("address_blank")
    before = read_text(former)
    if before:
        old = read_address(before)
        group, name = (old.estate or group, old.building) if old else (before, name)
    return building_id(clean(grid) or f"{clean(street)}/{clean(area)}", group, name)


@lru_cache(maxsize=_REMEMBERED)
def _flat(unit: str, floor: str, room: str) -> _Flat:
    """Where the dwelling is; most buildings have the same units, floors and rooms."""
    number, level, door = read_unit(unit), read_floor(floor), read_room(room)
    return _Flat(
        key=f"{number}-{'' if level is None else level}-{door}",
        unit=number,
        floor=level or 0,
        properties={"unit": number or None, "floor": level, "room": door or None},
    )


def _explain(row: Row) -> None:
    """Read a faulty row cell by cell, so that the report says which one it is."""
    name = row.read("building", read_building)
    estate = row.read("estate", read_text)
    row.read("former", read_text)
    for column, how in (("unit", read_unit), ("floor", read_floor), ("room", read_room)):
        row.read(column, how)
    if name == "" and not estate:
        row.report("address_blank", "building")


def _changes(table: Table, found: _Buildings, left_out: RowSet, now: datetime) -> Iterator[Change]:
    said = public(SOURCE.id, now)
    for id_, building in found.by_id.items():
        yield NodeChange(Op.PUT, "Building", id_, _about(building), said)
        if building.grid:
            ends = ("Building", id_, "Grid", building.grid)
            yield RelationshipChange(Op.PUT, "BUILT_IN", *ends, {}, said)
    for row in table.each():
        if row.number in left_out:
            continue
        cells = row.cells
        building_ = found.id_of(cells)
        flat = _flat(cells["unit"], cells["floor"], cells["room"])
        id_ = f"{building_}/{flat.key}"
        yield NodeChange(Op.PUT, "Dwelling", id_, flat.properties, said)
        yield RelationshipChange(
            Op.PUT, "IN_BUILDING", "Dwelling", id_, "Building", building_, _NOTHING, said
        )


_NOTHING: Mapping[str, Scalar] = {}


def _about(building: _Building) -> dict[str, Scalar]:
    lat, lon = building.place or (None, None)
    return {
        "name": building.name or building.estate,
        "estate": building.estate or None,
        "lat": lat,
        "lon": lon,
        "floors": building.floors or None,
        "units": len(building.units) or None,
        "lift": building.lift,
    }
