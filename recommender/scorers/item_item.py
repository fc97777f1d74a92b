"""People who do this also do that: item-item weights on one's own history."""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, View, empty_csr
from recommender.base import Evidence, Query, ReasonCode
from recommender.scorers.gram import ease, pruned_cosine
from recommender.scorers.matrix import (
    Arrays,
    Config,
    csr_arrays,
    csr_from_arrays,
    pick,
    row_of,
    with_width,
)
from recommender.scorers.rows import balanced, tag_rows

__all__ = ["ItemItemScorer"]

CITABLE = 1.0
"""Confidence from which an own item may be cited: liked, joined, attended; a view is not."""


class ItemItemScorer:
    r"""EASE where the items with interactions are few enough, else a pruned cosine.

    EASE also learns from what items are about: each tag is one more row, as if somebody had done
    all items that carry it. Items that few have done get their neighbours so.

    Parameters
    ----------
    regularization : float
        Of EASE.
    balance : float
        Of EASE: a resident with n items weighs :math:`(n / \bar n)^{-balance}`, so that those who
        do everything do not decide what goes together.
    tags : float
        Of EASE: weight of a tag's row, spread over its items; 0 leaves tags out.
    exponent : float
        Popularity exponent of the cosine.
    neighbours : int
        Kept per item by the cosine.
    max_dense : int
        Most items for the closed form; its weights are ``n ** 2 * 4`` bytes.
    """

    name: ClassVar[str] = "item_item"

    def __init__(
        self,
        regularization: float = 100.0,
        balance: float = 0.5,
        tags: float = 5.0,
        exponent: float = 0.4,
        neighbours: int = 200,
        max_dense: int = 10_000,
    ) -> None:
        self.regularization = regularization
        self.balance = balance
        self.tags = tags
        self.exponent = exponent
        self.neighbours = neighbours
        self.max_dense = max_dense
        self.position_: NDArray[np.int32] = np.zeros(0, np.int32)
        """(n_items,) place among the items with interactions; -1 without."""
        self.dense_: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.sparse_: CSR = empty_csr(0, 0)
        self._into: CSR = empty_csr(0, 0)
        """The sparse weights by the item spoken for."""

    def fit(self, view: View, *, seed: int) -> Self:
        """Solve for the weights between the items that have interactions."""
        X = view.interactions
        used = np.flatnonzero(np.bincount(X.indices, minlength=view.n_items))
        self.position_ = np.full(view.n_items, -1, np.int32)
        self.position_[used] = np.arange(len(used), dtype=np.int32)
        chosen = X[:, used]
        self.dense_, self.sparse_ = np.zeros((0, 0), np.float32), empty_csr(0, 0)
        if len(used) <= self.max_dense:
            if len(used):
                subjects = tag_rows(view.items.tags[used], weight=self.tags)
                rows = sp.vstack([balanced(chosen, self.balance), subjects], format="csr")
                self.dense_ = ease(rows, self.regularization)
        else:
            self.sparse_ = pruned_cosine(chosen, exponent=self.exponent, neighbours=self.neighbours)
        return self._prepare()

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Sum up the weights from the history of each resident."""
        n = len(self.position_)
        if len(query) == 1 and candidates is not None:
            return self._score_one(query, candidates)
        used = np.flatnonzero(self.position_ >= 0)
        history = with_width(query.history, n)[:, used]
        weights = self.dense_ if len(self.dense_) else self.sparse_
        out = np.zeros((len(query), n), np.float32)
        if weights.shape[0]:
            product = history @ weights
            out[:, used] = product if isinstance(product, np.ndarray) else product.toarray()
        return pick(out, candidates, len(query.items))

    def _score_one(self, query: Query, candidates: NDArray[np.int64]) -> NDArray[np.float32]:
        at, confidence = self._own(query)
        columns = self._places(candidates)
        known = columns >= 0
        out = np.zeros((1, len(candidates)), np.float32)
        if not len(at):
            return out
        if len(self.dense_):
            out[0, known] = confidence @ self.dense_[at[:, None], columns[known]]
        else:
            sums = np.zeros(self.sparse_.shape[1], np.float32)
            for place, value in zip(at, confidence, strict=True):
                neighbours, weights = row_of(self.sparse_, int(place))
                sums[neighbours] += value * weights
            out[0, known] = sums[columns[known]]
        return out

    def _places(self, items: NDArray[np.int64]) -> NDArray[np.int32]:
        places = np.full(len(items), -1, np.int32)
        fitted = items < len(self.position_)
        places[fitted] = self.position_[items[fitted]]
        return places

    def _own(self, query: Query) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Places and confidences of the history of a batch of one, new items left out."""
        items, confidence = row_of(query.history, 0)
        places = self._places(items.astype(np.int64))
        return places[places >= 0], confidence[places >= 0]

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite the own item that speaks loudest for this one."""
        column = int(self._places(np.array([candidate]))[0])
        items, confidence = row_of(query.history, 0)
        places = self._places(items.astype(np.int64))
        usable = (places >= 0) & (confidence >= CITABLE) & (items != candidate)
        if column < 0 or not usable.any():
            return None
        own, places = items[usable], places[usable]
        if len(self.dense_):
            weights = self.dense_[places, column]
        else:
            weights = self._sparse_weights(places, column)
        said = confidence[usable] * weights
        best = int(np.argmax(said))
        if said[best] <= 0:
            return None
        return Evidence(ReasonCode.SIMILAR_TO_OWN, {"item": str(query.items.ids[own[best]])})

    def _sparse_weights(self, places: NDArray[np.int32], column: int) -> NDArray[np.float32]:
        """Weights from some own items to one item."""
        sources, weights = row_of(self._into, column)
        at = np.searchsorted(sources, places).clip(0, max(len(sources) - 1, 0))
        if not len(sources):
            return np.zeros(len(places), np.float32)
        return np.where(sources[at] == places, weights[at], np.float32(0.0))

    def _prepare(self) -> Self:
        self._into = self.sparse_.T.tocsr()
        return self

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights, dense or sparse."""
        return {
            "position": self.position_,
            "dense": self.dense_,
            **csr_arrays("sparse", self.sparse_),
        }

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {
            "regularization": self.regularization,
            "balance": self.balance,
            "tags": self.tags,
            "exponent": self.exponent,
            "neighbours": self.neighbours,
            "max_dense": self.max_dense,
        }

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again; the weights stay memory-mapped."""
        scorer = cls(
            regularization=float(config["regularization"]),
            balance=float(config["balance"]),
            tags=float(config["tags"]),
            exponent=float(config["exponent"]),
            neighbours=int(config["neighbours"]),
            max_dense=int(config["max_dense"]),
        )
        scorer.position_ = cast("NDArray[np.int32]", np.asarray(arrays["position"]))
        scorer.dense_ = cast("NDArray[np.float32]", np.asarray(arrays["dense"]))
        scorer.sparse_ = csr_from_arrays("sparse", arrays)
        return scorer._prepare()
