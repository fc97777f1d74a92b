r"""A filter on the graph of residents and items: item to resident to item, and an ideal low pass.

.. math::

    s = h \left( R^T R + w\, V_f V_f^T \right) D_i^{1/2 - c},
    \qquad R = D_u^{-1/2} X D_i^{-1/2}, \quad h = x D_i^{-1/2}

for the history x of the resident asking, with the degrees D, each raised by :math:`\beta`, and the
first f right singular vectors V of R. The first term walks from own items to the people who share
them and on to what they do; the second keeps the slow directions of the graph, which carry where
histories are short. c says how much popularity counts against an item; :math:`\beta` keeps items of
few people from making directions of their own.

References
----------
Y. Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM 2021 (GF-CF: the two
terms, with c fixed). H.-M. Fu et al., "Revisiting Neighborhood-based Link Prediction for
Collaborative Filtering", WWW 2022 (LinkProp: free exponents of the degrees). S. Peng et al., "How
Powerful is Graph Filtering for Recommendation", KDD 2024 (SGFCF: raised degrees).
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, View, empty_csr
from recommender.base import Evidence, Query, ReasonCode
from recommender.evaluation.splits import cell_hash
from recommender.scorers.item_item import CITABLE
from recommender.scorers.matrix import (
    Arrays,
    Config,
    csr_arrays,
    csr_from_arrays,
    pick,
    row_of,
    rows_of,
    sum_of_rows,
    with_width,
)

__all__ = ["SpectralScorer", "first_singular"]

_ITERATIONS = 3
"""Of the power iteration: the filter needs the subspace, not its exact vectors."""


def first_singular(X: CSR, factors: int, *, seed: int) -> NDArray[np.float32]:
    """Right singular vectors of the largest singular values, by block power iteration.

    Parameters
    ----------
    X : csr_array, (n_rows, n_columns), float32
    factors : int
    seed : int

    Returns
    -------
    NDArray[float32], (n_columns, factors)
        Orthonormal, largest first; columns of 0 where X has no such direction.

    References
    ----------
    N. Halko, P.-G. Martinsson, J. Tropp, "Finding Structure with Randomness", SIAM Review 2011,
    algorithm 4.4.
    """
    out = np.zeros((X.shape[1], factors), np.float32)
    width = min(factors + max(16, factors // 8), *X.shape)
    if width == 0 or X.nnz == 0:
        return out
    back = X.T.tocsr()
    start = np.random.default_rng(seed).standard_normal((X.shape[0], width), dtype=np.float32)
    basis = np.linalg.qr(back @ start)[0]
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(back @ (X @ basis))[0]
    image = (X @ basis).astype(np.float64)
    values, turn = np.linalg.eigh(image.T @ image)
    first = np.argsort(-values, kind="stable")[:factors]
    first = first[values[first] > 1e-6 * values.max()]
    out[:, : len(first)] = basis @ turn[:, first].astype(np.float32)
    return out


def _capped(X: CSR, most: int, seed: int) -> CSR:
    """Let at most so many residents stand for an item, hashed, each for as many as it must."""
    by_item = X.T.tocsr()
    counts = np.diff(by_item.indptr).astype(np.int64)
    if counts.max(initial=0) <= most:
        return X
    item = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    order = np.lexsort((cell_hash(by_item.indices.astype(np.int64), item, seed), item))
    rank = np.empty(len(item), np.int64)
    rank[order] = np.arange(len(item)) - by_item.indptr[item[order]]
    keep = rank < most
    value = by_item.data * np.maximum(counts / most, 1.0)[item].astype(np.float32)
    cells = (value[keep], (by_item.indices[keep], item[keep]))
    return sp.coo_array(cells, shape=X.shape).tocsr()


class SpectralScorer:
    r"""What people who share one's items do, smoothed over the graph.

    Parameters
    ----------
    exponent : float
        c, 0 to 1: how much popularity counts against an item.
    factors : int
        f; 0 leaves the low pass out.
    low_pass : float
        w.
    smoothing : float
        :math:`\beta`.
    most_people : int
        Residents that stand for one item at most, so that a request does bounded work.
    """

    name: ClassVar[str] = "spectral"

    def __init__(
        self,
        exponent: float = 0.4,
        factors: int = 64,
        low_pass: float = 0.3,
        smoothing: float = 4.0,
        most_people: int = 2000,
    ) -> None:
        self.exponent = exponent
        self.factors = factors
        self.low_pass = low_pass
        self.smoothing = smoothing
        self.most_people = most_people
        self.people_: CSR = empty_csr(0, 0)
        """(n_items, n_residents): R transposed, as one request reads it."""
        self.degree_: NDArray[np.float32] = np.zeros(0, np.float32)
        self.basis_: NDArray[np.float32] = np.zeros((0, factors), np.float32)
        self._items: CSR | None = None

    def fit(self, view: View, *, seed: int) -> Self:
        """Scale the interactions by the degrees; find the slow directions."""
        X = view.interactions
        items, residents = (_raised(X.sum(axis=a), self.smoothing) for a in (0, 1))
        self.degree_ = items
        left, right = sp.diags_array(_power(residents, -0.5)), sp.diags_array(_power(items, -0.5))
        scaled = (left @ _capped(X, self.most_people, seed) @ right).tocsr()
        self.people_ = scaled.T.tocsr().astype(np.float32)
        self.basis_ = first_singular(scaled, self.factors, seed=seed)
        return self._prepare()

    def _prepare(self) -> Self:
        self._in = _power(self.degree_, -0.5)
        self._out = _power(self.degree_, 0.5 - self.exponent)
        self._items = None
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Pass the histories through the filter."""
        if len(query) == 1 and candidates is not None:
            return self._score_one(query, candidates)
        history = with_width(query.history, len(self.degree_))
        own = (history @ sp.diags_array(self._in)).tocsr()
        shared = (own @ self.people_).tocsr()
        if len(query.masked):
            shared.data[np.isin(shared.indices, query.masked)] = 0.0
        if self._items is None:
            self._items = self.people_.T.tocsr()
        scores = (shared @ self._items).toarray()
        scores += np.float32(self.low_pass) * ((own @ self.basis_) @ self.basis_.T)
        return pick(scores * self._out, candidates, len(query.items))

    def _score_one(self, query: Query, candidates: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read only the rows of the own items and of the candidates."""
        out = np.zeros((1, len(candidates)), np.float32)
        own, confidence = self._own(query)
        known = candidates < len(self.degree_)
        asked = candidates[known]
        if not len(own) or not len(asked):
            return out
        own_side = confidence * self._in[own]
        shared = sum_of_rows(self.people_, own, own_side)
        shared[query.masked[query.masked < len(shared)]] = 0.0
        owner, people, value = rows_of(self.people_, asked)
        scores = np.bincount(owner, weights=value * shared[people], minlength=len(asked))
        slow = self.basis_[asked] @ (own_side @ self.basis_[own])
        out[0, known] = (scores + self.low_pass * slow) * self._out[asked]
        return out

    def _own(self, query: Query) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        items, confidence = row_of(query.history, 0)
        fitted = items < len(self.degree_)
        return items[fitted], confidence[fitted]

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite the own item that speaks loudest for this one, if somebody did both."""
        own, confidence = self._own(query)
        usable = (confidence >= CITABLE) & (own != candidate)
        if candidate >= len(self.degree_) or not usable.any():
            return None
        own, confidence = own[usable], confidence[usable]
        weight = np.zeros(self.people_.shape[1], np.float32)
        people, value = row_of(self.people_, candidate)
        weight[people] = value
        weight[query.masked[query.masked < len(weight)]] = 0.0
        owner, people, value = rows_of(self.people_, own)
        shared = np.bincount(owner, weights=value * weight[people], minlength=len(own))
        slow = self.basis_[own] @ self.basis_[candidate]
        said = confidence * self._in[own] * (shared + self.low_pass * slow) * (shared > 0)
        best = int(np.argmax(said))
        if said[best] <= 0:
            return None
        return Evidence(ReasonCode.SIMILAR_TO_OWN, {"item": str(query.items.ids[own[best]])})

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return degrees, slow directions and who did what."""
        return {
            "degree": self.degree_,
            "basis": self.basis_,
            **csr_arrays("people", self.people_),
        }

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {
            "exponent": self.exponent,
            "factors": self.factors,
            "low_pass": self.low_pass,
            "smoothing": self.smoothing,
            "most_people": self.most_people,
        }

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again; of the slow directions fewer may be asked for."""
        scorer = cls(
            exponent=float(config["exponent"]),
            factors=int(config["factors"]),
            low_pass=float(config["low_pass"]),
            smoothing=float(config["smoothing"]),
            most_people=int(config["most_people"]),
        )
        scorer.degree_ = np.asarray(arrays["degree"], np.float32)
        scorer.basis_ = np.asarray(arrays["basis"], np.float32)[:, : scorer.factors]
        scorer.people_ = csr_from_arrays("people", arrays)
        return scorer._prepare()


def _raised(degree: NDArray[np.floating], smoothing: float) -> NDArray[np.float32]:
    """Add to the degrees; what has none stays without."""
    flat = np.asarray(degree, np.float64).reshape(-1)
    return np.where(flat > 0, flat + smoothing, 0.0).astype(np.float32)


def _power(degree: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    """Raise degrees to a power; 0 stays 0."""
    out = np.zeros(len(degree), np.float32)
    some = degree > 0
    out[some] = degree[some].astype(np.float64) ** exponent
    return out
