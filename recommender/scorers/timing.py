"""When an item takes place: how soon, whether it is its group's next, and at one's usual hour."""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from graph.view import ItemTable
from recommender.base import Evidence, Query, ReasonCode
from recommender.scorers.matrix import Arrays, Config, PerTable, row_of
from recommender.scorers.popular import DAY, TOOK_PART
from recommender.scorers.unlearnt import NothingLearnt

__all__ = ["HabitScorer", "SoonScorer", "TurnScorer"]

_WEEK_HOURS = 168
_SAME_HOUR = 1
"""Hours apart up to which two starts are at about the same time of the week."""


def _asked(query: Query, candidates: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return np.arange(len(query.items)) if candidates is None else candidates


class SoonScorer(NothingLearnt):
    r"""Prefers what starts soon: :math:`\log \frac{1 + s}{1 + d}` for d days to the start.

    0 for what starts in s days, has started, or has no start.

    Parameters
    ----------
    scale_days : float
        s.
    """

    name: ClassVar[str] = "soon"

    def __init__(self, scale_days: float = 14.0) -> None:
        self.scale_days = scale_days

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Score by the days from ``query.now`` to each start."""
        starts = query.items.starts[_asked(query, candidates)]
        days = np.maximum(starts - query.now, 0) / DAY
        soon = np.log((1.0 + self.scale_days) / (1.0 + days))
        one = np.where(starts > query.now, soon, 0.0).astype(np.float32)
        return np.repeat(one[None, :], len(query), axis=0)

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"scale_days": self.scale_days}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls(scale_days=float(config["scale_days"]))


class TurnScorer(NothingLearnt):
    r"""Spreads the attention that a group gets over what it has ahead, the next things first.

    :math:`-\log r - \log n` for the r-th of n items that the group has ahead; 0 for an item without
    a group or a start.
    """

    name: ClassVar[str] = "turn"

    def __init__(self) -> None:
        self._turns = PerTable(_Turns)

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Score by the place of each item among its group's."""
        one = self._turns(query.items).at(query.now)[_asked(query, candidates)]
        return np.repeat(one[None, :], len(query), axis=0)

    def config(self) -> dict[str, float | int | str | bool]:
        """Return nothing: there is nothing to set."""
        return {}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls()


class _Turns:
    """The turns of one item table, counted anew only when something has started since."""

    def __init__(self, items: ItemTable) -> None:
        rows = np.flatnonzero((items.group >= 0) & (items.starts >= 0))
        self._order = rows[np.lexsort((rows, items.starts[rows], items.group[rows]))]
        self._items = items
        self._sorted = np.sort(items.starts[rows])
        self._latest = (-1, np.zeros(0, np.float32))

    def at(self, now: int) -> NDArray[np.float32]:
        """Turn of every item, (n_items,)."""
        started = int(np.searchsorted(self._sorted, now, "right"))
        known, turns = self._latest
        if known != started:
            turns = self._counted(now)
            self._latest = started, turns  # replaced whole: another thread may be reading it
        return turns

    def _counted(self, now: int) -> NDArray[np.float32]:
        items, out = self._items, np.zeros(len(self._items), np.float32)
        ahead = self._order[items.starts[self._order] > now]
        if len(ahead):
            group = items.group[ahead]
            first = np.append(True, group[1:] != group[:-1])
            block = np.cumsum(first) - 1
            starts = np.flatnonzero(first)
            rank = np.arange(len(ahead)) - starts[block] + 1
            count = np.diff(np.append(starts, len(ahead)))[block]
            out[ahead] = -np.log(rank) - np.log(count)
        return out


def _hours(items: ItemTable) -> NDArray[np.int64]:
    """Hour of the week of each start; beyond the last one without a start."""
    return np.where(items.starts >= 0, items.starts // 3600 % _WEEK_HOURS, _WEEK_HOURS)


def _apart(hours: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hours between hours of the week, around the clock."""
    apart = np.abs(hours - others)
    return cast("NDArray[np.int64]", np.minimum(apart, _WEEK_HOURS - apart))


class HabitScorer(NothingLearnt):
    r"""Prefers the hours of the week at which one took part before.

    .. math:: s_i = \frac{\sum_j c_j \exp(-(\Delta_{ij} / h)^2)}{\sum_j c_j + k}

    over own items j with a start, where :math:`\Delta` is the distance of two hours of the week
    around the clock. Habits are told apart the same in any time zone.

    Parameters
    ----------
    width_hours : float
        h.
    prior : float
        k, in units of confidence: keeps one evening from being a habit.
    """

    name: ClassVar[str] = "habit"

    def __init__(self, width_hours: float = 2.0, prior: float = 2.0) -> None:
        self.width_hours = width_hours
        self.prior = prior
        self._hours = PerTable(_hours)

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Compare the hour of each start with the hours of the own history."""
        hours = self._hours(query.items)
        asked = hours if candidates is None else hours[candidates]
        week = np.arange(_WEEK_HOURS)
        out = np.zeros((len(query), len(asked)), np.float32)
        for row in range(len(query)):
            items, confidence = row_of(query.history, row)
            timed = hours[items] < _WEEK_HOURS
            own, confidence = hours[items[timed]], confidence[timed]
            if not len(own):
                continue
            apart = _apart(week[:, None], own)
            alike = np.exp(-((apart / self.width_hours) ** 2)) @ confidence
            habit = np.zeros(_WEEK_HOURS + 1, np.float32)
            habit[:_WEEK_HOURS] = alike / (confidence.sum() + self.prior)
            out[row] = habit[asked]
        return out

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite what the resident took part in at about this hour of the week, the closest of it."""
        hours = self._hours(query.items)
        items, confidence = row_of(query.history, 0)
        apart = _apart(hours[items], hours[candidate : candidate + 1])
        usable = (hours[items] < _WEEK_HOURS) & (confidence >= TOOK_PART) & (apart <= _SAME_HOUR)
        usable &= items != candidate
        if hours[candidate] == _WEEK_HOURS or not usable.any():
            return None
        own = items[np.argmin(np.where(usable, apart, _WEEK_HOURS))]
        return Evidence(ReasonCode.OWN_TIME, {"item": str(query.items.ids[own])})

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"width_hours": self.width_hours, "prior": self.prior}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls(width_hours=float(config["width_hours"]), prior=float(config["prior"]))
