r"""Implicit ALS; residents are folded in, never looked up.

.. math::

    x_u = (Y^T Y + Y^T (C_u - I) Y + \lambda I)^{-1} Y^T C_u p_u,
    \quad c_{ui} = 1 + \alpha r_{ui} (\bar n / n_i)^b

With b > 0 what few people do tells more of them than what everybody does. The columns are the
items and, where ties may be learnt from, the residents one can be tied to, :math:`[R, w S]`:
whoever did little yet is known by their friends.

The only module that imports ``implicit``. With a fixed seed and one thread its factors repeat
bit for bit.

References
----------
Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008.
H. Ma et al., "SoRec: Social Recommendation Using Probabilistic Matrix Factorization", CIKM 2008
(interactions and ties factorised together). The weight of rare items is the idea of TF-IDF.
"""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from graph.view import CSR, View, empty_csr
from recommender.base import Evidence, Query
from recommender.scorers.matrix import (
    Arrays,
    Config,
    csr_arrays,
    csr_from_arrays,
    pick,
    row_of,
    rows_for,
)
from recommender.scorers.social import tied_to

__all__ = ["ALSScorer"]


class ALSScorer:
    r"""Regularised low rank, which makes other mistakes than item-item weights do.

    Residents who withdrew something since (``query.masked``) are folded in without their ties,
    and are nobody's friend.

    Parameters
    ----------
    factors : int
    regularization : float
        :math:`\lambda`.
    alpha : float
        Confidence per unit of interaction.
    exponent : float
        b, over the number of people :math:`n_i` of an item.
    ties : float
        w: what a tie of strength 1 counts, in units of interaction.
    iterations : int
    """

    name: ClassVar[str] = "als"

    def __init__(
        self,
        factors: int = 32,
        regularization: float = 20.0,
        alpha: float = 20.0,
        exponent: float = 0.25,
        ties: float = 0.5,
        iterations: int = 10,
    ) -> None:
        self.factors = factors
        self.regularization = regularization
        self.alpha = alpha
        self.exponent = exponent
        self.ties = ties
        self.iterations = iterations
        self.items_: NDArray[np.float32] = np.zeros((0, factors), np.float32)
        self.rarity_: NDArray[np.float32] = np.ones(0, np.float32)
        """(n_items,) :math:`(\bar n / n_i)^b`."""
        self.friends_: NDArray[np.float32] = np.zeros((0, factors), np.float32)
        """(n_residents, factors) of residents as columns; no rows where there are no ties."""
        self.ties_: CSR = empty_csr(0, 0)
        self._gram: NDArray[np.float32] = np.zeros((factors, factors), np.float32)

    def fit(self, view: View, *, seed: int) -> Self:
        """Factorise the columns; the residents' own factors are thrown away."""
        n, columns = view.n_items, view.interactions
        people = np.maximum(np.bincount(columns.indices, minlength=n), 1)
        mean = people[columns.indices].mean() if columns.nnz else 1.0
        self.rarity_ = ((mean / people) ** self.exponent).astype(np.float32)
        columns = (columns @ sp.diags_array(self.rarity_)).tocsr()
        self.ties_ = view.ties if self.ties and view.ties.nnz else empty_csr(0, 0)
        if self.ties_.nnz:
            scaled = self.ties_ * np.float32(self.ties)
            columns = cast("CSR", sp.hstack([columns, scaled], format="csr", dtype=np.float32))
        factors = self._factorise(columns, seed)
        self.items_, self.friends_ = factors[:n].copy(), factors[n:].copy()
        return self._prepare()

    def _factorise(self, X: CSR, seed: int) -> NDArray[np.float32]:
        """Factors of the columns, 0 for the empty ones."""
        if X.nnz == 0:
            return np.zeros((X.shape[1], self.factors), np.float32)
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
        factors = np.ascontiguousarray(model.item_factors, np.float32)
        factors[np.bincount(X.indices, minlength=X.shape[1]) == 0] = 0.0
        return factors

    def _prepare(self) -> Self:
        gram = self.items_.T @ self.items_ + self.friends_.T @ self.friends_
        self._gram = gram + np.float32(self.regularization) * np.eye(self.factors, dtype=np.float32)
        return self

    def fold_in(self, query: Query) -> NDArray[np.float32]:
        """Solve for the factors of each resident of the batch, (b, factors)."""
        out = np.zeros((len(query), self.factors), np.float32)
        for row in range(len(query)):
            own, values = self._columns(query, row)
            if not len(own):
                continue
            extra = np.float32(self.alpha) * values
            normal = self._gram + (own.T * extra) @ own
            out[row] = _solved(normal, own.T @ (1.0 + extra))
        return out

    def _columns(self, query: Query, row: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Factors and values of what is known of one resident: items done, friends."""
        items, values = row_of(query.history, row)
        if len(self.items_) < query.history.shape[1]:
            fitted = items < len(self.items_)
            items, values = items[fitted], values[fitted]
        own, values = self.items_[items], values * self.rarity_[items]
        friends, strength = tied_to(self.ties_, query, row)
        if not len(friends):
            return own, values
        own = np.concatenate([own, self.friends_[friends]])
        return own, np.concatenate([values, np.float32(self.ties) * strength])

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Multiply folded-in residents with item factors."""
        residents = self.fold_in(query)
        n = len(query.items)
        if candidates is None:
            return pick(residents @ self.items_.T, None, n)
        return residents @ rows_for(self.items_, candidates, n).T

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: a factor has no name."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the factors of items and friends, and the ties."""
        return {
            "items": self.items_,
            "rarity": self.rarity_,
            "friends": self.friends_,
            **csr_arrays("ties", self.ties_),
        }

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {
            "factors": self.factors,
            "regularization": self.regularization,
            "alpha": self.alpha,
            "exponent": self.exponent,
            "ties": self.ties,
            "iterations": self.iterations,
        }

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(
            factors=int(config["factors"]),
            regularization=float(config["regularization"]),
            alpha=float(config["alpha"]),
            exponent=float(config["exponent"]),
            ties=float(config["ties"]),
            iterations=int(config["iterations"]),
        )
        scorer.items_ = np.asarray(arrays["items"], np.float32)
        scorer.rarity_ = np.asarray(arrays["rarity"], np.float32)
        scorer.friends_ = np.asarray(arrays["friends"], np.float32)
        scorer.ties_ = csr_from_arrays("ties", arrays)
        return scorer._prepare()


def _solved(normal: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float32]:
    """Solve normal equations by Cholesky, as they are positive definite."""
    _, found, info = scipy.linalg.lapack.sposv(normal, right, overwrite_a=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"normal equations are not positive definite (info {info})")
    return np.asarray(found, np.float32)
