"""Imports: rows a second and memory of a million-row file, beside plain SQLite in the same run.

``python -m bench.imports --rows 1000000`` previews and commits a made-up list of buildings, one
node and one relationship a row, and writes the same rows to a bare SQLite file by
``executemany``. ``--residents N`` does the same with a register whose names, numbers and
telephones are sealed. Each runs in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from graph.gate import Gate, open_ledger
from graph.ingest import (
    IdentityRow,
    ImportPlan,
    Lazy,
    commit_import,
    preview_import,
)
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
    ResidentId,
    Source,
    SourceClass,
    SourceId,
    StaffRole,
)

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
GRIDS = 1_000
SOURCE = Source(SourceId("bench"), SourceClass.GOVERNMENT, "street", "bench", "statute")
LAW = "Regulation on grass-roots registers"


def _said(category: DataCategory, basis: Basis) -> Provenance:
    return Provenance(SOURCE.id, NOW, NOW, 1.0, category, basis)


def buildings(n: int) -> ImportPlan:
    """Make a plan of n buildings, made while it is read."""
    said = _said(DataCategory.PUBLIC, Basis.PUBLIC)

    def changes() -> Iterator[Change]:
        for grid in range(GRIDS):
            place = {"name": f"{grid}", "lat": 30.0, "lon": 118.0}
            yield NodeChange(Op.PUT, "Grid", f"grid-{grid}", place, said)
        for k in range(n):
            id_ = f"building-{k}"
            place = {"name": f"{k} 栋", "lat": 30 + k % 997 / 5000, "lon": 118 + k % 991 / 5000}
            yield NodeChange(Op.PUT, "Building", id_, place, said)
            yield RelationshipChange(
                Op.PUT, "BUILT_IN", "Building", id_, "Grid", f"grid-{k % GRIDS}", {}, said
            )

    return ImportPlan(
        kind="buildings",
        source=SOURCE,
        file_hash=f"buildings-{n}",
        as_of=NOW,
        rows=n,
        changes=Lazy(changes),
        grids=Lazy(lambda: (f"grid-{grid}" for grid in range(GRIDS))),
    )


def residents(n: int) -> ImportPlan:
    """Make a plan of n residents with three sealed fields each."""
    said = _said(DataCategory.IDENTITY, Basis.STATUTORY)

    def changes() -> Iterator[Change]:
        for k in range(n):
            yield NodeChange(Op.PUT, "Resident", f"resident-{k}", {"birth_year": 1950}, said)

    def identities() -> Iterator[IdentityRow]:
        for k in range(n):
            fields = {"name": f"王{k}", "id_number": f"{k:018d}", "phone": f"{k:011d}"}
            yield IdentityRow(ResidentId(f"resident-{k}"), fields, NOW)

    return ImportPlan(
        kind="residents",
        source=SOURCE,
        file_hash=f"residents-{n}",
        as_of=NOW,
        rows=n,
        changes=Lazy(changes),
        residents=Lazy(lambda: (ResidentId(f"resident-{k}") for k in range(n))),
        identities=Lazy(identities),
        statutory=frozenset({DataCategory.IDENTITY}),
        law=LAW,
    )


PLANS: dict[str, Callable[[int], ImportPlan]] = {"buildings": buildings, "residents": residents}


def bring_in(kind: str, n: int, folder: Path) -> dict[str, float]:
    """Preview and commit; returns the seconds of each."""
    ledger = open_ledger(
        f"sqlite:///{folder / 'ledger.db'}",
        keys_dir=folder / "keys",
        log_dir=folder / "log",
        clock=lambda: NOW,
    )
    gate = Gate(ledger, lambda: NOW)
    actor = Actor("bench", StaffRole.OPERATOR, InstitutionId("operator"), "linli")
    began = time.perf_counter()
    preview = preview_import(ledger, PLANS[kind](n), gate=gate, actor=actor, clock=lambda: NOW)
    staged = time.perf_counter()
    commit_import(ledger, preview.batch.id, gate=gate, actor=actor, clock=lambda: NOW)
    done = time.perf_counter()
    ledger.close()
    return {"preview": staged - began, "commit": done - staged}


def plain(kind: str, n: int, folder: Path) -> dict[str, float]:
    """Write the same rows to a bare SQLite file, as durably."""
    plan = PLANS[kind](n)
    database = sqlite3.connect(folder / "plain.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE facts (kind, a, b, body)")
    database.execute("CREATE TABLE people (resident, kind, value)")
    began = time.perf_counter()
    with database:
        database.executemany(
            "INSERT INTO facts VALUES (?, ?, ?, ?)",
            (
                (c.label, c.id, None, json.dumps(dict(c.properties)))
                if isinstance(c, NodeChange)
                else (c.type, c.start, c.end, None)
                for c in plan.changes
            ),
        )
        database.executemany(
            "INSERT INTO people VALUES (?, ?, ?)",
            ((r.resident, k, v) for r in plan.identities for k, v in r.fields.items()),
        )
    took = time.perf_counter() - began
    database.close()
    return {"plain": took}


def _apart(what: str, kind: str, n: int) -> dict[str, float]:
    """Run one of the two in a process of its own; returns its seconds and peak memory in MiB."""
    command = [sys.executable, "-m", "bench.imports", "--only", what, "--kind", kind]
    done = subprocess.run(  # noqa: S603
        [*command, "--rows", str(n)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def report(kind: str, n: int, rounds: int) -> str:
    """Import and write plainly, in turns; say the medians."""
    turns = [(_apart("plain", kind, n), _apart("import", kind, n)) for _ in range(rounds)]
    plainly = statistics.median(base["plain"] for base, _ in turns)
    preview = statistics.median(ours["preview"] for _, ours in turns)
    commit = statistics.median(ours["commit"] for _, ours in turns)
    peak = max(ours["peak"] for _, ours in turns)
    ratio = statistics.median(
        base["plain"] / (ours["preview"] + ours["commit"]) for base, ours in turns
    )
    return (
        f"{kind}: {n:,} rows, {n / (preview + commit):,.0f} rows/s (preview {preview:.1f} s, "
        f"commit {commit:.1f} s), peak {peak:.0f} MiB; plain SQLite {n / plainly:,.0f} rows/s: "
        f"ratio {ratio:.2f}\n"
    )


def main() -> None:
    """Print rows a second, peak memory and the ratio to plain SQLite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--residents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["import", "plain"])
    parser.add_argument("--kind", choices=sorted(PLANS))
    asked = parser.parse_args()
    if asked.only:
        with tempfile.TemporaryDirectory() as folder:
            work = bring_in if asked.only == "import" else plain
            took = work(asked.kind, asked.rows, Path(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps({**took, "peak": peak}))
        return
    for kind, n in (("buildings", asked.rows), ("residents", asked.residents)):
        sys.stdout.write(report(kind, n, asked.rounds))


if __name__ == "__main__":
    main()
