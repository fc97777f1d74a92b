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
    scores: NDArray[np.floating],
    floor: float | NDArray[np.float64],
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Centre and scale each row over its candidates.

    Parameters
    ----------
    scores : NDArray[floating], (..., n_candidates)
    floor : float or NDArray[float64]
        Smallest standard deviation to divide by; an array is broadcast against ``(..., 1)``.
    mask : NDArray[bool], (..., n_candidates), optional
        Entries that are no candidates; they count for nothing and get 0.
    """
    out, scale = _centred(scores.astype(np.float64), floor, mask)
    out /= scale
    return out


def _centred(
    scores: NDArray[np.float64], floor: float | NDArray[np.float64], mask: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre scores in place; returns them and what to divide by, (..., 1)."""
    if mask is None:
        n = max(scores.shape[-1], 1)
        scores -= scores.sum(axis=-1, keepdims=True) / n
        squares = np.einsum("...i,...i->...", scores, scores)[..., None] / n
    else:
        count = np.maximum((~mask).sum(axis=-1, keepdims=True), 1)
        np.copyto(scores, 0.0, where=mask)  # several times as fast as where= in the sums
        scores -= scores.sum(axis=-1, keepdims=True) / count
        np.copyto(scores, 0.0, where=mask)
        squares = np.einsum("...i,...i->...", scores, scores)[..., None] / count
    return scores, np.maximum(np.sqrt(squares), np.maximum(floor, _MIN_FLOOR))


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights of the parts, by length of history."""

    weights: Mapping[str, tuple[float, float, float]]
    """By scorer name: one weight for each of :data:`HISTORY_BUCKETS`."""
    floors: Mapping[str, float] = field(default_factory=dict)
    """By scorer name: smallest standard deviation to divide by."""

    def speaking(self, lengths: NDArray[np.int64]) -> frozenset[str]:
        """Names of the parts that weigh something for any of these lengths of history."""
        buckets = set(history_bucket(lengths).tolist())
        return frozenset(
            name for name, weights in self.weights.items() if any(weights[b] for b in buckets)
        )

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
        if not parts:
            return {}
        floors = np.array([self.floors.get(name, 0.0) for name in parts])[:, None, None]
        weights = np.array([self.weights[name] for name in parts])[:, history_bucket(lengths), None]
        stacked = np.stack(list(parts.values()), dtype=np.float64)  # one copy, changed in place
        weighed, scale = _centred(stacked, floors, mask)
        weighed *= weights / scale
        return dict(zip(parts, weighed, strict=True))
