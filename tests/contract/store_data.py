"""Stores and changes for the store suites, by keyword with defaults."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

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
from graph.schema import ID_LIMIT, LABELS, RELATIONSHIPS, Property, PropertyType
from graph.store.base import GraphStore
from graph.store.bulk import LOAD_CHUNK
from graph.store.ladybug import LadybugStore

NOW = datetime(2026, 6, 1, 8, 0, 0, 123457, tzinfo=UTC)


def opened(path: Path, *, load_chunk: int = LOAD_CHUNK) -> LadybugStore:
    return LadybugStore(path, buffer_pool=512 << 20, load_chunk=load_chunk)


@cache
def _empty_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        opened(Path(folder) / "linli.lbug").close()
        files = Path(folder).glob("linli.lbug*")
        return {f.name.removeprefix("linli.lbug"): f.read_bytes() for f in files}


def declared(path: Path, *, load_chunk: int = LOAD_CHUNK) -> LadybugStore:
    """An empty store, from a copy: declaring its tables takes longer than most tests."""
    for ending, content in _empty_files().items():
        path.with_name(path.name + ending).write_bytes(content)
    return opened(path, load_chunk=load_chunk)


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


def people(*ids: str) -> list[Change]:
    return [put("Resident", id_) for id_ in ids]


def ids(store: GraphStore, label: str = "Resident") -> list[str]:
    return store.nodes(label)["id"].to_pylist()


def ties(store: GraphStore) -> list[tuple[str, str]]:
    rows = store.relationships("KNOWS", "Resident", "Resident").to_pylist()
    return [(row["start"], row["end"]) for row in rows]


def node(store: GraphStore, label: str, id_: str) -> dict[str, object]:
    (row,) = (row for row in store.nodes(label).to_pylist() if row["id"] == id_)
    return row


BAD: Sequence[Change] = (
    NodeChange(Op.PUT, "Resident", "r9", {"birth_year": "old"}, None),
    NodeChange(Op.PUT, "Nobody", "r9", {}, provenance(DataCategory.IDENTITY)),
    NodeChange(Op.PUT, "Resident", "", {}, provenance(DataCategory.IDENTITY)),
    put("Resident", "r9", birth_year=1),
    put("Organisation", "o", name="half \ud83d"),
    put("Group", "g", title="t", state="open", seats=2**63),
    tie("r1", "r2", strength=1.5),
    RelationshipChange(Op.PUT, "KNOWS", "Resident", "r1", "Group", "g"),
    put("Resident", "x" * (ID_LIMIT + 1)),
)
"""Changes that no store takes; the first two are bad for a load, too."""
