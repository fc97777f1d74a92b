r"""From the scores of the parts to one score, with what each part contributed.

.. math:: s_{ui} = \sum_p w_{p,h(u)} \frac{x_{pui} - \bar x_{pu}}{\max(\sigma_{pu}, f_p)}

Scores are standardised per resident over the scored candidates. The floor f keeps a part that
hardly tells candidates apart from being blown up to the size of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["HISTORY_BUCKETS", "Blend", "history_bucket", "standardise"]

HISTORY_BUCKETS = ("0", "1-3", "4+")
"""Lengths of history that have weights of their own."""

_MIN_FLOOR = 1e-6


def history_bucket(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index into :data:`HISTORY_BUCKETS` for each length of history."""
    return np.digitize(lengths, (1, 4)).astype(np.int64)


def standardise(
    scores: NDArray[np.float32],
    floor: float | NDArray[np.float64],
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Centre and scale each row over its candidates.

    Parameters
    ----------
    scores : NDArray[float32], (..., n_candidates)
    floor : float or NDArray[float64]
        Smallest standard deviation to divide by; an array is broadcast against ``(..., 1)``.
    mask : NDArray[bool], (..., n_candidates), optional
        Entries that are no candidates; they count for nothing and get 0.
    """
    wide = scores.astype(np.float64)
    if wide.shape[-1] == 0:
        return wide
    if mask is None:
        centred = wide - wide.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True))
    else:
        count = np.maximum((~mask).sum(axis=-1, keepdims=True), 1)
        mean = np.where(mask, 0.0, wide).sum(axis=-1, keepdims=True) / count
        centred = np.where(mask, 0.0, wide - mean)  # several times as fast as where= in the sums
        spread = np.sqrt(np.sum(centred * centred, axis=-1, keepdims=True) / count)
    out: NDArray[np.float64] = centred / np.maximum(spread, np.maximum(floor, _MIN_FLOOR))
    return out


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights of the parts, by length of history."""

    weights: Mapping[str, tuple[float, float, float]]
    """By scorer name: one weight for each of :data:`HISTORY_BUCKETS`."""
    floors: Mapping[str, float] = field(default_factory=dict)
    """By scorer name: smallest standard deviation to divide by."""

    def contributions(
        self,
        parts: Mapping[str, NDArray[np.float32]],
        lengths: NDArray[np.int64],
        mask: NDArray[np.bool_] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Weigh each part; the sum over parts is the score, exactly.

        Parameters
        ----------
        parts : mapping of name to NDArray[float32], (b, n_candidates)
        lengths : NDArray[int64], (b,)
            Items in each resident's history.
        mask : NDArray[bool], (b, n_candidates), optional
            Entries that are no candidates.
        """
        silent = {name: np.zeros(part.shape) for name, part in parts.items() if not part.any()}
        said = {name: part for name, part in parts.items() if name not in silent}
        if not said:
            return silent
        floors = np.array([self.floors.get(name, 0.0) for name in said])[:, None, None]
        weights = np.array([self.weights[name] for name in said])[:, history_bucket(lengths), None]
        weighed = standardise(np.stack(list(said.values())), floors, mask) * weights
        found = {**silent, **dict(zip(said, weighed, strict=True))}
        return {name: found[name] for name in parts}
