"""A list of one thing is a poor list: greedy re-ranking that makes repetition cost."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from recommender.base import Query

__all__ = ["DiversityReranker"]


class DiversityReranker:
    r"""Maximal marginal relevance over life category, kind and group.

    At each place the item with the highest :math:`s_i - \sum_a \lambda_a n_a(i)` is taken, where
    :math:`n_a(i)` is how many taken items share its value of attribute a. What is unknown is
    shared with nothing. At most ``per_group`` items of one group are taken while others remain.
    Costs O(pool x n).

    Parameters
    ----------
    category, kind, group : float
        :math:`\lambda` of each attribute, in standard deviations of the score.
    per_group : int
    pool : int
        The best this many are looked at, or ``3 n`` if that is more.

    References
    ----------
    J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering
    documents and producing summaries", SIGIR 1998.
    """

    name: ClassVar[str] = "diversity"

    def __init__(
        self,
        category: float = 0.15,
        kind: float = 0.05,
        group: float = 0.3,
        per_group: int = 2,
        pool: int = 200,
    ) -> None:
        self.costs = {"category": category, "kind": kind, "group": group}
        self.per_group = per_group
        self.pool = pool

    def config(self) -> dict[str, float | int]:
        """Return the settings, as the constructor takes them."""
        return {**self.costs, "per_group": self.per_group, "pool": self.pool}

    def rerank(
        self, query: Query, candidates: NDArray[np.int64], scores: NDArray[np.float32], n: int
    ) -> NDArray[np.int64]:
        """Take items one by one.

        Parameters
        ----------
        query : Query
            A batch of one.
        candidates : NDArray[int64], (m,)
            Item rows.
        scores : NDArray[float32], (m,)
        n : int
            Places to fill.

        Returns
        -------
        NDArray[int64], (min(n, m),)
            Positions into ``candidates``, best first, no repeats.
        """
        pool = _best(scores, candidates, max(self.pool, 3 * n))
        if not len(pool) or n <= 0:
            return pool[:0]
        rows, items = candidates[pool], query.items
        spread = float(scores.std()) or 1.0
        value = scores[pool].astype(np.float64)
        left = np.ones(len(pool), np.bool_)
        # a group stands for itself, so that it and what it organises count as one
        group = np.where(items.group[rows] >= 0, items.group[rows].astype(np.int64), rows)
        attributes = (
            (items.life_category[rows], self.costs["category"] * spread),
            (items.kind[rows], self.costs["kind"] * spread),
            (group, self.costs["group"] * spread),
        )
        taken_of_group = np.zeros(len(pool), np.int64)
        out = np.empty(min(n, len(pool)), np.int64)
        for place in range(len(out)):
            free = left & (taken_of_group < self.per_group)
            at = int(np.argmax(np.where(free if free.any() else left, value, -np.inf)))
            out[place] = pool[at]
            left[at] = False
            for values, cost in attributes:
                if values[at] >= 0:
                    value[values == values[at]] -= cost
            taken_of_group += group == group[at]
        return out


def _best(scores: NDArray[np.float32], candidates: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Positions of the n best, best first, ties by item row."""
    if len(scores) > n:
        edge = np.partition(scores, len(scores) - n)[len(scores) - n]
        at = np.flatnonzero(scores >= edge)
    else:
        at = np.arange(len(scores))
    return at[np.lexsort((candidates[at], -scores[at]))][:n]
