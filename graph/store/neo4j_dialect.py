"""What only Neo4j says or wants: where it is, constraints, counts, deletions, bulk writes.

A bulk write sends the columns of a batch as lists, and each different time once: of maps the driver
takes apart every one, and every date by itself (``bench/neo4j_bare.py`` tries both).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote

import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import ConfigError
from graph.schema import LABELS, RELATIONSHIPS, Property, PropertyType
from graph.store.cypher import META_LABEL, NodeTable, Table

__all__ = [
    "COUNT_FOREIGN",
    "COUNT_NAMES",
    "DELETE_NODES",
    "DELETE_RELATIONSHIPS",
    "SCHEMES",
    "Address",
    "columns_of",
    "constraints",
    "create",
    "outward",
]

SCHEMES: Final = frozenset({"neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"})

COUNT_FOREIGN: Final = f"MATCH (n) WHERE NOT n:`{META_LABEL}` RETURN count(n) AS n"
COUNT_NAMES: Final = " UNION ALL ".join(
    [f"MATCH (n:`{name}`) RETURN '{name}' AS name, count(n) AS n" for name in LABELS]
    + [
        f"MATCH ()-[r:`{name}`]->() RETURN '{name}' AS name, count(r) AS n"
        for name in RELATIONSHIPS
    ]
)
"""Answered from the server's own counts, whatever the size."""
DELETE_RELATIONSHIPS: Final = "MATCH ()-[r]->() WITH r LIMIT $most DELETE r RETURN count(*) AS n"
DELETE_NODES: Final = (
    f"MATCH (n) WHERE NOT n:`{META_LABEL}` WITH n LIMIT $most DELETE n RETURN count(*) AS n"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A database on a server, and as whom to go there."""

    uri: str
    """Scheme, host and port, as the driver takes it."""
    database: str | None
    """``None``: the user's home database."""
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.uri}/{self.database}" if self.database else self.uri

    @classmethod
    def of(cls, parts: SplitResult, environment: Mapping[str, str]) -> Address:
        """Read ``scheme://user:password@host:port?database=name``.

        Parameters
        ----------
        parts : SplitResult
            User and password percent-encoded.
        environment : mapping
            ``NEO4J_USERNAME`` and ``NEO4J_PASSWORD`` count where the URL names no user.

        Raises
        ------
        ConfigError
            There is something else in the URL, or no host.
        """
        query = parse_qs(parts.query, keep_blank_values=True)
        known = set(query) <= {"database"} and len(query.get("database", [])) <= 1
        if not parts.hostname or parts.path.strip("/") or parts.fragment or not known:
            raise ConfigError(
                "graph URL: say neo4j://user:password@host:7687?database=name "
                "(user, password, port and database may be left out)"
            )
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not user:
            user = environment.get("NEO4J_USERNAME", "neo4j")
            password = environment.get("NEO4J_PASSWORD", "")
        host = parts.netloc.rpartition("@")[2]
        name = query.get("database", [""])[0]
        return cls(f"{parts.scheme}://{host}", name or None, user, password)


def constraints() -> Iterator[str]:
    """Yield the declarations: ids are unique per label, which also makes the index on them."""
    for label in (META_LABEL, *LABELS):
        yield f"CREATE CONSTRAINT IF NOT EXISTS FOR (n:`{label}`) REQUIRE n.`id` IS UNIQUE"


@cache
def create(table: Table) -> str:
    """Return the text that makes the rows of :func:`columns_of`, known to be new."""
    given = ", ".join(f"`{p.name}`: {_write(p)}" for p in table.properties)
    rows = "UNWIND range(0, size($`{}`) - 1) AS i "
    if isinstance(table, NodeTable):
        return rows.format("id") + f"CREATE (:`{table.label}` {{`id`: $`id`[i], {given}}})"
    return (
        rows.format("start") + f"MATCH (a:`{table.start_label}` {{`id`: $`start`[i]}}) "
        f"MATCH (b:`{table.end_label}` {{`id`: $`end`[i]}}) "
        f"CREATE (a)-[:`{table.type}` {{{given}}}]->(b)"
    )


def _write(prop: Property) -> str:
    if prop.type is PropertyType.TIME:
        return f"$`{prop.name}`.times[$`{prop.name}`.places[i]]"
    return f"$`{prop.name}`[i]"


def columns_of(rows: pa.Table) -> dict[str, object]:
    """Return a batch as parameters of :func:`create`: one list per column."""
    sent: dict[str, object] = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if pa.types.is_timestamp(column.type):
            coded = pc.dictionary_encode(column.combine_chunks())
            sent[name] = {
                "times": outward(coded.dictionary.to_pylist()),
                "places": coded.indices.to_pylist(),
            }
        else:
            sent[name] = column.to_pylist()
    return sent


def outward(value: object) -> object:
    """Return a value as it is sent: times, in lists too, of one zone.

    To the engine two times are equal only if their zones are, and UTC by name is not UTC by offset.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return [outward(each) for each in value] if isinstance(value, list | tuple) else value
