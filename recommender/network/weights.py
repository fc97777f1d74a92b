"""How much each layer counts: chosen by who is met again.

A part of what residents took part in is hidden by hash of (row, item). A weight is good if those
whom a resident is tied to most strongly are those met in what was hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, View
from recommender.evaluation.splits import cell_hash, sample, without_cells
from recommender.network.layers import layers_of
from recommender.network.network import Layer

__all__ = ["PRIORS", "Meetings", "tuned"]

PRIORS: Mapping[Layer, float] = {
    Layer.OCCUPATION: 0.5,
    Layer.INTEREST: 1.0,
    Layer.NEED: 0.25,
    Layer.BUILDING: 0.5,
    Layer.ATTENDANCE: 1.0,
    Layer.HELP: 0.5,
    Layer.OBSERVED: 1.0,
}
"""Weights where too few meet again to tell."""

_LEAST_OBSERVED = 0.5
"""What residents said themselves is never overruled by whom they meet."""
_TRIED = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
_ROUNDS = 2
_HIDDEN = 5
"""One in so many interactions is hidden."""
_TOP = 10
_MOST_ASKED, _LEAST_ASKED = 2_000, 100
_CROWD = 100
"""More than so many in something hidden do not meet each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Those tied to some residents, by layer, and who of them is met in what was hidden."""

    owner: NDArray[np.int64]
    """(ties,) which of the residents asked about, ascending."""
    layers: tuple[Layer, ...]
    strength: NDArray[np.float32]
    """(ties, layers)"""
    met: NDArray[np.bool_]
    """(ties,)"""

    @classmethod
    def of(cls, view: View, *, seed: int) -> Self:
        """Hide one in five interactions, and tie residents by the others."""
        X, n = view.interactions, view.n_residents
        owner = np.repeat(np.arange(n, dtype=np.int64), np.diff(X.indptr))
        hashes = cell_hash(owner, X.indices.astype(np.int64), seed)
        cut = without_cells(view, hashes % np.uint64(_HIDDEN) == 0)
        layers = layers_of(cut.view)
        together = _small(cut.hidden)
        met = (together @ together.T).tocsr()
        meeting = np.flatnonzero(np.diff(met.indptr) > 1).astype(np.int64)  # oneself is one
        rows = sample(meeting, _MOST_ASKED, seed)
        keys = [_pairs(ties[rows]) for ties in layers.values()]
        union = np.unique(np.concatenate([np.empty(0, np.int64), *keys]))
        strength = np.zeros((len(union), len(layers)), np.float32)
        for column, (key, ties) in enumerate(zip(keys, layers.values(), strict=True)):
            strength[np.searchsorted(union, key), column] = ties[rows].data
        return cls(union // n, tuple(layers), strength, np.isin(union, _pairs(met[rows])))

    def precision(self, weights: Mapping[Layer, float]) -> NDArray[np.float64]:
        """Share of the ten strongest who are met, for each resident who meets somebody tied."""
        total = self.strength @ np.array([weights[layer] for layer in self.layers], np.float32)
        order = np.lexsort((-total, self.owner))
        owner, met = self.owner[order], self.met[order]
        first = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
        rank = np.arange(len(owner)) - np.flatnonzero(first)[np.cumsum(first) - 1]
        hits = np.bincount(owner, met & (rank < _TOP))
        return hits[np.bincount(owner, met) > 0] / _TOP


def _pairs(matrix: CSR) -> NDArray[np.int64]:
    """Return the numbers of the pairs that have an entry, ascending."""
    matrix.sort_indices()
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return cast("NDArray[np.int64]", rows * matrix.shape[1] + matrix.indices)


def _small(hidden: CSR) -> CSR:
    """Leave out what a crowd took part in."""
    crowd = np.bincount(hidden.indices, minlength=hidden.shape[1])
    return (hidden @ sp.diags_array((crowd <= _CROWD).astype(np.float32))).tocsr()


def tuned(view: View, *, seed: int) -> dict[Layer, float]:
    """Choose weights by coordinate ascent from the priors; those stand where few meet again.

    Returns
    -------
    dict of Layer to float
        Every layer has one, also those that tie nobody here.
    """
    meetings = Meetings.of(view, seed=seed)
    weights = dict(PRIORS)
    best = meetings.precision(weights)
    if len(best) < _LEAST_ASKED:
        return weights
    for _ in range(_ROUNDS):
        for layer in meetings.layers:
            for value in _TRIED:
                if layer is Layer.OBSERVED and value < _LEAST_OBSERVED:
                    continue
                trial = {**weights, layer: value}
                found = meetings.precision(trial)
                if _better(found, best):
                    weights, best = trial, found
    return weights


def _better(found: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Tell whether a gain is more than noise."""
    gain = found - best
    return bool(gain.mean() > max(1e-4, 0.5 * gain.std() / len(gain) ** 0.5))
