"""What one row of a register of residents says: its cells read, and held against each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from graph.ingest.cells import birth_of, clean, read_date, read_id_number, read_phones, read_text
from graph.ingest.common import says_gone
from graph.ingest.csv_meters import read_meter
from graph.ingest.issues import CellFault
from graph.ingest.table import Row

__all__ = ["Said", "read_kept_meter", "read_population", "read_registered", "read_resident"]

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


class Said(NamedTuple):
    """What a row says of whom; only what tells who it is, and what errors may hide in."""

    row: Row
    name: str | None
    id_number: str | None
    phone: str | None
    address: str | None
    born: date | None
    relation: str | None
    """Code, ``other`` for words that are not known."""
    household: str | None
    grid: str | None
    status: str


def read_resident(row: Row, today: date, read_grid: Callable[[str], str | None]) -> Said:
    """Read a row; whether it has an error, the row tells."""
    name = row.read("name", read_text)
    if name is None and row.good:
        row.report("name_missing", "name")
    id_number = row.read("id_number", read_id_number)
    phone = row.read("phone", read_phones)
    address = row.read("address", _read_home)
    born = _born(row, id_number, today)
    _check_sex(row, id_number)
    relation = row.read("relation", read_text)
    status = row.read("status", _read_status) or "active"
    if status == "active":
        _check_remark(row)
    return Said(
        row=row,
        name=name,
        id_number=id_number,
        phone=phone,
        address=address,
        born=born,
        relation=_RELATIONS.get(relation, "other") if relation else None,
        household=row.read("household", read_text),
        grid=row.read("grid", read_grid),
        status=status,
    )


def _born(row: Row, id_number: str | None, today: date) -> date | None:
    said = row.read("birth_date", read_date)
    born = birth_of(id_number) if id_number else said
    if id_number and said and said != born:
        row.report("id_birth_conflict", "birth_date")
    if born is not None:
        age = today.year - born.year
        if born > today or age > OLDEST:
            row.report("age_range", "birth_date" if said else "id_number", str(age))
    return born


def _check_sex(row: Row, id_number: str | None) -> None:
    said = _SEX.get(clean(row.cells.get("sex", "")).casefold())
    if id_number and said is not None and int(id_number[16]) % 2 != said:
        row.report("id_sex_conflict", "sex")


def _check_remark(row: Row) -> None:
    """Point out who may be gone: words in passing change nobody's status."""
    gone = says_gone(row.cells.get("remark", ""))
    if gone:
        row.report("remark_gone", "remark", gone)


def read_population(raw: str) -> str | None:
    """Read whether somebody lives here for good or for a while."""
    text = clean(raw)
    if text and text not in _POPULATIONS:
        raise CellFault("population_unknown", text[:20])
    return _POPULATIONS.get(text)


def read_registered(raw: str) -> bool | None:
    """Read whether somebody is registered where they live."""
    return _REGISTERED_HERE.get(clean(raw))


def read_kept_meter(raw: str) -> str | None:
    """Read the number of a meter; one that is not understood does not spoil the row."""
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
