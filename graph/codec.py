"""Changes as JSON, for the log and for staged import chunks. Times become ISO 8601 text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from graph.model import (
    Basis,
    Change,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    Scalar,
    SourceId,
)
from graph.schema import LABELS, RELATIONSHIPS, Label, PropertyType, Relationship

__all__ = ["Json", "decode_change", "encode_change"]

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
"""A JSON value."""

_KINDS: tuple[Label | Relationship, ...] = (*LABELS.values(), *RELATIONSHIPS.values())
_TIMES: dict[str, frozenset[str]] = {
    kind.name: frozenset(p.name for p in kind.properties if p.type is PropertyType.TIME)
    for kind in _KINDS
}


def encode_change(change: Change) -> dict[str, Json]:
    """Turn a change into a JSON object."""
    if isinstance(change, NodeChange):
        out: dict[str, Json] = {"op": change.op.value, "label": change.label, "id": change.id}
    else:
        out = {
            "op": change.op.value,
            "type": change.type,
            "start": [change.start_label, change.start],
            "end": [change.end_label, change.end],
        }
    if change.properties:
        out["properties"] = {k: encode_scalar(v) for k, v in change.properties.items()}
    if change.provenance is not None:
        said = change.provenance
        out["provenance"] = [
            said.source,
            said.as_of.astimezone(UTC).isoformat(),
            said.recorded_at.astimezone(UTC).isoformat(),
            said.confidence,
            said.category.value,
            said.basis.value,
        ]
    return out


def encode_scalar(value: Scalar) -> Json:
    """Turn a property value into JSON."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def decode_properties(kind: str, given: Mapping[str, Json]) -> dict[str, Scalar]:
    """Turn JSON back into the properties of a label or relationship type."""
    times = _TIMES[kind]
    return {
        name: datetime.fromisoformat(str(value)) if name in times and value else value
        for name, value in cast("Mapping[str, Scalar]", given).items()
    }


def decode_change(encoded: Mapping[str, Json]) -> Change:
    """Make the change again from :func:`encode_change`'s object."""
    op = Op(str(encoded["op"]))
    kind = str(encoded.get("label") or encoded["type"])
    properties = decode_properties(kind, cast("Mapping[str, Json]", encoded.get("properties", {})))
    provenance = _provenance(cast("list[str | float] | None", encoded.get("provenance")))
    if "label" in encoded:
        return NodeChange(op, kind, str(encoded["id"]), properties, provenance)
    start_label, start = cast("list[str]", encoded["start"])
    end_label, end = cast("list[str]", encoded["end"])
    return RelationshipChange(op, kind, start_label, start, end_label, end, properties, provenance)


def _provenance(said: list[str | float] | None) -> Provenance | None:
    if said is None:
        return None
    source, as_of, recorded_at, confidence, category, basis = said
    return Provenance(
        source=SourceId(str(source)),
        as_of=datetime.fromisoformat(str(as_of)),
        recorded_at=datetime.fromisoformat(str(recorded_at)),
        confidence=float(confidence),
        category=DataCategory(str(category)),
        basis=Basis(str(basis)),
    )
