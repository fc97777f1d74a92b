"""What becomes of groups from one night to the next; read where nothing is computed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Event", "EventKind"]


class EventKind(StrEnum):
    """What became of groups."""

    BORN = "born"
    DIED = "died"
    SPLIT = "split"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Event:
    """One change, ids rising; a group may keep its id through a split or a merger."""

    kind: EventKind
    before: tuple[int, ...]
    after: tuple[int, ...]
