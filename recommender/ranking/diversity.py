"""A list of one thing is a poor list: greedy choice that makes repetition cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["best", "take"]

Repeated = tuple[NDArray[np.integer], float]
"""Value of an attribute for each item (below 0 unknown), and what each repetition costs."""


def take(
    value: NDArray[np.float64],
    attributes: Sequence[Repeated],
    group: NDArray[np.int64],
    *,
    n: int,
    per_group: int,
) -> NDArray[np.int64]:
    r"""Take items one by one: maximal marginal relevance.

    At each place the item with the highest :math:`v_i - \sum_a \lambda_a n_a(i)` is taken, where
    :math:`n_a(i)` is how many taken items share its value of attribute a. What is unknown is
    shared with nothing. Costs O(items x n).

    Parameters
    ----------
    value : NDArray[float64], (m,)
        Ties go to the item that comes first.
    attributes : sequence of Repeated
    group : NDArray[int64], (m,)
    n : int
        Places to fill.
    per_group : int
        At most this many of one group are taken while others remain.

    Returns
    -------
    NDArray[int64], (min(n, m),)
        Positions, best first, no repeats.

    References
    ----------
    J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering
    documents and producing summaries", SIGIR 1998.
    """
    value = value.copy()
    left = np.ones(len(value), np.bool_)
    taken_of_group = np.zeros(len(value), np.int64)
    out = np.empty(max(min(n, len(value)), 0), np.int64)
    for place in range(len(out)):
        free = left & (taken_of_group < per_group)
        at = int(np.argmax(np.where(free if free.any() else left, value, -np.inf)))
        out[place] = at
        left[at] = False
        for values, cost in attributes:
            if values[at] >= 0:
                value[values == values[at]] -= cost
        taken_of_group += group == group[at]
    return out


def best(
    scores: NDArray[np.float32], candidates: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """Positions of the n best, best first, ties by item row."""
    if len(scores) > n:
        edge = np.partition(scores, len(scores) - n)[len(scores) - n]
        at = np.flatnonzero(scores >= edge)
    else:
        at = np.arange(len(scores))
    return at[np.lexsort((candidates[at], -scores[at]))][:n]
