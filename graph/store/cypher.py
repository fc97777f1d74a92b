"""The Cypher of the property graph, once, made from the tables of ``graph/schema.py``.

Every engine that speaks Cypher runs these texts. What engines do not share (table declarations,
transactions, bulk copies, ``label(n)`` against ``labels(n)``) stays in the engine's own module.

The shapes are chosen so that each row is found through the index on ``id``, on every engine:

* One ``MATCH`` per end. Two ends in one ``MATCH (a …), (b …)`` are planned as a cross product
  by LadybugDB 0.22 (1,000 rows on 400,000 nodes: 510 s instead of 0.07 s).
* A node is updated, and only created when the update did not find it: ``MERGE`` on a node reads
  the whole table there (2 s instead of 0.07 s).
* A relationship is removed by ``MERGE`` and ``DELETE``: matching it first reads every
  relationship of the type (0.3 to 8 s instead of 0.06 s). One that is not there is made and
  deleted within the statement, which leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import pyarrow as pa

from graph.errors import SchemaViolation
from graph.schema import LABELS, PROVENANCE, RELATIONSHIPS, Property, PropertyType

__all__ = [
    "META_GET",
    "META_LABEL",
    "META_SET",
    "NodeTable",
    "RelationshipTable",
    "Statement",
    "Table",
    "all_tables",
    "arrow_schema",
    "count",
    "create_node",
    "put_relationship",
    "read",
    "remove",
    "table_of",
    "update_node",
]

META_LABEL: Final = "LinliMeta"
"""Label of the nodes that hold the store's own numbers: ``id`` and an integer ``value``."""
META_GET: Final = f"MATCH (m:`{META_LABEL}`) RETURN m.`id` AS `id`, m.`value` AS `value`"
META_SET: Final = f"MERGE (m:`{META_LABEL}` {{`id`: $id}}) SET m.`value` = $value"

_ARROW: Final[dict[PropertyType, pa.DataType]] = {
    PropertyType.TEXT: pa.string(),
    PropertyType.INT: pa.int64(),
    PropertyType.FLOAT: pa.float64(),
    PropertyType.BOOL: pa.bool_(),
    PropertyType.TIME: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class NodeTable:
    """All nodes of one label."""

    label: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that name one row."""
        return ("id",)

    @property
    def properties(self) -> tuple[Property, ...]:
        """Properties of its own, then the provenance."""
        return LABELS[self.label].properties + PROVENANCE

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True)
class RelationshipTable:
    """All relationships of one type between two labels."""

    type: str
    start_label: str
    end_label: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that name one row."""
        return ("start", "end")

    @property
    def properties(self) -> tuple[Property, ...]:
        """Properties of its own, then the provenance."""
        return RELATIONSHIPS[self.type].properties + PROVENANCE

    def __str__(self) -> str:
        return f"{self.start_label}-{self.type}->{self.end_label}"


Table = NodeTable | RelationshipTable


@dataclass(frozen=True, slots=True)
class Statement:
    """One text that is run with ``$rows``, a list of maps that all have the same keys.

    Rows hold ``n`` (position in the batch) beside the key columns and the properties; a statement
    with a ``RETURN`` gives the ``n`` of every row that found its nodes.
    """

    text: str
    columns: tuple[Property, ...]
    """Properties the rows carry; empty when they carry only keys."""


@cache
def all_tables() -> tuple[Table, ...]:
    """Every label, then every relationship type between every pair of labels it may join."""
    nodes = (NodeTable(name) for name in LABELS)
    relationships = (
        RelationshipTable(kind.name, start, end)
        for kind in RELATIONSHIPS.values()
        for start, end in kind.pairs
    )
    return (*nodes, *relationships)


@cache
def table_of(*names: str) -> Table:
    """Return the table of a label, or of a type and its two labels.

    Raises
    ------
    SchemaViolation
        The schema has no such table.
    """
    table = NodeTable(names[0]) if len(names) == 1 else RelationshipTable(*names)
    if table not in all_tables():
        raise SchemaViolation(f"{table}: the schema has no such label or relationship")
    return table


@cache
def arrow_schema(table: Table) -> pa.Schema:
    """Columns of a bulk read: the keys, the properties, the provenance; times in UTC."""
    keys = [pa.field(name, pa.string()) for name in table.keys]
    return pa.schema(keys + [pa.field(p.name, _ARROW[p.type]) for p in table.properties])


def _match_ends(table: RelationshipTable) -> str:
    return (
        f"UNWIND $rows AS row "
        f"MATCH (a:`{table.start_label}` {{`id`: row.`start`}}) "
        f"MATCH (b:`{table.end_label}` {{`id`: row.`end`}}) "
        f"MERGE (a)-[r:`{table.type}`]->(b) "
    )


def _set(variable: str, table: Table) -> str:
    names = (p.name for p in table.properties)
    return "SET " + ", ".join(f"{variable}.`{name}` = row.`{name}`" for name in names)


@cache
def update_node(table: NodeTable) -> Statement:
    """Set every property of the nodes that are there; rows not returned are not there."""
    text = (
        f"UNWIND $rows AS row MATCH (n:`{table.label}` {{`id`: row.`id`}}) "
        f"{_set('n', table)} RETURN row.`n` AS n"
    )
    return Statement(text, table.properties)


@cache
def create_node(table: NodeTable) -> Statement:
    """Make nodes that are known not to be there, without properties yet."""
    return Statement(f"UNWIND $rows AS row CREATE (n:`{table.label}` {{`id`: row.`id`}})", ())


@cache
def put_relationship(table: RelationshipTable) -> Statement:
    """Make relationships be there with these properties; rows not returned lack an end."""
    text = f"{_match_ends(table)}{_set('r', table)} RETURN row.`n` AS n"
    return Statement(text, table.properties)


@cache
def remove(table: Table) -> Statement:
    """Make nodes (with their relationships) or relationships not be there."""
    if isinstance(table, RelationshipTable):
        return Statement(f"{_match_ends(table)}DELETE r", ())
    text = f"UNWIND $rows AS row MATCH (n:`{table.label}` {{`id`: row.`id`}}) DETACH DELETE n"
    return Statement(text, ())


def _pattern(table: Table) -> tuple[str, str, Iterator[str]]:
    """Pattern, variable with the properties, and the key columns of a table."""
    if isinstance(table, NodeTable):
        return f"(n:`{table.label}`)", "n", iter(("n.`id` AS `id`",))
    pattern = f"(a:`{table.start_label}`)-[r:`{table.type}`]->(b:`{table.end_label}`)"
    return pattern, "r", iter(("a.`id` AS `start`", "b.`id` AS `end`"))


@cache
def read(table: Table) -> str:
    """Return the text that reads a whole table, in the columns of :func:`arrow_schema`."""
    pattern, variable, keys = _pattern(table)
    columns = (f"{variable}.`{p.name}` AS `{p.name}`" for p in table.properties)
    return f"MATCH {pattern} RETURN " + ", ".join((*keys, *columns))


@cache
def count(table: Table) -> str:
    """Return the text that counts a table, as ``n``."""
    pattern, variable, _ = _pattern(table)
    return f"MATCH {pattern} RETURN count({variable}) AS n"
