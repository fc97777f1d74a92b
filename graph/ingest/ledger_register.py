"""What a ledger knows of people and places, asked by readers of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from graph.ingest.places import later_names, streets_of_grids
from graph.ingest.plan import purpose_of
from graph.ledger.ledger import Ledger
from graph.ledger.rows import RowKind
from graph.model import Action, Actor, DataCategory, Purpose, ResidentId

__all__ = ["GrantGate", "LedgerRegister"]

_REMEMBERED = 50_000
"""Values of which the resident is remembered, at most; then they are forgotten together."""


class GrantGate(Protocol):
    """The question a register asks of the gate (:class:`graph.gate.Gate` has it)."""

    def may(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        category: DataCategory,
        subject: ResidentId,
        action: Action,
        law: str = "",
    ) -> bool:
        """Tell whether it would be allowed."""
        ...

    def may_among(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        category: DataCategory,
        subjects: Sequence[ResidentId] | None,
        action: Action,
    ) -> frozenset[ResidentId]:
        """Of these residents, or of all who granted anything, those of whom it would be."""
        ...


class LedgerRegister:
    """The residents of a ledger. What counts as authorised is for the gate to say.

    Parameters
    ----------
    ledger : Ledger
    gate : GrantGate
    actor : Actor
        Who imports; facts are taken in for what this actor may derive from them.

    Notes
    -----
    What is authorised is looked up once per category, and what earlier imports said of places once
    at all; who was found is remembered. So one register is for reading one file.
    """

    def __init__(self, ledger: Ledger, gate: GrantGate, actor: Actor) -> None:
        self._ledger = ledger
        self._gate = gate
        self._actor = actor
        self._granted: dict[DataCategory, frozenset[ResidentId]] = {}
        self._streets: Mapping[str, str] | None = None
        self._later: Mapping[str, str] | None = None
        self._found: dict[tuple[str, str], ResidentId | None] = {}
        self._fields: dict[ResidentId, Mapping[str, str]] = {}
        self._buildings: dict[str, str | None] = {}

    def expect(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Look these up at once, with what is recorded of those who are found."""
        if len(self._found) > _REMEMBERED:
            self._found.clear()
            self._fields.clear()
        with self._ledger.read() as tx:
            for kind, values in wanted.items():
                new = [value for value in values if (kind, value) not in self._found]
                found = self._ledger.identity.find_many(tx, kind, new)
                self._found |= {(kind, value): found.get(value) for value in new}
                self._fields |= self._ledger.identity.get_many(tx, list(found.values()))

    def find(self, kind: str, value: str) -> ResidentId | None:
        """Return the one resident with this value."""
        if (kind, value) not in self._found:
            self.expect({kind: [value]})
        return self._found[kind, value]

    def fields(self, resident: ResidentId) -> Mapping[str, str]:
        """Return what is recorded of a resident."""
        if resident not in self._fields:
            with self._ledger.read() as tx:
                self._fields[resident] = self._ledger.identity.get(tx, resident)
        return self._fields[resident]

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Whether a grant for the purpose of this category is in force."""
        if category not in self._granted:
            self._granted[category] = self._gate.may_among(
                self._actor,
                purpose=purpose_of(category),
                category=category,
                subjects=None,
                action=Action.DERIVE,
            )
        return resident in self._granted[category]

    def has(self, kind: RowKind, key: str) -> bool:
        """Whether this id has a row."""
        with self._ledger.read() as tx:
            return self._ledger.rows.get(tx, kind, key) is not None

    def building(self, key: str) -> str | None:
        """Return the id under which a building is known."""
        if self._later is None:
            with self._ledger.read() as tx:
                self._later = later_names(self._ledger, tx)
        if key not in self._buildings:
            id_ = self._later.get(key, key)
            self._buildings[key] = id_ if self.has(RowKind.BUILDING, id_) else None
        return self._buildings[key]

    def street_of(self, grid: str) -> str | None:
        """Return the street of a grid."""
        if self._streets is None:
            with self._ledger.read() as tx:
                self._streets = streets_of_grids(self._ledger, tx)
        return self._streets.get(grid)
