r"""Implicit ALS; residents are folded in, never looked up.

.. math::

    x_u = (Y^T Y + Y^T (C_u - I) Y + \lambda I)^{-1} Y^T C_u p_u,
    \quad c_{ui} = 1 + \alpha r_{ui}

The only module that imports ``implicit``. With a fixed seed and one thread its factors repeat
bit for bit.

References
----------
Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from graph.view import View
from recommender.base import Evidence, Query
from recommender.scorers.matrix import Arrays, Config, pick, row_of

__all__ = ["ALSScorer"]


class ALSScorer:
    r"""Regularised low rank, which makes other mistakes than item-item weights do.

    Parameters
    ----------
    factors : int
    regularization : float
        :math:`\lambda`.
    alpha : float
        Confidence per unit of interaction.
    iterations : int
    """

    name: ClassVar[str] = "als"

    def __init__(
        self,
        factors: int = 32,
        regularization: float = 5.0,
        alpha: float = 20.0,
        iterations: int = 12,
    ) -> None:
        self.factors = factors
        self.regularization = regularization
        self.alpha = alpha
        self.iterations = iterations
        self.items_: NDArray[np.float32] = np.zeros((0, factors), np.float32)
        self._gram: NDArray[np.float32] = np.zeros((factors, factors), np.float32)

    def fit(self, view: View, *, seed: int) -> Self:
        """Factorise the interactions; the residents' factors are thrown away."""
        X = view.interactions
        if X.nnz == 0:
            self.items_ = np.zeros((view.n_items, self.factors), np.float32)
            return self._prepare()
        confidence = (1.0 + self.alpha * X.data).astype(np.float32)
        user_items = sp.csr_matrix((confidence, X.indices, X.indptr), shape=X.shape)
        with threadpool_limits(limits=1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                alpha=1.0,
                iterations=self.iterations,
                num_threads=1,
                random_state=seed,
            )
            model.fit(user_items, show_progress=False)
        self.items_ = np.ascontiguousarray(model.item_factors, np.float32)
        self.items_[np.bincount(X.indices, minlength=view.n_items) == 0] = 0.0
        return self._prepare()

    def _prepare(self) -> Self:
        gram = self.items_.T @ self.items_
        self._gram = gram + np.float32(self.regularization) * np.eye(self.factors, dtype=np.float32)
        return self

    def fold_in(self, query: Query) -> NDArray[np.float32]:
        """Solve for the factors of each resident of the batch, (b, factors)."""
        out = np.zeros((len(query), self.factors), np.float32)
        for row in range(len(query)):
            items, values = row_of(query.history, row)
            fitted = items < len(self.items_)
            own = self.items_[items[fitted]]
            if not len(own):
                continue
            extra = np.float32(self.alpha) * values[fitted]
            normal = self._gram + (own.T * extra) @ own
            out[row] = np.linalg.solve(normal, own.T @ (1.0 + extra))
        return out

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Multiply folded-in residents with item factors."""
        residents = self.fold_in(query)
        if candidates is None:
            return pick(residents @ self.items_.T, None, len(query.items))
        known = candidates < len(self.items_)
        out = np.zeros((len(query), len(candidates)), np.float32)
        out[:, known] = residents @ self.items_[candidates[known]].T
        return out

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: a factor has no name."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the item factors."""
        return {"items": self.items_}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {
            "factors": self.factors,
            "regularization": self.regularization,
            "alpha": self.alpha,
            "iterations": self.iterations,
        }

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(
            factors=int(config["factors"]),
            regularization=float(config["regularization"]),
            alpha=float(config["alpha"]),
            iterations=int(config["iterations"]),
        )
        scorer.items_ = np.asarray(arrays["items"], np.float32)
        return scorer._prepare()
