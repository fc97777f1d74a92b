"""How close reading a table comes to Python's bare CSV reader: rows per second, memory.

Run ``python -m bench.read_table --rows 1000000``. In each round ``csv.reader`` splits the lines of
the same file into lists, and Linli opens it (digest, encoding, delimiter, header), goes through it
and cleans every cell. Medians over the rounds are reported, and Linli's rate as a share.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from graph.ingest.cells import read_text
from graph.ingest.table import Column, read_table

COLUMNS = tuple(
    Column(name, zh)
    for name, zh in zip(
        ("province", "city", "district", "street", "area", "grid", "building", "room"),
        ("省", "市", "区", "街道", "社区", "网格", "幢", "室"),
        strict=True,
    )
)


def write(path: Path, rows: int) -> None:
    """Write addresses."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow([column.zh for column in COLUMNS])
        where = ("某某省", "某某市", "某某区", "某某街道", "某某社区")
        for n in range(rows):
            out.writerow((*where, f"340202001{n % 500:03d}", f"{n % 90 + 1}幢", n % 3000))


def bare(path: Path) -> int:
    """Split the lines into cells, and nothing else."""
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def rows_alone(path: Path) -> int:
    """Go through the rows of a table."""
    return sum(1 for _ in read_table(path, COLUMNS).each())


def cleaned(path: Path) -> int:
    """Go through the rows and read every cell as text."""
    count = 0
    for row in read_table(path, COLUMNS).each():
        for column in COLUMNS:
            row.read(column.name, read_text)
        count += 1
    return count


def seconds(work: Callable[[], int], rows: int) -> float:
    """Time one run, which must have seen all rows."""
    started = time.perf_counter()
    if work() != rows:
        raise SystemExit("rows are missing")
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "addresses.csv"
        write(path, options.rows)
        rounds = [
            [seconds(partial(work, path), options.rows) for work in (bare, rows_alone, cleaned)]
            for _ in range(options.rounds)
        ]
    base, alone, whole = (statistics.median(times) for times in zip(*rounds, strict=True))
    report = {
        "rows": options.rows,
        "csv.reader, rows per second": round(options.rows / base),
        "rows alone, rows per second": round(options.rows / alone),
        "every cell cleaned, rows per second": round(options.rows / whole),
        "rows alone, share of csv.reader": round(base / alone, 2),
        "every cell cleaned, share of csv.reader": round(base / whole, 2),
        "peak memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(report, indent=2))  # noqa: T201 - a benchmark speaks on standard output


if __name__ == "__main__":
    main()
