"""What people write by hand with the Neo4j driver: the usual shapes of bulk writes and reads.

Rates of :mod:`bench.graph_store` and :mod:`bench.neo4j_import` are shares of the best of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

import neo4j
import pyarrow as pa

from graph.schema import Property, PropertyType
from graph.store.cypher import NodeTable, RelationshipTable, Table
from graph.store.neo4j_dialect import Address, columns_of, create

__all__ = ["WRITES", "Bare", "Rows", "Write"]

Rows = Sequence[tuple[Table, pa.Table]]
"""Tables to write, nodes first, in the columns of ``arrow_schema``."""


@dataclass(frozen=True, slots=True)
class Write:
    """One way to write."""

    shape: str
    batch: int
    """Rows per transaction."""

    def __str__(self) -> str:
        return f"{self.shape}, {self.batch:,} rows a transaction"


def _from_maps(table: Table, rows: pa.Table) -> tuple[str, Mapping[str, object]]:
    given = ", ".join(f"`{p.name}`: row.`{p.name}`" for p in table.properties)
    sent = {"rows": rows.to_pylist()}
    if isinstance(table, NodeTable):
        return f"UNWIND $rows AS row CREATE (:`{table.label}` {{id: row.id, {given}}})", sent
    return (
        f"UNWIND $rows AS row MATCH (a:`{table.start_label}` {{id: row.start}}) "
        f"MATCH (b:`{table.end_label}` {{id: row.end}}) "
        f"CREATE (a)-[:`{table.type}` {{{given}}}]->(b)"
    ), sent


def _from_columns(table: Table, rows: pa.Table) -> tuple[str, Mapping[str, object]]:
    return create(table), columns_of(rows)


_WRITES: dict[str, Callable[[Table, pa.Table], tuple[str, Mapping[str, object]]]] = {
    "UNWIND of maps": _from_maps,
    "a list per column": _from_columns,
}
WRITES = tuple(Write(shape, batch) for shape in _WRITES for batch in (10_000, 50_000))


def _value(prop: Property) -> str:
    """Return a value in its quickest form: the driver makes each date by itself, slowly."""
    return f"r.`{prop.name}`.epochMillis" if prop.type is PropertyType.TIME else f"r.`{prop.name}`"


def _reads(table: RelationshipTable) -> dict[str, str]:
    values = ", ".join(("a.id", *map(_value, table.properties)))
    pattern = f"(a:`{table.start_label}`)-[r:`{table.type}`]->(b:`{table.end_label}`)"
    inward = f"(a:`{table.start_label}`)-[r:`{table.type}`]->(b)"
    return {
        "a row each": f"MATCH {pattern} RETURN b.id, {values}",
        "collect per target": f"MATCH {pattern} RETURN b.id, collect([{values}]) AS rows",
        "comprehension per target": (
            f"MATCH (b:`{table.end_label}`) RETURN b.id, [{inward} | [{values}]] AS rows"
        ),
    }


class Bare:
    """The driver, without Linli."""

    def __init__(self, address: Address) -> None:
        auth = (address.user, address.password)
        self._driver = neo4j.GraphDatabase.driver(address.uri, auth=auth)
        self._session = self._driver.session(database=address.database)

    def load(self, rows: Rows, write: Write) -> None:
        """Write everything in one of the ways; the ends of relationships are there."""
        for table, part in rows:
            for at in range(0, part.num_rows, write.batch):
                text, sent = _WRITES[write.shape](table, part.slice(at, write.batch))
                self._session.execute_write(_run, text, sent)

    def reads(self, table: RelationshipTable) -> dict[str, Callable[[], int]]:
        """Return the ways to read a table; each returns how many it read."""
        return {name: partial(self._read, text) for name, text in _reads(table).items()}

    def _read(self, text: str) -> int:
        rows = self._session.execute_read(lambda tx: [each.values() for each in tx.run(text)])
        return sum(len(row[1]) if isinstance(row[1], list) else 1 for row in rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()
        self._driver.close()


def _run(transaction: neo4j.ManagedTransaction, text: str, sent: Mapping[str, object]) -> None:
    transaction.run(text, dict(sent)).consume()
