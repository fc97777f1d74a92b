"""Circles inside neighbourhoods inside districts: one resolution for each, chosen by the ties."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from graph.measures.communities import levels, numbered
from graph.measures.resolution import Trial, share_wanted, sweep
from graph.view import CSR
from recommender.network.network import Scale

__all__ = ["SIZES", "SMALLEST", "communities_of"]

SIZES: Mapping[Scale, tuple[int, int]] = {
    Scale.CIRCLE: (8, 30),
    Scale.NEIGHBOURHOOD: (40, 300),
    Scale.DISTRICT: (400, 4_000),
}
"""Members that a community of each scale should have."""
SMALLEST = 3
"""Fewer members than this are no community."""
_STEP = 1.7
"""Factor between the resolutions that are tried."""
_DENSEST = 0.5
"""Highest resolution tried, in mean strengths per member of the smallest circle."""

Labels = NDArray[np.int32]


def communities_of(ties: CSR, *, seed: int) -> dict[Scale, Labels]:
    """Find communities at the three scales; each is connected and lies inside one of the next.

    Parameters
    ----------
    ties : csr_array, (n, n)
        As :func:`graph.measures.communities.checked` wants them.
    seed : int

    Returns
    -------
    dict of Scale to NDArray[int32], (n,)
        Numbers 0..k-1; -1 for members of communities of fewer than three.
    """
    if not ties.nnz:
        return {scale: np.full(ties.shape[0], -1, np.int32) for scale in Scale}
    tried = sweep(ties, rng=np.random.default_rng(seed), tried=_ladder(ties))
    chosen = _falling(tried)
    found = levels(ties, chosen, rng=np.random.default_rng(seed))
    return {scale: _named(labels) for scale, labels in zip(Scale, found, strict=True)}


def _ladder(ties: CSR) -> list[float]:
    """Return rising resolutions, from the density of a whole district to that of a small circle."""
    tied = int((np.diff(ties.indptr) > 0).sum())
    strength = float(ties.sum(dtype=np.float64)) / tied
    last = _DENSEST * strength / SIZES[Scale.CIRCLE][0]
    first = strength / (4 * SIZES[Scale.DISTRICT][1])
    steps = int(np.ceil(np.log(last / first) / np.log(_STEP)))
    return [first * _STEP**step for step in range(steps + 1)]


def _falling(tried: list[Trial]) -> list[float]:
    """Choose for each scale the best trial, each below the one before."""
    chosen: list[float] = []
    for scale, still in zip(Scale, reversed(range(len(Scale))), strict=True):
        below = list(takewhile(lambda t: not chosen or t.resolution < chosen[-1], tried))
        best = max(below[still:], key=lambda t: _fit(t, scale))  # the first ones are for the others
        chosen.append(best.resolution)
    return chosen


def _fit(trial: Trial, scale: Scale) -> float:
    return trial.stability * trial.separation * share_wanted(trial.labels, SIZES[scale])


def _named(labels: Labels) -> Labels:
    sizes = np.bincount(labels)
    kept = np.where(sizes[labels] >= SMALLEST, labels, -1).astype(np.int32)
    out = np.full(len(labels), -1, np.int32)
    out[kept >= 0] = numbered(kept[kept >= 0])[0]
    return out
