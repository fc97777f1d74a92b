"""What a view and the people network say of those who may be asked to found a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from graph.view import View
from graph.vocabulary import needs, occupations
from recommender.groups.problem import Neighbours, Slot
from recommender.groups.rooms import LASTS, LOCAL_TIME, Venue
from recommender.network import PeopleNetwork
from recommender.ranking.eligibility import DEFAULT_WALK_M, DETOUR
from recommender.scorers.matrix import distance_km

__all__ = ["FEW_TIES", "Apart", "People", "Standing", "people_of"]

OF_AGE = 18
FEW_TIES = 1
"""Ties up to which somebody has few."""
_BRIDGES = 0.25
"""Share of the weight of ties outside one's own circle from which somebody bridges."""
_TIMES_SEEN = 2
"""Deeds after which somebody without an offer may host."""
_WORK_ENDS = 18
"""Hour before which people with paid work are not asked to come on weekdays."""
_AT_HOME = frozenset({"retired", "homemaker", "student", "unemployed"})
_STEP_FREE_NEEDS = frozenset({"wheelchair_loan", "stairs_help", "accessible_trip", "lift_retrofit"})

Apart = NDArray[np.int64]
"""(k, 2) rows of residents of whom one blocked the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What the ledger and the gate say beside the view."""

    seats: NDArray[np.int64]
    """(n_items,) places in all; -1 unlimited or not known."""
    taken: NDArray[np.bool_]
    """(n_residents,) in another charter now."""
    ties_known: NDArray[np.bool_]
    """(n_residents,) authorised their ties: of the others it is not known whether they have few."""
    apart: Apart
    """Pairs who must not meet."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Everybody of a view, as parallel arrays over its rows."""

    ties: NDArray[np.float32]
    isolated: NDArray[np.bool_]
    bridging: NDArray[np.bool_]
    host: NDArray[np.bool_]
    works: NDArray[np.bool_]
    step_free: NDArray[np.bool_]
    limit: NDArray[np.float32]
    taken: NDArray[np.bool_]
    apart: Apart

    def neighbours(
        self,
        view: View,
        rows: NDArray[np.int64],
        slots: Sequence[Slot],
        venues: Sequence[Venue],
    ) -> Neighbours:
        """Cut out one grid, with walks and free hours for its slots."""
        at = np.full(view.n_residents, -1, np.int64)
        at[rows] = np.arange(len(rows))
        pairs = at[self.apart]
        walks = np.stack(
            [_metres(view.home[rows], venue) for venue in venues] or [np.zeros(len(rows))], axis=1
        )
        venue_of = np.array([slot.venue for slot in slots], np.int64)
        return Neighbours(
            rows=rows,
            ties=self.ties[rows],
            isolated=self.isolated[rows],
            bridging=self.bridging[rows],
            host=self.host[rows],
            languages=view.languages[rows],
            metres=walks[:, venue_of].astype(np.float32),
            limit=self.limit[rows],
            step_free=self.step_free[rows],
            free=_free(view, rows, slots, self.works[rows]),
            taken=self.taken[rows],
            blocks=pairs[(pairs >= 0).all(axis=1)],
        )


def people_of(view: View, network: PeopleNetwork, standing: Standing) -> People:
    """Read off what decides who can found a group with whom.

    Parameters
    ----------
    view : View
        As authorised for group matching.
    network : PeopleNetwork
        Of that view.
    standing : Standing
    """
    ties = np.diff(view.ties.indptr).astype(np.float32)
    few = ties <= FEW_TIES
    deeds = np.diff(view.interactions.indptr)
    offers = np.diff(view.offers.indptr) > 0
    paid = [n for n, code in enumerate(occupations().codes) if code not in _AT_HOME]
    hard = [n for n, code in enumerate(needs().codes) if code in _STEP_FREE_NEEDS]
    limit = np.where(view.walk_limit >= 0, view.walk_limit, DEFAULT_WALK_M)
    return People(
        ties=ties,
        isolated=few & standing.ties_known,
        bridging=~few & standing.ties_known & (_outside_share(network) >= _BRIDGES),
        host=~few & (offers | (deeds >= _TIMES_SEEN)),
        works=view.occupations[:, paid].sum(axis=1) > 0,
        step_free=view.needs[:, hard].sum(axis=1) > 0,
        limit=limit.astype(np.float32),
        taken=standing.taken | ~view.active | _minor(view),
        apart=standing.apart,
    )


def _minor(view: View) -> NDArray[np.bool_]:
    """Who may be under age: children found no groups."""
    year = datetime.fromtimestamp(view.as_of, LOCAL_TIME).year
    minor: NDArray[np.bool_] = (view.birth_year > 0) & (view.birth_year > year - 1 - OF_AGE)
    return minor


def _outside_share(network: PeopleNetwork) -> NDArray[np.float64]:
    """Share of the weight of each resident's ties that leads out of their circle."""
    ties = network.ties
    owner = np.repeat(np.arange(network.n_residents), np.diff(ties.indptr))
    outside = network.circle[owner] != network.circle[ties.indices]
    total = np.bincount(owner, ties.data, network.n_residents)
    out = np.bincount(owner, ties.data * outside, network.n_residents)
    share: NDArray[np.float64] = out / np.maximum(total, 1e-12)
    return share


def _metres(homes: NDArray[np.float32], venue: Venue) -> NDArray[np.float64]:
    """Walk from each home; 0 where it is not known, as nothing is kept from anybody for that."""
    km = distance_km(venue.lat, venue.lon, homes[:, 0], homes[:, 1])
    metres: NDArray[np.float64] = np.nan_to_num(km.astype(np.float64) * 1000.0 * DETOUR)
    return metres


def _free(
    view: View, rows: NDArray[np.int64], slots: Sequence[Slot], works: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n, n_slots) no paid work then, and nothing signed up for at any of the dates."""
    free: NDArray[np.bool_] = np.ones((len(rows), len(slots)), np.bool_)
    held = view.held[rows].tocoo()
    starts = view.items.starts[held.col]
    ends = np.where(view.items.ends[held.col] > 0, view.items.ends[held.col], starts + LASTS)
    for number, slot in enumerate(slots):
        begins = _local(slot.starts)
        if begins.weekday() < 5 and begins.hour < _WORK_ENDS:
            free[:, number] &= ~works
        for date in slot.dates:
            clash = (starts > 0) & (starts < date + LASTS) & (ends > date)
            free[held.row[clash], number] = False
    return free


def _local(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, LOCAL_TIME)
