"""What stands around an item: the group behind it, the way there, how new it is, the rush to it."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph.view import View
from recommender.base import Evidence, Query, ReasonCode
from recommender.scorers.matrix import Arrays, Config, distance_km, row_of, with_width
from recommender.scorers.popular import DAY, TOOK_PART, PopularScorer
from recommender.scorers.unlearnt import NothingLearnt

__all__ = [
    "DistanceScorer",
    "FreshScorer",
    "OwnGroupScorer",
    "TrendingScorer",
    "UntriedScorer",
]


def _memberships(query: Query, row: int) -> NDArray[np.int32]:
    """Items a resident is in, as far as their history may be used.

    ``query.held`` alone stands whatever is authorised, so that nobody is shown what they have;
    it must not be learnt from.
    """
    done, confidence = row_of(query.history, row)
    return np.intersect1d(row_of(query.held, row)[0], done[confidence >= TOOK_PART])


class OwnGroupScorer(NothingLearnt):
    """Prefers what one's own groups organise.

    1 for a group the resident is in, plus ``past_weight`` times the log of how much the resident
    did with that group's items before.

    Parameters
    ----------
    past_weight : float
    """

    name: ClassVar[str] = "own_group"

    def __init__(self, past_weight: float = 0.5) -> None:
        self.past_weight = past_weight

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Look up the organising group of each candidate among the resident's own."""
        n = len(query.items)
        groups = query.items.group if candidates is None else query.items.group[candidates]
        out = np.zeros((len(query), len(groups)), np.float32)
        organised = (groups >= 0) & (groups < n)
        if not organised.any():
            return out
        history = with_width(query.history, n)
        for row in range(len(query)):
            own, amount = row_of(history, row)
            behind = query.items.group[own]
            with_group = (behind >= 0) & (behind < n)
            past = np.bincount(behind[with_group], weights=amount[with_group], minlength=n)
            strength = (self.past_weight * np.log1p(past)).astype(np.float32)
            strength[_memberships(query, row)] += 1.0
            out[row, organised] = strength[groups[organised]]
        return out

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite the group, if the resident is in it."""
        group = int(query.items.group[candidate])
        if group < 0 or group not in _memberships(query, 0):
            return None
        return Evidence(ReasonCode.OWN_GROUP, {"item": str(query.items.ids[group])})

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"past_weight": self.past_weight}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls(past_weight=float(config["past_weight"]))


class DistanceScorer:
    """Prefers venues near home: :math:`2 e^{-d/s} - 1`, and a bonus in the own grid.

    0 for items without a venue and for residents without a home.

    Parameters
    ----------
    scale_km : float
        s; 0 is crossed at 0.69 s.
    grid_bonus : float
        Added in the resident's own grid.
    """

    name: ClassVar[str] = "distance"
    _TELLABLE = 20
    """Residents a grid must have before it is cited (E2)."""

    def __init__(self, scale_km: float = 1.0, grid_bonus: float = 0.25) -> None:
        self.scale_km = scale_km
        self.grid_bonus = grid_bonus
        self.people_: NDArray[np.int64] = np.zeros(0, np.int64)
        """(n_grids,) residents of each grid."""

    def fit(self, view: View, *, seed: int) -> Self:
        """Count the residents of each grid."""
        living = view.grid[(view.grid >= 0) & view.active]
        self.people_ = np.bincount(living).astype(np.int64)
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Score by the distance from home to each venue."""
        items = query.items
        rows = slice(None) if candidates is None else candidates
        lat, lon, grid = items.lat[rows], items.lon[rows], items.grid[rows]
        out = np.zeros((len(query), len(lat)), np.float32)
        for row, (home_lat, home_lon) in enumerate(query.home):
            if np.isfinite(home_lat) and np.isfinite(home_lon):
                d = distance_km(float(home_lat), float(home_lon), lat, lon)
                near = 2.0 * np.exp(-d / np.float32(self.scale_km)) - 1.0
                out[row] = np.where(np.isfinite(d), near, 0.0)
            if query.grid[row] >= 0:
                out[row] += np.float32(self.grid_bonus) * (grid == query.grid[row])
        return out

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite the resident's own grid, where enough people live in it."""
        grid = int(query.grid[0])
        if grid < 0 or grid >= len(self.people_) or int(query.items.grid[candidate]) != grid:
            return None
        if int(self.people_[grid]) - len(query.masked) < self._TELLABLE:
            return None
        return Evidence(ReasonCode.IN_OWN_GRID)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the number of residents of each grid."""
        return {"people": self.people_}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"scale_km": self.scale_km, "grid_bonus": self.grid_bonus}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(scale_km=float(config["scale_km"]), grid_bonus=float(config["grid_bonus"]))
        scorer.people_ = np.asarray(arrays["people"], np.int64)
        return scorer


class FreshScorer(NothingLearnt):
    """Gives new items their chance: :math:`e^{-age/s}` since they were first offered.

    Parameters
    ----------
    scale_days : float
        s.
    """

    name: ClassVar[str] = "fresh"

    def __init__(self, scale_days: float = 14.0) -> None:
        self.scale_days = scale_days

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Score by the age of each item at ``query.now``; 0 where it is unknown."""
        opened = query.items.opened if candidates is None else query.items.opened[candidates]
        age = np.maximum(query.now - opened, 0) / DAY
        one = np.where(opened < 0, 0.0, np.exp(-age / self.scale_days)).astype(np.float32)
        return np.repeat(one[None, :], len(query), axis=0)

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: being new is no reason of the resident's own."""
        return None

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"scale_days": self.scale_days}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls(scale_days=float(config["scale_days"]))


class TrendingScorer(PopularScorer):
    """Popularity of the last weeks alone: what people are joining now."""

    name: ClassVar[str] = "trending"

    def __init__(self, half_life_days: float = 14.0) -> None:
        super().__init__(half_life_days)


class UntriedScorer:
    """Tells what nobody has joined yet: 1 for it, 0 for everything else.

    Where items come and go, most of what people join next is too new to have been joined.
    """

    name: ClassVar[str] = "untried"

    def __init__(self) -> None:
        self.tried_: NDArray[np.bool_] = np.zeros(0, np.bool_)
        """(n_items,) somebody took part."""

    def fit(self, view: View, *, seed: int) -> Self:
        """Mark what somebody joined."""
        X = view.interactions
        joined = X.indices[X.data > 0]
        self.tried_ = np.bincount(joined, minlength=view.n_items) > 0
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Give everybody the same scores."""
        asked = np.arange(len(query.items)) if candidates is None else candidates
        untried = np.ones(len(asked), np.float32)
        known = asked < len(self.tried_)
        untried[known] = ~self.tried_[asked[known]]
        return np.repeat(untried[None, :], len(query), axis=0)

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: that nobody came yet is no reason of the resident's own."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return which items were joined."""
        return {"tried": self.tried_}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return nothing: there is nothing to set."""
        return {}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls()
        scorer.tried_ = np.asarray(arrays["tried"], np.bool_)
        return scorer
