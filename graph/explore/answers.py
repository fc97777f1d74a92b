"""Answers, and how they are made of rows: pure functions, the same for every engine."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graph.explore.findings import Finding, Findings, What
from graph.explore.questions import Question, QuestionKind, RareNeed
from graph.model import ResidentId

__all__ = [
    "MOST",
    "Acquaintance",
    "Answer",
    "Entry",
    "Introducer",
    "Neighbour",
    "Thing",
    "answer_to",
    "metres_between",
    "relevant",
]

MOST = 200
"""Entries of one answer; the rest is left out."""
_EARTH_M = 6_371_000.0
_STEP_M = 100
"""Distances are told in steps of so many metres: nobody's door is measured."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something two residents share."""

    what: What
    id: str
    """Code of a word, id of an item or grid, pseudonym of an acquaintance."""
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Introducer:
    """Somebody who knows the resident and is in the group."""

    resident: ResidentId
    strength: float
    """Of their tie, 0 to 1, to one decimal."""


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Somebody in a resident's circle."""

    resident: ResidentId
    steps: int
    """1 known, 2 known by somebody known."""
    via: tuple[ResidentId, ...]
    """Who could bring them together; empty for step 1."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody near who has the same rare need."""

    resident: ResidentId
    need: str
    zh: str
    en: str
    within_m: int
    """Metres, rounded up to the next hundred."""


Entry = Thing | Introducer | Acquaintance | Neighbour


@dataclass(frozen=True, slots=True)
class Answer:
    """What may be told, best first."""

    question: Question
    entries: tuple[Entry, ...]

    @property
    def residents(self) -> frozenset[ResidentId]:
        """Everybody whom it shows: those the question names, and those it found."""
        return frozenset(self.question.named).union(*map(_shown, self.entries))


def _shown(entry: Entry) -> frozenset[ResidentId]:
    match entry:
        case Thing(What.ACQUAINTANCE, id_):
            return frozenset({ResidentId(id_)})
        case Thing():
            return frozenset()
        case Acquaintance(resident, _, via):
            return frozenset({resident, *via})
        case _:
            return frozenset({entry.resident})


def answer_to(found: Findings) -> Answer:
    """Make the answer of rows that may be used; equal rows in any order, equal answers."""
    make = _MAKERS[found.question.kind]
    return Answer(found.question, tuple(make(found)[:MOST]))


def relevant(found: Findings) -> Findings:
    """Leave only the rows that the answer needs; the answer stays the same.

    Few rows are let go but for a rare need, for which every holder in the city was counted.
    """
    if not isinstance(found.question, RareNeed):
        return found
    pairs = {(entry.need, entry.resident) for entry in _neighbours(found)}
    people = {*found.question.named, *(resident for _, resident in pairs)}
    return found.of(
        f
        for f in found.rows
        if (
            (f.row["id"], f.person("b")) in pairs
            if f.what is What.HOLDER
            else f.person("a") in people
        )
    )


def _things(found: Findings) -> list[Thing]:
    things = set()
    for finding in found.rows:
        if finding.what is What.ACQUAINTANCE:
            things.add(Thing(finding.what, finding.person("c"), "", ""))
            continue
        what = What.ROLE if finding.what is What.HELPED else finding.what
        row = finding.row
        things.add(Thing(what, str(row["id"]), str(row["zh"] or ""), str(row["en"] or "")))
    return sorted(things, key=lambda t: (_ORDER[t.what], t.id))


def _introducers(found: Findings) -> list[Introducer]:
    people = [Introducer(f.person("b"), _one_decimal(f)) for f in found.rows]
    return sorted(people, key=lambda i: (-i.strength, i.resident))


def _circle(found: Findings) -> list[Acquaintance]:
    known = {f.person("b") for f in found.rows if f.what is What.TIE}
    via: dict[ResidentId, set[ResidentId]] = defaultdict(set)
    for f in found.rows:
        if f.what is What.SECOND_TIE and f.person("b") in known and f.person("c") not in known:
            via[f.person("c")].add(f.person("b"))
    first = [Acquaintance(resident, 1, ()) for resident in sorted(known)]
    second = [Acquaintance(resident, 2, tuple(sorted(by))) for resident, by in via.items()]
    return first + sorted(second, key=lambda s: (-len(s.via), s.resident))


def _neighbours(found: Findings) -> list[Neighbour]:
    question = found.question
    assert isinstance(question, RareNeed)  # noqa: S101 - the only question with such rows
    homes = _homes(found)
    here = homes.get(question.resident)
    holders: dict[str, dict[ResidentId, Finding]] = defaultdict(dict)
    for f in found.rows:
        if f.what is What.HOLDER:
            holders[str(f.row["id"])][f.person("b")] = f
    neighbours = []
    for need, others in holders.items():
        if here is None or 1 + len(others) >= question.fewer_than:
            continue
        for resident, f in others.items():
            away = metres_between(here, homes[resident]) if resident in homes else math.inf
            if away <= question.within_m:
                within = max(_STEP_M, math.ceil(away / _STEP_M) * _STEP_M)
                words = str(f.row["zh"] or ""), str(f.row["en"] or "")
                neighbours.append(Neighbour(resident, need, *words, within))
    return sorted(neighbours, key=lambda n: (n.need, n.within_m, n.resident))


def _homes(found: Findings) -> dict[ResidentId, tuple[float, float]]:
    """Where people live: the building where that may be used, else the middle of the grid."""
    places: dict[ResidentId, tuple[bool, float, float]] = {}
    for f in found.rows:
        lat, lon = f.row.get("lat"), f.row.get("lon")
        if f.what in {What.HOME, What.HOME_GRID} and lat is not None and lon is not None:
            place = (f.what is What.HOME_GRID, float(str(lat)), float(str(lon)))
            places[f.person("a")] = min(places.get(f.person("a"), place), place)
    return {resident: (lat, lon) for resident, (_, lat, lon) in places.items()}


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance of two places (lat, lon in degrees) on a sphere, by the haversine formula."""
    lat, lon = map(math.radians, one)
    lat_2, lon_2 = map(math.radians, other)
    half = (
        math.sin((lat_2 - lat) / 2) ** 2
        + math.cos(lat) * math.cos(lat_2) * math.sin((lon_2 - lon) / 2) ** 2
    )
    return 2 * _EARTH_M * math.asin(math.sqrt(half))


def _one_decimal(finding: Finding) -> float:
    return round(float(str(finding.row["strength"])), 1)


_ORDER = {what: n for n, what in enumerate(What)}
_MAKERS: dict[QuestionKind, Callable[[Findings], Sequence[Entry]]] = {
    QuestionKind.SHARED: _things,
    QuestionKind.INTRODUCERS: _introducers,
    QuestionKind.CIRCLE: _circle,
    QuestionKind.RARE_NEED: _neighbours,
}
