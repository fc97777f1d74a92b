"""Venue slots: weekly hours at venues where the neighbourhood meets already.

Nobody keeps a calendar of rooms, so one is read off the items: a venue is a place where groups or
activities take place, it holds as many as the largest of them, and it is taken when one of them is
on. A worker who approves a charter books the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from graph.model import ItemKind
from graph.view import ITEM_KINDS, LIFE_CATEGORIES, ItemTable
from graph.vocabulary import interests
from recommender.groups.problem import Slot

__all__ = ["LASTS", "LOCAL_TIME", "Venue", "free_slots", "misfit", "venues_of"]

LOCAL_TIME = timezone(timedelta(hours=8), "Asia/Shanghai")
HOURS = ((9, 30), (14, 30), (19, 0))
"""Local times at which a group may meet."""
LASTS = 2 * 3600
"""Seconds that a meeting takes."""
AHEAD = timedelta(days=14)
"""Between a proposal and its first date: a week to approve it, a week to answer."""
USUAL_ROOM = 12
"""People that a venue holds of which nothing is known."""
_MEETING = [ITEM_KINDS.index(kind) for kind in (ItemKind.GROUP, ItemKind.ACTIVITY)]


@dataclass(frozen=True, slots=True)
class Venue:
    """A place where people of a grid meet."""

    item: int
    """Row of an item that takes place there, whose facts name it."""
    lat: float
    lon: float
    step_free: bool
    capacity: int
    busy: NDArray[np.int64]
    """(k, 2) from and until when something is on, Unix seconds."""
    themes: frozenset[int]
    """Columns of the interests that things here were about."""
    life: frozenset[int]
    """Categories of daily life of things here, as in arrays."""


def venues_of(items: ItemTable, grid: int, seats: NDArray[np.int64]) -> list[Venue]:
    """Find the venues of a grid, those with more going on first.

    Parameters
    ----------
    items : ItemTable
    grid : int
        Row.
    seats : NDArray[int64], (n_items,)
        Places in all; -1 unlimited or not known.
    """
    here = (items.grid == grid) & np.isin(items.kind, _MEETING) & np.isfinite(items.lat)
    rows = np.flatnonzero(here)
    places: dict[tuple[float, float], list[int]] = {}
    for row in rows.tolist():
        places.setdefault((float(items.lat[row]), float(items.lon[row])), []).append(row)
    found = [_venue(items, np.array(held), seats) for held in places.values()]
    return sorted(found, key=lambda venue: (-len(venue.busy), venue.item))


def _venue(items: ItemTable, held: NDArray[np.int64], seats: NDArray[np.int64]) -> Venue:
    starts = items.starts[held]
    ends = np.where(items.ends[held] > 0, items.ends[held], starts + LASTS)
    room = int(seats[held].max())
    return Venue(
        item=int(held[0]),
        lat=float(items.lat[held[0]]),
        lon=float(items.lon[held[0]]),
        step_free=bool(items.step_free[held].all()),
        capacity=room if room > 0 else USUAL_ROOM,
        busy=np.stack([starts, ends], axis=1)[(starts > 0) & items.open[held]],
        themes=frozenset(items.tags[held].indices.tolist()),
        life=frozenset(items.life_category[held].tolist()) - {-1},
    )


def misfit(venues: Sequence[Venue], slots: Sequence[Slot], theme: int) -> NDArray[np.float32]:
    """(n_slots,) 0 where this theme took place before, 0.5 where its like did, 1 elsewhere."""
    category = interests().terms[theme].life_category
    code = -1 if category is None else LIFE_CATEGORIES.index(category)
    of_venue = [
        0.0 if theme in venue.themes else 0.5 if code in venue.life else 1.0 for venue in venues
    ]
    return np.array([of_venue[slot.venue] for slot in slots], np.float32)


def free_slots(venues: list[Venue], now: datetime) -> list[Slot]:
    """List the weekly hours at which nothing else is on at any of the first dates."""
    first = (now + AHEAD).astimezone(LOCAL_TIME).replace(minute=0, second=0, microsecond=0)
    slots = []
    for number, venue in enumerate(venues):
        for day in range(7):
            for hour, minute in HOURS:
                starts = (first + timedelta(days=day + 1)).replace(hour=hour, minute=minute)
                slot = Slot(number, int(starts.timestamp()), venue.step_free, venue.capacity)
                if not any(_overlap(venue.busy, date) for date in slot.dates):
                    slots.append(slot)
    return slots


def _overlap(busy: NDArray[np.int64], starts: int) -> bool:
    return bool(((busy[:, 0] < starts + LASTS) & (busy[:, 1] > starts)).any())
