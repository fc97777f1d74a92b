"""A resident's own word in the graph: which changes it makes, and which of others' it overrules.

Precedence is simple: on what a resident told themselves, nobody else's word counts, whether it
came before or comes later. Everything they did not tell stays as it was brought in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from graph.ledger.ledger import Ledger
from graph.ledger.told import Word
from graph.model import (
    Basis,
    Change,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    ResidentId,
    Scalar,
)
from graph.projection import APP_SOURCE
from graph.schema import LABELS, RELATIONSHIPS
from graph.vocabulary import vocabulary_nodes

__all__ = [
    "ABOUT_ONESELF",
    "TAGS",
    "WORK",
    "about_oneself",
    "brought_in",
    "overruled",
    "property_slot",
    "tag_changes",
    "tag_slot",
    "work_changes",
]

TAGS: Mapping[str, str] = {
    "Interest": "INTERESTED_IN",
    "Offer": "CAN_OFFER",
    "Need": "NEEDS",
}
"""Labels of the governed words that a resident chooses any number of, and how each is held."""

ABOUT_ONESELF = ("birth_year", "languages", "walk_limit")
"""Properties of their own node that a resident may correct."""

WORK = "WORKS_AS"
"""Slot of the occupation; there is one at most."""

_DECLARED: Mapping[str, Mapping[str, Scalar]] = {
    "INTERESTED_IN": {"weight": 1.0, "origin": "declared"}
}
_TYPES = frozenset(TAGS.values())


def tag_slot(label: str, code: str) -> str:
    """Name the thing that "I hold this word" is about."""
    return f"{TAGS[label]}/{code}"


def property_slot(name: str) -> str:
    """Name the thing that a property of one's own node is."""
    return f"Resident/{name}"


def tag_changes(
    resident: ResidentId, label: str, code: str, *, held: bool, at: datetime
) -> list[Change]:
    """Hold a governed word, or hold it no more."""
    return _held(resident, TAGS[label], label, code, held=held, at=at)


def work_changes(
    resident: ResidentId, code: str | None, *, before: Sequence[str], at: datetime
) -> list[Change]:
    """Have this occupation (``None`` = none) instead of those that were known before."""
    gone = [
        change
        for other in before
        if other != code
        for change in _held(resident, WORK, "Occupation", other, held=False, at=at)
    ]
    return gone + ([] if code is None else _held(resident, WORK, "Occupation", code, at=at))


def about_oneself(
    resident: ResidentId, properties: Mapping[str, Scalar], at: datetime
) -> list[Change]:
    """Be a node with exactly these properties."""
    said = _provenance(LABELS["Resident"].category, at)
    return [NodeChange(Op.PUT, "Resident", resident, properties, said)]


def brought_in(ledger: Ledger, tx: Connection, batch: str) -> Iterator[list[Change]]:
    """Chunks of an import, without what its residents told otherwise themselves."""
    for chunk in ledger.imports.changes(tx, batch):
        people = {ResidentId(who) for change in chunk if (who := _whose(change)) is not None}
        yield list(overruled(chunk, ledger.told.of_many(tx, sorted(people))))


def overruled(
    changes: Sequence[Change], told: Mapping[ResidentId, Mapping[str, Word]]
) -> Iterator[Change]:
    """Leave of others' changes what residents did not tell otherwise themselves."""
    for change in changes:
        mine = told.get(ResidentId(_whose(change) or ""))
        if not mine:
            yield change
        elif isinstance(change, NodeChange):
            yield _corrected(change, mine)
        elif _slot_of(change) not in mine:
            yield change


def _whose(change: Change) -> str | None:
    if isinstance(change, NodeChange):
        return change.id if change.label == "Resident" and change.op is Op.PUT else None
    return change.start if change.type in _TYPES or change.type == WORK else None


def _slot_of(change: RelationshipChange) -> str:
    return WORK if change.type == WORK else f"{change.type}/{change.end}"


def _corrected(change: NodeChange, told: Mapping[str, Word]) -> NodeChange:
    own: dict[str, Scalar] = {}
    for name in ABOUT_ONESELF:
        word = told.get(property_slot(name))
        if word is not None and (word.value is None or isinstance(word.value, str | int)):
            own[name] = word.value
    return replace(change, properties={**change.properties, **own}) if own else change


def _held(
    resident: ResidentId,
    type_: str,
    label: str,
    code: str,
    *,
    held: bool = True,
    at: datetime,
) -> list[Change]:
    ends = ("Resident", resident, label, code)
    if not held:
        return [RelationshipChange(Op.REMOVE, type_, *ends)]
    said = _provenance(RELATIONSHIPS[type_].category, at)
    made = RelationshipChange(Op.PUT, type_, *ends, _DECLARED.get(type_, {}), said)
    return [*_word_itself(label, code, at), made]


def _word_itself(label: str, code: str, at: datetime) -> list[Change]:
    """Make the word's own node: a home without imports has none yet."""
    return [node for node in vocabulary_nodes(at) if (node.label, node.id) == (label, code)]


def _provenance(category: DataCategory, at: datetime) -> Provenance:
    return Provenance(APP_SOURCE, at, at, 1.0, category, Basis.CONSENT)
