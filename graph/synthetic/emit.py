"""The synthetic city as changes of the graph: nodes first, then what connects them.

A fact whose basis is consent is only there when its resident authorised the category; a register
holds identity and household without being asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph.model import (
    Basis,
    DataCategory,
    ItemKind,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    Scalar,
    SourceId,
)
from graph.schema import ITEM_LABELS
from graph.synthetic.board import item_nodes, organisations
from graph.synthetic.history import DEED_TYPES, TIE_KINDS
from graph.synthetic.people import LIVING, RELATIONS
from graph.synthetic.wording import services
from graph.view import ITEM_KINDS
from graph.vocabulary import (
    Vocabulary,
    interests,
    needs,
    occupations,
    offers,
    vocabulary_nodes,
)

if TYPE_CHECKING:
    from graph.synthetic.city import City

__all__ = ["moment", "nodes", "relationships"]

ORGANISER = SourceId("organiser-notice")
REGISTER = SourceId("government-register")
PERSONAL = SourceId("personal-report")
PROPERTY = SourceId("enterprise-property")
APP = SourceId("linli-app")

_DEED_CATEGORY = {
    "JOINED": DataCategory.ATTENDANCE,
    "SIGNED_UP": DataCategory.ATTENDANCE,
    "ATTENDED": DataCategory.ATTENDANCE,
    "HELPED": DataCategory.HELP,
    "LIKED": DataCategory.INTEREST,
    "DISMISSED": DataCategory.INTEREST,
    "VIEWED": DataCategory.INTEREST,
}
_LABELS = tuple(ITEM_LABELS[kind] for kind in ITEM_KINDS)


def moment(seconds: int) -> datetime:
    """Make an aware UTC time from Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def nodes(city: City) -> Iterator[NodeChange]:
    """Yield every node: vocabulary, places, items, households, residents."""
    yield from vocabulary_nodes(city.now)
    yield from _places(city)
    yield from item_nodes(city, _said(city, ORGANISER, DataCategory.PUBLIC, Basis.PUBLIC))
    register = _said(city, REGISTER, DataCategory.HOUSEHOLD, Basis.STATUTORY)
    for household in city.households:
        yield NodeChange(Op.PUT, "Household", household, {}, register)
    register = _said(city, REGISTER, DataCategory.IDENTITY, Basis.STATUTORY)
    told = city.consent.holds(DataCategory.IDENTITY).tolist()
    born = (city.now.year - city.truth.people.age).tolist()
    limits = city.walk_limit.tolist()
    for row, resident in enumerate(city.residents):
        about: dict[str, Scalar] = {"birth_year": born[row], "status": "active"}
        if told[row]:
            about["languages"] = city.languages[row]
            about["walk_limit"] = limits[row] if limits[row] >= 0 else None
        yield NodeChange(Op.PUT, "Resident", resident, about, register)


def relationships(city: City) -> Iterator[RelationshipChange]:
    """Yield every relationship: places, items, homes, facts, ties, history."""
    yield from _layout(city)
    yield from _about_items(city)
    yield from _homes(city)
    yield from _facts(city)
    yield from _ties(city)
    yield from _deeds(city)


def _said(
    city: City, source: SourceId, category: DataCategory, basis: Basis, confidence: float = 1.0
) -> Provenance:
    return Provenance(source, city.now, city.now, confidence, category, basis)


def _places(city: City) -> Iterator[NodeChange]:
    places, homes = city.truth.places, city.homes
    said = _said(city, PROPERTY, DataCategory.PUBLIC, Basis.PUBLIC)
    for n, name in enumerate(places.street_names):
        yield NodeChange(Op.PUT, "Street", f"wuhu-s{n:03d}", {"name": name}, said)
    for n, (name, _) in enumerate(places.area_names):
        yield NodeChange(Op.PUT, "ResidentialArea", f"wuhu-a{n:04d}", {"name": f"{name}社区"}, said)
    at = np.round(places.grid_at, 5).tolist()
    for grid, name, (lat, lon) in zip(city.grids, places.grid_names, at, strict=True):
        yield NodeChange(Op.PUT, "Grid", grid, {"name": name, "lat": lat, "lon": lon}, said)
    lifts = homes.building_lift.tolist()
    for n, (lat, lon) in enumerate(np.round(homes.building_at, 5).tolist()):
        about: dict[str, Scalar] = {
            "name": f"{n + 1}幢",
            "lat": lat,
            "lon": lon,
            "lift": lifts[n],
        }
        yield NodeChange(Op.PUT, "Building", f"wuhu-b{n:06d}", about, said)
    step_free = places.venue_step_free.tolist()
    for n, (lat, lon) in enumerate(np.round(places.venue_at, 5).tolist()):
        about = {
            "name": places.venue_names[n],
            "lat": lat,
            "lon": lon,
            "step_free": step_free[n],
        }
        yield NodeChange(Op.PUT, "Venue", f"wuhu-v{n:05d}", about, said)
    for name, id_ in organisations().items():
        yield NodeChange(Op.PUT, "Organisation", id_, {"name": name}, said)


def _layout(city: City) -> Iterator[RelationshipChange]:
    places = city.truth.places
    said = _said(city, PROPERTY, DataCategory.PUBLIC, Basis.PUBLIC)
    for n, area in enumerate(places.grid_area.tolist()):
        ends = ("Grid", city.grids[n], "ResidentialArea", f"wuhu-a{area:04d}")
        yield RelationshipChange(Op.PUT, "PART_OF", *ends, {}, said)
    for n, street in enumerate(places.area_street.tolist()):
        ends = ("ResidentialArea", f"wuhu-a{n:04d}", "Street", f"wuhu-s{street:03d}")
        yield RelationshipChange(Op.PUT, "PART_OF", *ends, {}, said)
    for label, pattern, grids in (
        ("Building", "wuhu-b{:06d}", city.homes.building_grid),
        ("Venue", "wuhu-v{:05d}", places.venue_grid),
    ):
        for n, grid in enumerate(grids.tolist()):
            ends = (label, pattern.format(n), "Grid", city.grids[grid])
            yield RelationshipChange(Op.PUT, "BUILT_IN", *ends, {}, said)


def _about_items(city: City) -> Iterator[RelationshipChange]:
    items = city.truth.items
    said = _said(city, ORGANISER, DataCategory.PUBLIC, Basis.PUBLIC)
    terms = interests().codes
    for n, item in enumerate(city.items):
        kind = ITEM_KINDS[int(items.kind[n])]
        label = ITEM_LABELS[kind]
        links = [("HELD_AT", "Venue", f"wuhu-v{items.venue[n]:05d}")]
        links += [
            ("ABOUT", "Interest", terms[column])
            for column in (int(items.interest[n]), int(items.second[n]))
            if column >= 0
        ]
        links += [("ANSWERS_NEED", "Need", code) for code in _codes(items.needs[n], needs())]
        links += [("ASKS_FOR", "Offer", code) for code in _codes(items.offers[n], offers())]
        if items.welcomes[n] >= 0:
            links.append(("WELCOMES", "Occupation", occupations().codes[items.welcomes[n]]))
        if items.group[n] >= 0:
            links.append(("ORGANISED_BY", "Group", city.items[items.group[n]]))
        if kind is ItemKind.SERVICE:
            provider = services()[int(items.text[n])].provider
            links.append(("PROVIDED_BY", "Organisation", organisations()[provider]))
        for type_, end_label, end in links:
            yield RelationshipChange(Op.PUT, type_, label, item, end_label, end, {}, said)


def _homes(city: City) -> Iterator[RelationshipChange]:
    people, homes = city.truth.people, city.homes
    household = people.household.tolist()
    living = people.living[people.household].tolist()
    member = people.member.tolist()
    said = _said(city, REGISTER, DataCategory.HOUSEHOLD, Basis.STATUTORY)
    for row, resident in enumerate(city.residents):
        about: dict[str, Scalar] = {
            "relation": RELATIONS[member[row]],
            "living": LIVING[living[row]],
        }
        ends = ("Resident", resident, "Household", city.households[household[row]])
        yield RelationshipChange(Op.PUT, "MEMBER_OF_HOUSEHOLD", *ends, about, said)
    grid = city.truth.grid.tolist()
    said = _said(city, PERSONAL, DataCategory.GRID, Basis.CONSENT)
    for row in np.flatnonzero(city.consent.holds(DataCategory.GRID)).tolist():
        ends = ("Resident", city.residents[row], "Grid", city.grids[grid[row]])
        yield RelationshipChange(Op.PUT, "IN_GRID", *ends, {}, said)
    said = _said(city, PERSONAL, DataCategory.DWELLING, Basis.CONSENT)
    building, unit, floor = (
        column[people.household].tolist() for column in (homes.building, homes.unit, homes.floor)
    )
    for row in np.flatnonzero(city.consent.holds(DataCategory.DWELLING)).tolist():
        ends = ("Resident", city.residents[row], "Building", f"wuhu-b{building[row]:06d}")
        about = {"unit": unit[row], "floor": floor[row]}
        yield RelationshipChange(Op.PUT, "LIVES_IN", *ends, about, said)


def _facts(city: City) -> Iterator[RelationshipChange]:
    truth, everyone = city.truth, np.arange(city.truth.people.n)
    rng = np.random.default_rng([city.seed, 92])
    rows, columns, place = city.declared
    yield from _coded(
        city,
        "INTERESTED_IN",
        interests(),
        DataCategory.INTEREST,
        (rows, columns),
        lambda n: {"weight": max(0.4, 1 - 0.1 * int(place[n])), "origin": "declared"},
    )
    pair = (everyone, truth.people.occupation)
    yield from _coded(city, "WORKS_AS", occupations(), DataCategory.OCCUPATION, pair, lambda _: {})
    wanted = _cells(truth.needs)
    urgency = rng.integers(0, 4, len(wanted[0])).tolist()
    yield from _coded(
        city, "NEEDS", needs(), DataCategory.NEED, wanted, lambda n: {"urgency": urgency[n]}
    )
    given = _cells(truth.offers)
    hours = rng.choice([1.0, 1.5, 2.0, 3.0, 4.0], len(given[0])).tolist()
    yield from _coded(
        city,
        "CAN_OFFER",
        offers(),
        DataCategory.OFFER,
        given,
        lambda n: {"hours_per_week": hours[n]},
    )


def _coded(
    city: City,
    type_: str,
    vocabulary: Vocabulary,
    category: DataCategory,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    about: Callable[[int], Mapping[str, Scalar]],
) -> Iterator[RelationshipChange]:
    said = _said(city, PERSONAL, category, Basis.CONSENT, 0.9)
    rows, columns = pairs
    held = city.consent.holds(category)[rows]
    row_list, column_list = rows.tolist(), columns.tolist()
    for n in np.flatnonzero(held).tolist():
        yield RelationshipChange(
            Op.PUT,
            type_,
            "Resident",
            city.residents[row_list[n]],
            vocabulary.label,
            vocabulary.codes[column_list[n]],
            about(n),
            said,
        )


def _ties(city: City) -> Iterator[RelationshipChange]:
    ties = city.ties
    held = city.consent.holds(DataCategory.TIE)
    said = _said(city, PERSONAL, DataCategory.TIE, Basis.CONSENT, 0.7)
    first, second = ties.first.tolist(), ties.second.tolist()
    kind, strength = ties.kind.tolist(), ties.strength.tolist()
    for n in np.flatnonzero(held[ties.first] & held[ties.second]).tolist():
        ends = ("Resident", city.residents[first[n]], "Resident", city.residents[second[n]])
        about: dict[str, Scalar] = {"strength": strength[n], "kind": TIE_KINDS[kind[n]]}
        yield RelationshipChange(Op.PUT, "KNOWS", *ends, about, said)


def _deeds(city: City) -> Iterator[RelationshipChange]:
    deeds, kinds = city.deeds, city.truth.items.kind.tolist()
    held = {c: city.consent.holds(c).tolist() for c in set(_DEED_CATEGORY.values())}
    first = _founders(city)
    columns = (deeds.resident, deeds.item, deeds.type, deeds.at, deeds.waiting)
    lines: Iterable[tuple[int, int, int, int, bool]] = zip(
        *(column.tolist() for column in columns), strict=True
    )
    for n, (row, item, code, seconds, waiting) in enumerate(lines):
        type_ = DEED_TYPES[code]
        category = _DEED_CATEGORY[type_]
        if not held[category][row]:
            continue
        at = moment(seconds)
        about: dict[str, Scalar] = {"at": at}
        if type_ == "SIGNED_UP":
            about["state"] = "waitlist" if waiting else "confirmed"
        elif type_ == "JOINED":
            about["role"] = first.get(n, "member")
        elif type_ == "HELPED":
            about["hours"] = 1.0 + seconds % 7 / 2
        yield RelationshipChange(
            Op.PUT,
            type_,
            "Resident",
            city.residents[row],
            _LABELS[kinds[item]],
            city.items[item],
            about,
            Provenance(APP, at, city.now, 1.0, category, Basis.CONSENT),
        )


def _founders(city: City) -> dict[int, str]:
    """Role of the first who joined each group: a founder, then two hosts."""
    deeds = city.deeds
    rows = np.flatnonzero((deeds.type == 0) & (city.truth.items.kind[deeds.item] == 0))
    order = rows[np.lexsort((deeds.resident[rows], deeds.at[rows], deeds.item[rows]))]
    out: dict[int, str] = {}
    place, before = 0, -1
    for row, item in zip(order.tolist(), deeds.item[order].tolist(), strict=True):
        place = place + 1 if item == before else 0
        before = item
        if place < 3:
            out[row] = "host" if place else "founder"
    return out


def _codes(marks: NDArray[np.bool_], vocabulary: Vocabulary) -> list[str]:
    return [vocabulary.codes[column] for column in np.flatnonzero(marks).tolist()]


def _cells(marks: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = np.nonzero(marks)
    return rows.astype(np.int64), columns.astype(np.int64)
