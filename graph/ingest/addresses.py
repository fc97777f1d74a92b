"""How buildings, units, floors and rooms are spelled, and made one spelling. Pure functions.

``无`` says that there is none (a house without units); an empty cell says nothing and is an error
where the kind of file asks for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from graph.ingest.common import listed, made_id
from graph.ingest.issues import CellFault

__all__ = [
    "MOST_IN_RANGE",
    "Address",
    "building_id",
    "buildings_in",
    "read_address",
    "read_building",
    "read_floor",
    "read_room",
    "read_unit",
]

MOST_IN_RANGE = 200
"""Buildings that one range such as 1-10幢 may stand for."""

NONE = frozenset({"无", "none", "/"})
_NUMBER = r"[A-Za-z]?\d{1,4}[A-Za-z]?|[A-Za-z]"
_BUILDING_MARK = r"(?:幢|栋|号楼|座|号|#)"
_BUILDING = re.compile(rf"第?({_NUMBER}){_BUILDING_MARK}?")
_RANGE = re.compile(rf"(.*?)(\d{{1,4}}){_BUILDING_MARK}?[-~至到—](\d{{1,4}}){_BUILDING_MARK}")
_ONE = re.compile(rf"(.*?)({_NUMBER}){_BUILDING_MARK}")
_UNIT = re.compile(rf"第?({_NUMBER})(?:单元|门)?")
_FLOOR = re.compile(r"第?(-?\d{1,3}|[Bb]\d)(?:层|楼|[Ff])?")
_ROOM = re.compile(r"([A-Za-z0-9-]{1,8})(?:室|号|户|房)?")
_ADDRESS = re.compile(
    r"(?:.{2,6}省)?(?:[^市]{2,6}市)?(?:[^区县]{1,6}(?<![小社])[区县])?"
    r"(?:.{1,8}?(?:街道|镇|乡))?(?:.{1,10}?社区)?"
    rf"(?P<estate>.*?)(?P<building>{_NUMBER})(?:幢|栋|号楼|座|#)"
    rf"(?:(?P<unit>{_NUMBER})单元)?(?:(?P<floor>-?\d{{1,3}})[层楼])?"
    r"(?:(?P<room>[A-Za-z0-9]{1,8})(?:室|号|户)?)?"
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address in one line, taken apart; ``None`` where it says nothing."""

    estate: str
    building: str
    unit: str | None
    floor: int | None
    room: str | None


def building_id(scope: str, estate: str, building: str) -> str:
    """Id of a building.

    Parameters
    ----------
    scope : str
        Code of the grid; where there is none, street and residential area.
    estate : str
        Name of the estate; may be empty.
    building : str
        As :func:`read_building` spells it.
    """
    return made_id("bld", scope, estate, building)


def read_building(raw: str) -> str:
    """Spell a building: 1栋, 1号楼, 1# and １幢 are 1幢; a name stays; 无 is empty."""
    text = _text(raw)
    if _RANGE.fullmatch(text):
        raise CellFault("building_range", text[:20])
    found = _BUILDING.fullmatch(text)
    return f"{found[1].upper()}幢" if found else text


def read_unit(raw: str) -> str:
    """Read the number of a unit; 无 is empty."""
    return _part(raw, _UNIT)


def read_floor(raw: str) -> int | None:
    """Read a floor; below ground it is negative; 无 is ``None``."""
    text = _part(raw, _FLOOR)
    return int(text.replace("B", "-")) if text else None


def read_room(raw: str) -> str:
    """Read the number of a room; 无 is empty."""
    return _part(raw, _ROOM)


def buildings_in(raw: str) -> Iterator[tuple[str, str] | CellFault]:
    """Take a list of buildings apart.

    Yields
    ------
    (str, str) or CellFault
        Estate (empty when none is named) and building; a fault for what is not understood.

    Examples
    --------
    >>> list(buildings_in("凤凰小区1-3幢、5号楼"))
    [('凤凰小区', '1幢'), ('凤凰小区', '2幢'), ('凤凰小区', '3幢'), ('凤凰小区', '5幢')]
    """
    estate = ""
    for piece in listed(raw):
        text = "".join(piece.split())
        several = _RANGE.fullmatch(text)
        one = None if several else _ONE.fullmatch(text)
        if several:
            estate = several[1] or estate
            first, last = int(several[2]), int(several[3])
            if not 0 <= last - first < MOST_IN_RANGE:
                yield CellFault("building_range", piece[:20])
                continue
            yield from ((estate, f"{n}幢") for n in range(first, last + 1))
        elif one:
            estate = one[1] or estate
            yield estate, f"{one[2].upper()}幢"
        else:
            yield CellFault("building_unclear", piece[:20])


def read_address(text: str) -> Address | None:
    """Take an address in one line apart; ``None`` when it names no building."""
    found = _ADDRESS.fullmatch("".join(unicodedata.normalize("NFKC", text).split()))
    if found is None:
        return None
    return Address(
        estate=found["estate"],
        building=f"{found['building'].upper()}幢",
        unit=found["unit"],
        floor=int(found["floor"]) if found["floor"] else None,
        room=found["room"],
    )


def _text(raw: str) -> str:
    text = "".join(unicodedata.normalize("NFKC", raw).split()).removeprefix("'")
    if not text:
        raise CellFault("address_blank")
    if text[0] in "=@+":
        raise CellFault("formula", text[0])
    return "" if text.casefold() in NONE else text


def _part(raw: str, pattern: re.Pattern[str]) -> str:
    text = _text(raw)
    if not text:
        return ""
    found = pattern.fullmatch(text)
    if found is None:
        raise CellFault("address_unclear", text[:20])
    return found[1].upper()
