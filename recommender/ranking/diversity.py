"""A list of one thing is a poor list: greedy choice that makes repetition cost."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

__all__ = ["best", "take"]

Repeated = tuple[NDArray[np.integer], float]
"""Value of an attribute for each item (below 0 unknown), and what repeating it costs."""


def take(
    value: NDArray[np.float64],
    attributes: Sequence[Repeated],
    n: int,
) -> NDArray[np.int64]:
    r"""Take items one by one: maximal marginal relevance.

    At each place the item with the highest :math:`v_i - \sum_a \lambda_a \sqrt{n_a(i)}` is taken,
    where :math:`n_a(i)` is how many taken items share its value of attribute a: the second of a
    kind costs more than the tenth, so that a resident of one taste keeps it. What is unknown is
    shared with nothing.

    What repeats only ever costs more as items are taken, so what an item was worth when last looked
    at is the most it can be worth now: only those that still lead are looked at again.

    Parameters
    ----------
    value : NDArray[float64], (m,)
        Ties go to the item that comes first.
    attributes : sequence of Repeated
    n : int
        Places to fill.

    Returns
    -------
    NDArray[int64], (min(n, m),)
        Positions, best first, no repeats.

    References
    ----------
    J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering
    documents and producing summaries", SIGIR 1998. H. Lin, J. Bilmes, "A class of submodular
    functions for document summarization", ACL 2011: the square root of what is covered.
    """
    taken: list[tuple[list[int], dict[int, int], float]] = [
        (values.tolist(), {}, cost) for values, cost in attributes if cost
    ]
    worth: list[float] = value.tolist()
    leading = [(-most, at) for at, most in enumerate(worth)]
    heapify(leading)
    out: list[int] = []
    while leading and len(out) < n:
        before, at = leading[0]
        now = -worth[at]
        for values, count, cost in taken:
            now += cost * sqrt(count.get(values[at], 0))
        if now > before:
            heapreplace(leading, (now, at))
            continue
        heappop(leading)
        out.append(at)
        for values, count, _ in taken:
            if values[at] >= 0:
                count[values[at]] = count.get(values[at], 0) + 1
    return np.array(out, np.int64)


def best(scores: NDArray[np.float32], candidates: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Positions of the n best, best first, ties by item row."""
    if len(scores) > n:
        edge = np.partition(scores, len(scores) - n)[len(scores) - n]
        at = np.flatnonzero(scores >= edge)
    else:
        at = np.arange(len(scores))
    return at[np.lexsort((candidates[at], -scores[at]))][:n]
