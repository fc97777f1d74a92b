r"""What people who live nearby do, shrunk to what everybody does.

.. math::

    P(i \mid h) = \frac{\sum_c K(d_{hc})\, n_{ci} + k\, p_i}{\sum_c K(d_{hc})\, n_c + k},
    \qquad K(d) = \frac{1}{1 + (d / b)^2}

over cells :math:`c` of homes, with :math:`n_{ci}` the interactions of cell c with item i, each
weighted by a power of its resident's history length. It serves residents without any history.
"""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, View, empty_csr
from recommender.base import Evidence, Query
from recommender.scorers.matrix import (
    Arrays,
    Config,
    csr_arrays,
    csr_from_arrays,
    distance_km,
    pick,
)

__all__ = ["NearHomeScorer"]

MAX_CELLS = 8192
_STEPS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
"""Degrees to which homes are rounded: the finest that leaves at most ``MAX_CELLS`` places."""


def _cells(home: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return (distinct places, place of each home), coarser until they are few."""
    for step in _STEPS:
        places = np.round(home / step) * np.float32(step) if step else home
        cells, index = np.unique(places, axis=0, return_inverse=True)
        if len(cells) <= MAX_CELLS:
            return cells.astype(np.float32), index.reshape(-1).astype(np.int64)
    return cells[:0].astype(np.float32), index[:0].astype(np.int64)  # pragma: no cover


class NearHomeScorer:
    """Popularity near home.

    Parameters
    ----------
    bandwidth_km : float
        Distance at which a home counts half.
    prior : float
        Interactions that the whole city is worth; larger is less local.
    history_power : float
        An interaction of a resident with n of them counts ``n ** history_power``.
    """

    name: ClassVar[str] = "near"

    def __init__(
        self, bandwidth_km: float = 2.0, prior: float = 200.0, history_power: float = 0.5
    ) -> None:
        self.bandwidth_km = bandwidth_km
        self.prior = prior
        self.history_power = history_power
        self.cells_: NDArray[np.float32] = np.zeros((0, 2), np.float32)
        self.counts_: CSR = empty_csr(0, 0)
        """(n_items, n_cells): by item, as candidates are picked."""
        self.share_: NDArray[np.float32] = np.zeros(0, np.float32)
        self._totals: NDArray[np.float32] = np.zeros(0, np.float32)

    def fit(self, view: View, *, seed: int) -> Self:
        """Count interactions per cell of homes."""
        X, n = view.interactions, view.n_items
        lengths = np.diff(X.indptr)
        rows = np.repeat(np.arange(view.n_residents), lengths)
        value = X.data * np.maximum(lengths, 1)[rows].astype(np.float64) ** self.history_power
        total = np.bincount(X.indices, weights=value, minlength=n)
        self.share_ = ((total + 1.0) / max(total.sum() + n, 1.0)).astype(np.float32)
        living = np.isfinite(view.home).all(axis=1) & (lengths > 0)
        cells, index = _cells(view.home[living])
        cell = np.full(view.n_residents, -1, np.int64)
        cell[living] = index
        known = cell[rows] >= 0
        counts = sp.coo_array(
            (value[known], (X.indices[known], cell[rows][known])), shape=(n, len(cells))
        ).tocsr()
        counts.sum_duplicates()
        self.cells_, self.counts_ = cells, cast("CSR", counts.astype(np.float32))
        return self._prepare()

    def _prepare(self) -> Self:
        self._totals = np.asarray(self.counts_.sum(axis=0), np.float32).reshape(-1)
        return self

    def _kernel(self, home: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weight of every cell for each home, (b, n_cells); 0 without a home."""
        out = np.zeros((len(home), len(self.cells_)), np.float32)
        for row, (lat, lon) in enumerate(home):
            if np.isfinite(lat) and np.isfinite(lon):
                d = distance_km(float(lat), float(lon), self.cells_[:, 0], self.cells_[:, 1])
                out[row] = 1.0 / (1.0 + (d / np.float32(self.bandwidth_km)) ** 2)
        return out

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Score by the centred log of the local share; the city's share without a home."""
        n = len(self.share_)
        if n == 0:
            return pick(np.zeros((len(query), 0), np.float32), candidates, len(query.items))
        asked = np.arange(n) if candidates is None else candidates[candidates < n]
        share = self.share_[asked]
        kernel = self._kernel(query.home)
        local = (self.counts_[asked] @ kernel.T).T
        whole = (kernel @ self._totals)[:, None]
        blended = (local + np.float32(self.prior) * share) / (whole + np.float32(self.prior))
        scores = (np.log(blended) - np.log(self.share_).mean()).astype(np.float32)
        if candidates is None:
            return pick(scores, None, len(query.items))
        out = np.zeros((len(query), len(candidates)), np.float32)
        out[:, candidates < n] = scores
        return out

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: who lives nearby does what is not for telling."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return cells, counts and shares."""
        return {"cells": self.cells_, "share": self.share_, **csr_arrays("counts", self.counts_)}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {
            "bandwidth_km": self.bandwidth_km,
            "prior": self.prior,
            "history_power": self.history_power,
        }

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(
            bandwidth_km=float(config["bandwidth_km"]),
            prior=float(config["prior"]),
            history_power=float(config["history_power"]),
        )
        scorer.cells_ = np.asarray(arrays["cells"], np.float32)
        scorer.share_ = np.asarray(arrays["share"], np.float32)
        scorer.counts_ = csr_from_arrays("counts", arrays)
        return scorer._prepare()
