"""What is told of isolation scores: to workers in lists and pages, to residents of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from api.services.views import Words
from graph.gate import Case, Outcome
from graph.model import DataCategory, ResidentId
from recommender.outreach.actions import Action
from recommender.outreach.points import Factor

__all__ = ["CareCase", "Entry", "Explanation", "Neighbour", "Note", "Part", "Worklist"]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing a score is made of."""

    factor: Factor
    points: float
    """Ten double the odds."""
    seen: int
    usual: float | None
    """What is usual here, for ties."""
    category: DataCategory


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a score says and why."""

    enough: bool
    """False is "not enough data"; the numbers say nothing then."""
    probability: float
    low: float
    high: float
    onset: tuple[float, float]
    """Of becoming isolated within 30 and 90 days."""
    parts: tuple[Part, ...]
    """The weightiest first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resident in a worker's list."""

    place: int
    resident: ResidentId
    name: str
    """Empty where the resident does not authorise it."""
    grid: str
    why: Explanation
    action: Action | None
    """What to do next; ``None`` when minutes do not reach."""
    item: str
    title: Words | None
    """Of the group, role or service that the action is about."""
    latest: Case | None


@dataclass(frozen=True, slots=True)
class Worklist:
    """What a worker may do about whom."""

    grids: tuple[str, ...]
    """Ids."""
    entries: tuple[Entry, ...]
    minutes: int
    planned: int
    """Minutes that the actions take."""
    gap: float
    waiting: int | None
    """Residents who were seen lately; ``None`` below 20."""
    unknown: int | None
    """Residents of whom too little is known to say anything; ``None`` below 20."""
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody a resident knows."""

    name: str
    """Empty unless they authorise it, too."""
    knows: tuple[int, ...]
    """Places of the other neighbours shown whom they know, later ones only."""


@dataclass(frozen=True, slots=True)
class CareCase:
    """One resident's page."""

    entry: Entry
    neighbours: tuple[Neighbour, ...] | None
    """``None`` where ties may not be looked at."""
    more: bool
    """Whether there are neighbours that are not shown."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What a worker says after a visit."""

    action: Action
    outcome: Outcome
    again: date | None = None
    """When to come back; default: as long as is usual after such an outcome."""
