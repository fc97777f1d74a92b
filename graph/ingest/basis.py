"""On what basis the facts of an import stand: a law that the plan names, or a resident's grant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graph.codec import Json
from graph.errors import ImportRefused
from graph.ingest.ledger_register import GrantGate
from graph.ingest.plan import ImportPlan, purpose_of
from graph.model import (
    Action,
    Actor,
    Basis,
    Change,
    DataCategory,
    NodeChange,
    Purpose,
    RelationshipChange,
    ResidentId,
)
from graph.policy import CATEGORY_COLUMN

__all__ = ["Footing", "ImportGate", "authorise", "refusal", "residents_of", "still_missing"]

_CATEGORIES = tuple(CATEGORY_COLUMN)


class ImportGate(GrantGate, Protocol):
    """What an import asks of the gate (:class:`graph.gate.Gate` has it)."""

    def authorise_bulk(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        categories: Iterable[DataCategory],
        action: Action,
        rows: NDArray[np.int64] | None,
        law: str = "",
    ) -> object:
        """Decide and record, or raise ``Denied``."""
        ...

    def record_import(self, actor: Actor, what: str) -> None:
        """Record what is done with a batch, before it happens."""
        ...


def authorise(
    gate: ImportGate,
    actor: Actor,
    *,
    consented: Iterable[DataCategory],
    statutory: Iterable[DataCategory],
    law: str,
) -> None:
    """Ask the gate for everything an import writes.

    Raises
    ------
    Denied
        The actor may not write these categories.
    """
    asked: dict[Purpose, set[DataCategory]] = {}
    for category in consented:
        asked.setdefault(purpose_of(category), set()).add(category)
    if statutory:
        asked[Purpose.STATUTORY_DUTY] = set(statutory)
    for purpose, categories in (
        (Purpose.FEED, {DataCategory.PUBLIC}),
        *sorted(asked.items()),
    ):
        said = law if purpose is Purpose.STATUTORY_DUTY else ""
        gate.authorise_bulk(
            actor, purpose=purpose, categories=categories, action=Action.WRITE, rows=None, law=said
        )


class Footing:
    """Which categories of whom come in on consent, and which are granted along with them."""

    def __init__(self, plan: ImportPlan) -> None:
        self._plan = plan
        self._needed: dict[str, int] = {}
        self._granted: dict[str, int] = {}

    def note(self, change: Change) -> None:
        """Take down on what basis a change stands; refuse what the plan does not declare."""
        said = change.provenance
        if said is None or said.category is DataCategory.PUBLIC:
            return
        if said.basis is Basis.STATUTORY and said.category in self._plan.statutory:
            return
        if said.basis is not Basis.CONSENT or said.category not in self._plan.consented:
            raise ImportRefused(
                f"{_name(change)}: {said.category} data on the basis {said.basis}, which the plan "
                f"does not declare; nothing was imported"
            )
        for resident in residents_of(change):
            self.need(resident, said.category)

    def need(self, resident: str, category: DataCategory) -> None:
        """Take down that a resident's grant for a category is needed."""
        bit = 1 << CATEGORY_COLUMN[category]
        self._needed[resident] = self._needed.get(resident, 0) | bit

    def grant(self, resident: ResidentId, category: DataCategory) -> None:
        """Take down a grant that comes with this import."""
        bit = 1 << CATEGORY_COLUMN[category]
        self._granted[resident] = self._granted.get(resident, 0) | bit

    def uncovered(self) -> Iterator[list[Json]]:
        """Yield (resident, bits of categories) whose grants must be there already."""
        for resident, needed in self._needed.items():
            missing = needed & ~self._granted.get(resident, 0)
            if missing:
                yield [resident, missing]


def still_missing(
    gate: ImportGate, actor: Actor, needs: Iterable[tuple[str, int]]
) -> dict[DataCategory, list[ResidentId]]:
    """Residents who do not authorise now what :meth:`Footing.uncovered` says is needed."""
    wanted: dict[DataCategory, list[ResidentId]] = {}
    for resident, bits in needs:
        for category in _CATEGORIES:
            if bits >> CATEGORY_COLUMN[category] & 1:
                wanted.setdefault(category, []).append(ResidentId(resident))
    missing = {}
    for category, residents in wanted.items():
        allowed = gate.may_among(
            actor,
            purpose=purpose_of(category),
            category=category,
            subjects=residents,
            action=Action.DERIVE,
        )
        left = [resident for resident in residents if resident not in allowed]
        if left:
            missing[category] = left
    return missing


def refusal(missing: Mapping[DataCategory, list[ResidentId]]) -> ImportRefused:
    """Say whose authorisation is missing, naming the first of them."""
    first = sorted({resident for some in missing.values() for resident in some})[0]
    names = ", ".join(category for category, some in missing.items() if first in some)
    others = len({resident for some in missing.values() for resident in some}) - 1
    more = f" (and {others} more)" if others else ""
    return ImportRefused(
        f"resident {first} did not authorise {names}{more}; nothing was "
        f"imported: leave these facts out or record the grant first"
    )


def residents_of(change: Change) -> Iterator[str]:
    """Yield whom a change is about."""
    if isinstance(change, NodeChange):
        if change.label == "Resident":
            yield change.id
        return
    if change.start_label == "Resident":
        yield change.start
    if change.end_label == "Resident":
        yield change.end


def _name(change: NodeChange | RelationshipChange) -> str:
    if isinstance(change, NodeChange):
        return f"{change.label} {change.id}"
    return f"{change.type} {change.start} -> {change.end}"
