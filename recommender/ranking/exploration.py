"""One place of a list given away by lot, so that it can be learnt what else would have done.

Whoever only ever shows what the model likes learns nothing about the rest. So with a small
probability the last place goes to one of the next candidates instead; all others stand where the
model put them. The lot is drawn once per (resident, day, model): a reload changes nothing, and
the probability of what is shown is known exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.splits import cell_hash

__all__ = ["NEXT", "explored", "lot"]

NEXT = 5
"""Candidates behind the list that may get its last place."""
_LEAST = 5
"""Shorter lists are left alone: there the last place is near the top."""
_DAY = 86_400


def lot(row: int, now: int, model_id: str) -> float:
    """Draw the lot of one resident for one day and one model, in [0, 1).

    Parameters
    ----------
    row : int
        Resident row.
    now : int
        Unix seconds.
    model_id : str
        Hexadecimal, as artifacts are named; empty before a model was saved.
    """
    salt = int(model_id or "0", 16)
    hashed = cell_hash(np.array([row], np.int64), np.array([now // _DAY], np.int64), salt)
    return float(hashed[0] >> np.uint64(11)) / 2**53


def explored(
    places: NDArray[np.int64], n: int, *, weight: float, drawn: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the last of n places away, or leave it, as the lot says.

    Parameters
    ----------
    places : NDArray[int64], (m,)
        Best first; those from n on are not shown otherwise.
    n : int
        Places of the list.
    weight : float
        Probability that the last place is given away, 0 to 1. Nothing is where nobody is next.
    drawn : float
        The lot, uniform in [0, 1).

    Returns
    -------
    places : NDArray[int64], (min(n, m),)
    propensities : NDArray[float64], (min(n, m),)
        Probability of each at its place, over the lots.
    """
    taken = places[:n].copy()
    propensities = np.ones(len(taken))
    behind = places[n : n + NEXT]
    if weight <= 0.0 or n < _LEAST or not len(behind):
        return taken, propensities
    if drawn < weight:
        taken[-1] = behind[int(drawn / weight * len(behind))]
        propensities[-1] = weight / len(behind)
    else:
        propensities[-1] = 1.0 - weight
    return taken, propensities
