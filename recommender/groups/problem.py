"""What the optimiser is given of one grid: its residents, venue slots and candidate circles.

Plain arrays, so that it can be asked about any people. Residents are numbered 0..n-1 inside the
grid; ``rows`` says who they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DATES",
    "FEWEST",
    "HOSTS",
    "MOST",
    "WEEK",
    "Circle",
    "Draft",
    "GridProblem",
    "Neighbours",
    "Slot",
]

FEWEST, MOST = 7, 8
"""Founders of a charter."""
HOSTS = 2
"""Founders who open the door and receive the others."""
DATES = 3
"""Meetings that a charter names, a week apart."""
WEEK = 7 * 86_400
SHORT_WALKS = 0.01
"""What a kilometre of the mean walk costs, in units of the objective: it decides between equals."""
MISFIT = 0.2
"""What a venue costs at which nothing like the theme has taken place yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The residents of one grid who may be asked, as parallel arrays of length n."""

    rows: NDArray[np.int64]
    """Row of each in the view."""
    ties: NDArray[np.float32]
    """Ties each has now."""
    isolated: NDArray[np.bool_]
    """Has few ties."""
    bridging: NDArray[np.bool_]
    """Has ties into several circles; never one with few ties."""
    host: NDArray[np.bool_]
    """Could receive others."""
    languages: NDArray[np.uint8]
    """Bits of :data:`graph.view.LANGUAGE_BIT`; 0 unknown, which fits any."""
    metres: NDArray[np.float32]
    """(n, n_slots) walk from home to the venue, in metres; 0 where the home is not known."""
    limit: NDArray[np.float32]
    """How far each walks, in metres."""
    step_free: NDArray[np.bool_]
    """Needs a venue without steps."""
    free: NDArray[np.bool_]
    """(n, n_slots) nothing known keeps them from coming then."""
    taken: NDArray[np.bool_]
    """Is asked for another charter now, or founded a group that is not closed."""
    blocks: NDArray[np.int64]
    """(k, 2) pairs who must never be brought together."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One weekly hour at one venue."""

    venue: int
    """Number of the venue."""
    starts: int
    """Unix seconds of the first date."""
    step_free: bool
    capacity: int
    """People."""

    @property
    def dates(self) -> tuple[int, ...]:
        """Unix seconds of the first dates."""
        return tuple(self.starts + WEEK * n for n in range(DATES))


@dataclass(frozen=True, slots=True, eq=False)
class Circle:
    """People of one grid among whom a group could be founded, around one theme."""

    community: str
    """Id of the community it was found in."""
    theme: int
    """Column of the interest."""
    language: int
    """Bit of :data:`graph.view.LANGUAGE_BIT`, or 0 for any."""
    members: NDArray[np.int64]
    """(m,) numbers in the grid, ascending."""
    expected: NDArray[np.float32]
    """(m,) lasting ties that each would make in a group of this circle."""
    misfit: NDArray[np.float32]
    """(n_slots,) 0 where the theme took place at the venue before, 1 where nothing like it did."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One group to found, in numbers of the problem."""

    circle: int
    slot: int
    founders: tuple[int, ...]
    """Ascending numbers of residents."""
    hosts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GridProblem:
    """One grid."""

    neighbours: Neighbours
    slots: Sequence[Slot]
    circles: Sequence[Circle]
    most: int | None = None
    """Groups that can be looked after at once; ``None`` for as many as there are slots."""

    @cached_property
    def can_come(self) -> NDArray[np.bool_]:
        """(n, n_slots) free, within reach, without steps for those who need that, not taken."""
        people = self.neighbours
        level = np.array([slot.step_free for slot in self.slots], np.bool_)
        return (
            people.free
            & (people.metres <= people.limit[:, None])
            & (level[None, :] | ~people.step_free[:, None])
            & ~people.taken[:, None]
        )

    def may_found(self, circle: Circle) -> NDArray[np.int64]:
        """Members who speak the language of the circle, or of whom that is not known."""
        spoken = self.neighbours.languages[circle.members]
        fits = (spoken == 0) | (circle.language == 0) | (spoken & circle.language > 0)
        members: NDArray[np.int64] = circle.members[fits]
        return members

    def gains(self, circle: Circle) -> NDArray[np.float64]:
        """(m,) what each member counts in the objective.

        The growth of ``log(1 + ties)``: a tie counts the more, the fewer one has. The sum over all
        is greatest where no other plan brings a larger sum of relative gains (proportional
        fairness).

        References
        ----------
        F. Kelly, "Charging and rate control for elastic traffic", 1997; D. Bertsimas, V. Farias,
        N. Trichakis, "The price of fairness", Operations Research 59, 2011.
        """
        ties = self.neighbours.ties[circle.members].astype(np.float64)
        return np.log1p(circle.expected.astype(np.float64) / (1.0 + ties))

    def slot_cost(self, circle: Circle) -> NDArray[np.float64]:
        """(n_slots,) what the mean walk to a slot, and a venue of other things, take off."""
        walks = self.neighbours.metres[circle.members].astype(np.float64).mean(axis=0)
        cost: NDArray[np.float64] = SHORT_WALKS * walks / 1000.0 + MISFIT * circle.misfit
        return cost

    def value(self, draft: Draft) -> float:
        """Part of the objective that one draft brings."""
        circle = self.circles[draft.circle]
        at = np.searchsorted(circle.members, draft.founders)
        cost = float(self.slot_cost(circle)[draft.slot])
        return float(self.gains(circle)[at].sum()) - cost

    def expected_ties(self, draft: Draft) -> float:
        """Lasting ties that the founders of a draft are expected to make."""
        circle = self.circles[draft.circle]
        at = np.searchsorted(circle.members, draft.founders)
        return float(circle.expected[at].sum())
