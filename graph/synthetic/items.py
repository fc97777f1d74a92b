"""What there is to do in the synthetic neighbourhood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.model import ItemKind
from graph.synthetic.places import Places
from graph.synthetic.tastes import ARCHETYPES
from graph.synthetic.wording import Offered, roles, services
from graph.view import ITEM_KINDS, NO_TIME
from graph.vocabulary import Vocabulary, interests, needs, occupations, offers

__all__ = ["Items", "make_items"]

DAY = 86_400
LOCAL = 8 * 3_600
"""Shanghai is eight hours ahead of UTC, all year."""

_SHARES = (0.28, 0.5, 0.13, 0.09)
"""Groups, activities, services, helper roles."""
_PAST = 0.42
"""Share of the activities that are over."""


COLLEAGUES = ("222", "234", "251", "332", "411", "522", "541", "832", "933", "retired")
"""Occupations for which there are meetings of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Items as parallel arrays; -1 stands for "none" and "no limit"."""

    kind: NDArray[np.int64]
    """Index into ``graph.view.ITEM_KINDS``."""
    grid: NDArray[np.int64]
    venue: NDArray[np.int64]
    archetype: NDArray[np.int64]
    """Latent community it appeals to."""
    interest: NDArray[np.int64]
    second: NDArray[np.int64]
    """A second interest it is about."""
    text: NDArray[np.int64]
    """Line of the services or roles, otherwise a number that picks phrases."""
    opened: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    seats: NDArray[np.int64]
    min_age: NDArray[np.int64]
    max_age: NDArray[np.int64]
    english: NDArray[np.bool_]
    """Held in English as well as Chinese."""
    cost_fen: NDArray[np.int64]
    group: NDArray[np.int64]
    """Item number of the group that organises it."""
    welcomes: NDArray[np.int64]
    """Column of the occupation it is meant for."""
    popularity: NDArray[np.float64]
    needs: NDArray[np.bool_]
    """(n_items, n_needs)"""
    offers: NDArray[np.bool_]
    """(n_items, n_offers)"""

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.kind)

    def of_kind(self, kind: ItemKind) -> NDArray[np.int64]:
        """Item numbers of one kind."""
        return np.flatnonzero(self.kind == ITEM_KINDS.index(kind))

    def offered(self, item: int) -> Offered | None:
        """Return the notice of a service or helper role, ``None`` for other kinds."""
        kind = ITEM_KINDS[int(self.kind[item])]
        table = {ItemKind.SERVICE: services(), ItemKind.HELPER_ROLE: roles()}.get(kind, ())
        return table[int(self.text[item])] if table else None


def make_items(rng: np.random.Generator, places: Places, n: int, now: int) -> Items:
    """Draw items.

    Parameters
    ----------
    rng : Generator
    places : Places
    n : int
    now : int
        Unix seconds; activities lie within 90 days before and 21 days after.
    """
    counts = np.floor(np.array(_SHARES) * n).astype(np.int64)
    counts[1] += n - int(counts.sum())
    kind = np.repeat(np.arange(4), counts)
    group_of = np.full(n, -1, dtype=np.int64)
    venue = rng.integers(0, len(places.venue_grid), n)
    archetype = rng.integers(0, len(ARCHETYPES), n)
    interest, second = _interests(rng, archetype)
    activity = np.flatnonzero(kind == 1)
    if counts[0]:
        led = activity[rng.random(len(activity)) < 0.75]
        leader = rng.integers(0, counts[0], len(led))
        group_of[led] = leader
        for column in (venue, archetype, interest, second):
            column[led] = column[leader]
    text = rng.integers(0, 10_000, n)
    text[kind == 2] = np.arange(counts[2]) % len(services())
    text[kind == 3] = np.arange(counts[3]) % len(roles())
    _tag_offered(kind, text, interest, second)
    starts, ends, opened = _times(rng, kind, now)
    min_age, max_age = _age_limits(rng, kind, archetype)
    return Items(
        kind=kind,
        grid=places.venue_grid[venue],
        venue=venue,
        archetype=archetype,
        interest=interest,
        second=second,
        text=text,
        opened=opened,
        starts=starts,
        ends=ends,
        seats=_seats(rng, kind),
        min_age=min_age,
        max_age=max_age,
        english=(interest == interests().index("english_corner")) | (rng.random(n) < 0.05),
        cost_fen=np.where((kind == 1) & (rng.random(n) < 0.15), rng.integers(1, 8, n) * 500, 0),
        group=group_of,
        welcomes=_welcomes(rng, kind),
        popularity=-0.3 * np.log(rng.permutation(n) + 1.0),
        needs=_wanted(kind, text, needs(), lambda entry: entry.needs),
        offers=_wanted(kind, text, offers(), lambda entry: entry.offers),
    )


def _interests(
    rng: np.random.Generator, archetype: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n = len(archetype)
    likes = [[interests().index(c) for c in kind.likes.split()] for kind in ARCHETYPES]
    width = max(map(len, likes))
    table = np.array([(row * 2)[:width] for row in likes])
    first = table[archetype, np.minimum(rng.integers(0, width, n), rng.integers(0, width, n))]
    second = table[archetype, rng.integers(0, width, n)]
    stray = rng.random(n) < 0.2
    first = np.where(stray, rng.integers(0, len(interests()), n), first)
    second = np.where((second == first) | (rng.random(n) < 0.55), -1, second)
    return first.astype(np.int64), second.astype(np.int64)


def _tag_offered(
    kind: NDArray[np.int64],
    text: NDArray[np.int64],
    interest: NDArray[np.int64],
    second: NDArray[np.int64],
) -> None:
    for code, table in ((2, services()), (3, roles())):
        rows = np.flatnonzero(kind == code)
        tags = np.array([interests().index(entry.interest) for entry in table])
        interest[rows] = tags[text[rows]]
        second[rows] = -1


def _times(
    rng: np.random.Generator, kind: NDArray[np.int64], now: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    n = len(kind)
    past = rng.random(n) < _PAST
    today = (now + LOCAL) // DAY * DAY - LOCAL
    day = np.where(past, -rng.integers(1, 90, n), rng.integers(1, 21, n))
    # Mornings and evenings are the times when people come.
    hour = rng.choice(
        [7, 8, 9, 10, 14, 15, 16, 19], n, p=[0.1, 0.1, 0.2, 0.12, 0.15, 0.13, 0.05, 0.15]
    )
    starts = today + day * DAY + hour * 3_600 + rng.integers(0, 2, n) * 1_800
    length = rng.choice([60, 90, 120, 150], n) * 60
    activity = kind == 1
    opened = np.where(
        activity, starts - rng.integers(4, 25, n) * DAY, now - rng.integers(20, 400, n) * DAY
    )
    opened = np.minimum(opened, now - 3_600)
    return (
        np.where(activity, starts, NO_TIME),
        np.where(activity, starts + length, NO_TIME),
        opened,
    )


def _age_limits(
    rng: np.random.Generator, kind: NDArray[np.int64], archetype: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    limited = (kind <= 1) & (rng.random(len(kind)) < 0.15)
    low = np.array([kind.ages[0] for kind in ARCHETYPES])[archetype]
    high = np.array([kind.ages[1] for kind in ARCHETYPES])[archetype]
    min_age = np.where(limited & (low >= 48), low, -1)
    max_age = np.where(limited & (high <= 50), high, -1)
    min_age = np.where(kind == 3, 16, min_age)
    return min_age, max_age


def _welcomes(rng: np.random.Generator, kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw the occupation that some groups and activities were made for."""
    columns = np.array([occupations().index(code) for code in COLLEAGUES])
    meant = (kind <= 1) & (rng.random(len(kind)) < 0.08)
    return np.where(meant, columns[rng.integers(0, len(columns), len(kind))], -1)


def _seats(rng: np.random.Generator, kind: NDArray[np.int64]) -> NDArray[np.int64]:
    n = len(kind)
    group = np.where(rng.random(n) < 0.4, rng.integers(12, 60, n), -1)
    activity = np.where(rng.random(n) < 0.75, rng.choice([10, 12, 16, 20, 24, 30, 40, 60], n), -1)
    role = rng.integers(1, 7, n)
    return np.asarray(np.choose(kind, [group, activity, np.full(n, -1), role])).astype(np.int64)


def _wanted(
    kind: NDArray[np.int64],
    text: NDArray[np.int64],
    vocabulary: Vocabulary,
    codes: Callable[[Offered], tuple[str, ...]],
) -> NDArray[np.bool_]:
    out = np.zeros((len(kind), len(vocabulary)), dtype=np.bool_)
    for code, table in ((2, services()), (3, roles())):
        lines = np.zeros((len(table), len(vocabulary)), dtype=np.bool_)
        for row, entry in enumerate(table):
            lines[row, [vocabulary.index(term) for term in codes(entry)]] = True
        rows = kind == code
        out[rows] = lines[text[rows]]
    return out
