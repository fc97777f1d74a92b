r"""What people of a subject also take up: the lift of tags, and of single items, on own tags.

.. math::

    s_i = \sum_a q_a \Bigl( \sum_b L_{ab}\, t_{ib} + E_{ai} \Bigr), \quad
    L_{ab} = \log \frac{P(b \mid a)}{P(b)}, \quad
    E_{ai} = \log \Bigl( 1 + \frac{n_{ai}}{k\, p_i\, e^{\sum_b L_{ab} t_{ib}}} \Bigr)

counted over pairs of different items in the same history, shrunk to 0; :math:`n_{ai}` pairs lead
from tag a to item i, :math:`p_i` is the share of i in all pairs. L carries someone who does one
thing to subjects that such people also take up, new items of them included; E lifts the items
that they take up more than the tags tell. Of residents without a history, declared interests
speak alike.
"""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, ItemTable, View, empty_csr
from recommender.base import Evidence, Query
from recommender.scorers.matrix import (
    Arrays,
    Config,
    PerTable,
    csr_arrays,
    csr_from_arrays,
    pick,
    row_of,
    sum_of_rows,
    with_width,
)

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
    """Tag to tag and tag to item, learnt from histories.

    Parameters
    ----------
    prior : float
        Pairs that the overall share of a tag or an item is worth.
    declared : float
        What a declared interest counts, in items of history.
    """

    name: ClassVar[str] = "affinity"

    def __init__(self, prior: float = 20.0, declared: float = 1.0) -> None:
        self.prior = prior
        self.declared = declared
        self.lift_: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        """(n_tags, n_tags): L."""
        self.extra_: CSR = empty_csr(0, 0)
        """(n_tags, n_items): E."""
        self._item_side = PerTable(_item_side)

    def fit(self, view: View, *, seed: int) -> Self:
        """Count pairs of tags over pairs of different items of the same resident."""
        shares = self._item_side(view.items).astype(np.float64)
        X = view.interactions.sign().astype(np.float64)
        people = np.bincount(X.indices, minlength=view.n_items).astype(np.float64)
        pairs = ((shares.T @ X.T) @ X - shares.T @ sp.diags_array(people)).tocoo()
        some = pairs.data > 1e-9  # what is 0 may have come out beside it
        tag, item = (at[some] for at in pairs.coords)
        counts = pairs.data[some]
        by_tag = sp.coo_array((counts, (tag, item)), shape=pairs.shape).tocsr() @ shares
        self.lift_ = self._lift(by_tag.toarray())
        extra = self._extra(tag, item, counts, shares)
        self.extra_ = sp.coo_array((extra, (tag, item)), shape=pairs.shape).tocsr()
        return self

    def _lift(self, pairs: NDArray[np.float64]) -> NDArray[np.float32]:
        """L from the number of pairs of each two tags."""
        width, total = len(pairs), pairs.sum()
        if width == 0 or total <= 0:
            return np.zeros((width, width), np.float32)
        share = (pairs.sum(axis=0) + 1.0) / (total + width)
        given = (pairs + self.prior * share) / (pairs.sum(axis=1, keepdims=True) + self.prior)
        return np.ascontiguousarray(np.log(given / share), np.float32)

    def _extra(
        self,
        tag: NDArray[np.integer],
        item: NDArray[np.integer],
        pairs: NDArray[np.float64],
        shares: sp.csr_array[np.float64, tuple[int, int]],
    ) -> NDArray[np.float32]:
        """E of each (tag, item) from the number of its pairs."""
        n = shares.shape[0]
        reached = np.bincount(item, weights=pairs, minlength=n)
        share = (reached + self.prior) / (reached.sum() + self.prior * n)
        told = (shares @ self.lift_.T)[item, tag]
        expected: NDArray[np.float64] = self.prior * share[item] * np.exp(told)
        return np.log1p(pairs / expected).astype(np.float32)

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Average the lifts from own tags to each item."""
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
        told = np.asarray(asked @ wanted.T, np.float32).T
        return told + pick(own[:, :n] @ self.extra_, candidates, len(query.items))

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
        tags = np.flatnonzero(own[:n])
        extra = sum_of_rows(self.extra_, tags, own[tags])
        return (side @ wanted)[candidates][None, :] + pick(
            extra[None, :], candidates, len(query.items)
        )

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: the bridge between two subjects is made of other people."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the lifts of tags and of items."""
        return {"lift": self.lift_, **csr_arrays("extra", self.extra_)}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"prior": self.prior, "declared": self.declared}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(prior=float(config["prior"]), declared=float(config["declared"]))
        scorer.lift_ = np.asarray(arrays["lift"], np.float32)
        scorer.extra_ = csr_from_arrays("extra", arrays)
        return scorer
