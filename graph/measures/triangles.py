"""Every triangle of the ties, once: what clustering, support and Burt's measures are made of.

Ties are directed from the resident with fewer ties to the one with more, so that nobody has many
outgoing ones (at most the root of twice the number of ties); each pair of outgoing ties is then
looked up. A triangle is met exactly once, and pairs are looked at in blocks, so memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["Triangles", "owners", "triangles"]

_PAIRS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Triangles:
    """What the triangles add up to, for each tie (once, in no order of note) and resident."""

    one: NDArray[np.integer]
    """(ties,) resident at one end."""
    other: NDArray[np.integer]
    """(ties,) resident at the other end."""
    weight: NDArray[np.float64]
    """(ties,) w_ij."""
    shared: NDArray[np.int64]
    """(ties,) residents whom both ends know."""
    through: NDArray[np.float64]
    """(ties,) sum of w_iq w_qj / s_q over those residents q, where s_q is the strength of q."""
    redundant: NDArray[np.float64]
    """(residents,) sum of w_iq w_jq / m_j over the tied pairs (j, q) of neighbours of i, in both
    orders, where m_j is the largest weight of j."""


@dataclass(frozen=True, slots=True, eq=False)
class _Directed:
    """Each tie once, numbered row by row; residents are named by their rank in number of ties."""

    order: NDArray[np.integer]
    """(residents,) the resident of each rank."""
    arc: NDArray[np.integer]
    """(ties,) where the tie stands in the CSR."""
    tail: NDArray[np.integer]
    """(ties,) rank of the end with fewer ties; the other is in the columns of `number`."""
    number: sp.csr_array
    """(residents, residents) one more than the number of the tie; nothing means no tie."""


def owners(matrix: sp.csr_array) -> NDArray[np.integer]:
    """Return the row of each entry, (entries,)."""
    rows = np.arange(matrix.shape[0], dtype=matrix.indices.dtype)
    return np.repeat(rows, np.diff(matrix.indptr))


def triangles(ties: sp.csr_array) -> Triangles:
    """Go through all triangles once, adding up what the measures need.

    Parameters
    ----------
    ties : csr_array, (n, n)
        Symmetric, weights above 0, columns sorted, no entry twice, nobody tied to themselves.

    Returns
    -------
    Triangles

    Raises
    ------
    ValueError
        If the ties are not as said.

    References
    ----------
    Chiba, N., Nishizeki, T. (1985). Arboricity and subgraph listing algorithms. SIAM J. Comput. 14.
    """
    _check(ties)
    directed = _direct(ties)
    order, tail, head = directed.order, directed.tail, directed.number.indices
    w = ties.data[directed.arc].astype(np.float64)
    inverse_strength = _inverse(ties.sum(axis=1, dtype=np.float64))[order]
    inverse_largest = _inverse(_largest(ties))[order]
    shared = np.zeros(len(w), np.int64)
    through = np.zeros(len(w))
    redundant = np.zeros(len(order))
    for uv, uw, vw in _blocks(directed):
        a, b, c = tail[uv], head[uv], head[uw]
        for tie, near, far, over in ((uv, uw, vw, c), (uw, uv, vw, b), (vw, uv, uw, a)):
            np.add.at(shared, tie, 1)
            np.add.at(through, tie, w[near] * w[far] * inverse_strength[over])
        for who, between, to_j, to_q, j, q in (
            (a, vw, uv, uw, b, c),
            (b, uw, uv, vw, a, c),
            (c, uv, uw, vw, a, b),
        ):
            both_orders = w[to_q] * inverse_largest[j] + w[to_j] * inverse_largest[q]
            np.add.at(redundant, who, w[between] * both_orders)
    of_resident = np.empty_like(redundant)
    of_resident[order] = redundant
    return Triangles(order[tail], order[head], w, shared, through, of_resident)


def _check(ties: sp.csr_array) -> None:
    n = ties.shape[0]
    if ties.shape != (n, n) or not ties.has_canonical_format:
        raise ValueError("ties are not a square matrix with sorted columns: call sum_duplicates()")
    if not np.all(np.isfinite(ties.data) & (ties.data > 0)):
        raise ValueError("a tie has a weight that is not above 0: call eliminate_zeros()")
    if np.any(owners(ties) == ties.indices):
        raise ValueError("a resident is tied to themselves: clear the diagonal")
    turned = ties.T.tocsr()
    pairs = ((getattr(ties, part), getattr(turned, part)) for part in ("indptr", "indices", "data"))
    if not all(np.array_equal(here, there) for here, there in pairs):
        raise ValueError("ties are not symmetric: use ties.maximum(ties.T)")


def _direct(ties: sp.csr_array) -> _Directed:
    n, row = ties.shape[0], owners(ties)
    order = np.argsort(np.diff(ties.indptr), kind="stable").astype(row.dtype)
    rank = np.empty_like(order)
    rank[order] = np.arange(n)
    arc = np.flatnonzero(rank[row] < rank[ties.indices]).astype(row.dtype)
    ends = rank[row[arc]], rank[ties.indices[arc]]
    placed = sp.coo_array((arc, ends), shape=ties.shape).tocsr()
    numbers = np.arange(1, len(arc) + 1, dtype=row.dtype)
    number = sp.csr_array((numbers, placed.indices, placed.indptr), shape=ties.shape)
    return _Directed(order, placed.data, owners(number), number)


def _blocks(directed: _Directed) -> Iterator[tuple[NDArray[np.integer], ...]]:
    """Yield the ties (u, v), (u, w), (v, w) of triangles, a block of pairs of ties at a time."""
    number = directed.number
    numbers = np.arange(number.nnz, dtype=number.indices.dtype)
    later = number.indptr[directed.tail + 1] - numbers - 1
    before = np.concatenate(([0], np.cumsum(later, dtype=np.int64)))
    cuts = np.searchsorted(before, np.arange(0, before[-1], _PAIRS_AT_ONCE))
    for start, stop in pairwise([*cuts.tolist(), number.nnz]):
        if before[start] == before[stop]:
            continue  # what scipy makes of no index at all is not an array
        uv = np.repeat(numbers[start:stop], later[start:stop])
        # the ties of the row after (u, v), counted on from the first pair of each
        shift = numbers[start:stop] + 1 - (before[start:stop] - before[start])
        uw = np.repeat(shift.astype(uv.dtype), later[start:stop])
        uw += np.arange(len(uv), dtype=uv.dtype)
        vw = number[number.indices[uv], number.indices[uw]]
        met = np.flatnonzero(vw)
        yield uv[met], uw[met], vw[met] - 1


def _largest(ties: sp.csr_array) -> NDArray[np.float64]:
    out = np.zeros(ties.shape[0])
    tied = np.flatnonzero(np.diff(ties.indptr))
    if len(tied):
        out[tied] = np.maximum.reduceat(ties.data, ties.indptr[tied])
    return out


def _inverse(values: NDArray[np.number]) -> NDArray[np.float64]:
    out = np.zeros(len(values))
    np.divide(1.0, values, out=out, where=values > 0)
    return out
