"""What the imports that count said of places: the log of imports is where it is kept.

Grids and buildings are few beside dwellings and stand before them in their batch, so a batch is
read up to its first dwelling only.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from sqlalchemy import Connection

from graph.ingest.addresses import building_id
from graph.ledger.ledger import Ledger
from graph.model import Change, NodeChange, RelationshipChange

__all__ = ["later_names", "streets_of_grids"]


def streets_of_grids(ledger: Ledger, tx: Connection) -> dict[str, str]:
    """Return the name of the street of each grid that lists of grids brought; the latest counts."""
    names: dict[str, str] = {}
    part_of: dict[tuple[str, str], str] = {}
    for change in _changes(ledger, tx, "grids"):
        if isinstance(change, NodeChange) and change.label == "Street":
            names[change.id] = str(change.properties["name"])
        elif isinstance(change, RelationshipChange) and change.type == "PART_OF":
            part_of[change.start_label, change.start] = change.end
    return {
        grid: names[part_of["ResidentialArea", area]]
        for (label, grid), area in part_of.items()
        if label == "Grid"
    }


def later_names(ledger: Ledger, tx: Connection) -> dict[str, str]:
    """Return the id of each renamed building, by the id that its later name would give."""
    grids: dict[str, str] = {}
    called: dict[str, tuple[str, str]] = {}
    for change in _changes(ledger, tx, "buildings"):
        if isinstance(change, NodeChange):
            said = change.properties
            called[change.id] = str(said.get("estate") or ""), str(said["name"])
        elif change.type == "BUILT_IN":
            grids[change.start] = change.end
    now = {building_id(grids[id_], *names): id_ for id_, names in called.items() if id_ in grids}
    return {key: id_ for key, id_ in now.items() if key != id_}


def _changes(ledger: Ledger, tx: Connection, kind: str) -> Iterator[Change]:
    """Yield what committed imports of a kind said, the oldest first, up to the first dwelling."""
    counted = [b for b in ledger.imports.list(tx) if b.kind == kind and b.seq is not None]
    for batch in sorted(counted, key=lambda b: b.seq or 0):
        # Of one that was undone there are no changes any more.
        every = (c for chunk in ledger.imports.changes(tx, batch.id) for c in chunk)
        yield from takewhile(lambda c: getattr(c, "label", "") != "Dwelling", every)
