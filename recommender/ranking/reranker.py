"""The re-ranker: a resident's scores plus what each item does for social capital and fairness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph.view import CSR, View, empty_csr
from recommender.base import Query
from recommender.ranking.bridging import bridging, inclusion, mutual_ties, tied
from recommender.ranking.diversity import best, take
from recommender.ranking.fairness import capacity, dominance, due, helper, provider
from recommender.ranking.weights import Weights
from recommender.scorers.matrix import csr_arrays, csr_from_arrays
from recommender.scorers.popular import TOOK_PART

__all__ = ["SocialReranker"]

POOL = 200
"""The best this many by score are looked at, or three times the places if that is more."""
LEADERS = 50
"""The spread of this many best scores is the unit of the weights."""

_TABLES = ("people", "due", "dominance")


class SocialReranker:
    r"""Greedy over :math:`s_i + \sigma \sum_t w_t\, t(i)`, with repetition costing.

    The terms t lie between -1 and 1; :math:`\sigma` is the standard deviation of the resident's
    best scores, so that a weight means the same whether the best stand out or not. Not fitted it
    knows neither ties nor attention, and the terms made of them are 0.

    Parameters
    ----------
    weights : Weights
    """

    name: ClassVar[str] = "social_capital"

    def __init__(self, weights: Weights | None = None) -> None:
        self.weights = weights or Weights()
        self.ties_: CSR = empty_csr(0, 0)
        self.took_part_: CSR = empty_csr(0, 0)
        """(n_residents, n_items) 1 where somebody who has ties took part; nobody's without ties."""
        self.tables_: dict[str, NDArray[np.float32]] = {
            name: np.zeros(0, np.float32) for name in _TABLES
        }
        """(n_items,) each: people who took part, attention due, share of the attention taken."""

    def fit(self, view: View) -> Self:
        """Keep the ties, what those with ties took part in, and how many people each item has."""
        took_part = view.interactions.copy()
        took_part.data = (took_part.data >= TOOK_PART).astype(np.float32)
        took_part.eliminate_zeros()
        people = np.bincount(took_part.indices, minlength=view.n_items)
        self.tables_["people"] = people.astype(np.float32)
        self.ties_, self.took_part_ = empty_csr(0, 0), empty_csr(0, 0)
        if view.ties.nnz and (self.weights.bridging or self.weights.inclusion):
            self.ties_, self.took_part_ = view.ties, took_part
        return self

    def fit_attention(
        self, view: View, got: NDArray[np.float64], merits: NDArray[np.float64]
    ) -> Self:
        """Learn which items got less attention than they were due, and which dominate.

        Parameters
        ----------
        view : View
        got, merits : NDArray[float64], (n_items,)
            Attention and merit, summed over many lists (:mod:`recommender.exposure`).
        """
        self.tables_["due"] = due(got, merits, provider(view.items))
        self.tables_["dominance"] = dominance(got)
        return self

    def gains(self, query: Query, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Terms of some items for the one resident asking, times their weights.

        Parameters
        ----------
        query : Query
            A batch of one.
        rows : NDArray[int64], (n,)
            Item rows.
        """
        items, others = query.items, tied(self.ties_, query)
        together = items.participatory[rows].astype(np.float32)
        include = inclusion(len(others), together, self._look("people", rows))
        terms = {
            "bridging": bridging(mutual_ties(self.took_part_, others, rows)),
            "inclusion": include if self.ties_.nnz else np.zeros_like(include),
            "participatory": together,
            "helper": helper(items, rows),
            "capacity": capacity(items, rows),
            "exposure": self._look("due", rows),
            "dominance": -self._look("dominance", rows),
        }
        weights = self.weights.table()
        return {name: np.float32(weights[name]) * term for name, term in terms.items()}

    def _look(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Look up a table; 0 for items that opened since."""
        table = self.tables_[name]
        out = np.zeros(len(rows), np.float32)
        known = rows < len(table)
        out[known] = table[rows[known]]
        return out

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
        pool = best(scores, candidates, max(POOL, 3 * n))
        if not len(pool) or n <= 0:
            return pool[:0]
        rows, items, w = candidates[pool], query.items, self.weights
        spread = float(scores[pool[:LEADERS]].std()) or 1.0
        value = scores[pool].astype(np.float64)
        for gain in self.gains(query, rows).values():
            value += spread * gain
        # a group stands for itself, so that it and what it organises count as one
        group = provider(items, rows)
        attributes = (
            (items.life_category[rows], w.category * spread),
            (items.kind[rows], w.kind * spread),
            (group, w.group * spread),
        )
        return pool[take(value, attributes, n)]

    def config(self) -> dict[str, float]:
        """Return the weights."""
        return self.weights.table()

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what was learnt."""
        return {
            **self.tables_,
            **csr_arrays("ties", self.ties_),
            **csr_arrays("took_part", self.took_part_),
        }

    @classmethod
    def restore(
        cls, config: Mapping[str, float], arrays: Mapping[str, NDArray[np.generic]]
    ) -> Self:
        """Make the fitted re-ranker again; its matrices stay memory-mapped."""
        reranker = cls(Weights(**config))
        reranker.tables_ = {name: np.asarray(arrays[name], np.float32) for name in _TABLES}
        reranker.ties_ = csr_from_arrays("ties", arrays)
        reranker.took_part_ = csr_from_arrays("took_part", arrays)
        return reranker
