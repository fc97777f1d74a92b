"""Write graph/vocabulary/manifest.csv: ``python tools/vocabulary.py 2026.11``.

Lists whose file changed get the version that is given, the year and month; the others keep theirs.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from graph.vocabulary import manifest
from graph.vocabulary.files import read_rows

MANIFEST = Path(__file__).resolve().parents[1] / "graph" / "vocabulary" / "manifest.csv"


def main(version: str) -> None:
    """Write the manifest anew."""
    lines = []
    for known in manifest():
        rows, digest = read_rows(known.name)
        same = digest == known.digest
        lines.append((known.name, known.version if same else version, len(rows), digest))
    with MANIFEST.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("list", "version", "entries", "sha256"))
        writer.writerows(lines)


if __name__ == "__main__":
    main(sys.argv[1])
