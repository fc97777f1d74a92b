"""People who do this also do that: item-item weights on one's own history."""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import View
from recommender.base import Evidence, Query, ReasonCode
from recommender.scorers.gram import ease
from recommender.scorers.matrix import Arrays, Config, pick, row_of, with_width
from recommender.scorers.rows import balanced, shared_rows

__all__ = ["ItemItemScorer"]

CITABLE = 1.0
"""Confidence from which an own item may be cited: liked, joined, attended; a view is not."""


class ItemItemScorer:
    r"""EASE, for as many items as its weights leave memory for: ``n ** 2 * 4`` bytes.

    It learns from what items are about and where they are, too: each tag and each place is one more
    row, as if somebody had done all items that share it. Items that few have done get their
    neighbours so.

    Parameters
    ----------
    regularization : float
    balance : float
        A resident with n items weighs :math:`(n / \bar n)^{-balance}`, so that those who do
        everything do not decide what goes together.
    tags : float
        Weight of the row of a tag or a place, spread over its items; 0 leaves both out.
    """

    name: ClassVar[str] = "item_item"

    def __init__(
        self, regularization: float = 100.0, balance: float = 0.5, tags: float = 5.0
    ) -> None:
        self.regularization = regularization
        self.balance = balance
        self.tags = tags
        self.position_: NDArray[np.int32] = np.zeros(0, np.int32)
        """(n_items,) place among the items with interactions; -1 without."""
        self.weights_: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(self, view: View, *, seed: int) -> Self:
        """Solve for the weights between the items that have interactions."""
        X = view.interactions
        used = np.flatnonzero(np.bincount(X.indices, minlength=view.n_items))
        self.position_ = np.full(view.n_items, -1, np.int32)
        self.position_[used] = np.arange(len(used), dtype=np.int32)
        self.weights_ = np.zeros((0, 0), np.float32)
        if len(used):
            histories = balanced(X[:, used], self.balance)
            shared = shared_rows(view.items.take(used), weight=self.tags)
            rows = sp.vstack([histories, shared], format="csr")
            self.weights_ = ease(rows, self.regularization)
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Sum up the weights from the history of each resident."""
        n = len(self.position_)
        if len(query) == 1 and candidates is not None:
            return self._score_one(query, candidates)
        used = np.flatnonzero(self.position_ >= 0)
        out = np.zeros((len(query), n), np.float32)
        if len(used):
            out[:, used] = with_width(query.history, n)[:, used] @ self.weights_
        return pick(out, candidates, len(query.items))

    def _score_one(self, query: Query, candidates: NDArray[np.int64]) -> NDArray[np.float32]:
        items, confidence = row_of(query.history, 0)
        at, columns = self._places(items.astype(np.int64)), self._places(candidates)
        own, known = at >= 0, columns >= 0
        out = np.zeros((1, len(candidates)), np.float32)
        if own.any():
            out[0, known] = confidence[own] @ self.weights_[at[own][:, None], columns[known]]
        return out

    def _places(self, items: NDArray[np.int64]) -> NDArray[np.int32]:
        places = np.full(len(items), -1, np.int32)
        fitted = items < len(self.position_)
        places[fitted] = self.position_[items[fitted]]
        return places

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite the own item that speaks loudest for this one."""
        column = int(self._places(np.array([candidate]))[0])
        items, confidence = row_of(query.history, 0)
        places = self._places(items.astype(np.int64))
        usable = (places >= 0) & (confidence >= CITABLE) & (items != candidate)
        if column < 0 or not usable.any():
            return None
        own = items[usable]
        said = confidence[usable] * self.weights_[places[usable], column]
        best = int(np.argmax(said))
        if said[best] <= 0:
            return None
        return Evidence(ReasonCode.SIMILAR_TO_OWN, {"item": str(query.items.ids[own[best]])})

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the weights."""
        return {"position": self.position_, "weights": self.weights_}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {
            "regularization": self.regularization,
            "balance": self.balance,
            "tags": self.tags,
        }

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again; the weights stay memory-mapped."""
        scorer = cls(
            regularization=float(config["regularization"]),
            balance=float(config["balance"]),
            tags=float(config["tags"]),
        )
        scorer.position_ = cast("NDArray[np.int32]", np.asarray(arrays["position"]))
        scorer.weights_ = cast("NDArray[np.float32]", np.asarray(arrays["weights"]))
        return scorer
