"""Imports of real files by the real command, beside ``csv.reader`` and plain SQLite.

``python -m bench.import_files --rows 1000000`` writes a list of dwellings, brings it into a fresh
embedded home with ``linli import buildings FILE --yes``, and writes the same cells to a bare
SQLite file in one durable transaction. Each runs in a process of its own, so that processor time
and peak memory are its own; the medians of the rounds are printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.ingest import write_addresses

_LINLI = (sys.executable, "-m", "api.cli")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one go took: seconds on the wall, seconds of processor, peak memory in MiB."""

    wall: float
    processor: float
    peak: float


def bring_in(path: Path, folder: Path) -> None:
    """Preview and commit a file, as an operator does."""
    command = [*_LINLI, "import", "buildings", str(path), "--yes", "--home", str(folder / "home")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    if "imported" not in done.stdout:
        raise RuntimeError(done.stdout)


def plain(path: Path, folder: Path) -> None:
    """Write the same cells to a bare SQLite file, as durably."""
    database = sqlite3.connect(folder / "plain.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    with path.open(encoding="utf-8", newline="") as file, database:
        rows = csv.reader(file)
        width = len(next(rows))
        database.execute(f"CREATE TABLE cells ({', '.join(f'c{n}' for n in range(width))})")
        marks = ", ".join("?" * width)
        database.executemany(f"INSERT INTO cells VALUES ({marks})", rows)  # noqa: S608
    database.close()


def _apart(work: Callable[[Path, Path], None], path: Path) -> Cost:
    """Run one of the two in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(1) as pool:
        subprocess.run(  # noqa: S603
            [*_LINLI, "init", "--home", str(Path(folder) / "home")], check=True, capture_output=True
        )
        return pool.apply(_cost, (work, path, Path(folder)))


def _cost(work: Callable[[Path, Path], None], path: Path, folder: Path) -> Cost:
    began = time.perf_counter()
    work(path, folder)
    wall = time.perf_counter() - began
    whose = (
        resource.RUSAGE_CHILDREN if work is bring_in else resource.RUSAGE_SELF
    )  # the command is a child of this process
    used = resource.getrusage(whose)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    """Run the rounds in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "addresses.csv"
        write_addresses(path, asked.rows)
        turns = [(_apart(plain, path), _apart(bring_in, path)) for _ in range(asked.rounds)]
    wall = statistics.median(ours.wall for _, ours in turns)
    report = {
        "rows": asked.rows,
        "rows/s": round(asked.rows / wall),
        "seconds": round(wall, 1),
        "processor seconds": round(statistics.median(o.processor for _, o in turns), 1),
        "peak, MiB": round(max(ours.peak for _, ours in turns)),
        "csv.reader and SQLite, rows/s": round(
            asked.rows / statistics.median(base.wall for base, _ in turns)
        ),
        "ratio": round(statistics.median(b.wall / o.wall for b, o in turns), 3),
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
