"""Files as an office keeps them, of any length, and who must be registered before they come in."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from graph.ingest import IdentityRow, ImportPlan, Lazy, purpose_of
from graph.ingest.grants import make_grant
from graph.model import DataCategory, Grant, ResidentId
from graph.vocabulary import source

__all__ = ["FILES", "OfficeFile", "registered", "write_file"]

_HOMES = 72
"""Dwellings of a building: 3 units, 12 floors, 2 rooms."""
_READINGS = 200
"""Of one meter."""
_VISITS = 50
"""Of one resident."""
_LAW = "Organic Law of the Urban Residents' Committees"


@dataclass(frozen=True, slots=True)
class OfficeFile:
    """One kind of file that may be long."""

    command: str
    """What `linli import` calls it."""
    header: tuple[str, ...]
    row: Callable[[int], Sequence[object]]
    sealed: int = 0
    """Values of a row that are kept sealed."""
    keys: int = 0
    """Data keys that a row makes."""
    spoilt: int = 0
    """Place of the cell that makes a row wrong."""
    rows_per_resident: int = 0
    """Rows about each resident who must be known; 0 when nobody must be."""


def write_file(kind: str, path: Path, rows: int, *, wrong: bool = False) -> None:
    """Write a CSV file of a kind; a wrong one has a cell in each row that nobody can read."""
    of = FILES[kind]

    def spoiled(n: int) -> Sequence[object]:
        cells = [*of.row(n)]
        cells[of.spoilt] = "=1+1"
        return cells

    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(of.header)
        out.writerows(map(spoiled if wrong else of.row, range(rows)))


def registered(people: int, now: datetime) -> ImportPlan:
    """Plan the residents of whom visits and meters tell, with what they authorise."""

    def each() -> Iterable[int]:
        return range(people)

    def grants() -> Iterator[Grant]:
        for n in each():
            for category in (DataCategory.SURVEY, DataCategory.UTILITY_WATER):
                purpose = purpose_of(category)
                yield make_grant(_resident(n), category, purpose, channel="bench", start=now)

    def identities() -> Iterator[IdentityRow]:
        for n in each():
            fields = {"name": _name(n), "phone": _phone(n), "meter": _meter(n)}
            yield IdentityRow(_resident(n), fields, now)

    return ImportPlan(
        kind="residents",
        source=source("government-register"),
        file_hash=f"registered {people}",
        as_of=now,
        rows=people,
        changes=(),
        residents=Lazy(lambda: map(_resident, each())),
        identities=Lazy(identities),
        grants=Lazy(grants),
        statutory=frozenset({DataCategory.IDENTITY, DataCategory.CONTACT}),
        consented=frozenset({DataCategory.SURVEY, DataCategory.UTILITY_WATER}),
        law=_LAW,
    )


def _resident(n: int) -> ResidentId:
    return ResidentId(hashlib.sha256(f"resident {n}".encode()).hexdigest()[:20])


def _name(n: int) -> str:
    return (
        "王李张刘陈杨赵黄"[n % 8] + "秀兰建国丽华明芳"[n // 8 % 8] + chr(0x4E00 + n // 64 % 5_000)
    )


def _phone(n: int) -> str:
    return f"154{n:08d}"


def _meter(n: int) -> str:
    return f"W{n:07d}"


def _person(n: int) -> Sequence[object]:
    household, member = divmod(n, 3)
    born = date(1950 + 25 * (member == 2) + household % 20, household % 12 + 1, household % 28 + 1)
    building, home = divmod(household, _HOMES)
    first = f"99{household // 1000:04d}{born:%Y%m%d}{household % 500 * 2 + (member != 1):03d}"
    return (
        _name(n),
        first + _check_sign(first),
        "女" if member == 1 else "男",
        born.isoformat(),
        f"小区{building // 20}{building % 20 + 1}幢{home // 24 + 1}单元{home % 24 + 1}室",
        f"340202{building // 40:06d}",
        f"H{household}",
        ("户主", "配偶", "子")[member],
        _phone(n),
        ("护士", "退休", "厨师", "会计", "", "学生")[n % 6],
        "常住",
    )


def _check_sign(first: str) -> str:
    """Last character of an identity number (GB 11643); regions from 99 on are none."""
    return "10X98765432"[sum(2 ** (17 - n) * int(sign) for n, sign in enumerate(first)) % 11]


def _dwelling(n: int) -> Sequence[object]:
    building, home = divmod(n, _HOMES)
    unit, floor, room = home // 24 + 1, home % 24 // 2 + 1, home % 2 + 1
    place = ("赭山街道", "凤凰社区", f"g{building // 40}", f"小区{building // 20}")
    return (*place, f"{building % 20 + 1}栋", f"{unit}单元", f"{floor}层", f"{floor}{room:02d}")


def _visit(n: int) -> Sequence[object]:
    who, nth = divmod(n, _VISITS)
    day = date(2024, 5, 30) - timedelta(days=7 * nth)
    answers = [(who + nth + question) % 6 for question in range(6)]
    said = (
        ("上门", "见到", *answers, sum(answers)) if nth % 4 == 0 else ("电话", "不在家", *[""] * 7)
    )
    return (_name(who), _phone(who), day.isoformat(), *said)


def _reading(n: int) -> Sequence[object]:
    meter, nth = divmod(n, _READINGS)
    at = datetime(2024, 1, 1, 6) + timedelta(hours=12 * nth)  # noqa: DTZ001 - as files write it
    return (_meter(meter), f"{at:%Y-%m-%d %H:%M}", f"{100 + meter % 50 + nth * 0.21:.2f}", "m³")


FILES: dict[str, OfficeFile] = {
    "residents": OfficeFile(
        "residents",
        (
            *("姓名", "公民身份号码", "性别", "出生日期", "现住址", "网格编码", "户号"),
            *("与户主关系", "联系方式", "职业", "人口类型"),
        ),
        _person,
        sealed=3,
        keys=2,
    ),
    "addresses": OfficeFile(
        "buildings", ("街道", "社区", "网格", "小区", "幢", "单元", "层", "室"), _dwelling, spoilt=4
    ),
    "visits": OfficeFile(
        "visits",
        (
            *("对象", "联系电话", "日期", "方式", "结果"),
            *(f"LSNS-6 q{n}" for n in range(1, 7)),
            "LSNS-6 总分",
        ),
        _visit,
        sealed=1,
        rows_per_resident=_VISITS,
    ),
    "meters": OfficeFile(
        "meters",
        ("户表号", "时间", "累计", "单位"),
        _reading,
        sealed=1,
        rows_per_resident=_READINGS,
    ),
}
