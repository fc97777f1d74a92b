"""Which items may be suggested to a resident at all: small tests, each a mask over items.

Every test takes the query (a batch of one) and item rows and returns True where the item passes.
What is unknown passes: an unknown age or language is no reason to keep something from anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import gmtime

import numpy as np
from numpy.typing import NDArray

from recommender.base import Query
from recommender.scorers.matrix import distance_km, row_of

__all__ = ["DEFAULT_WALK_M", "DETOUR", "TESTS", "eligible", "explain", "reach_km"]

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

DEFAULT_WALK_M = 3_000
"""How far a resident walks who did not say, in metres."""
DETOUR = 1.3
"""How much longer a walk is than the straight line."""
_USUAL_SECONDS = 2 * 3600
"""How long an activity takes whose end is not given."""


def reach_km(query: Query) -> float:
    """How far a venue may be from home in a straight line, in km; infinite without a home."""
    if not np.isfinite(query.home[0]).all():
        return float("inf")
    limit = int(query.walk_limit[0])
    return (limit if limit >= 0 else DEFAULT_WALK_M) / 1000.0 / DETOUR


def is_open(query: Query, rows: Rows) -> Mask:
    """Pass what its organiser offers."""
    return query.items.open[rows]


def is_ahead(query: Query, rows: Rows) -> Mask:
    """Pass what has neither started nor ended."""
    starts, ends = query.items.starts[rows], query.items.ends[rows]
    out: Mask = ((starts < 0) | (starts > query.now)) & ((ends < 0) | (ends > query.now))
    return out


def has_seats(query: Query, rows: Rows) -> Mask:
    """Pass what has a seat left."""
    out: Mask = query.items.seats_left[rows] != 0
    return out


def within_reach(query: Query, rows: Rows) -> Mask:
    """Pass what can be walked to; what has no venue is never too far."""
    reach = reach_km(query)
    if not np.isfinite(reach):
        return np.ones(len(rows), np.bool_)
    lat, lon = (float(x) for x in query.home[0])
    d = distance_km(lat, lon, query.items.lat[rows], query.items.lon[rows])
    return np.isnan(d) | (d <= reach)


def of_age(query: Query, rows: Rows) -> Mask:
    """Pass what suits the resident's age; of the two ages of a year of birth either will do."""
    born = int(query.birth_year[0])
    if born == 0:
        return np.ones(len(rows), np.bool_)
    year = gmtime(query.now).tm_year
    low, high = query.items.min_age[rows], query.items.max_age[rows]
    return ((low < 0) | (year - born >= low)) & ((high < 0) | (year - born - 1 <= high))


def speaks(query: Query, rows: Rows) -> Mask:
    """Pass what is held in a language the resident speaks."""
    spoken, languages = query.languages[0], query.items.languages[rows]
    if spoken == 0:
        return np.ones(len(rows), np.bool_)
    out: Mask = (languages == 0) | ((languages & spoken) != 0)
    return out


def no_clash(query: Query, rows: Rows) -> Mask:
    """Pass what does not overlap in time with anything the resident has signed up for.

    What is over clashes with nothing that is still ahead, and is not looked at.
    """
    passes = np.ones(len(rows), np.bool_)
    held = row_of(query.held, 0)[0]
    begin, finish = _span(query, held)
    to_come = np.flatnonzero((begin >= 0) & (finish > query.now))
    if len(to_come):
        starts, ends = _span(query, rows)
        for own in to_come:
            apart = (starts >= finish[own]) | (ends <= begin[own])
            passes &= (starts < 0) | apart | (rows == held[own])
    return passes


def _span(query: Query, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start of each item (-1 without) and its end, as usual where that is not given."""
    starts, ends = query.items.starts[rows], query.items.ends[rows]
    return starts, np.where(ends < 0, starts + _USUAL_SECONDS, ends)


def not_held(query: Query, rows: Rows) -> Mask:
    """Pass what the resident is not in already."""
    return _outside(rows, row_of(query.held, 0)[0], len(query.items))


def not_dismissed(query: Query, rows: Rows) -> Mask:
    """Pass what the resident did not call "not for me"."""
    return _outside(rows, row_of(query.dismissed, 0)[0], len(query.items))


def not_blocked(query: Query, rows: Rows) -> Mask:
    """Pass what is not blocked by the resident, nor organised by a blocked group."""
    blocked = row_of(query.blocked, 0)[0]
    if not len(blocked):
        return np.ones(len(rows), np.bool_)
    n = len(query.items)
    group = query.items.group[rows]
    return _outside(rows, blocked, n) & ((group < 0) | _outside(group.clip(0), blocked, n))


def _outside(rows: NDArray[np.integer], listed: NDArray[np.int32], n: int) -> Mask:
    if not len(listed):
        return np.ones(len(rows), np.bool_)
    flags = np.ones(n, np.bool_)
    flags[listed[listed < n]] = False
    out: Mask = flags[rows]
    return out


TESTS: Mapping[str, Callable[[Query, Rows], Mask]] = {
    "open": is_open,
    "time": is_ahead,
    "seats": has_seats,
    "reach": within_reach,
    "age": of_age,
    "language": speaks,
    "held": not_held,
    "dismissed": not_dismissed,
    "blocked": not_blocked,
    "clash": no_clash,
}
"""Every test by name, cheap ones first."""


def eligible(query: Query, rows: Rows) -> Rows:
    """Return the rows that pass every test, in their order.

    Parameters
    ----------
    query : Query
        A batch of one.
    rows : NDArray[int64], (n,)
        Item rows.
    """
    for test in TESTS.values():
        rows = rows[test(query, rows)]
        if not len(rows):
            break
    return rows


def explain(query: Query, item: int) -> tuple[str, ...]:
    """Return the names of the tests that this item row fails for the one resident asking."""
    row = np.array([item], np.int64)
    return tuple(name for name, test in TESTS.items() if not test(query, row)[0])
