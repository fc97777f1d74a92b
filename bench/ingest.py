"""How fast a list of addresses becomes checked changes, against ``csv.reader`` alone.

Run ``python -m bench.ingest --rows 200000``. In each round ``csv.reader`` goes through the file
and Linli reads the same file in the same process, up to the last change held against the schema.
Medians over the rounds are reported, and how many times longer Linli takes.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from graph.ingest.files import read_file
from graph.schema import validate

_NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
_HEADER = ("街道", "社区", "网格", "小区", "幢", "单元", "层", "室")
_HOMES = 72
"""Dwellings of a building: 3 units, 12 floors, 2 rooms."""


def write_addresses(path: Path, rows: int) -> None:
    """Write a file in which every row is a dwelling."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(_HEADER)
        for n in range(rows):
            building, home = divmod(n, _HOMES)
            unit, floor, room = home // 24 + 1, home % 24 // 2 + 1, home % 2 + 1
            place = ("赭山街道", "凤凰社区", f"g{building // 40}", f"小区{building // 20}")
            house = (f"{building % 20 + 1}栋", f"{unit}单元", f"{floor}层", f"{floor}{room:02d}")
            out.writerow((*place, *house))


def plain(path: Path) -> int:
    """Go through the file with ``csv.reader``; return the rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def checked(path: Path) -> int:
    """Read the file as an import does; return the changes that fit the schema."""
    plan = read_file("buildings", path, pseudonym=lambda domain, value: value, clock=lambda: _NOW)
    count = 0
    for change in plan.changes:
        validate(change)
        count += 1
    return count


def seconds(work: Callable[[Path], int], path: Path) -> float:
    """Time one go."""
    began = time.perf_counter()
    work(path)
    return time.perf_counter() - began


def main() -> None:
    """Run the rounds and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "addresses.csv"
        write_addresses(path, options.rows)
        rounds = [(seconds(plain, path), seconds(checked, path)) for _ in range(options.rounds)]
    csv_alone, linli = (statistics.median(times) for times in zip(*rounds, strict=True))
    report = {
        "rows": options.rows,
        "csv.reader, rows/s": round(options.rows / csv_alone),
        "checked changes, rows/s": round(options.rows / linli),
        "times csv.reader": round(linli / csv_alone, 1),
    }
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
