"""The compiled loops of community detection: move, refine, aggregate, split.

One objective covers both that we offer. A vertex has a mass ``s``; a community ``C`` is worth

    ``weight of the ties inside C  -  resolution * (sum of s in C)**2 / 2``

With mass 1 this is the constant Potts model (Traag, Van Dooren, Nesterov 2011) up to a constant; with
the strength as mass and ``resolution / total strength`` it is modularity times the total weight.
The phases are those of Leiden (Traag, Waltman, van Eck 2019).

All take the arrays of a symmetric CSR with positive weights and without ties of a vertex to itself.
Nothing here is random: the order comes from the caller.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["aggregate", "inside_weight", "move", "refine", "split"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Masses = NDArray[np.float64]

EPSILON = 1e-9
"""A gain below this is rounding, not a reason to move; without it a queue might never run empty."""


@njit(cache=True)
def move(
    indptr: Ints,
    indices: Ints,
    weights: Floats,
    mass: Masses,
    labels: Ints,
    waiting: Ints,
    resolution: float,
) -> int:
    """Move waiting vertices to their best community, then those whom that concerns.

    Parameters
    ----------
    labels : NDArray[int32], (n,)
        Communities in 0..n-1, changed in place.
    waiting : NDArray[int32], (at most n,)
        Vertices to look at, each once, in this order.

    Returns
    -------
    int
        How many vertices were looked at.
    """
    n = labels.size
    total = np.zeros(n, np.float64)
    size = np.zeros(n, np.int32)
    for v in range(n):
        total[labels[v]] += mass[v]
        size[labels[v]] += 1
    free = np.empty(n, np.int32)
    n_free = 0
    for c in range(n):
        if size[c] == 0:
            free[n_free] = c
            n_free += 1
    queue = np.empty(n, np.int32)
    queued = np.zeros(n, np.bool_)
    for i in range(waiting.size):
        queue[i] = waiting[i]
        queued[waiting[i]] = True
    head = 0
    length = waiting.size
    link = np.zeros(n, np.float64)
    near = np.empty(n, np.int32)
    looks = 0
    while length > 0:
        v = queue[head]
        head = head + 1 if head + 1 < n else 0
        length -= 1
        queued[v] = False
        looks += 1
        n_near = 0
        for e in range(indptr[v], indptr[v + 1]):
            c = labels[indices[e]]
            if link[c] == 0.0:
                near[n_near] = c
                n_near += 1
            link[c] += weights[e]
        old = labels[v]
        total[old] -= mass[v]
        size[old] -= 1
        cost = resolution * mass[v]
        best = old
        best_gain = link[old] - cost * total[old]
        for i in range(n_near):
            c = near[i]
            gain = link[c] - cost * total[c]
            if gain > best_gain + EPSILON:
                best = c
                best_gain = gain
            link[c] = 0.0
        if best_gain < -EPSILON and size[old] > 0:
            n_free -= 1
            best = free[n_free]
        elif best != old and size[old] == 0:
            free[n_free] = old
            n_free += 1
        labels[v] = best
        total[best] += mass[v]
        size[best] += 1
        if best != old:
            for e in range(indptr[v], indptr[v + 1]):
                u = indices[e]
                if not queued[u] and labels[u] != best:
                    tail = head + length
                    queue[tail if tail < n else tail - n] = u
                    queued[u] = True
                    length += 1
    return looks


@njit(cache=True)
def refine(
    indptr: Ints,
    indices: Ints,
    weights: Floats,
    mass: Masses,
    labels: Ints,
    order: Ints,
    resolution: float,
) -> Ints:
    """Build each community anew from single vertices, by merges along ties only.

    A vertex that is still alone joins the best part of its community if both are well tied to
    the rest of it. What comes out is connected and lies inside the communities given.

    Returns
    -------
    NDArray[int32], (n,)
        Part of each vertex, named by one of its vertices.
    """
    n = labels.size
    total = np.zeros(n, np.float64)
    for v in range(n):
        total[labels[v]] += mass[v]
    parts = np.arange(n).astype(np.int32)
    part_mass = mass.copy()
    outward = np.zeros(n, np.float64)
    for v in range(n):
        for e in range(indptr[v], indptr[v + 1]):
            if labels[indices[e]] == labels[v]:
                outward[v] += weights[e]
    alone = np.ones(n, np.bool_)
    link = np.zeros(n, np.float64)
    near = np.empty(n, np.int32)
    for v in order:
        whole = total[labels[v]]
        if not alone[v] or outward[v] < resolution * mass[v] * (whole - mass[v]) - EPSILON:
            continue
        n_near = 0
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            if labels[u] == labels[v]:
                p = parts[u]
                if link[p] == 0.0:
                    near[n_near] = p
                    n_near += 1
                link[p] += weights[e]
        best = v
        best_gain = EPSILON
        best_link = 0.0
        for i in range(n_near):
            p = near[i]
            gain = link[p] - resolution * mass[v] * part_mass[p]
            needed = resolution * part_mass[p] * (whole - part_mass[p])
            if gain > best_gain and outward[p] >= needed - EPSILON:
                best = p
                best_gain = gain
                best_link = link[p]
            link[p] = 0.0
        if best != v:
            parts[v] = best
            part_mass[best] += mass[v]
            outward[best] += outward[v] - 2.0 * best_link
            alone[v] = False
            alone[best] = False
    return parts


@njit(cache=True)
def aggregate(
    indptr: Ints, indices: Ints, weights: Floats, parts: Ints, n_parts: int
) -> tuple[Ints, Ints, Floats]:
    """Make each part one vertex, joined by the summed ties between parts; ties inside are dropped.

    The arrays returned are the used heads of larger ones; what was never written takes no memory.
    """
    n = parts.size
    start = np.zeros(n_parts + 1, np.int32)
    for v in range(n):
        start[parts[v] + 1] += 1
    for p in range(n_parts):
        start[p + 1] += start[p]
    member = np.empty(n, np.int32)
    place = start[:-1].copy()
    for v in range(n):
        member[place[parts[v]]] = v
        place[parts[v]] += 1
    out_ptr = np.zeros(n_parts + 1, np.int32)
    out_indices = np.empty(indices.size, np.int32)
    out_weights = np.empty(indices.size, np.float32)
    link = np.zeros(n_parts, np.float64)
    at = 0
    for p in range(n_parts):
        first = at
        for i in range(start[p], start[p + 1]):
            v = member[i]
            for e in range(indptr[v], indptr[v + 1]):
                q = parts[indices[e]]
                if q != p:
                    if link[q] == 0.0:
                        out_indices[at] = q
                        at += 1
                    link[q] += weights[e]
        for e in range(first, at):
            out_weights[e] = link[out_indices[e]]
            link[out_indices[e]] = 0.0
        out_ptr[p + 1] = at
    return out_ptr, out_indices[:at], out_weights[:at]


@njit(cache=True)
def split(indptr: Ints, indices: Ints, labels: Ints) -> tuple[Ints, int]:
    """Label the connected pieces of each community 0, 1, ... in the order of their first vertex.

    Returns
    -------
    (NDArray[int32] (n,), int)
        Pieces and their number. The worth of a partition never falls: no tie is cut.
    """
    n = labels.size
    pieces = np.full(n, -1, np.int32)
    stack = np.empty(n, np.int32)
    count = 0
    for first in range(n):
        if pieces[first] >= 0:
            continue
        pieces[first] = count
        stack[0] = first
        height = 1
        while height > 0:
            height -= 1
            v = stack[height]
            for e in range(indptr[v], indptr[v + 1]):
                u = indices[e]
                if pieces[u] < 0 and labels[u] == labels[v]:
                    pieces[u] = count
                    stack[height] = u
                    height += 1
        count += 1
    return pieces, count


@njit(cache=True)
def inside_weight(
    indptr: Ints, indices: Ints, weights: Floats, labels: Ints, n_communities: int
) -> Masses:
    """Sum the ties inside each community, both directions; shape (n_communities,)."""
    inside = np.zeros(n_communities, np.float64)
    for v in range(labels.size):
        for e in range(indptr[v], indptr[v + 1]):
            if labels[indices[e]] == labels[v]:
                inside[labels[v]] += weights[e]
    return inside
