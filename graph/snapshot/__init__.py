"""Immutable pictures of the graph as arrays and facts: build one, open one, take a view of it."""

from graph.snapshot.build import build_snapshot
from graph.snapshot.facts import Facts
from graph.snapshot.files import current_snapshot, open_snapshot
from graph.snapshot.snapshot import Permitted, Snapshot

__all__ = [
    "Facts",
    "Permitted",
    "Snapshot",
    "build_snapshot",
    "current_snapshot",
    "open_snapshot",
]
