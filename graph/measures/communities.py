"""Groups of people who are tied more to each other than a resolution asks for.

Graphs are symmetric `scipy.sparse.csr_array` with int32 indices, positive float32 weights and an
empty diagonal; a row is a resident. A partition is an int32 array of labels 0..k-1, one per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from graph.measures import kernels

__all__ = [
    "Graph",
    "Labels",
    "Objective",
    "affordable_starts",
    "checked",
    "conductance",
    "density",
    "detect",
    "levels",
    "modularity",
    "numbered",
    "split_disconnected",
    "worth",
]

Graph = csr_array
Labels = NDArray[np.int32]

ROUNDS = 3
"""Passes over the whole graph, at most: each starts from the partition of the one before."""
AFFORDED = 4_000_000
"""Directed ties to look at in all starts together; about five seconds."""
STARTS = 3, 16


class Objective(StrEnum):
    """What a good partition is."""

    CPM = "cpm"
    """Ties inside beyond `resolution` per pair of members: finds groups of any size, however large
    the graph (constant Potts model: Traag, Van Dooren, Nesterov 2011)."""
    MODULARITY = "modularity"
    """Ties inside beyond what degrees let expect (Newman, Girvan 2004). Merges small groups of
    large graphs (Fortunato, Barthelemy 2007)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """An objective in the terms of the kernels."""

    mass: NDArray[np.float64]
    resolution: float


def checked(graph: Graph) -> Graph:
    """Return the graph if the kernels may have it; whether it is symmetric is not looked at.

    Raises
    ------
    ValueError
        If types, shape, weights or the diagonal are not as this module says.
    """
    if graph.shape[0] != graph.shape[1]:
        raise ValueError(f"a graph is square, not {graph.shape}")
    if graph.indices.dtype != np.int32 or graph.data.dtype != np.float32:
        found = f"{graph.indices.dtype} and {graph.data.dtype}"
        raise ValueError(f"a graph has int32 indices and float32 weights, not {found}")
    if graph.nnz and not graph.data.min() > 0:
        raise ValueError("the weight of a tie is above 0; leave other ties out")
    if graph.diagonal().any():
        raise ValueError("nobody is tied to themselves; empty the diagonal")
    return graph


def density(graph: Graph) -> float:
    """Return the mean weight per pair of vertices; 0 below two vertices."""
    n = graph.shape[0]
    return float(graph.data.sum(dtype=np.float64)) / (n * (n - 1)) if n > 1 else 0.0


def detect(
    graph: Graph,
    *,
    resolution: float,
    rng: np.random.Generator,
    objective: Objective = Objective.CPM,
    starts: int = 1,
) -> Labels:
    """Find communities by Leiden (Traag, Waltman, van Eck 2019), each of them connected.

    Parameters
    ----------
    resolution : float
        For CPM a density, in weight per pair of members; for modularity a factor, usually 1.
    rng : numpy.random.Generator
        Orders the visits. The same state gives the same labels.
    starts : int
        Tries, each crossed with the best so far; the one of most worth is returned. Small dense
        graphs have many local optima (see `affordable_starts`).

    Returns
    -------
    NDArray[int32], (n,)
        Labels 0..k-1 in the order of each community's first row.
    """
    terms = in_terms(checked(graph), objective, resolution)
    best = one_try(graph, terms, rng)
    for _ in range(starts - 1):
        other = one_try(graph, terms, rng)
        rivals = (best, other, crossed(graph, best, other, terms, rng))
        best = max(rivals, key=lambda labels: worth_in_terms(graph, labels, terms))
    return best


def affordable_starts(graph: Graph) -> int:
    """Return how many starts to give a graph: the fewer, the more ties it has."""
    return int(np.clip(AFFORDED // max(graph.nnz, 1), *STARTS))


def one_try(graph: Graph, terms: Terms, rng: np.random.Generator) -> Labels:
    """Find communities from everybody alone."""
    return improved(graph, np.arange(graph.shape[0], dtype=np.int32), terms, rng)


def crossed(
    graph: Graph, one: Labels, other: Labels, terms: Terms, rng: np.random.Generator
) -> Labels:
    """Keep together whom both partitions put together, and join such pieces anew.

    The core groups of Ovelgönne and Geyer-Schulz 2012: what two searches agree on is mostly right,
    and a search among pieces moves at once what single vertices cannot leave one by one.
    """
    pairs = one * (np.int64(other.max(initial=-1)) + 1) + other
    both = np.unique(pairs, return_inverse=True)[1].astype(np.int32)
    pieces = split_disconnected(graph, both)
    quotient, mass = joined(graph, pieces, terms.mass)
    alone = np.arange(mass.size, dtype=np.int32)
    joins = one_round(quotient, alone, Terms(mass, terms.resolution), rng)
    return improved(graph, split_disconnected(graph, joins[pieces]), terms, rng)


def improved(graph: Graph, labels: Labels, terms: Terms, rng: np.random.Generator) -> Labels:
    """Repeat rounds until one gains nothing; a round never loses."""
    best = worth_in_terms(graph, labels, terms)
    for _ in range(ROUNDS):
        found = split_disconnected(graph, one_round(graph, labels, terms, rng))
        value = worth_in_terms(graph, found, terms)
        if value <= best + abs(best) * 1e-7:
            break
        labels, best = found, value
    return labels


def in_terms(graph: Graph, objective: Objective, resolution: float) -> Terms:
    """Translate an objective; the mass of modularity is the strength."""
    if objective is Objective.CPM:
        return Terms(np.ones(graph.shape[0]), resolution)
    strength = np.asarray(graph.sum(axis=1, dtype=np.float64)).ravel()
    return Terms(strength, resolution / max(float(strength.sum()), kernels.EPSILON))


def one_round(graph: Graph, labels: Labels, terms: Terms, rng: np.random.Generator) -> Labels:
    """Move single vertices, then the refined parts of communities as wholes, until none gains."""
    level, labels = level_of(graph, terms.mass), labels.copy()
    where = np.arange(labels.size, dtype=np.int32)
    while True:
        n = level.mass.size
        kernels.move(level, labels, shuffled(rng, n), terms.resolution)
        parts = kernels.refine(level, labels, shuffled(rng, n), terms.resolution)
        parts, count = numbered(parts)
        if count == n:
            return labels[where]
        level = kernels.aggregate(level, parts, count)
        where = parts[where]
        labels = gathered(numbered(labels)[0], parts, count)


def joined(
    graph: Graph, parts: Labels, mass: NDArray[np.float64]
) -> tuple[Graph, NDArray[np.float64]]:
    """Return the graph whose vertices are parts 0..k-1, and the mass of each."""
    count = int(parts.max(initial=-1)) + 1
    made = kernels.aggregate(level_of(graph, mass), parts, count)
    arrays = (made.weights, made.indices, made.indptr)
    return csr_array(arrays, shape=(count, count)), made.mass


def level_of(graph: Graph, mass: NDArray[np.float64]) -> kernels.Level:
    """Return the arrays of a graph as the kernels take them."""
    return kernels.Level(graph.indptr, graph.indices, graph.data, mass)


def shuffled(rng: np.random.Generator, n: int) -> Labels:
    """Return 0..n-1 in random order."""
    order = np.arange(n, dtype=np.int32)
    rng.shuffle(order)
    return order


def numbered(labels: Labels) -> tuple[Labels, int]:
    """Rename labels to 0..k-1, keeping their order; return k too."""
    used = np.zeros(int(labels.max(initial=-1)) + 1, np.int32)
    used[labels] = 1
    return (np.cumsum(used, dtype=np.int32) - 1)[labels], int(used.sum())


def gathered(labels: Labels, parts: Labels, count: int) -> Labels:
    """Return the label of each part; all vertices of a part have the same one."""
    of_part = np.empty(count, np.int32)
    of_part[parts] = labels
    return of_part


def split_disconnected(graph: Graph, labels: Labels) -> Labels:
    """Make each connected piece a community of its own, numbered by its first row."""
    pieces, _ = kernels.split(graph.indptr, graph.indices, labels)
    return pieces


def levels(graph: Graph, resolutions: list[float], *, rng: np.random.Generator) -> list[Labels]:
    """Find communities within communities: circles inside neighbourhoods inside districts.

    Parameters
    ----------
    resolutions : list[float]
        Of CPM, falling.

    Returns
    -------
    list[NDArray[int32] (n,)]
        One partition per resolution; each joins whole communities of the one before.
    """
    if any(low >= high for high, low in pairwise(resolutions)):
        raise ValueError("resolutions of levels must fall")
    found = [detect(graph, resolution=resolutions[0], rng=rng)]
    for resolution in resolutions[1:]:
        inner = found[-1]
        quotient, mass = joined(graph, inner, np.ones(inner.size))
        alone = np.arange(mass.size, dtype=np.int32)
        outer = one_round(quotient, alone, Terms(mass, resolution), rng)
        found.append(split_disconnected(quotient, outer)[inner])
    return found


def worth(
    graph: Graph, labels: Labels, *, resolution: float, objective: Objective = Objective.CPM
) -> float:
    """Return what the objective says of a partition, in weight of ties.

    For CPM the ties inside minus `resolution` per pair of members. For modularity its value times
    the weight of all ties.
    """
    terms = in_terms(graph, objective, resolution)
    pairs_with_oneself = terms.resolution * labels.size / 2 if objective is Objective.CPM else 0.0
    return worth_in_terms(graph, labels, terms) + pairs_with_oneself


def worth_in_terms(graph: Graph, labels: Labels, terms: Terms) -> float:
    """Return the objective of the kernels."""
    count = int(labels.max(initial=-1)) + 1
    inside = kernels.inside_weight(graph.indptr, graph.indices, graph.data, labels, count)
    total = np.bincount(labels, terms.mass, count)
    return float(inside.sum() - terms.resolution * (total**2).sum()) / 2


def modularity(graph: Graph, labels: Labels) -> float:
    """Return modularity at resolution 1, -0.5..1; 0 without ties (Newman, Girvan 2004)."""
    ties = float(graph.data.sum(dtype=np.float64)) / 2
    value = worth(graph, labels, resolution=1.0, objective=Objective.MODULARITY)
    return value / ties if ties else 0.0


def conductance(graph: Graph, labels: Labels) -> NDArray[np.float64]:
    """Return per community the share of its members' ties that leave it, 0..1; 0 without ties."""
    count = int(labels.max(initial=-1)) + 1
    inside = kernels.inside_weight(graph.indptr, graph.indices, graph.data, labels, count)
    strength = np.asarray(graph.sum(axis=1, dtype=np.float64)).ravel()
    total = np.bincount(labels, strength, count)
    return 1.0 - np.divide(inside, total, out=np.ones(count), where=total > 0)
