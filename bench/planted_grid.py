"""A made-up grid with venue slots and candidate circles, for tests and benches of charters.

Circles partition the residents as communities do; every circle is a candidate once or twice, with
different themes, so that candidates compete for people as well as for slots.
"""

from __future__ import annotations

import numpy as np

from recommender.groups.problem import WEEK, Circle, GridProblem, Neighbours, Slot

__all__ = ["planted_grid"]

_FIRST = 1_780_272_000
"""Monday, 1 June 2026, 00:00 UTC."""
_HOURS = (9, 14, 19)
_SPOKEN = np.array([0, 1, 3, 5, 2], np.uint8)


def planted_grid(rng: np.random.Generator, *, residents: int = 925, slots: int = 40) -> GridProblem:
    """Make a grid of about 600 m across.

    Parameters
    ----------
    rng : numpy.random.Generator
    residents, slots : int
    """
    circle_of = np.sort(rng.integers(0, max(1, residents // 15), residents))
    homes = rng.normal(0, 250, (residents, 2))
    venues = rng.normal(0, 250, (max(1, slots // 5), 2))
    venue = rng.integers(0, len(venues), slots)
    hour = rng.integers(0, len(_HOURS), slots)
    elder = rng.random(residents) < 0.25
    ties = rng.poisson(4, residents).astype(np.float32)
    busy = rng.random((residents, len(_HOURS))) < np.where(elder, 0.1, 0.35)[:, None]
    metres = 1.3 * np.linalg.norm(homes[:, None] - venues[None, venue], axis=2)
    level = rng.random(len(venues)) < 0.7
    neighbours = Neighbours(
        rows=np.arange(residents, dtype=np.int64),
        ties=ties,
        isolated=ties <= 1,
        bridging=(ties >= 3) & (rng.random(residents) < 0.4),
        host=(ties >= 2) & (rng.random(residents) < 0.5),
        languages=rng.choice(_SPOKEN, residents, p=[0.1, 0.75, 0.08, 0.05, 0.02]),
        metres=metres.astype(np.float32),
        limit=np.where(elder, rng.integers(3, 9, residents) * 100, 1500).astype(np.float32),
        step_free=elder & (rng.random(residents) < 0.3),
        free=~busy[:, hour] & (rng.random((residents, slots)) < 0.95),
        taken=rng.random(residents) < 0.05,
        blocks=_pairs(rng, residents, residents // 10),
    )
    return GridProblem(neighbours, _slots(rng, venue, hour, level), _circles(rng, circle_of, slots))


def _pairs(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    one, other = rng.integers(0, n, k), rng.integers(1, n, k)
    return np.stack([one, (one + other) % n], axis=1)


def _slots(
    rng: np.random.Generator, venue: np.ndarray, hour: np.ndarray, level: np.ndarray
) -> list[Slot]:
    days = rng.integers(0, 7, len(venue))
    return [
        Slot(int(v), _FIRST + WEEK + 86_400 * int(d) + 3_600 * _HOURS[h], bool(level[v]), int(room))
        for v, h, d, room in zip(venue, hour, days, rng.integers(6, 20, len(venue)), strict=True)
    ]


def _circles(rng: np.random.Generator, circle_of: np.ndarray, slots: int) -> list[Circle]:
    out = []
    for number in np.unique(circle_of):
        members = np.flatnonzero(circle_of == number).astype(np.int64)
        warmth = rng.gamma(4.0, 0.15, len(members))
        for theme in rng.choice(40, 1 + int(rng.random() < 0.4), replace=False).tolist():
            likes = np.where(rng.random(len(members)) < 0.6, 1.0, 0.6)
            expected = (warmth * likes).astype(np.float32)
            misfit = rng.choice(np.array([0.0, 0.5, 1.0], np.float32), slots)
            out.append(Circle(f"c{number}", theme, 1, members, expected, misfit))
    return out
