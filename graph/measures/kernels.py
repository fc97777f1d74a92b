"""The compiled loops of community detection: move, refine, aggregate, split.

One objective covers both that we offer. A vertex has a mass; a community is worth

    weight of the ties inside  -  resolution * (mass of the members) ** 2 / 2

With mass 1 this is the constant Potts model (Traag, Van Dooren, Nesterov 2011) up to a constant;
with the strength as mass and ``resolution / total strength`` it is modularity times the weight of
all ties. The phases are those of Leiden (Traag, Waltman, van Eck 2019).

All take the arrays of a symmetric CSR with positive weights and without ties of a vertex to itself.
Nothing here is random: the order comes from the caller.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Level", "aggregate", "inside_weight", "move", "refine", "split"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Masses = NDArray[np.float64]

EPSILON = 1e-9
"""A gain below this is rounding, not a reason to move; without it a queue might never run empty."""


class Level(NamedTuple):
    """A graph whose vertices may stand for several of the graph below."""

    indptr: Ints
    indices: Ints
    weights: Floats
    mass: Masses


@njit(cache=True)
def tally(mass: Masses, labels: Ints) -> tuple[Masses, Ints]:
    """Return mass and members of each label below n."""
    total = np.zeros(labels.size, np.float64)
    size = np.zeros(labels.size, np.int32)
    for v in range(labels.size):
        total[labels[v]] += mass[v]
        size[labels[v]] += 1
    return total, size


@njit(cache=True)
def links(level: Level, v: int, labels: Ints, link: Masses, near: Ints) -> int:
    """Sum the ties of a vertex by label into `link`; list the labels in `near`, return how many."""
    count = 0
    for e in range(level.indptr[v], level.indptr[v + 1]):
        c = labels[level.indices[e]]
        if link[c] == 0.0:
            near[count] = c
            count += 1
        link[c] += level.weights[e]
    return count


@njit(cache=True)
def await_neighbours(
    level: Level, v: int, labels: Ints, queue: Ints, queued: NDArray[np.bool_], tail: int
) -> int:
    """Append to the ring those neighbours who now live elsewhere; return its new tail."""
    n = queue.size
    for e in range(level.indptr[v], level.indptr[v + 1]):
        u = level.indices[e]
        if not queued[u] and labels[u] != labels[v]:
            queue[tail % n] = u
            queued[u] = True
            tail += 1
    return tail


@njit(cache=True)
def move(level: Level, labels: Ints, waiting: Ints, resolution: float) -> int:
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
    total, size = tally(level.mass, labels)
    free = list(np.flatnonzero(size == 0).astype(np.int32))
    queue = np.empty(n, np.int32)
    queue[: waiting.size] = waiting
    queued = np.zeros(n, np.bool_)
    queued[waiting] = True
    head, tail = 0, waiting.size
    link = np.zeros(n, np.float64)
    near = np.empty(n, np.int32)
    while head < tail:
        v = queue[head % n]
        queued[v] = False
        head += 1
        count = links(level, v, labels, link, near)
        old = labels[v]
        total[old] -= level.mass[v]
        size[old] -= 1
        cost = resolution * level.mass[v]
        best, best_gain = old, link[old] - cost * total[old]
        for c in near[:count]:
            gain = link[c] - cost * total[c]
            if gain > best_gain + EPSILON:
                best, best_gain = c, gain
            link[c] = 0.0
        if best_gain < -EPSILON and size[old] > 0:
            best = free.pop()
        elif best != old and size[old] == 0:
            free.append(old)
        labels[v] = best
        total[best] += level.mass[v]
        size[best] += 1
        if best != old:
            tail = await_neighbours(level, v, labels, queue, queued, tail)
    return head


@njit(cache=True)
def inner_links(level: Level, labels: Ints) -> Masses:
    """Return the ties of each vertex to others of its community."""
    inner = np.zeros(labels.size, np.float64)
    for v in range(labels.size):
        for e in range(level.indptr[v], level.indptr[v + 1]):
            if labels[level.indices[e]] == labels[v]:
                inner[v] += level.weights[e]
    return inner


@njit(cache=True)
def refine(level: Level, labels: Ints, order: Ints, resolution: float) -> Ints:
    """Build each community anew from single vertices, by merges along ties only.

    A vertex that is still alone joins the best part of its community if both are well tied to
    the rest of it. What comes out is connected and lies inside the communities given.

    Returns
    -------
    NDArray[int32], (n,)
        Part of each vertex, named by one of its vertices.
    """
    n = labels.size
    total, _ = tally(level.mass, labels)
    outward = inner_links(level, labels)  # of each part to the rest of its community
    parts = np.arange(n).astype(np.int32)
    part_mass = level.mass.copy()
    alone = np.ones(n, np.bool_)
    link = np.zeros(n, np.float64)
    near = np.empty(n, np.int32)
    for v in order:
        own, whole = level.mass[v], total[labels[v]]
        if not alone[v] or outward[v] < resolution * own * (whole - own) - EPSILON:
            continue
        best, best_gain, best_link = v, EPSILON, 0.0
        for p in near[: links(level, v, parts, link, near)]:
            gain = link[p] - resolution * own * part_mass[p]
            if labels[p] == labels[v] and gain > best_gain:
                needed = resolution * part_mass[p] * (whole - part_mass[p])
                if outward[p] >= needed - EPSILON:
                    best, best_gain, best_link = p, gain, link[p]
            link[p] = 0.0
        if best != v:
            parts[v] = best
            part_mass[best] += own
            outward[best] += outward[v] - 2.0 * best_link
            alone[v] = alone[best] = False
    return parts


@njit(cache=True)
def aggregate(level: Level, parts: Ints, n_parts: int) -> Level:
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
    mass = np.zeros(n_parts, np.float64)
    out_ptr = np.zeros(n_parts + 1, np.int32)
    out_indices = np.empty(level.indices.size, np.int32)
    out_weights = np.empty(level.indices.size, np.float32)
    link = np.zeros(n_parts, np.float64)
    at = 0
    for p in range(n_parts):
        first = at
        for i in range(start[p], start[p + 1]):
            v = member[i]
            mass[p] += level.mass[v]
            for e in range(level.indptr[v], level.indptr[v + 1]):
                q = parts[level.indices[e]]
                if q != p:
                    if link[q] == 0.0:
                        out_indices[at] = q
                        at += 1
                    link[q] += level.weights[e]
        for e in range(first, at):
            out_weights[e] = link[out_indices[e]]
            link[out_indices[e]] = 0.0
        out_ptr[p + 1] = at
    return Level(out_ptr, out_indices[:at], out_weights[:at], mass)


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
