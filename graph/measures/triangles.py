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

__all__ = ["Triangles", "owners", "reverse_arcs", "triangles"]

_PAIRS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Triangles:
    """What the triangles add up to. An arc is one entry of the CSR: a tie seen from one end."""

    shared: NDArray[np.int64]
    """(arcs,) residents whom both ends of the tie know."""
    through: NDArray[np.float64]
    """(arcs,) sum of w_iq w_qj / s_q over those residents q, where s_q is the strength of q."""
    redundant: NDArray[np.float64]
    """(residents,) sum of w_iq w_jq / m_j over the tied pairs (j, q) of neighbours, where m_j is
    the largest weight of j."""


@dataclass(frozen=True, slots=True, eq=False)
class _Directed:
    """Each tie once, numbered row by row; residents are named by their rank in number of ties."""

    order: NDArray[np.int64]
    """(residents,) the resident of each rank."""
    arc: NDArray[np.int64]
    """(ties,) where the tie stands in the CSR."""
    tail: NDArray[np.int64]
    number: sp.csr_array
    """(residents, residents) one more than the number of the tie; nothing means no tie."""


def owners(ties: sp.csr_array) -> NDArray[np.int64]:
    """Return the row of each entry, (arcs,)."""
    return np.repeat(np.arange(ties.shape[0]), np.diff(ties.indptr))


def reverse_arcs(ties: sp.csr_array) -> NDArray[np.int64]:
    """Where each tie stands when it is seen from its other end; checks the ties on the way.

    Parameters
    ----------
    ties : csr_array, (n, n)
        Symmetric, weights above 0, columns sorted, no entry twice, nobody tied to themselves.

    Returns
    -------
    NDArray[int64], (arcs,)

    Raises
    ------
    ValueError
        If the ties are not as said.
    """
    n = ties.shape[0]
    if ties.shape != (n, n) or not ties.has_canonical_format:
        raise ValueError("ties are not a square matrix with sorted columns: call sum_duplicates()")
    if not np.all(np.isfinite(ties.data) & (ties.data > 0)):
        raise ValueError("a tie has a weight that is not above 0: call eliminate_zeros()")
    if np.any(owners(ties) == ties.indices):
        raise ValueError("a resident is tied to themselves: clear the diagonal")
    places = sp.csr_array((np.arange(ties.nnz), ties.indices, ties.indptr), shape=ties.shape)
    turned = places.T.tocsr()
    same = np.array_equal(turned.indptr, ties.indptr)
    same = same and np.array_equal(turned.indices, ties.indices)
    if not same or not np.array_equal(ties.data[turned.data], ties.data):
        raise ValueError("ties are not symmetric: use ties.maximum(ties.T)")
    back: NDArray[np.int64] = turned.data.astype(np.int64)
    return back


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
    back = reverse_arcs(ties)
    directed = _direct(ties)
    w = ties.data[directed.arc].astype(np.float64)
    strength = np.bincount(owners(ties), weights=ties.data, minlength=ties.shape[0])
    inverse_strength = _inverse(strength)[directed.order]
    inverse_largest = _inverse(_largest(ties))[directed.order]
    shared = np.zeros(len(w), np.int64)
    through = np.zeros(len(w))
    redundant = np.zeros(ties.shape[0])
    for uv, uw, vw in _blocks(directed):
        a, b, c = directed.tail[uv], directed.number.indices[uv], directed.number.indices[uw]
        for tie, one, other, over in ((uv, uw, vw, c), (uw, uv, vw, b), (vw, uv, uw, a)):
            product = w[one] * w[other]
            np.add.at(shared, tie, 1)
            np.add.at(through, tie, product * inverse_strength[over])
        for who, opposite, one, other, j, q in (
            (a, vw, uv, uw, b, c),
            (b, uw, uv, vw, a, c),
            (c, uv, uw, vw, a, b),
        ):
            # of the pair (j, q), `one` is the tie to j and `other` the tie to q
            twice = w[other] * inverse_largest[j] + w[one] * inverse_largest[q]
            np.add.at(redundant, who, w[opposite] * twice)
    by_resident = np.empty_like(redundant)
    by_resident[directed.order] = redundant
    tie_of = np.empty(ties.nnz, np.int64)
    tie_of[directed.arc] = tie_of[back[directed.arc]] = np.arange(len(w))
    return Triangles(shared[tie_of], through[tie_of], by_resident)


def _direct(ties: sp.csr_array) -> _Directed:
    n, row = ties.shape[0], owners(ties)
    order = np.argsort(np.diff(ties.indptr), kind="stable")
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    arc = np.flatnonzero(rank[row] < rank[ties.indices])
    ends = rank[row[arc]], rank[ties.indices[arc]]
    placed = sp.coo_array((arc, ends), shape=ties.shape).tocsr()
    number = sp.csr_array(
        (np.arange(1, len(arc) + 1), placed.indices, placed.indptr), shape=ties.shape
    )
    return _Directed(order, placed.data.astype(np.int64), owners(number), number)


def _blocks(directed: _Directed) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Yield the ties (u, v), (u, w), (v, w) of triangles, a block of pairs of ties at a time."""
    number = directed.number
    later = number.indptr[directed.tail + 1] - np.arange(1, number.nnz + 1)
    before = np.concatenate(([0], np.cumsum(later, dtype=np.int64)))
    cuts = np.searchsorted(before, np.arange(0, before[-1], _PAIRS_AT_ONCE))
    for start, stop in pairwise([*cuts.tolist(), number.nnz]):
        if before[start] == before[stop]:
            continue  # what scipy makes of no index at all is not an array
        uv = np.repeat(np.arange(start, stop), later[start:stop])
        first = np.repeat(before[start:stop] - before[start], later[start:stop])
        uw = uv + 1 + np.arange(len(uv)) - first
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
    return np.divide(1.0, values, out=np.zeros(len(values)), where=values > 0)
