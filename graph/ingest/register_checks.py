"""Checks of a register as a whole: what no single row can show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from graph.ingest.issues import make_issue
from graph.ingest.register import Register
from graph.ingest.table import Table
from graph.model import ResidentId, Scalar

__all__ = ["Person", "report_households", "report_streets"]

_ELDERS, _YOUNGER = {"parent"}, {"child", "grandchild"}
_STREET_DIGITS = 9
"""A grid code of the national scheme begins with the code of its street."""


@dataclass(frozen=True, slots=True)
class Person:
    """One row of a register as it is understood."""

    row: int
    resident: ResidentId
    name: str
    fields: dict[str, str]
    born: date | None
    grid: str | None
    """Only when it is authorised."""
    said_grid: str
    household: str | None
    relation: str | None
    occupation: str | None
    """Code, when it is known and authorised."""
    uncoded: str | None
    """Occupation in words, when it is authorised and has no code."""
    difficulties: str | None
    population: str | None
    registered_here: bool | None
    home: tuple[str, dict[str, Scalar]] | None
    """Id of the building, and where in it; when it is known and authorised."""
    status: str


def report_households(table: Table, people: list[Person], headed: set[str]) -> None:
    """Point out households with two heads, none, or relations that their ages contradict.

    Parameters
    ----------
    table : Table
        Takes the issues.
    people : list of Person
    headed : set of str
        Households with a head, those in rows with errors included.
    """
    heads: dict[str, Person] = {}
    for person in people:
        if person.household and person.relation == "head":
            first = heads.setdefault(person.household, person)
            if first is not person:
                _report(table, "two_heads", person, "relation", str(first.row))
    headless: set[str] = set()
    for person in people:
        if not person.household or not person.relation:
            continue
        if person.household not in headed | headless:
            headless.add(person.household)
            _report(table, "no_head", person, "relation")
        head = heads.get(person.household)
        if head is not None and _upside_down(person, head):
            _report(table, "relation_conflict", person, "relation")


def _upside_down(person: Person, head: Person) -> bool:
    """Whether one of them would be the elder's elder: a circle of parents and children."""
    if not (person.born and head.born):
        return False
    if person.relation in _YOUNGER:
        return person.born <= head.born
    return person.relation in _ELDERS and person.born >= head.born


def report_streets(table: Table, people: list[Person], register: Register) -> None:
    """Point out grids that lie in another street than most.

    Which street that is, lists of grids that were imported say; where there are none, the code.
    """
    grids = {p.said_grid for p in people if p.said_grid}
    streets = {grid: register.street_of(grid) for grid in grids}
    if not any(streets.values()):
        streets = {grid: _street_in(grid) for grid in grids}
    placed = [(p, street) for p in people if (street := streets.get(p.said_grid))]
    counted = Counter(street for _, street in placed)
    if not counted:
        return
    usual, count = counted.most_common(1)[0]
    if count * 2 <= len(placed):
        return
    for person, street in placed:
        if street != usual:
            _report(table, "grid_other_street", person, "grid", person.said_grid)


def _street_in(grid: str) -> str | None:
    """Return the code of the street in a code of the national scheme."""
    return grid[:_STREET_DIGITS] if grid.isdecimal() and len(grid) > _STREET_DIGITS else None


def _report(table: Table, code: str, person: Person, column: str, value: str = "") -> None:
    header = table.headers.get(column, "")
    table.issues.append(make_issue(code, row=person.row, column=header, value=value))
