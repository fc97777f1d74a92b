"""How close the graph store comes to the bare engine: bulk load, bulk read, batches.

``python -m bench.graph_store --residents 125000 --ties 1000000`` measures LadybugDB, with
``--neo4j URL`` an empty Neo4j (``make neo4j ARGS='--heap-mib 4096'``), which is cleared afterwards.
Driver and Linli do the same work in turns in this process; medians are reported, and Linli's rate
as a share of the driver's. The driver's own best counts: on LadybugDB ``COPY`` from Arrow tables
that are ready and one query into Arrow; on Neo4j the quickest of :mod:`bench.neo4j_bare` (of the
writes on a part of the ties). Linli loads change records, which it also holds against what is
there, and orders and types what it reads.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import ladybug
import numpy as np

from bench.neo4j_bare import WRITES, Bare, Rows
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
from graph.store.cypher import RelationshipTable, read, table_of
from graph.store.ladybug import LadybugStore
from graph.store.ladybug_dialect import copy, declarations, without_zones
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_dialect import Address
from graph.store.rows import arrow_table

NODES, TIES = table_of("Resident"), RelationshipTable("KNOWS", "Resident", "Resident")
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


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done in every round."""

    changes: Sequence[Change]
    tables: Rows
    """The same, as columns."""
    batches: Sequence[Sequence[Change]]


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds that each took."""

    load: tuple[float, float]
    """Of the driver, of Linli."""
    read: tuple[float, float]
    batches: Sequence[float]
    best: str
    """How the driver did it."""


TURNS = 3
"""Reads of each kind per round."""
_TRIED = 50_000
"""Ties written in each way to find the quickest."""


def in_turns(reads: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Run all once to warm up, then in turns, each turn the other way round; return medians."""
    for work in reads.values():
        work()
    took: dict[str, list[float]] = {name: [] for name in reads}
    for turn in range(TURNS):
        for name in list(reads)[:: 1 if turn % 2 else -1]:
            took[name].append(timed(reads[name]))
    return {name: statistics.median(seconds) for name, seconds in took.items()}


def on_ladybug(work: Work, folder: Path) -> Round:
    """Driver and Linli, each on a file of its own."""
    with (
        ladybug.Database(folder / "bare.lbug", buffer_pool_size=_POOL) as database,
        ladybug.Connection(database) as bare,
        LadybugStore(folder / "linli.lbug", buffer_pool=_POOL) as store,
    ):
        for text in declarations():
            bare.execute(text)
        rows = [(table, without_zones(part)) for table, part in work.tables]

        def load() -> None:
            for table, part in rows:
                bare.execute(copy(table), {"rows": part})

        def read_ties() -> None:
            result = bare.execute(read(TIES))
            assert not isinstance(result, list)  # noqa: S101 - tells the type checker
            result.get_as_arrow()

        loads = timed(load), timed(lambda: store.load(work.changes, watermark=1))
        reads = in_turns({"driver": read_ties, "linli": partial(read_all_ties, store)})
        batches = [timed(partial(store.apply, batch)) for batch in work.batches]
    return Round(loads, (reads["driver"], reads["linli"]), batches, "COPY; Arrow")


def read_all_ties(store: GraphStore) -> None:
    """Read as Linli does."""
    store.relationships(TIES.type, TIES.start_label, TIES.end_label)


def on_neo4j(work: Work, url: str) -> Round:
    """Driver and Linli, one after the other in one database."""
    address = Address.of(urlsplit(url), os.environ)
    with Neo4jStore(address) as store, Bare(address) as bare:
        if store.count():
            raise SystemExit(f"{address} is not empty: the bench would clear it")
        (nodes, (ties, rows)), taken = work.tables, {}
        bare.load([nodes], WRITES[0])
        for n, write in enumerate(WRITES):
            part = rows.slice(n * _TRIED, _TRIED)
            taken[write] = timed(partial(bare.load, [(ties, part)], write))
        write = min(taken, key=taken.__getitem__)
        store.clear()
        load_driver = timed(partial(bare.load, work.tables, write))
        store.clear()
        loads = load_driver, timed(lambda: store.load(work.changes, watermark=1))
        reads = in_turns({"linli": partial(read_all_ties, store), **bare.reads(TIES)})
        linli = reads.pop("linli")
        shape = min(reads, key=reads.__getitem__)
        batches = [timed(partial(store.apply, batch)) for batch in work.batches]
        store.clear()
    return Round(loads, (reads[shape], linli), batches, f"{write}; {shape}")


def prepared(n_people: int, n_ties: int, rng: np.random.Generator) -> Work:
    """Make what is loaded and read, and the batches that follow."""
    residents, ties = people(n_people), knows(n_people, n_ties, rng)
    changes = [*residents, *ties]
    picked = [changes[k] for k in rng.integers(0, len(changes), 1000)]
    work = Work(
        changes,
        [(NODES, arrow_table(residents, NODES)), (TIES, arrow_table(ties, TIES))],
        [picked, people(1000, "new"), knows(n_people, 1000, rng)],
    )
    gc.collect()
    gc.freeze()  # looking through all this for garbage is no part of a read
    return work


def main() -> None:
    """Run the rounds and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--residents", type=int, default=50_000)
    parser.add_argument("--ties", type=int, help="default: 8 per resident")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--neo4j", metavar="URL", help="an empty Neo4j; default: LadybugDB")
    given = parser.parse_args()
    n_ties = given.ties or 8 * given.residents
    work = prepared(given.residents, n_ties, np.random.default_rng(given.seed))
    rounds = []
    for _ in range(given.rounds):
        if given.neo4j:
            rounds.append(on_neo4j(work, given.neo4j))
            continue
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(on_ladybug(work, Path(folder)))
    print(json.dumps(report(rounds, len(work.changes), n_ties), indent=2))  # noqa: T201


def report(rounds: Sequence[Round], n_changes: int, n_ties: int) -> dict[str, float | str]:
    """Medians over the rounds: rates per second, shares of the driver's rate, seconds."""

    def median(values: Sequence[float]) -> float:
        return round(statistics.median(values), 4)

    return {
        "rounds": len(rounds),
        "changes": n_changes,
        "driver's best": rounds[-1].best,
        "load_driver_per_s": median([n_changes / r.load[0] for r in rounds]),
        "load_linli_per_s": median([n_changes / r.load[1] for r in rounds]),
        "load_share": median([r.load[0] / r.load[1] for r in rounds]),
        "read_driver_per_s": median([n_ties / r.read[0] for r in rounds]),
        "read_linli_per_s": median([n_ties / r.read[1] for r in rounds]),
        "read_share": median([r.read[0] / r.read[1] for r in rounds]),
        "batch_mixed_s": median([r.batches[0] for r in rounds]),
        "batch_new_nodes_s": median([r.batches[1] for r in rounds]),
        "batch_new_ties_s": median([r.batches[2] for r in rounds]),
    }


if __name__ == "__main__":
    main()
