r"""Which subjects go together: the lift of one tag given another, on own tags.

.. math:: L_{ab} = \log \frac{P(b \mid a)}{P(b)}

counted over pairs of different items in the same history, shrunk to 0. It carries someone who
does one thing to subjects that such people also take up, new items of them included.
"""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, ItemTable, View
from recommender.base import Evidence, Query
from recommender.scorers.matrix import Arrays, Config, PerTable, row_of, sum_of_rows, with_width

__all__ = ["AffinityScorer"]


def _shares(tags: CSR) -> CSR:
    """Each item's tags as shares that add up to 1."""
    total: NDArray[np.float64] = np.asarray(tags.sum(axis=1), np.float64).reshape(-1)
    rows = np.repeat(np.arange(tags.shape[0]), np.diff(tags.indptr))
    data = (tags.data / np.maximum(total, 1e-12)[rows]).astype(np.float32)
    return cast("CSR", sp.csr_array((data, tags.indices, tags.indptr), shape=tags.shape))


def _item_side(items: ItemTable) -> CSR:
    return _shares(items.tags)


class AffinityScorer:
    """Tag to tag, learnt from histories.

    Parameters
    ----------
    prior : float
        Pairs that the overall share of a tag is worth.
    declared : float
        What a declared interest counts, in items of history.
    """

    name: ClassVar[str] = "affinity"

    def __init__(self, prior: float = 20.0, declared: float = 1.0) -> None:
        self.prior = prior
        self.declared = declared
        self.lift_: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._item_side = PerTable(_item_side)

    def fit(self, view: View, *, seed: int) -> Self:
        """Count pairs of tags over pairs of different items of the same resident."""
        width = view.items.tags.shape[1]
        shares = self._item_side(view.items).astype(np.float64)
        X = view.interactions.astype(np.float64)
        X.data[:] = 1.0
        subjects = (X @ shares).tocsr()
        people = np.bincount(X.indices, minlength=view.n_items).astype(np.float64)
        same = shares.T @ (sp.diags_array(people) @ shares)
        pairs = np.maximum(((subjects.T @ subjects) - same).toarray(), 0.0)
        total = pairs.sum()
        if width == 0 or total <= 0:
            self.lift_ = np.zeros((width, width), np.float32)
            return self
        share = (pairs.sum(axis=0) + 1.0) / (total + width)
        given = (pairs + self.prior * share) / (pairs.sum(axis=1, keepdims=True) + self.prior)
        self.lift_ = np.ascontiguousarray(np.log(given / share), np.float32)
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Average the lift from own tags to the tags of each item."""
        side = self._item_side(query.items)
        if len(query) == 1 and candidates is not None:
            return self._score_one(query, side, candidates)
        asked = side if candidates is None else side[candidates]
        own = (with_width(query.history, len(query.items)).sign() @ side).toarray()
        own += np.float32(self.declared) * with_width(query.interests, own.shape[1]).toarray()
        own /= np.maximum(own.sum(axis=1, keepdims=True), 1e-12)
        n = self.lift_.shape[0]
        wanted = np.zeros(own.shape, np.float32)
        wanted[:, :n] = own[:, :n] @ self.lift_
        return np.asarray(asked @ wanted.T, np.float32).T

    def _score_one(
        self, query: Query, side: CSR, candidates: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        items, _ = row_of(query.history, 0)
        own = sum_of_rows(side, items, np.ones(len(items), np.float32))
        words, weights = row_of(query.interests, 0)
        known = words < len(own)
        own[words[known]] += np.float32(self.declared) * weights[known]
        own /= max(float(own.sum()), 1e-12)
        n = self.lift_.shape[0]
        wanted = np.zeros(len(own), np.float32)
        wanted[:n] = own[:n] @ self.lift_
        scores: NDArray[np.float32] = (side @ wanted)[candidates][None, :]
        return scores

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: the bridge between two subjects is made of other people."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the lifts."""
        return {"lift": self.lift_}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"prior": self.prior, "declared": self.declared}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(prior=float(config["prior"]), declared=float(config["declared"]))
        scorer.lift_ = np.asarray(arrays["lift"], np.float32)
        return scorer
