"""Where one took part before: the same venue, or one next door."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph.view import ItemTable
from recommender.base import Query
from recommender.scorers.matrix import Arrays, Config, PerTable, distance_km, distinct, row_of
from recommender.scorers.unlearnt import NothingLearnt

__all__ = ["VenueScorer"]


def _venues(items: ItemTable) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return (distinct places, place of each item): the number of places where there is none."""
    placed = np.isfinite(items.lat) & np.isfinite(items.lon)
    places, index = np.unique(
        np.stack([items.lat[placed], items.lon[placed]], axis=1), axis=0, return_inverse=True
    )
    place = np.full(len(items), len(places), np.int64)
    place[placed] = index.reshape(-1)
    return places, place


class VenueScorer(NothingLearnt):
    r"""Prefers places near those of one's own history.

    .. math:: s_i = \frac{\sum_v c_v K(d_{iv})}{\sum_v c_v + k}, \quad K(d) = \frac{1}{1 + (d/b)^2}

    over the venues v of own items; 0 for items without a venue and without such a history.

    Parameters
    ----------
    bandwidth_km : float
        b: distance at which a venue counts half.
    prior : float
        k, in units of confidence.
    """

    name: ClassVar[str] = "venue"

    def __init__(self, bandwidth_km: float = 0.1, prior: float = 2.0) -> None:
        self.bandwidth_km = bandwidth_km
        self.prior = prior
        self._venues = PerTable(_venues)

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Add up what the own venues say of each candidate's."""
        places, place = self._venues(query.items)
        nowhere = len(places)
        asked = place if candidates is None else place[candidates]
        found, slot = distinct(asked, nowhere + 1)
        lat, lon = places[found[found < nowhere]].T
        out = np.zeros((len(query), len(asked)), np.float32)
        for row in range(len(query)):
            items, confidence = row_of(query.history, row)
            amount = np.bincount(place[items], weights=confidence, minlength=nowhere)[:nowhere]
            own = np.flatnonzero(amount)
            if not len(own):
                continue
            d = distance_km(places[own, :1], places[own, 1:], lat, lon)
            said = amount[own] @ (1.0 / (1.0 + (d / self.bandwidth_km) ** 2))
            near = np.zeros(len(found), np.float32)
            near[: len(lat)] = said / (amount.sum() + self.prior)
            out[row] = near[slot]
        return out

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"bandwidth_km": self.bandwidth_km, "prior": self.prior}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls(bandwidth_km=float(config["bandwidth_km"]), prior=float(config["prior"]))
