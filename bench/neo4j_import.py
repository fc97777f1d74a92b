"""How quickly a committed import reaches an empty Neo4j, beside the bare driver.

``python -m bench.neo4j_import --neo4j URL --rows 1000000`` commits a made-up list of buildings
(one node and one relationship a row), drains it as a jobs process does, and has the driver write
the same nodes and relationships in the quickest of its ways, which is found on a part of them.
The database must be empty; it is cleared afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bench.neo4j_bare import WRITES, Bare, Rows, Write
from graph.gate import make_keys
from graph.home import Home
from graph.ingest import ImportPlan, Lazy, import_plan
from graph.model import (
    Actor,
    Basis,
    Change,
    DataCategory,
    InstitutionId,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    StaffRole,
)
from graph.store.cypher import Table, table_of
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_dialect import Address
from graph.store.rows import arrow_table
from graph.vocabulary import source
from jobs.site import Site, SiteConfig, open_site
from jobs.steps import drain

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
SOURCE = source("enterprise-property")
_TRIED = 50_000
"""Rows written in each way to find the quickest."""
_GRIDS = 1_000


def buildings(n: int) -> ImportPlan:
    """Make a plan of n buildings, made while it is read."""
    said = Provenance(SOURCE.id, NOW, NOW, 1.0, DataCategory.PUBLIC, Basis.PUBLIC)

    def changes() -> Iterator[Change]:
        for grid in range(_GRIDS):
            place = {"name": f"{grid}", "lat": 30.0, "lon": 118.0}
            yield NodeChange(Op.PUT, "Grid", f"grid-{grid}", place, said)
        for k in range(n):
            place = {"name": f"{k} 栋", "lat": 30 + k % 997 / 5000, "lon": 118 + k % 991 / 5000}
            yield NodeChange(Op.PUT, "Building", f"building-{k}", place, said)
            ends = ("Building", f"building-{k}", "Grid", f"grid-{k % _GRIDS}")
            yield RelationshipChange(Op.PUT, "BUILT_IN", *ends, {}, said)

    return ImportPlan(
        kind="buildings",
        source=SOURCE,
        file_hash=f"buildings-{n}",
        as_of=NOW,
        rows=n,
        changes=Lazy(changes),
        grids=Lazy(lambda: (f"grid-{grid}" for grid in range(_GRIDS))),
    )


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def columns(n: int) -> Rows:
    """Return what the import writes, as columns; nodes first."""
    parts: defaultdict[Table, list[Change]] = defaultdict(list)
    for change in buildings(n).changes:
        if isinstance(change, NodeChange):
            parts[table_of(change.label)].append(change)
        else:
            parts[table_of(change.type, change.start_label, change.end_label)].append(change)
    return [(table, arrow_table(changes, table)) for table, changes in parts.items()]


def committed(folder: Path, url: str, n: int) -> SiteConfig:
    """Make a home with the import in its ledger; returns how to open it."""
    home = Home(folder)
    home.make()
    make_keys(home.keys)
    config = SiteConfig(str(folder), url, home.ledger_url, "operator", 2026)
    actor = Actor("bench", StaffRole.OPERATOR, InstitutionId("operator"), "linli")
    with open_site(config, clock=lambda: NOW) as site:
        plan = buildings(n)
        import_plan(site.ledger, plan, gate=site.gate, actor=actor, clock=site.clock)
    return config


def quickest(bare: Bare, rows: Rows, store: Neo4jStore) -> Write:
    """Try every way on a part of the rows."""
    part = [(table, columns.slice(0, _TRIED)) for table, columns in rows]
    taken = {}
    for write in (WRITES[0], *WRITES):  # the first warms up
        taken[write] = timed(partial(bare.load, part, write))
        store.clear()
    return min(taken, key=taken.__getitem__)


def one_round(site: Site, store: Neo4jStore, bare: Bare, rows: Rows, write: Write) -> list[float]:
    """Return the seconds of the driver and of the drain."""
    took = []
    for work in (partial(bare.load, rows, write), partial(drain, site, store)):
        store.clear()
        took.append(timed(work))
        if sum(store.count().values()) != sum(part.num_rows for _, part in rows):
            raise SystemExit("not everything was written: the times do not compare")
    return took


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neo4j", metavar="URL", required=True, help="an empty Neo4j")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    address = Address.of(urlsplit(given.neo4j), os.environ)
    with (
        tempfile.TemporaryDirectory() as folder,
        Neo4jStore(address) as store,
        Bare(address) as bare,
    ):
        if store.count():
            raise SystemExit(f"{address} is not empty: the bench would clear it")
        rows = columns(given.rows)
        write = quickest(bare, rows, store)
        with open_site(committed(Path(folder), given.neo4j, given.rows), clock=lambda: NOW) as site:
            rounds = [one_round(site, store, bare, rows, write) for _ in range(given.rounds)]
        store.clear()
    report = {
        "rows": given.rows,
        "driver's best": str(write),
        "driver_rows_per_s": round(given.rows / statistics.median(d for d, _ in rounds)),
        "linli_rows_per_s": round(given.rows / statistics.median(own for _, own in rounds)),
        "share": round(statistics.median(d / own for d, own in rounds), 3),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
