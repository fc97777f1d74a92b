"""A list of one thing is a poor list: greedy choice that makes repetition cost."""

from __future__ import annotations

from collections.abc import Sequence

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
    shared with nothing. Takes O(items x n).

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
    left = value.copy()
    out = np.empty(max(min(n, len(value)), 0), np.int64)
    more = np.diff(np.sqrt(np.arange(len(out) + 1.0))).tolist()
    taken: list[dict[int, int]] = [{} for _ in attributes]
    for place in range(len(out)):
        at = int(np.argmax(left))
        out[place], left[at] = at, -np.inf
        for (values, cost), count in zip(attributes, taken, strict=True):
            shared = int(values[at])
            if shared >= 0 and cost:
                before = count.get(shared, 0)
                left[values == shared] -= cost * more[before]
                count[shared] = before + 1
    return out


def best(scores: NDArray[np.float32], candidates: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Positions of the n best, best first, ties by item row."""
    if len(scores) > n:
        edge = np.partition(scores, len(scores) - n)[len(scores) - n]
        at = np.flatnonzero(scores >= edge)
    else:
        at = np.arange(len(scores))
    return at[np.lexsort((candidates[at], -scores[at]))][:n]
