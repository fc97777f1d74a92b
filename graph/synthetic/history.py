"""What the synthetic residents did: joins, sign-ups, attendance, likes, dismissals, and ties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.synthetic.items import DAY, Items
from graph.synthetic.people import People
from graph.synthetic.places import KM_PER_DEGREE, Places
from graph.synthetic.tastes import ARCHETYPES, Tastes, top_by_gumbel

__all__ = [
    "DEED_TYPES",
    "TIE_KINDS",
    "Deeds",
    "Ties",
    "Truth",
    "make_deeds",
    "make_ties",
]

DEED_TYPES = (
    "JOINED",
    "SIGNED_UP",
    "ATTENDED",
    "HELPED",
    "LIKED",
    "DISMISSED",
    "VIEWED",
)
_JOINED, _SIGNED_UP, _ATTENDED, _HELPED, _LIKED, _DISMISSED, _VIEWED = range(7)
TIE_KINDS = ("kin", "neighbour", "friend", "colleague")

REACH = 300
"""Items within reach of a grid: the nearest so many."""
MEAN_DEEDS = 7.0
MOST_DEEDS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The model behind the city, which a recommender tries to find out."""

    people: People
    tastes: Tastes
    items: Items
    places: Places
    grid: NDArray[np.int64]
    """(n_residents,)"""
    needs: NDArray[np.bool_]
    """(n_residents, n_needs), whether authorised or not."""
    offers: NDArray[np.bool_]

    @property
    def isolated(self) -> NDArray[np.bool_]:
        """(n_residents,) made to have hardly a tie."""
        return self.people.isolated

    @property
    def community(self) -> NDArray[np.int64]:
        """(n_residents,) latent community."""
        return self.tastes.community

    def affinity(
        self, residents: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """How much each of these residents would like each of these items.

        Returns
        -------
        NDArray[float32], (len(residents), len(items))
            Minus infinity where the age limit excludes the resident. History was drawn from the
            softmax of this.
        """
        of = self.items
        taste = self.tastes.taste[residents]
        score = taste[:, of.interest[items]].copy()
        both = np.flatnonzero(of.second[items] >= 0)
        score[:, both] = 0.65 * score[:, both] + 0.35 * taste[:, of.second[items][both]]
        same = self.tastes.archetype[residents][:, None] == of.archetype[items][None, :]
        score += np.where(same & (of.kind[items] <= 1), 0.8, 0.0).astype(np.float32)
        score += of.popularity[items].astype(np.float32)
        score -= 0.9 * self.distance_km(residents, items)
        score += 2.5 * _shared(self.needs[residents], of.needs[items]) * (of.kind[items] == 2)
        score += 2.0 * _shared(self.offers[residents], of.offers[items])
        score += 1.5 * (self.people.occupation[residents][:, None] == of.welcomes[items])
        age = self.people.age[residents][:, None]
        barred = age < of.min_age[items][None, :]
        barred |= (of.max_age[items] >= 0)[None, :] & (age > of.max_age[items][None, :])
        score[barred] = -np.inf
        return score

    def distance_km(
        self, residents: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Distance between each resident's grid and each item's venue."""
        here = self.places.grid_at[self.grid[residents]]
        there = self.places.venue_at[self.items.venue[items]]
        shrink = np.cos(np.deg2rad(here[:, :1]))
        north = here[:, :1] - there[None, :, 0]
        east = (here[:, 1:] - there[None, :, 1]) * shrink
        return (KM_PER_DEGREE * np.hypot(north, east)).astype(np.float32)

    def within_reach(self, grid: int) -> NDArray[np.int64]:
        """Items nearest to a grid, at most :data:`REACH`."""
        here = self.places.grid_at[grid]
        away = np.hypot(*(self.places.venue_at[self.items.venue] - here).T)
        return np.sort(np.argsort(away, kind="stable")[:REACH])


@dataclass(frozen=True, slots=True, eq=False)
class Deeds:
    """Things residents did, sorted by resident, type and item; at most one of each."""

    resident: NDArray[np.int64]
    item: NDArray[np.int64]
    type: NDArray[np.int64]
    """Index into :data:`DEED_TYPES`."""
    at: NDArray[np.int64]
    waiting: NDArray[np.bool_]
    """The sign-up is on the waiting list."""

    def take(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Deeds:
        """Return some of the deeds."""
        return Deeds(
            self.resident[keep], self.item[keep], self.type[keep], self.at[keep], self.waiting[keep]
        )

    @property
    def n(self) -> int:
        """Number of deeds."""
        return len(self.resident)


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """Who knows whom; ``first < second``, each pair once, sorted."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    kind: NDArray[np.int64]
    """Index into :data:`TIE_KINDS`."""
    strength: NDArray[np.float64]


def make_deeds(rng: np.random.Generator, truth: Truth, acts: NDArray[np.bool_], now: int) -> Deeds:
    """Draw what those residents who take part did.

    Parameters
    ----------
    rng : Generator
    truth : Truth
    acts : NDArray[bool], (n_residents,)
        Who lets Linli know what they do at all.
    now : int
        Unix seconds; nothing happens later.
    """
    wanted = rng.poisson(np.minimum(truth.tastes.activity * MEAN_DEEDS, MOST_DEEDS))
    wanted = np.where(acts, wanted, 0).astype(np.int64)
    refused = np.where(wanted > 2, rng.poisson(1.0, len(wanted)), 0).astype(np.int64)
    liked: list[NDArray[np.int64]] = []
    disliked: list[NDArray[np.int64]] = []
    for grid in range(truth.places.n_grids):
        here = np.flatnonzero((truth.grid == grid) & (wanted > 0))
        items = truth.within_reach(grid)
        for some in np.array_split(here, max(1, len(here) // 4_000)):
            score = truth.affinity(some, items)
            rows, columns, _ = top_by_gumbel(rng, score, np.minimum(wanted[some], len(items) // 3))
            liked.append(np.stack([some[rows], items[columns]]))
            against = np.where(np.isfinite(score), -score, -np.inf)
            against[rows, columns] = -np.inf
            rows, columns, _ = top_by_gumbel(rng, against, refused[some])
            disliked.append(np.stack([some[rows], items[columns]]))
    resident, item = np.concatenate(liked, axis=1)
    deeds = [
        *_what_they_did(rng, truth.items, resident, item, now),
        (*np.concatenate(disliked, axis=1), np.int64(_DISMISSED)),
    ]
    return _put_together(rng, truth.items, deeds, now)


def make_ties(
    rng: np.random.Generator,
    people: People,
    deeds: Deeds,
    stairs: NDArray[np.int64],
    community: NDArray[np.int64],
) -> Ties:
    """Draw ties within households, on the stairs, from shared activities and communities.

    Parameters
    ----------
    rng : Generator
    people : People
    deeds : Deeds
    stairs : NDArray[int64], (n_residents,)
        Number of the staircase each resident lives on.
    community : NDArray[int64], (n_residents,)
    """
    everyone = np.arange(people.n)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], int, float]] = []
    for step in range(1, 5):
        first, second = everyone[:-step], everyone[step:]
        kin = people.household[first] == people.household[second]
        parts.append((first[kin], second[kin], 0, 0.9))
    met = deeds.take(np.isin(deeds.type, (_JOINED, _ATTENDED)))
    for kind, who, key, mean, strong in (
        (1, everyone, stairs, 0.9, 0.35),
        (2, met.resident, met.item, 0.22, 0.45),
        (2, everyone, community, 0.5, 0.4),
        (3, everyone, people.occupation * 100_000 + community // len(ARCHETYPES), 0.15, 0.3),
    ):
        first, second = _partners(rng, who, key, mean * people.sociability[who])
        apart = people.household[first] != people.household[second]
        if kind == 3:
            apart &= (people.age[first] < 60) & (people.age[second] < 60)
        willing = rng.random(len(first)) < np.minimum(1.0, people.sociability[second] * 2)
        parts.append((first[apart & willing], second[apart & willing], kind, strong))
    first = np.concatenate([p[0] for p in parts])
    second = np.concatenate([p[1] for p in parts])
    kinds = np.concatenate([np.full(len(p[0]), p[2]) for p in parts])
    strength = np.concatenate([np.full(len(p[0]), p[3]) for p in parts])
    low, high = np.minimum(first, second), np.maximum(first, second)
    _, index, again = np.unique(low * people.n + high, return_index=True, return_counts=True)
    spread = rng.uniform(-0.15, 0.1, len(index)) + 0.1 * (again - 1)
    return Ties(
        first=low[index],
        second=high[index],
        kind=kinds[index],
        strength=np.round((strength[index] + spread).clip(0.05, 1.0), 2),
    )


def _shared(of_people: NDArray[np.bool_], of_items: NDArray[np.bool_]) -> NDArray[np.float32]:
    both: NDArray[np.float32] = of_people.astype(np.float32) @ of_items.astype(np.float32).T
    return np.minimum(both, np.float32(1))


_Part = tuple[NDArray[np.int64], NDArray[np.int64], np.int64]


def _what_they_did(
    rng: np.random.Generator,
    items: Items,
    resident: NDArray[np.int64],
    item: NDArray[np.int64],
    now: int,
) -> list[_Part]:
    kind = items.kind[item]
    roll, more = rng.random(len(item)), rng.random(len(item))
    activity = kind == 1
    past = activity & (items.starts[item] < now)
    chosen: dict[int, NDArray[np.bool_]] = {
        _JOINED: ((kind == 0) & (roll < 0.85))
        | ((kind == 2) & (roll < 0.3))
        | ((kind == 3) & (roll < 0.6)),
        _SIGNED_UP: activity & (roll < np.where(past, 0.85, 0.6)),
        _ATTENDED: past & (roll < 0.7),
        _HELPED: (kind == 3) & (roll < 0.4),
    }
    signed = chosen[_JOINED] | chosen[_SIGNED_UP]
    chosen[_LIKED] = (signed & (more < 0.2)) | (~signed & (more < 0.6))
    chosen[_VIEWED] = (signed & (more > 0.7)) | (~signed & (more >= 0.6))
    return [(resident[rows], item[rows], np.int64(code)) for code, rows in chosen.items()]


def _put_together(rng: np.random.Generator, items: Items, parts: list[_Part], now: int) -> Deeds:
    resident = np.concatenate([p[0] for p in parts])
    item = np.concatenate([p[1] for p in parts])
    type_ = np.concatenate([np.full(len(p[0]), p[2]) for p in parts])
    order = np.lexsort((item, type_, resident))
    resident, item, type_ = resident[order], item[order], type_[order]
    opened = items.opened[item]
    last = np.where(items.starts[item] > 0, np.minimum(items.starts[item] - 3_600, now), now)
    ago = rng.exponential(40 * DAY, len(item)).astype(np.int64)
    at = np.maximum(last - ago, opened)
    at = np.where(type_ == _ATTENDED, items.starts[item], at)
    deeds = Deeds(resident, item, type_, np.minimum(at, now), np.zeros(len(item), np.bool_))
    return _queue(items, deeds)


def _queue(items: Items, deeds: Deeds) -> Deeds:
    """Who came late is on the waiting list, and who waited did not attend; items never overflow."""
    taking = np.flatnonzero((deeds.type == _SIGNED_UP) | (deeds.type == _JOINED))
    order = taking[np.lexsort((deeds.resident[taking], deeds.at[taking], deeds.item[taking]))]
    item = deeds.item[order]
    start = np.concatenate([[True], item[1:] != item[:-1]]) if len(item) else np.empty(0, np.bool_)
    first = np.maximum.accumulate(np.where(start, np.arange(len(item)), 0))
    late = (np.arange(len(item)) - first >= items.seats[item]) & (items.seats[item] >= 0)
    waiting = deeds.waiting.copy()
    waiting[order[late & (deeds.type[order] == _SIGNED_UP)]] = True
    gone = np.zeros(deeds.n, np.bool_)
    gone[order[late & (deeds.type[order] == _JOINED)]] = True
    key = deeds.resident * items.n + deeds.item
    missed = np.isin(key, key[waiting | gone]) & np.isin(deeds.type, (_ATTENDED, _HELPED))
    settled = Deeds(deeds.resident, deeds.item, deeds.type, deeds.at, waiting)
    return settled.take(~(gone | missed))


def _partners(
    rng: np.random.Generator,
    who: NDArray[np.int64],
    key: NDArray[np.int64],
    mean: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw partners among those with the same key, a few places away in a random order."""
    order = np.lexsort((rng.random(len(who)), key))
    who, key, mean = who[order], key[order], mean[order]
    index = np.repeat(np.arange(len(who)), rng.poisson(mean))
    other = index + rng.integers(1, 9, len(index))
    inside = other < len(who)
    index, other = index[inside], other[inside]
    same = (key[index] == key[other]) & (who[index] != who[other])
    return who[index[same]], who[other[same]]
