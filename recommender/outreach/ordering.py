"""The order of a worker's list: most probable first, and no group of people left behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fair_order"]

_SMALLEST = 20
"""Groups smaller than this are taken together: their share would be a matter of luck."""


def fair_order(
    probability: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Order residents so that whoever stops anywhere has found the same share of every group.

    The next place goes to the group of whose isolated people the smallest share is probably
    found so far; inside a group the most probable come first. What that costs in all found is
    printed by ``bench/outreach.py`` beside the plain order, which comes of leaving groups out.

    Parameters
    ----------
    probability : NDArray[float64], (n,)
    groups : NDArray[int64], (n,), optional
        Any numbers.

    Returns
    -------
    NDArray[int64], (n,)
        Rows; ties by row number.

    References
    ----------
    Hardt, Price and Srebro (2016), Equality of opportunity in supervised learning.
    """
    plain = np.argsort(-probability, kind="stable")
    if groups is None or not len(plain):
        return plain
    _, label, size = np.unique(groups, return_inverse=True, return_counts=True)
    label = np.where(size[label] < _SMALLEST, -1, label)
    queues = [plain[label[plain] == group] for group in np.unique(label)]
    shares = []
    for rows in queues:
        p = np.maximum(probability[rows], 1e-12)
        shares.append((np.cumsum(p) - p / 2) / p.sum())  # found once this place is half taken
    whole, share = np.concatenate(queues), np.concatenate(shares)
    return np.asarray(whole[np.lexsort((whole, share))])
