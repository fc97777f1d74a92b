"""What the overlay must know of grants beyond the masks: when they end, and what a model knew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FirstExpiry", "Fitted"]


@dataclass(frozen=True, slots=True, eq=False)
class FirstExpiry:
    """When the first grant of each resident runs out, soonest first."""

    rows: NDArray[np.int64]
    times: NDArray[np.int64]

    @classmethod
    def of(cls, expires: NDArray[np.int64]) -> FirstExpiry:
        """Sort residents by the earliest of their expiries; those without grants are left out."""
        never = np.iinfo(np.int64).max
        first = np.where(expires > 0, expires, never).min(axis=1, initial=never)
        order = np.argsort(first, kind="stable")
        order = order[first[order] < never]
        return cls(order.astype(np.int64), first[order])


@dataclass(frozen=True, slots=True)
class Fitted:
    """Up to where a model knows what residents authorise."""

    epoch: int
    """Grant epoch it was fitted under."""
    at: int
    """Unix seconds when it was fitted."""
