"""Graphs with known groups, for tests and benches: degrees and group sizes follow power laws.

In the manner of the LFR benchmark (Lancichinetti, Fortunato, Radicchi 2008), by pairing stubs: each
vertex has a share `mixing` of its ties outside its group. Ties that would repeat are dropped (a few
per cent), so degrees are a little below what was asked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = ["changed_night", "difference", "planted_graph", "power_law", "symmetric"]

Rows = NDArray[np.int32]


def power_law(
    rng: np.random.Generator, n: int, low: float, high: float, exponent: float
) -> NDArray[np.float64]:
    """Draw n values between low and high with density proportional to value ** -exponent."""
    a, b = low ** (1 - exponent), high ** (1 - exponent)
    return (a + (b - a) * rng.random(n)) ** (1 / (1 - exponent))


def symmetric(n: int, one: Rows, other: Rows) -> csr_array:
    """Return the graph of these ties, each of weight 1; repeated ones and loops are dropped."""
    keep = one != other
    low, high = np.minimum(one, other)[keep], np.maximum(one, other)[keep]
    ties = np.unique(low.astype(np.int64) * n + high)
    low, high = (ties // n).astype(np.int32), (ties % n).astype(np.int32)
    rows, columns = np.concatenate([low, high]), np.concatenate([high, low])
    return csr_array((np.ones(rows.size, np.float32), (rows, columns)), shape=(n, n))


def planted_graph(
    rng: np.random.Generator, n: int, *, mixing: float, mean_degree: float = 20.0
) -> tuple[csr_array, Rows]:
    """Make a graph of groups of 30 to 300; exponents 2.5 for degrees, 1.5 for sizes.

    Returns
    -------
    (csr_array (n, n), NDArray[int32] (n,))
        The graph and the group of each vertex.
    """
    degree = power_law(rng, n, mean_degree * 0.45, mean_degree * 5, 2.5)
    degree *= mean_degree / degree.mean()
    sizes = power_law(rng, n // 30 + 1, 30, 300, 1.5).astype(np.int64)
    last = int(np.searchsorted(np.cumsum(sizes), n))
    sizes = sizes[: last + 1]
    sizes[-1] -= sizes.sum() - n
    truth = np.repeat(np.arange(sizes.size), sizes).astype(np.int32)
    if sizes[-1] < 30 and sizes.size > 1:
        truth[truth == sizes.size - 1] = sizes.size - 2
    truth = rng.permutation(truth)
    inside = stochastic_round(rng, degree * (1 - mixing))
    outside = stochastic_round(rng, degree * mixing)
    stubs = np.repeat(np.arange(n, dtype=np.int32), inside)
    stubs = stubs[np.lexsort((rng.random(stubs.size), truth[stubs]))]
    across = rng.permutation(np.repeat(np.arange(n, dtype=np.int32), outside))
    one = np.concatenate([stubs[0:-1:2], across[0:-1:2]])
    other = np.concatenate([stubs[1::2], across[1::2]])
    return symmetric(n, one, other), truth


def stochastic_round(rng: np.random.Generator, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round up with the probability of the part behind the point."""
    return np.floor(values + rng.random(values.size)).astype(np.int64)


def changed_night(
    graph: csr_array, truth: Rows, rng: np.random.Generator, *, share: float
) -> tuple[csr_array, Rows]:
    """Split group 0, merge 1 into 2, scatter 3, let 40 newcomers meet, rewire a share of ties.

    Returns
    -------
    (csr_array (n + 40, n + 40), NDArray[int32] (n + 40,))
        The graph of the next night, and its groups; those of group 3 stay named so.
    """
    n = graph.shape[0]
    one = np.repeat(np.arange(n, dtype=np.int32), np.diff(graph.indptr))
    other = graph.indices.copy()
    one, other = one[one < other], other[one < other]
    moved = rng.random(one.size) < share
    other[moved] = rng.integers(0, n, int(moved.sum()))
    cut = (truth[one] == 0) & (truth[other] == 0) & (one % 2 != other % 2)
    cut |= (truth[one] == 3) & (truth[other] == 3)
    first, second = np.flatnonzero(truth == 1), np.flatnonzero(truth == 2)
    newcomers = np.arange(n, n + 40)
    one = np.concatenate([one[~cut], rng.choice(first, 900), rng.choice(newcomers, 400)])
    other = np.concatenate([other[~cut], rng.choice(second, 900), rng.choice(newcomers, 400)])
    now = np.concatenate([truth, np.full(40, truth.max() + 2)]).astype(np.int32)
    now[:n][(truth == 0) & (np.arange(n) % 2 == 1)] = truth.max() + 1
    now[now == 1] = 2
    return symmetric(n + 40, one.astype(np.int32), other.astype(np.int32)), now


def difference(after: csr_array, before: csr_array) -> csr_array:
    """Return ties after minus ties before, only those that changed; newcomers had none."""
    padded = before.copy()
    padded.resize(after.shape)
    changes = csr_array(after - padded)
    changes.eliminate_zeros()
    return changes
