"""What a register says of residents, kept compact until it is written; in order of pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby

from graph.codec import Json
from graph.ingest.addresses import building_id, read_address
from graph.ingest.plan import IdentityRow, Lazy, WordsRow
from graph.ingest.register import Register
from graph.ingest.shelves import Shelves, by_pseudonym
from graph.model import (
    Basis,
    Change,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    ResidentId,
)
from graph.vocabulary import source, vocabulary_nodes

__all__ = ["SOURCE", "Facts", "Home", "find_home"]

SOURCE = source("government-register")
Home = tuple[str, dict[str, Json]]
"""Id of a building, and where in it."""


class Facts:
    """The residents of a file: who they are for the ledger, and what of them is for the graph.

    Parameters
    ----------
    now : datetime
        When the file was read.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._people, self._words, self._facts, self._households = (
            Shelves[str](by_pseudonym) for _ in range(4)
        )
        self._last_household = ""
        self.residents = Lazy(lambda: (ResidentId(who) for who, _ in self._people))
        self.identities = Lazy(
            lambda: (IdentityRow(ResidentId(who), said, now) for who, said in self._people)
        )
        self.words = Lazy(
            lambda: (
                WordsRow(ResidentId(who), DataCategory(category), text, now)
                for who, category, text in self._words
            )
        )
        self.changes = Lazy(self._changes)

    def add_person(self, resident: ResidentId, fields: Mapping[str, str | None]) -> None:
        """Keep who somebody is."""
        known: Json = {kind: value for kind, value in fields.items() if value}
        self._people.add(resident, known)

    def add_words(self, resident: ResidentId, category: DataCategory, text: str) -> None:
        """Keep what somebody wrote."""
        self._words.add(resident, category.value, text)

    def add_facts(  # noqa: PLR0913 - the facts of one row
        self,
        resident: ResidentId,
        about: Mapping[str, str | int | bool | None],
        *,
        household: str | None,
        relation: str | None,
        grid: str | None,
        home: Home | None,
        occupation: str | None,
    ) -> None:
        """Keep what the graph is told of a resident: only what it may be told."""
        if household and household != self._last_household:
            self._last_household = household
            self._households.add(household)
        known: Json = {name: value for name, value in about.items() if value is not None}
        self._facts.add(
            resident, known, household, relation, grid, list(home) if home else None, occupation
        )

    def _changes(self) -> Iterator[Change]:
        def said(category: DataCategory, basis: Basis) -> Provenance:
            return Provenance(SOURCE.id, self._now, self._now, 1.0, category, basis)

        yield from vocabulary_nodes(self._now)
        by_law = said(DataCategory.HOUSEHOLD, Basis.STATUTORY)
        for household, _ in groupby(key for (key,) in self._households):
            yield NodeChange(Op.PUT, "Household", household, {}, by_law)
        identity = said(DataCategory.IDENTITY, Basis.STATUTORY)
        occupation = said(DataCategory.OCCUPATION, Basis.CONSENT)
        in_grid = said(DataCategory.GRID, Basis.CONSENT)
        dwelling = said(DataCategory.DWELLING, Basis.CONSENT)
        for resident, about, household, relation, grid, home, work in self._facts:
            start = ("Resident", resident)
            yield NodeChange(Op.PUT, *start, about, identity)
            if household:
                end, how = ("Household", household), {"relation": relation}
                yield RelationshipChange(Op.PUT, "MEMBER_OF_HOUSEHOLD", *start, *end, how, by_law)
            if grid:
                yield RelationshipChange(Op.PUT, "IN_GRID", *start, "Grid", grid, {}, in_grid)
            if home:
                end = ("Building", home[0])
                yield RelationshipChange(Op.PUT, "LIVES_IN", *start, *end, home[1], dwelling)
            if work:
                end = ("Occupation", work)
                yield RelationshipChange(Op.PUT, "WORKS_AS", *start, *end, {}, occupation)


def find_home(register: Register, text: str, grid: str) -> Home | None:
    """Match an address with a building that was imported; anything but an exact match is none."""
    address = read_address(text)
    if address is None:
        return None
    building = register.building(building_id(grid, address.estate, address.building))
    if building is None:
        return None
    unit = int(address.unit) if address.unit and address.unit.isdecimal() else None
    return building, {"unit": unit, "floor": address.floor}
