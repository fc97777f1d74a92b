"""Bulk reads from Neo4j into Arrow columns.

One row per relationship gave 28,000 to 41,000 a second (5.26; 20,000 residents, 160,000 ties); one
record per target, with what comes in as a list, 119,000. A pattern comprehension streams; a
``collect`` grouped by target (63,000 to 93,000) holds the whole table in the server's heap. Nodes
come in pages along the index on ``id``, one list per column. Times travel as microseconds since
1970: the driver makes each date by itself, slowly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, Protocol, cast

import pyarrow as pa

from graph.schema import Property, PropertyType
from graph.store.cypher import NodeTable, RelationshipTable, Table, arrow_schema
from graph.store.rows import sort_keys

__all__ = ["Rows", "read_table"]

_NODE_PAGE: Final = 5_000
_HELD: Final = 100_000
"""Relationships held as Python values before they become Arrow columns."""


class Rows(Protocol):
    """Runs a statement of the open transaction and yields its rows as they come."""

    def __call__(
        self, text: str, values: Mapping[str, object] | None = None
    ) -> Iterator[list[object]]:
        """Run it with these parameters."""
        ...


def read_table(rows: Rows, table: Table) -> pa.Table:
    """Read a whole table in the columns and the order of a bulk read.

    Parameters
    ----------
    rows : Rows
    table : NodeTable or RelationshipTable

    Returns
    -------
    pyarrow.Table
        In the columns of :func:`graph.store.cypher.arrow_schema`, ordered by its keys.
    """
    pages = _nodes(rows, table) if isinstance(table, NodeTable) else _relationships(rows, table)
    whole = pa.concat_tables([arrow_schema(table).empty_table(), *pages])
    return whole.sort_by(sort_keys(table))


def _value(variable: str, prop: Property) -> str:
    value = f"{variable}.`{prop.name}`"
    if prop.type is PropertyType.TIME:
        # not epochSeconds: before 1970 it is rounded towards 1970
        return f"{value}.epochMillis * 1000 + {value}.microsecond % 1000"
    return value


@cache
def _node_text(table: NodeTable) -> str:
    """Return the text that reads ``$most`` nodes after the id ``$after``, a list per column."""
    columns = ", ".join(f"[n IN page | {_value('n', p)}]" for p in table.properties)
    return (
        f"MATCH (n:`{table.label}`) WHERE n.`id` > $after "
        f"WITH n ORDER BY n.`id` LIMIT $most WITH collect(n) AS page "
        f"RETURN [n IN page | n.`id`], {columns}"
    )


def _nodes(rows: Rows, table: NodeTable) -> Iterator[pa.Table]:
    after = ""
    while True:
        (columns,) = rows(_node_text(table), {"after": after, "most": _NODE_PAGE})
        page = _columns(table, cast("list[list[object]]", columns))
        yield page
        if page.num_rows < _NODE_PAGE:
            return
        after = page["id"][-1].as_py()


@cache
def _relationship_text(table: RelationshipTable) -> str:
    """Return the text that reads, per target, its id and a list of what comes in."""
    values = ", ".join(("a.`id`", *(_value("r", p) for p in table.properties)))
    return (
        f"MATCH (b:`{table.end_label}`) RETURN b.`id`, "
        f"[(a:`{table.start_label}`)-[r:`{table.type}`]->(b) | [{values}]]"
    )


def _relationships(rows: Rows, table: RelationshipTable) -> Iterator[pa.Table]:
    ends: list[object] = []
    held: list[list[object]] = []
    for end, found in rows(_relationship_text(table)):
        incoming = cast("list[list[object]]", found)
        held += incoming
        ends += [end] * len(incoming)
        if len(held) >= _HELD:
            yield _page(table, ends, held)
            ends, held = [], []
    if held:
        yield _page(table, ends, held)


def _page(table: RelationshipTable, ends: list[object], held: list[list[object]]) -> pa.Table:
    starts, *values = zip(*held, strict=True)
    return _columns(table, [starts, ends, *values])


def _columns(table: Table, columns: Sequence[Sequence[object]]) -> pa.Table:
    """Return columns as they were read, keys first, as Arrow."""
    schema = arrow_schema(table)
    arrays = []
    for kind, values in zip(schema.types, columns, strict=True):
        raw = pa.int64() if pa.types.is_timestamp(kind) else kind
        arrays.append(pa.array(values, raw).cast(kind))
    return pa.Table.from_arrays(arrays, schema=schema)
