"""Imports of real files by the real command, beside ``csv.reader`` and bare SQLite.

``python -m bench.import_files --kind residents --rows 1000000`` writes a file of one kind, brings
it into a fresh embedded home with ``linli import KIND FILE --yes``, and writes the same cells to a
bare SQLite file in one durable transaction. Kinds that are kept sealed have a second baseline, the
least that sealing costs: as many data keys, AES-GCM seals and digests a row, by the library alone,
written to SQLite. Each runs in a process of its own, so that processor time and peak memory are
its own; the medians of the rounds are printed. ``--wrong`` spoils a cell of every row: then what
is measured is a preview whose every row is left out, with its report and its corrected copy.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import hmac
import json
import multiprocessing
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.cli.output import operator
from api.wiring import load_config, open_floors
from bench.office_files import FILES, registered, write_file
from graph.ingest import import_plan

_WRONG = "wrong"
_LINLI = (sys.executable, "-m", "api.cli")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one go took: seconds on the wall, seconds of processor, peak memory in MiB."""

    wall: float
    processor: float
    peak: float


def bring_in(kind: str, path: Path, folder: Path) -> None:
    """Preview and commit a file, as an operator does; a clean one must be taken in whole."""
    home = ["--yes", "--home", str(folder / "home")]
    command = [*_LINLI, "import", FILES[kind].command, str(path), *home]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    whole = " 0 left out" in done.stdout or path.name.startswith(_WRONG)
    if "imported" not in done.stdout or not whole:
        raise RuntimeError(done.stdout)


def plain(kind: str, path: Path, folder: Path) -> None:
    """Write the same cells to a bare SQLite file, as durably."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        width = len(next(rows))
        _write(folder, width, rows)


def sealed(kind: str, path: Path, folder: Path) -> None:
    """Seal as many values under as many keys, and write them to a bare SQLite file."""
    of = FILES[kind]
    wrap = AESGCM(os.urandom(32))

    def lines(rows: Iterator[list[str]]) -> Iterator[list[bytes]]:
        key = os.urandom(32)
        for cells in rows:
            values = [cell.encode() for cell in cells[: of.sealed]]
            keys = [os.urandom(32) for _ in range(of.keys)]
            ciphers = [AESGCM(each) for each in keys or [key]]
            yield [
                *(_seal(wrap, each) for each in keys),
                *(_seal(ciphers[n % len(ciphers)], each) for n, each in enumerate(values)),
                *(hmac.digest(key, each, hashlib.sha256) for each in values if of.keys),
            ]

    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        _write(folder, of.keys + of.sealed + bool(of.keys) * of.sealed, lines(rows))


def _seal(cipher: AESGCM, value: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, value, b"bench")


def _write(folder: Path, width: int, rows: Iterator[list[str]] | Iterator[list[bytes]]) -> None:
    with closing(sqlite3.connect(folder / "plain.db")) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"CREATE TABLE cells ({', '.join(f'c{n}' for n in range(width))})")
        marks = ", ".join("?" * width)
        database.executemany(f"INSERT INTO cells VALUES ({marks})", rows)  # noqa: S608


def _apart(work: Callable[[str, Path, Path], None], kind: str, path: Path) -> Cost:
    """Run one of the three in a process of its own, beside a fresh home."""
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(1) as pool:
        if work is bring_in:
            pool.apply(_prepare, (kind, path, Path(folder) / "home"))
        return pool.apply(partial(_cost, work), (kind, path, Path(folder)))


def _prepare(kind: str, path: Path, home: Path) -> None:
    """Make a home in which those whom the file tells of are registered."""
    subprocess.run(  # noqa: S603
        [*_LINLI, "init", "--home", str(home)], check=True, capture_output=True
    )
    if not FILES[kind].rows_per_resident:
        return
    with path.open(encoding="utf-8") as file:
        people = sum(1 for _ in file) // FILES[kind].rows_per_resident + 1
    with open_floors(load_config(home=home)) as floors:
        site, actor = floors.site, operator(None, floors.institution)
        plan = registered(people, site.clock())
        import_plan(site.ledger, plan, gate=site.gate, actor=actor, clock=site.clock)


def _cost(work: Callable[[str, Path, Path], None], kind: str, path: Path, folder: Path) -> Cost:
    # The command is a child of this process.
    whose = resource.RUSAGE_CHILDREN if work is bring_in else resource.RUSAGE_SELF
    before = resource.getrusage(whose)
    began = time.perf_counter()
    work(kind, path, folder)
    wall = time.perf_counter() - began
    used = resource.getrusage(whose)
    spent = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, spent, used.ru_maxrss / 1024)


def measure(kind: str, rows: int, rounds: int, *, wrong: bool) -> dict[str, object]:
    """Run the rounds in turns; returns the medians."""
    works = [bring_in, plain, *([sealed] if FILES[kind].sealed else [])]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{_WRONG if wrong else 'clean'}.csv"
        write_file(kind, path, rows, wrong=wrong)
        turns = [[_apart(work, kind, path) for work in works] for _ in range(rounds)]
    walls = [statistics.median(turn[n].wall for turn in turns) for n in range(len(works))]
    processor = statistics.median(turn[0].processor for turn in turns)
    report: dict[str, object] = {
        "kind": kind,
        "rows": rows,
        "rows/s, preview and commit": round(rows / walls[0]),
        "rows per second of processor": round(rows / processor),
        "seconds": round(walls[0], 1),
        "processor seconds": round(processor, 1),
        "peak, MiB": round(max(turn[0].peak for turn in turns)),
    }
    for n, name in enumerate(("csv.reader and SQLite", "sealing alone and SQLite"), 1):
        if n < len(works):
            report[f"{name}, rows/s"] = round(rows / walls[n])
            ratio = statistics.median(turn[n].wall / turn[0].wall for turn in turns)
            spent = statistics.median(turn[n].processor / turn[0].processor for turn in turns)
            report[f"ratio to {name}"] = round(ratio, 3)
            report[f"ratio to {name}, processor"] = round(spent, 3)
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=[*FILES], default="addresses")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wrong", action="store_true", help="spoil every row")
    asked = parser.parse_args()
    report = measure(asked.kind, asked.rows, asked.rounds, wrong=asked.wrong)
    sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
