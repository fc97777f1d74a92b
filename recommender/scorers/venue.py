"""Where one took part before: the same venue, or one next door."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from recommender.base import Evidence, Query, ReasonCode
from recommender.scorers.matrix import Arrays, Config, PerTable, distance_km, distinct, row_of
from recommender.scorers.popular import TOOK_PART
from recommender.scorers.rows import places_of
from recommender.scorers.unlearnt import NothingLearnt

__all__ = ["VenueScorer"]


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
        self._venues = PerTable(places_of)

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Add up what the own venues say of each candidate's."""
        places, place = self._venues(query.items)
        nowhere = len(places)
        asked = place if candidates is None else place[candidates]
        found, slot = distinct(np.where(asked < 0, nowhere, asked), nowhere + 1)
        lat, lon = places[found[found < nowhere]].T
        out = np.zeros((len(query), len(asked)), np.float32)
        for row in range(len(query)):
            items, confidence = row_of(query.history, row)
            amount = np.bincount(place[items] + 1, weights=confidence, minlength=nowhere + 1)[1:]
            own = np.flatnonzero(amount)
            if not len(own):
                continue
            d = distance_km(places[own, :1], places[own, 1:], lat, lon)
            said = amount[own] @ (1.0 / (1.0 + (d / self.bandwidth_km) ** 2))
            near = np.zeros(len(found), np.float32)
            near[: len(lat)] = said / (amount.sum() + self.prior)
            out[row] = near[slot]
        return out

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite what the resident took part in at the same venue, the surest of it."""
        _, place = self._venues(query.items)
        items, confidence = row_of(query.history, 0)
        there = (place[items] == place[candidate]) & (confidence >= TOOK_PART)
        there &= items != candidate
        if place[candidate] < 0 or not there.any():
            return None
        own = items[there][np.argmax(confidence[there])]
        return Evidence(ReasonCode.OWN_VENUE, {"item": str(query.items.ids[own])})

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"bandwidth_km": self.bandwidth_km, "prior": self.prior}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls(bandwidth_km=float(config["bandwidth_km"]), prior=float(config["prior"]))
