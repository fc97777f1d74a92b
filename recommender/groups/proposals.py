"""From a view and its people network to the groups that could be founded, grid by grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from graph.view import View
from recommender.groups.circles import Warmth, candidate_circles
from recommender.groups.people import Apart, People, people_of
from recommender.groups.problem import FEWEST, Draft, GridProblem, Slot
from recommender.groups.rooms import Venue, free_slots, venues_of
from recommender.groups.solve import Plan, solve
from recommender.network import PeopleNetwork, Scale

__all__ = ["LEAST_TO_FORM", "MOST_PER_GRID", "GridPlan", "Proposal", "plan_city"]

LEAST_TO_FORM = 5
"""People who must say yes for a group to form, and be able to come to the fallback."""

MOST_PER_GRID = 4
"""Proposals at once that the worker of a grid can judge and look after."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """One group to found, in rows of the view."""

    community: str
    theme: int
    """Column of the interest."""
    language: int
    """Bit of :data:`graph.view.LANGUAGE_BIT`; 0 any."""
    venue: Venue
    slot: Slot
    fallback: tuple[Venue, Slot] | None
    """Where and when else most of them can come; ``None`` where there is no such slot."""
    founders: NDArray[np.int64]
    hosts: frozenset[int]
    metres: NDArray[np.float32]
    """(founders,) walk to the venue."""
    likes: NDArray[np.bool_]
    """(founders,) named the theme as an interest."""
    few_ties: int
    """Founders with few ties."""
    bridging: int
    """Founders with ties into several circles."""
    expected_ties: float


@dataclass(frozen=True, slots=True, eq=False)
class GridPlan:
    """The proposals of one grid, and how good the plan is."""

    grid: int
    candidates: int
    """Circles among which it was chosen."""
    slots: int
    plan: Plan
    proposals: tuple[Proposal, ...]


def plan_city(
    view: View,
    network: PeopleNetwork,
    *,
    seats: NDArray[np.int64],
    taken: NDArray[np.bool_],
    apart: Apart,
    now: datetime,
) -> Iterator[GridPlan]:
    """Plan every grid on its own; grids share neither residents nor venues.

    Parameters
    ----------
    view : View
        As authorised for group matching.
    network : PeopleNetwork
        Of that view.
    seats : NDArray[int64], (n_items,)
        Places in all; -1 unlimited or not known.
    taken : NDArray[bool], (n_residents,)
        In another charter now.
    apart : NDArray[int64], (k, 2)
        Rows of pairs who must not meet.
    now : datetime
        Dates are counted from here.
    """
    people = people_of(view, network, taken=taken, apart=apart)
    warmth = Warmth(network.ties, view.ties, network.circle)
    for grid in np.unique(view.grid[view.grid >= 0]).tolist():
        rows = np.flatnonzero((view.grid == grid) & ~people.taken).astype(np.int64)
        venues = venues_of(view.items, grid, seats)
        problem = _problem(view, network, people, warmth, rows, venues, now)
        plan = solve(problem)
        proposals = tuple(_proposal(view, problem, venues, plan, draft) for draft in plan.drafts)
        yield GridPlan(grid, len(problem.circles), len(problem.slots), plan, proposals)


def _problem(  # noqa: PLR0913 - what a grid is made of
    view: View,
    network: PeopleNetwork,
    people: People,
    warmth: Warmth,
    rows: NDArray[np.int64],
    venues: list[Venue],
    now: datetime,
) -> GridProblem:
    communities = [
        (network.members(scale), network.community_ids[scale])
        for scale in (Scale.CIRCLE, Scale.NEIGHBOURHOOD)
    ]
    slots = free_slots(venues, now)
    circles = candidate_circles(view, rows, communities, warmth)
    neighbours = people.neighbours(view, rows, slots, venues)
    return GridProblem(neighbours, slots, circles, MOST_PER_GRID)


def _proposal(
    view: View, problem: GridProblem, venues: list[Venue], plan: Plan, draft: Draft
) -> Proposal:
    people, circle = problem.neighbours, problem.circles[draft.circle]
    who, slot = np.array(draft.founders), problem.slots[draft.slot]
    rows = people.rows[who]
    return Proposal(
        community=circle.community,
        theme=circle.theme,
        language=circle.language,
        venue=venues[slot.venue],
        slot=slot,
        fallback=_fallback(problem, venues, plan, who),
        founders=rows,
        hosts=frozenset(int(people.rows[i]) for i in draft.hosts),
        metres=people.metres[who, draft.slot],
        likes=view.interests[rows][:, [circle.theme]].toarray()[:, 0] > 0,
        few_ties=int(people.isolated[who].sum()),
        bridging=int(people.bridging[who].sum()),
        expected_ties=problem.expected_ties(draft),
    )


def _fallback(
    problem: GridProblem, venues: list[Venue], plan: Plan, who: NDArray[np.int64]
) -> tuple[Venue, Slot] | None:
    """Of the slots nobody uses, the one at which most founders can come; the shorter walk first."""
    used = {draft.slot for draft in plan.drafts}
    come = problem.can_come[who].sum(axis=0)
    walks = problem.neighbours.metres[who].mean(axis=0)
    spare = [
        n
        for n, slot in enumerate(problem.slots)
        if n not in used and slot.capacity >= FEWEST and come[n] >= LEAST_TO_FORM
    ]
    if not spare:
        return None
    best = min(spare, key=lambda n: (-int(come[n]), float(walks[n]), n))
    slot = problem.slots[best]
    return venues[slot.venue], slot
