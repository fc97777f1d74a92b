"""A register of residents (人口台账): who lives here, on the strength of the law alone.

An occupation that the list does not know, or that may mean several, stays uncoded; its words are
kept, sealed, for residents who authorise occupations, so that they can be coded later
(:mod:`graph.ingest.uncoded`).

A register gives a statutory basis for identity, household and contact, and no grant. Columns of
other categories are only taken in for residents who authorise them; what people wrote about
their difficulties is sealed in the ledger, never coded, never in the graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime

from graph.ingest.addresses import building_id, read_address
from graph.ingest.cells import (
    birth_of,
    clean,
    name_key,
    read_date,
    read_id_number,
    read_phones,
    read_text,
)
from graph.ingest.common import HeldBack
from graph.ingest.csv_meters import read_meter
from graph.ingest.issues import CellFault, make_issue
from graph.ingest.plan import IdentityRow, ImportPlan, Lazy, WordsRow
from graph.ingest.register import Register
from graph.ingest.register_checks import Person, report_households, report_streets
from graph.ingest.table import Column, Row, Table
from graph.ledger.rows import RowKind
from graph.model import (
    Basis,
    Change,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    ResidentId,
    Scalar,
)
from graph.schema import STATUTORY_CATEGORIES
from graph.vocabulary import occupations, source, vocabulary_nodes

__all__ = ["RESIDENT_COLUMNS", "plan_residents"]

RESIDENT_COLUMNS: tuple[Column, ...] = (
    Column("name", "姓名", required=True),
    Column("former_name", "曾用名", ("原名",)),
    Column("id_number", "公民身份号码", ("身份证号", "身份证号码", "证件号码")),
    Column("sex", "性别"),
    Column("birth_date", "出生日期", ("出生年月日",)),
    Column("address", "现住址", ("住址", "现住址(房号)", "房号")),
    Column("grid", "网格编码", ("网格", "grid_code")),
    Column("household", "户号", ("家庭编号", "household_no")),
    Column("relation", "与户主关系", ("户主关系",)),
    Column("phone", "联系方式", ("联系电话", "电话", "手机", "手机号")),
    Column("occupation", "职业", ("职业类别",)),
    Column("difficulties", "困难及诉求", ("诉求", "困难")),
    Column("status", "状态", ("人员状态", "人口状态", "居住状态")),
    Column("population", "人口类型"),
    Column("registered_here", "人户一致标识", ("人户一致",)),
    Column("meter", "水表号", ("户表号",)),
)
"""Header of a register; the order does not matter and further columns are reported."""

LAW = "Organic Law of the Urban Residents' Committees; PIPL art. 13 (3)"
SOURCE = source("government-register")
OLDEST = 125

_RELATIONS = {
    "户主": "head",
    "本人": "head",
    "head": "head",
    "配偶": "spouse",
    "夫": "spouse",
    "妻": "spouse",
    "spouse": "spouse",
    "子": "child",
    "女": "child",
    "子女": "child",
    "child": "child",
    "父": "parent",
    "母": "parent",
    "父母": "parent",
    "parent": "parent",
    "孙子女": "grandchild",
    "兄弟姐妹": "sibling",
}
_POPULATIONS = {
    "常住": "resident",
    "常住人口": "resident",
    "流动": "floating",
    "流动人口": "floating",
}
_REGISTERED_HERE = {"01": True, "1": True, "是": True, "02": False, "2": False, "否": False}
_STATUS = {
    **dict.fromkeys(("在住", "正常", "在册", "常住", "active"), "active"),
    **dict.fromkeys(("迁出", "搬走", "已搬走", "已迁出", "搬离", "moved"), "moved"),
    **dict.fromkeys(("死亡", "去世", "已故", "已去世", "注销", "deceased"), "deceased"),
}
_RANGE_OF_BUILDINGS = re.compile(r".*\d\s*(?:[-~至到—]|--)\s*\d+\s*(?:幢|栋|号楼|单元).*")
_SEX = {"男": 1, "1": 1, "male": 1, "m": 1, "女": 0, "2": 0, "female": 0, "f": 0}


def plan_residents(
    table: Table, *, pseudonym: Callable[[str, str], str], now: datetime, register: Register
) -> ImportPlan:
    """Turn a register into a plan; rows with errors are left out, the others come through."""
    people: dict[ResidentId, Person] = {}
    reader = _Reader(table, pseudonym, now, register)
    for row in table.each():
        person = reader.person(row)
        if person is None:
            continue
        if person.resident in people:
            row.report("row_repeated", "name", str(people[person.resident].row))
        else:
            people[person.resident] = person
    reader.held.report()
    if reader.unmatched:
        header, count = table.headers["address"], reader.unmatched
        table.issues.append(make_issue("dwelling_unknown", row=0, column=header, count=count))
    kept = list(people.values())
    report_households(table, kept, reader.headed)
    report_streets(table, kept, register)
    return ImportPlan(
        kind="residents",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        statutory=STATUTORY_CATEGORIES,
        law=LAW,
        consented=frozenset(reader.held.taken),
        changes=Lazy(lambda: _changes(kept, pseudonym, now)),
        residents=list(people),
        identities=[IdentityRow(p.resident, p.fields, now) for p in kept],
        words=[
            WordsRow(p.resident, category, text, now)
            for p in kept
            for category, text in (
                (DataCategory.NEED_WORDS, p.difficulties),
                (DataCategory.OCCUPATION, p.uncoded),
            )
            if text
        ],
        issues=table.issues,
    )


class _Reader:
    """Reads rows and remembers what must not come twice."""

    def __init__(
        self,
        table: Table,
        pseudonym: Callable[[str, str], str],
        now: datetime,
        register: Register,
    ) -> None:
        self._table = table
        self._pseudonym = pseudonym
        self._today = now.date()
        self._register = register
        self._ids: dict[str, tuple[str, int]] = {}
        self._phones: dict[tuple[str, str], tuple[str | None, int]] = {}
        self._numbered: dict[str, ResidentId] = {}
        self._grids: set[str] = set()
        self.held = HeldBack(table, register)
        self.headed: set[str] = set()
        """Households with a head, those in rows with errors included."""
        self.unmatched = 0
        """Authorised addresses that match no building."""

    def person(self, row: Row) -> Person | None:
        """Read one row; ``None`` when it has an error."""
        name = row.read("name", read_text)
        if name is None and row.good:
            row.report("name_missing", "name")
        id_number = row.read("id_number", read_id_number)
        phone = row.read("phone", read_phones)
        address = row.read("address", _read_home)
        born = self._born(row, id_number)
        self._check_sex(row, id_number)
        relation = row.read("relation", read_text)
        household = row.read("household", read_text)
        grid = row.read("grid", self._read_grid)
        status = row.read("status", _read_status) or "active"
        if household and _RELATIONS.get(relation or "") == "head":
            self.headed.add(household)
        if not row.good or name is None:
            return None
        if not self._is_somebody(row, name, id_number, phone, address):
            return None
        if address and not grid and "grid" in self._table.headers:
            row.report("grid_missing", "grid")
        known = self._known(row, name, id_number, phone or address)
        if not row.good:
            return None
        said, before = known
        resident = self._numbered.setdefault(id_number or said, said)
        fields = {"name": name, "id_number": id_number, "phone": phone}
        if status != "active" or "status" in before:
            fields["status"] = status
        home = None
        if self._may(resident, DataCategory.DWELLING, "address", address):
            fields["address"] = address
            home = _home(self._register, address or "", grid or "")
            self.unmatched += home is None
        meter = row.read("meter", _read_meter)
        if self._may(resident, DataCategory.UTILITY_WATER, "meter", meter):
            fields["meter"] = meter
        occupation, uncoded = self._occupation(row, resident)
        may_grid = self._may(resident, DataCategory.GRID, "grid", grid)
        difficulties = row.read("difficulties", read_text)
        may_words = self._may(resident, DataCategory.NEED_WORDS, "difficulties", difficulties)
        return Person(
            row=row.number,
            resident=resident,
            name=name,
            fields={kind: value for kind, value in fields.items() if value},
            born=born,
            grid=grid if may_grid else None,
            said_grid=grid or "",
            household=household,
            relation=_RELATIONS.get(relation or "", "other") if relation else None,
            occupation=occupation,
            uncoded=uncoded,
            difficulties=difficulties if may_words else None,
            population=row.read("population", _read_population),
            registered_here=_REGISTERED_HERE.get(clean(row.cells.get("registered_here", ""))),
            home=home,
            status=status,
        )

    def _born(self, row: Row, id_number: str | None) -> date | None:
        said = row.read("birth_date", read_date)
        born = birth_of(id_number) if id_number else said
        if id_number and said and said != born:
            row.report("id_birth_conflict", "birth_date")
        if born is not None:
            age = self._today.year - born.year
            if born > self._today or age > OLDEST:
                row.report("age_range", "birth_date" if said else "id_number", str(age))
        return born

    def _read_grid(self, raw: str) -> str | None:
        """Read the code of a grid; one that was not imported is pointed out once."""
        grid = read_text(raw)
        if grid and grid not in self._grids:
            self._grids.add(grid)
            if not self._register.has(RowKind.GRID, grid):
                raise CellFault("grid_unknown", grid[:20], instead=grid)
        return grid

    def _check_sex(self, row: Row, id_number: str | None) -> None:
        said = _SEX.get(clean(row.cells.get("sex", "")).casefold())
        if id_number and said is not None and int(id_number[16]) % 2 != said:
            row.report("id_sex_conflict", "sex")

    def _is_somebody(
        self, row: Row, name: str, id_number: str | None, phone: str | None, address: str | None
    ) -> bool:
        """Whether a row says enough to tell who it is, and not by the number of another row."""
        if not (id_number or phone or address):
            row.report("not_identifiable")
            return False
        if id_number:
            known = self._ids.setdefault(id_number, (name, row.number))
            if name_key(known[0]) != name_key(name):
                row.report("id_duplicate", "id_number", str(known[1]))
                return False
        if phone:
            other = self._phones.setdefault((name, phone), (id_number, row.number))
            if other[0] and id_number and other[0] != id_number:
                row.report("shared_phone", "phone", str(other[1]))
        return True

    def _known(
        self, row: Row, name: str, id_number: str | None, reached: str | None
    ) -> tuple[ResidentId, Mapping[str, str]]:
        """Tell who this is, and what is recorded of them already.

        Without a number it is who has the same name and ``reached``: telephone, else address.
        """
        known = self._register.find("id_number", id_number) if id_number else None
        if known:
            before = self._register.fields(known)
            names = {name_key(name), name_key(row.cells.get("former_name", ""))}
            if "name" in before and name_key(before["name"]) not in names:
                row.report("id_other_name", "id_number")
            return known, before
        known = self._register.find("phone", reached) if reached else None
        before = self._register.fields(known) if known else {}
        if known and name_key(before.get("name", "")) == name_key(name):
            others = {before.get("id_number"), self._phones[name, reached or ""][0]}
            if not id_number or not others - {None, id_number}:
                return known, before
            if "id_number" in before:
                row.report("shared_phone_known", "phone")
        said = f"id/{id_number}" if id_number else f"name/{name}/{reached}"
        return ResidentId(self._pseudonym("resident", said)), {}

    def _occupation(self, row: Row, resident: ResidentId) -> tuple[str | None, str | None]:
        said = row.read("occupation", read_text)
        if said is None:
            return None, None
        coding = occupations().coding(said)
        if coding.candidates:
            meant = " / ".join(f"{c} {occupations()[c].label_zh}" for c in coding.candidates)
            row.report("occupation_ambiguous", "occupation", f"{said}: {meant}")
        elif coding.code is None:
            row.report("occupation_uncoded", "occupation", said)
        if not self._may(resident, DataCategory.OCCUPATION, "occupation", said):
            return None, None
        return coding.code, said if coding.code is None else None

    def _may(
        self, resident: ResidentId, category: DataCategory, column: str, value: str | None
    ) -> bool:
        return value is not None and self.held.may(resident, category, column)


def _home(register: Register, text: str, grid: str) -> tuple[str, dict[str, Scalar]] | None:
    """Match an address with a building that was imported; anything but an exact match is none."""
    address = read_address(text)
    if address is None:
        return None
    building = register.building(building_id(grid, address.estate, address.building))
    if building is None:
        return None
    unit = int(address.unit) if address.unit and address.unit.isdecimal() else None
    return building, {"unit": unit, "floor": address.floor}


def _read_population(raw: str) -> str | None:
    text = clean(raw)
    if text and text not in _POPULATIONS:
        raise CellFault("population_unknown", text[:20])
    return _POPULATIONS.get(text)


def _read_meter(raw: str) -> str | None:
    try:
        return read_meter(raw)
    except CellFault as fault:
        raise CellFault("meter_not_kept", fault.value) from None


def _read_home(raw: str) -> str | None:
    text = read_text(raw)
    if text and _RANGE_OF_BUILDINGS.fullmatch(text):
        raise CellFault("address_range", text)
    return text


def _read_status(raw: str) -> str | None:
    text = clean(raw).casefold()
    if text and text not in _STATUS:
        raise CellFault("status_unknown", text)
    return _STATUS.get(text)


def _changes(
    people: list[Person], pseudonym: Callable[[str, str], str], now: datetime
) -> Iterator[Change]:
    def said(category: DataCategory, basis: Basis) -> Provenance:
        return Provenance(SOURCE.id, now, now, 1.0, category, basis)

    yield from vocabulary_nodes(now)
    household = {
        person.household: pseudonym("household", person.household)
        for person in people
        if person.household
    }
    by_law = said(DataCategory.HOUSEHOLD, Basis.STATUTORY)
    for id_ in household.values():
        yield NodeChange(Op.PUT, "Household", id_, {}, by_law)
    identity = said(DataCategory.IDENTITY, Basis.STATUTORY)
    for person in people:
        yield NodeChange(Op.PUT, "Resident", person.resident, _about(person), identity)
    occupation = said(DataCategory.OCCUPATION, Basis.CONSENT)
    in_grid = said(DataCategory.GRID, Basis.CONSENT)
    dwelling = said(DataCategory.DWELLING, Basis.CONSENT)
    for person in people:
        start = ("Resident", person.resident)
        if person.household:
            about = {"relation": person.relation}
            end = ("Household", household[person.household])
            yield RelationshipChange(Op.PUT, "MEMBER_OF_HOUSEHOLD", *start, *end, about, by_law)
        if person.grid:
            end = ("Grid", person.grid)
            yield RelationshipChange(Op.PUT, "IN_GRID", *start, *end, {}, in_grid)
        if person.home:
            end = ("Building", person.home[0])
            yield RelationshipChange(Op.PUT, "LIVES_IN", *start, *end, person.home[1], dwelling)
        if person.occupation:
            end = ("Occupation", person.occupation)
            yield RelationshipChange(Op.PUT, "WORKS_AS", *start, *end, {}, occupation)


def _about(person: Person) -> dict[str, Scalar]:
    """Properties of a resident; what is not known has none."""
    about: dict[str, Scalar] = {
        "status": person.status,
        "birth_year": person.born.year if person.born else None,
        "population": person.population,
        "registered_here": person.registered_here,
    }
    return {name: value for name, value in about.items() if value is not None}
