"""Changes for the store suites, by keyword with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from graph.model import (
    Basis,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    Scalar,
    SourceId,
)
from graph.schema import LABELS, RELATIONSHIPS, Property, PropertyType

NOW = datetime(2026, 6, 1, 8, 0, 0, 123457, tzinfo=UTC)


def provenance(category: DataCategory, *, confidence: float = 0.75) -> Provenance:
    return Provenance(SourceId("office"), NOW, NOW, confidence, category, Basis.CONSENT)


def put(label: str, id_: str, **properties: Scalar) -> NodeChange:
    return NodeChange(Op.PUT, label, id_, properties, provenance(LABELS[label].category))


def remove(label: str, id_: str) -> NodeChange:
    return NodeChange(Op.REMOVE, label, id_)


def tie(start: str, end: str, **properties: Scalar) -> RelationshipChange:
    """A KNOWS relationship between two residents."""
    given: Mapping[str, Scalar] = {"strength": 0.5} | properties
    carried = provenance(DataCategory.TIE)
    return RelationshipChange(Op.PUT, "KNOWS", "Resident", start, "Resident", end, given, carried)


def link(
    type_: str, start_label: str, start: str, end_label: str, end: str, **properties: Scalar
) -> RelationshipChange:
    carried = provenance(RELATIONSHIPS[type_].category)
    return RelationshipChange(
        Op.PUT, type_, start_label, start, end_label, end, properties, carried
    )


def unlink(type_: str, start_label: str, start: str, end_label: str, end: str):
    return RelationshipChange(Op.REMOVE, type_, start_label, start, end_label, end)


def untie(start: str, end: str) -> RelationshipChange:
    return unlink("KNOWS", "Resident", start, "Resident", end)


def value_for(prop: Property, variant: int = 0) -> Scalar:
    """A value the schema allows; another one for another variant."""
    if prop.values:
        return prop.values[variant % len(prop.values)]
    low = 0 if prop.low is None else prop.low
    return {
        PropertyType.TEXT: f"邻里 😀 𠮷 '{variant}' \"\\ `\n",
        PropertyType.INT: int(low) + variant,
        PropertyType.FLOAT: low + 0.1 + variant / 8,
        PropertyType.BOOL: variant % 2 == 0,
        PropertyType.TIME: NOW.replace(microsecond=999_999 - variant),
    }[prop.type]


def full(properties: tuple[Property, ...], variant: int = 0) -> dict[str, Scalar]:
    return {p.name: value_for(p, variant) for p in properties}


def required(properties: tuple[Property, ...]) -> dict[str, Scalar]:
    return {p.name: value_for(p) for p in properties if p.required}


def smallest(label: str, id_: str) -> NodeChange:
    """A node with required properties only."""
    return put(label, id_, **required(LABELS[label].properties))
