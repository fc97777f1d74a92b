"""Checks of a register as a whole: what no single row can show."""

from __future__ import annotations

from array import array
from collections import Counter
from datetime import date

from graph.ingest.register import Register
from graph.ingest.shelves import FirstRows
from graph.ingest.table import Row, Table

__all__ = ["Households", "Streets"]

_ELDER, _YOUNGER, _ELSE = 1, -1, 0
_SIDES = {"parent": _ELDER, "child": _YOUNGER, "grandchild": _YOUNGER}
_STREET_DIGITS = 9
"""A grid code of the national scheme begins with the code of its street."""


class Households:
    """Points out households with two heads, none, or relations that their ages contradict.

    Parameters
    ----------
    table : Table
        Takes the issues.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._headed_elsewhere = FirstRows()
        self._heads = FirstRows()
        self._rows, self._born = array("i"), array("i")
        self._households = array("q")
        self._sides = array("b")

    def note_head(self, household: str) -> None:
        """Take down that a household has a head in a row that is left out."""
        self._headed_elsewhere.first(hash(household), 1)

    def add(self, row: Row, household: str | None, relation: str | None, born: date | None) -> None:
        """Take a resident in; rows come in their order."""
        if not (household and relation):
            return
        key, day = hash(household), born.toordinal() if born else 0
        if relation == "head":
            first, _ = self._heads.first(key, row.number, day)
            if first != row.number:
                row.report("two_heads", "relation", str(first))
        self._rows.append(row.number)
        self._households.append(key)
        self._sides.append(_SIDES.get(relation, _ELSE))
        self._born.append(day)

    def report(self) -> None:
        """Take down what is odd."""
        headless = FirstRows()
        for row, key, side, born in zip(
            self._rows, self._households, self._sides, self._born, strict=True
        ):
            head = self._heads.get(key)
            if head is None:
                if key not in self._headed_elsewhere and headless.first(key, row)[0] == row:
                    self._table.report(row, "no_head", "relation")
            elif side and born and _upside_down(side, born, head[1]):
                self._table.report(row, "relation_conflict", "relation")


def _upside_down(side: int, born: int, head: int) -> bool:
    """Whether one of them would be the elder's elder: a circle of parents and children."""
    if not head:
        return False
    return born <= head if side == _YOUNGER else born >= head


class Streets:
    """Points out grids that lie in another street than most.

    Which street that is, lists of grids that were imported say; where there are none, the code.
    """

    def __init__(self, table: Table, register: Register) -> None:
        self._table = table
        self._register = register
        self._numbers: dict[str, int] = {}
        self._rows, self._grids = array("i"), array("i")

    def add(self, row: Row, grid: str | None) -> None:
        """Take a resident in; rows come in their order."""
        if grid:
            self._rows.append(row.number)
            self._grids.append(self._numbers.setdefault(grid, len(self._numbers)))

    def report(self) -> None:
        """Take down what is odd."""
        grids = list(self._numbers)
        streets = [self._register.street_of(grid) for grid in grids]
        if not any(streets):
            streets = [_street_in(grid) for grid in grids]
        counted: Counter[str] = Counter()
        for number, count in Counter(self._grids).items():
            if street := streets[number]:
                counted[street] += count
        if not counted:
            return
        usual, count = counted.most_common(1)[0]
        if count * 2 <= counted.total():
            return
        other = {n for n, street in enumerate(streets) if street and street != usual}
        for row, number in zip(self._rows, self._grids, strict=True) if other else ():
            if number in other:
                self._table.report(row, "grid_other_street", "grid", grids[number])


def _street_in(grid: str) -> str | None:
    """Return the code of the street in a code of the national scheme."""
    return grid[:_STREET_DIGITS] if grid.isdecimal() and len(grid) > _STREET_DIGITS else None
