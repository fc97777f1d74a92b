"""A register of residents (人口台账): who lives here, on the strength of the law alone.

An occupation that the list does not know, or that may mean several, stays uncoded; its words are
kept, sealed, for residents who authorise occupations, so that they can be coded later
(:mod:`graph.ingest.uncoded`).

A register gives a statutory basis for identity, household and contact, and no grant. Columns of
other categories are only taken in for residents who authorise them; what people wrote about
their difficulties is sealed in the ledger, never coded, never in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice

from graph.ingest.cells import name_key, read_text
from graph.ingest.common import HeldBack
from graph.ingest.issues import CellFault, make_issue
from graph.ingest.plan import ImportPlan
from graph.ingest.register import Register
from graph.ingest.register_checks import Households, Streets
from graph.ingest.resident_cells import (
    Said,
    read_kept_meter,
    read_population,
    read_registered,
    read_resident,
)
from graph.ingest.resident_facts import SOURCE, Facts, find_home
from graph.ingest.shelves import FirstRows
from graph.ingest.table import Column, Row, Table
from graph.ledger.rows import RowKind
from graph.model import DataCategory, ResidentId
from graph.schema import STATUTORY_CATEGORIES
from graph.vocabulary import occupations
from graph.vocabulary.coding import Coding

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
    Column("remark", "备注", ("说明",)),
)
"""Header of a register; the order does not matter and further columns are reported."""

LAW = "Organic Law of the Urban Residents' Committees; PIPL art. 13 (3)"
_AT_ONCE = 2_000
"""Rows whose people are looked up together."""
_REMEMBERED = 1 << 14
_NOBODY: Mapping[str, str] = {}
_GRID, _DWELLING, _WATER = DataCategory.GRID, DataCategory.DWELLING, DataCategory.UTILITY_WATER
_NEED_WORDS, _OCCUPATION = DataCategory.NEED_WORDS, DataCategory.OCCUPATION


def plan_residents(
    table: Table, *, pseudonym: Callable[[str, str], str], now: datetime, register: Register
) -> ImportPlan:
    """Turn a register into a plan; rows with errors are left out, the others come through.

    Residents come in the order of their pseudonyms: that tells nothing of the file, and it is the
    order in which a database takes a million of them quickest.
    """
    reader = _Reader(table, pseudonym, now, register)
    rows = table.each()
    while some := list(islice(rows, _AT_ONCE)):
        reader.take(some)
    reader.finish()
    facts = reader.facts
    return ImportPlan(
        kind="residents",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        statutory=STATUTORY_CATEGORIES,
        law=LAW,
        consented=frozenset(reader.held.taken),
        changes=facts.changes,
        residents=facts.residents,
        identities=facts.identities,
        words=facts.words,
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
        self._ids = FirstRows()
        self._phones = FirstRows()
        self._residents = FirstRows()
        self._met_by_phone: dict[str, ResidentId] = {}
        """By number in the file: who was known, but not by this number."""
        self._grids: set[str] = set()
        self._households = Households(table)
        self._streets = Streets(table, register)
        self._household = lru_cache(_REMEMBERED)(lambda said: pseudonym("household", said))
        self.facts = Facts(now)
        self.held = HeldBack(table, register)
        self._unmatched = 0
        """Authorised addresses that match no building."""

    def take(self, rows: Sequence[Row]) -> None:
        """Read some rows; those with errors are left out."""
        read = [read_resident(row, self._today, self._read_grid) for row in rows]
        whole = [said for said in read if said.row.good]
        self._register.expect(
            {
                "id_number": [said.id_number for said in whole if said.id_number],
                "phone": [said.phone for said in whole if said.phone],
            }
        )
        for said in read:
            kept = said.row.good and self._is_somebody(said) and self._take_one(said)
            if not kept and said.household and said.relation == "head":
                self._households.note_head(said.household)

    def finish(self) -> None:
        """Report what only the file as a whole shows."""
        self.held.report()
        if self._unmatched:
            header, count = self._table.headers["address"], self._unmatched
            issue = make_issue("dwelling_unknown", row=0, column=header, count=count)
            self._table.issues.append(issue)
        self._households.report()
        self._streets.report()

    def _take_one(self, said: Said) -> bool:
        """Take a row in; ``False`` when it is left out."""
        row = said.row
        if said.address and not said.grid and "grid" in self._table.headers:
            row.report("grid_missing", "grid")
        resident, before = self._known(said)
        if not row.good:
            return False
        fields = {"name": said.name, "id_number": said.id_number, "phone": said.phone}
        if said.status != "active" or "status" in before:
            fields["status"] = said.status
        home = None
        if self._may(resident, _DWELLING, "address", said.address):
            fields["address"] = said.address
            home = find_home(self._register, said.address or "", said.grid or "")
            self._unmatched += home is None
        meter = row.read("meter", read_kept_meter)
        if self._may(resident, _WATER, "meter", meter):
            fields["meter"] = meter
        occupation, uncoded = self._occupation(row, resident)
        may_grid = self._may(resident, _GRID, "grid", said.grid)
        difficulties = row.read("difficulties", read_text)
        may_words = self._may(resident, _NEED_WORDS, "difficulties", difficulties)
        about: dict[str, str | int | bool | None] = {
            "status": said.status,
            "birth_year": said.born.year if said.born else None,
            "population": row.read("population", read_population),
            "registered_here": read_registered(row.cells.get("registered_here", "")),
        }
        first, _ = self._residents.first(resident, row.number)
        if first != row.number:
            row.report("row_repeated", "name", str(first))
            return False
        self._households.add(row, said.household, said.relation, said.born)
        self._streets.add(row, said.grid)
        self.facts.add_person(resident, fields)
        if may_words and difficulties:
            self.facts.add_words(resident, _NEED_WORDS, difficulties)
        if uncoded:
            self.facts.add_words(resident, _OCCUPATION, uncoded)
        self.facts.add_facts(
            resident,
            about,
            household=self._household(said.household) if said.household else None,
            relation=said.relation,
            grid=said.grid if may_grid else None,
            home=home,
            occupation=occupation,
        )
        return True

    def _read_grid(self, raw: str) -> str | None:
        """Read the code of a grid; one that was not imported is pointed out once."""
        grid = read_text(raw)
        if grid and grid not in self._grids:
            self._grids.add(grid)
            if not self._register.has(RowKind.GRID, grid):
                raise CellFault("grid_unknown", grid[:20], instead=grid)
        return grid

    def _is_somebody(self, said: Said) -> bool:
        """Whether a row says enough to tell who it is, and not by the number of another row."""
        row = said.row
        if not (said.id_number or said.phone or said.address):
            row.report("not_identifiable")
            return False
        if said.id_number:
            name = _mark(name_key(said.name or ""))
            first, named = self._ids.first(said.id_number, row.number, name)
            if named != name:
                row.report("id_duplicate", "id_number", str(first))
                return False
        if said.phone:
            number = _mark(said.id_number) if said.id_number else 0
            first, other = self._phones.first((said.name, said.phone), row.number, number)
            if other and number and other != number:
                row.report("shared_phone", "phone", str(first))
        return True

    def _known(self, said: Said) -> tuple[ResidentId, Mapping[str, str]]:
        """Tell who this is, and what is recorded of them already.

        Without a number it is who has the same name and telephone.
        """
        row, number, find = said.row, said.id_number, self._register.find
        known = find("id_number", number) if number else None
        if known:
            before = self._register.fields(known)
            names = {name_key(said.name or ""), name_key(row.cells.get("former_name", ""))}
            if "name" in before and name_key(before["name"]) not in names:
                row.report("id_other_name", "id_number")
            return known, before
        if number:
            new = ResidentId(self._pseudonym("resident", f"id/{number}"))
        else:
            reached = said.phone or said.address
            new = ResidentId(self._pseudonym("resident", f"name/{said.name}/{reached}"))
        known = find("phone", said.phone) if said.phone else None
        before = self._register.fields(known) if known else _NOBODY
        if known and name_key(before.get("name", "")) == name_key(said.name or ""):
            _, other = self._phones.first((said.name, said.phone), row.number)
            numbered = before.get("id_number")
            if not number:
                return known, before
            if numbered in {None, number} and other in {0, _mark(number)}:
                met = self._met_by_phone.get(number)
                if met is None and new not in self._residents:
                    met = self._met_by_phone[number] = known
                return met or new, before
            if numbered:
                row.report("shared_phone_known", "phone")
        return self._met_by_phone.get(number or "", new), _NOBODY

    def _occupation(self, row: Row, resident: ResidentId) -> tuple[str | None, str | None]:
        said = row.read("occupation", read_text)
        if said is None:
            return None, None
        coding = _coding(said)
        if coding.candidates:
            meant = " / ".join(f"{c} {occupations()[c].label_zh}" for c in coding.candidates)
            row.report("occupation_ambiguous", "occupation", f"{said}: {meant}")
        elif coding.code is None:
            row.report("occupation_uncoded", "occupation", said)
        if not self._may(resident, _OCCUPATION, "occupation", said):
            return None, None
        return coding.code, said if coding.code is None else None

    def _may(
        self, resident: ResidentId, category: DataCategory, column: str, value: str | None
    ) -> bool:
        return value is not None and self.held.may(resident, category, column)


def _mark(text: str) -> int:
    """31 bits of a text, never 0: enough to tell whether two rows say the same."""
    return hash(text) & 0x7FFF_FFFF or 1


@lru_cache(_REMEMBERED)
def _coding(said: str) -> Coding:
    """Code an occupation; the same few words come back again and again."""
    return occupations().coding(said)
