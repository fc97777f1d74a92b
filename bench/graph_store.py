"""How close the graph store comes to the bare engine: bulk load, bulk read, batches.

Run ``python bench/graph_store.py --residents 100000`` for LadybugDB, with ``--neo4j URL`` for an
empty Neo4j (``make neo4j``), which is cleared afterwards. In each round driver and Linli do
the same work one after the other in this process; medians over the rounds are reported, and
Linli's rate as a share of the driver's. The driver's load starts from Arrow tables that are ready
(its own best: ``COPY``); Linli's starts from change records, which it also holds against what is
there. The driver's read is one query into Arrow; Linli's is ordered and typed besides. On Neo4j
the driver loads by ``UNWIND`` of maps that are ready, 10,000 per transaction, and reads by
``collect`` per target into Python lists.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import ladybug
import neo4j
import numpy as np
import pyarrow as pa

from graph.model import (
    Basis,
    Change,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    SourceId,
)
from graph.store.base import GraphStore
from graph.store.cypher import Table, read, table_of
from graph.store.ladybug import LadybugStore
from graph.store.ladybug_dialect import copy, declarations, without_zones
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_dialect import Address
from graph.store.plan import Entry
from graph.store.rows import Row, arrow_table, row_of

NODES, TIES = table_of("Resident"), table_of("KNOWS", "Resident", "Resident")
_NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
_POOL = 4 << 30


def _provenance(category: DataCategory) -> Provenance:
    return Provenance(SourceId("bench"), _NOW, _NOW, 1.0, category, Basis.CONSENT)


def people(n: int, prefix: str = "r") -> list[Change]:
    """Make residents with two properties."""
    carried = _provenance(DataCategory.IDENTITY)
    return [
        NodeChange(
            Op.PUT, "Resident", f"{prefix}{k:07d}", {"birth_year": 1950, "languages": "zh"}, carried
        )
        for k in range(n)
    ]


def knows(n_people: int, n: int, rng: np.random.Generator) -> list[Change]:
    """Make n different ties between residents, in random order."""
    carried = _provenance(DataCategory.TIE)
    codes = np.unique(rng.integers(0, n_people * n_people, int(n * 1.05)))
    rng.shuffle(codes)
    weights = rng.random(n).tolist()
    return [
        RelationshipChange(
            Op.PUT,
            "KNOWS",
            "Resident",
            f"r{code // n_people:07d}",
            "Resident",
            f"r{code % n_people:07d}",
            {"strength": weight, "kind": "friend"},
            carried,
        )
        for code, weight in zip(codes[:n].tolist(), weights, strict=False)
    ]


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare(path: Path, tables: Sequence[tuple[Table, pa.Table]]) -> tuple[float, float]:
    """Return seconds of the driver's own load of both tables and read of the ties."""
    with (
        ladybug.Database(path, buffer_pool_size=_POOL) as database,
        ladybug.Connection(database) as connection,
    ):
        for text in declarations():
            connection.execute(text)

        def load() -> None:
            for table, rows in tables:
                connection.execute(copy(table), {"rows": rows})

        def read_ties() -> None:
            result = connection.execute(read(TIES))
            assert not isinstance(result, list)  # noqa: S101 - tells the type checker
            result.get_as_arrow()

        return timed(load), timed(read_ties)


def linli(
    path: Path, changes: Sequence[Change], batches: Sequence[Sequence[Change]]
) -> tuple[float, float, list[float]]:
    """Return seconds of Linli's load, read and of each batch."""
    with LadybugStore(path, buffer_pool=_POOL) as store:
        return measured(store, changes, batches)


_BATCH = 10_000


def bare_neo4j(address: Address, maps: Sequence[tuple[Table, list[Row]]]) -> tuple[float, float]:
    """Return seconds of the driver's own load of both tables and read of the ties."""
    auth = (address.user, address.password)
    properties = ", ".join(f"r.`{p.name}`" for p in TIES.properties)
    by_target = (
        "MATCH (a:Resident)-[r:KNOWS]->(b:Resident) "
        f"RETURN b.id, collect([a.id, {properties}]) AS rows"
    )
    with (
        neo4j.GraphDatabase.driver(address.uri, auth=auth) as driver,
        driver.session(database=address.database) as session,
    ):

        def write(text: str, rows: list[Row]) -> None:
            session.execute_write(lambda tx: tx.run(text, rows=rows).consume())

        def load() -> None:
            for table, rows in maps:
                for at in range(0, len(rows), _BATCH):
                    write(create_from_maps(table), rows[at : at + _BATCH])

        def read_ties() -> None:
            session.execute_read(lambda tx: [each.values() for each in tx.run(by_target)])

        return timed(load), timed(read_ties)


def create_from_maps(table: Table) -> str:
    """Write a batch as people write it by hand."""
    given = ", ".join(f"`{p.name}`: row.`{p.name}`" for p in table.properties)
    if table == NODES:
        return f"UNWIND $rows AS row CREATE (:Resident {{id: row.id, {given}}})"
    return (
        "UNWIND $rows AS row MATCH (a:Resident {id: row.start}) "
        f"MATCH (b:Resident {{id: row.end}}) CREATE (a)-[:KNOWS {{{given}}}]->(b)"
    )


def round_on_neo4j(
    url: str, changes: Sequence[Change], batches: Sequence[Sequence[Change]]
) -> tuple[tuple[float, float], tuple[float, float, list[float]]]:
    """Run one round of driver and Linli on an empty Neo4j."""
    address = Address.of(urlsplit(url), os.environ)
    entries = [Entry(change, 0, [n]) for n, change in enumerate(changes)]
    maps = [
        (table, [row_of(e, table) for e in entries if isinstance(e.change, kind)])
        for table, kind in ((NODES, NodeChange), (TIES, RelationshipChange))
    ]
    with Neo4jStore(address) as store:
        if store.count():
            raise SystemExit(f"{address} is not empty: the bench would clear it")
        driver = bare_neo4j(address, maps)
        store.clear()
        own = measured(store, changes, batches)
        store.clear()
    return driver, own


def measured(
    store: GraphStore, changes: Sequence[Change], batches: Sequence[Sequence[Change]]
) -> tuple[float, float, list[float]]:
    """Return seconds of Linli's load, read and of each batch."""
    load = timed(lambda: store.load(changes, watermark=1))
    read_ties = timed(lambda: store.relationships("KNOWS", "Resident", "Resident"))
    return load, read_ties, [timed(partial(store.apply, b)) for b in batches]


def main() -> None:
    """Run the rounds and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--residents", type=int, default=50_000)
    parser.add_argument("--ties", type=int, help="default: 8 per resident")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--neo4j", metavar="URL", help="an empty Neo4j; default: LadybugDB")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    n = given.residents
    residents, ties = people(n), knows(n, given.ties or 8 * n, rng)
    changes = [*residents, *ties]
    tables = [
        (table, without_zones(arrow_table(part, table)))
        for table, part in ((NODES, residents), (TIES, ties))
    ]
    picked = [changes[k] for k in rng.integers(0, len(changes), 1000)]
    batches = [picked, people(1000, "new"), knows(n, 1000, rng)]
    rounds = []
    for _ in range(given.rounds):
        if given.neo4j:
            rounds.append(round_on_neo4j(given.neo4j, changes, batches))
            continue
        with tempfile.TemporaryDirectory() as folder:
            driver = bare(Path(folder) / "bare.lbug", tables)
            own = linli(Path(folder) / "linli.lbug", changes, batches)
        rounds.append((driver, own))
    print(json.dumps(report(rounds, len(changes), len(ties)), indent=2))  # noqa: T201


def report(
    rounds: Sequence[tuple[tuple[float, float], tuple[float, float, list[float]]]],
    n_changes: int,
    n_ties: int,
) -> dict[str, float]:
    """Medians over the rounds: rates per second, shares of the driver's rate, seconds."""

    def median(values: Sequence[float]) -> float:
        return round(statistics.median(values), 4)

    return {
        "rounds": len(rounds),
        "changes": n_changes,
        "load_driver_per_s": median([n_changes / d[0] for d, _ in rounds]),
        "load_linli_per_s": median([n_changes / o[0] for _, o in rounds]),
        "load_share": median([d[0] / o[0] for d, o in rounds]),
        "read_driver_per_s": median([n_ties / d[1] for d, _ in rounds]),
        "read_linli_per_s": median([n_ties / o[1] for _, o in rounds]),
        "read_share": median([d[1] / o[1] for d, o in rounds]),
        "batch_mixed_s": median([o[2][0] for _, o in rounds]),
        "batch_new_nodes_s": median([o[2][1] for _, o in rounds]),
        "batch_new_ties_s": median([o[2][2] for _, o in rounds]),
    }


if __name__ == "__main__":
    main()
