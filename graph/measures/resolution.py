"""Which density the groups of a graph have: a short sweep, judged without knowing the groups.

Where groups are real, a range of resolutions finds the same ones; too low a resolution joins them
at random, too high a one breaks them. So neighbours in the sweep are compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from graph.measures.agreement import adjusted_rand
from graph.measures.communities import Graph, Labels, conductance, density, detect

__all__ = ["Trial", "chosen", "resolutions", "share_wanted", "sweep"]

TRIALS = 5
SMALLEST, LARGEST = 8, 1000
"""Members of a group worth finding: from one circle to the people of a few buildings."""
WEAK = 4.0
"""A weak member has half of the mean strength, and half of that inside the group."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One resolution and what it found; each judgement is 0..1, more is better."""

    resolution: float
    labels: Labels
    stability: float
    """Adjusted Rand index with the more similar of the neighbours in the sweep, at least 0."""
    wanted: float
    """Share of vertices in groups of 8 to 1,000."""
    separation: float
    """Share of ties inside groups: 1 - conductance, groups weighted by their ties."""

    @property
    def score(self) -> float:
        """Return the product: nothing makes up for a judgement of 0."""
        return self.stability * self.wanted * self.separation


def resolutions(graph: Graph, *, trials: int = TRIALS) -> list[float]:
    """Return the densities to try, doubling.

    The first keeps the weak member of a group of 1,000 (strength / 4 / 1,000), but is at least the
    density of the graph, below which most of it is one group.
    """
    strength = density(graph) * (graph.shape[0] - 1)
    first = max(strength / (WEAK * LARGEST), density(graph))
    return [first * 2.0**step for step in range(trials)]


def sweep(
    graph: Graph, *, rng: np.random.Generator, tried: list[float] | None = None
) -> list[Trial]:
    """Find communities at rising resolutions (those of `resolutions`) and judge them."""
    tried = tried or resolutions(graph)
    found = [detect(graph, resolution=each, rng=rng) for each in tried]
    alike = [max(adjusted_rand(a, b), 0.0) for a, b in pairwise(found)]
    return [
        Trial(
            resolution,
            labels,
            max(alike[max(at - 1, 0) : at + 1], default=1.0),
            share_wanted(labels),
            share_inside(graph, labels),
        )
        for at, (resolution, labels) in enumerate(zip(tried, found, strict=True))
    ]


def chosen(trials: list[Trial]) -> Trial:
    """Return the trial with the best score, the lowest resolution among equals."""
    return max(trials, key=lambda trial: trial.score)


def share_wanted(labels: Labels, members: tuple[int, int] = (SMALLEST, LARGEST)) -> float:
    """Return the share of vertices in groups of a size worth finding."""
    sizes = np.bincount(labels)
    wanted = sizes[(sizes >= members[0]) & (sizes <= members[1])]
    return float(wanted.sum()) / max(labels.size, 1)


def share_inside(graph: Graph, labels: Labels) -> float:
    """Return the share of ties that stay inside groups."""
    strength = np.asarray(graph.sum(axis=1, dtype=np.float64)).ravel()
    total = np.bincount(labels, strength)
    whole = float(total.sum())
    return float((total * (1 - conductance(graph, labels))).sum()) / whole if whole else 0.0
