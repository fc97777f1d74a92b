"""From a view and its people network to the groups that could be founded, grid by grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from graph.view import View
from recommender.groups.circles import Warmth, candidate_circles
from recommender.groups.people import People, Standing, people_of
from recommender.groups.problem import FEWEST, Draft, GridProblem, Slot
from recommender.groups.rooms import Venue, free_slots, misfit, venues_of
from recommender.groups.solve import Plan, solve
from recommender.network import PeopleNetwork, Scale

__all__ = ["LEAST_TO_FORM", "MOST_PER_GRID", "GridPlan", "Person", "Proposal", "plan_city"]

LEAST_TO_FORM = 5
"""People who must say yes for a group to form, and be able to come to the fallback."""

IN_RESERVE = 3
"""People of a circle who could take a founder's place."""
MOST_PER_GRID = 4
"""Proposals at once that the worker of a grid can judge and look after."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who would be asked, or could be instead of another."""

    row: int
    """Of the view."""
    founder: bool
    host: bool
    """Would receive the others; of somebody in reserve, could."""
    metres: float
    """Walk to the venue."""
    likes: bool
    """Named the theme as an interest."""
    few_ties: bool
    bridges: bool
    at_fallback: bool
    """Can come to the fallback."""


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
    people: tuple[Person, ...]
    """Founders, then those who could take the place of one."""
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
    view: View, network: PeopleNetwork, standing: Standing, *, now: datetime
) -> Iterator[GridPlan]:
    """Plan every grid on its own; grids share neither residents nor venues.

    Parameters
    ----------
    view : View
        As authorised for group matching.
    network : PeopleNetwork
        Of that view.
    standing : Standing
    now : datetime
        Dates are counted from here.
    """
    people = people_of(view, network, standing)
    warmth = Warmth(network.ties, view.ties, network.circle)
    for grid in np.unique(view.grid[view.grid >= 0]).tolist():
        rows = np.flatnonzero((view.grid == grid) & ~people.taken).astype(np.int64)
        venues = venues_of(view.items, grid, standing.seats)
        problem = _problem(view, network, people, warmth, rows, venues, now)
        plan = solve(problem)
        spare = _spare_slots(problem, plan)
        busy = {i for draft in plan.drafts for i in draft.founders}
        proposals = []
        for draft in plan.drafts:
            reserve = _reserve(problem, draft, busy)
            busy.update(reserve)
            proposals.append(_proposal(view, problem, venues, draft, reserve, spare))
        yield GridPlan(grid, len(problem.circles), len(problem.slots), plan, tuple(proposals))


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
    circles = candidate_circles(
        view, rows, communities, warmth, lambda theme: misfit(venues, slots, theme)
    )
    neighbours = people.neighbours(view, rows, slots, venues)
    return GridProblem(neighbours, slots, circles, MOST_PER_GRID)


def _reserve(problem: GridProblem, draft: Draft, busy: set[int]) -> list[int]:
    """Of the circle, those who gain most of whoever else can come and is blocked by no founder."""
    people, circle = problem.neighbours, problem.circles[draft.circle]
    gains = dict(zip(circle.members.tolist(), problem.gains(circle).tolist(), strict=True))
    founders = set(draft.founders)
    never = {a for pair in people.blocks.tolist() for a in pair if set(pair) & founders}
    able = [
        i
        for i in problem.may_found(circle).tolist()
        if i not in busy and i not in never and problem.can_come[i, draft.slot]
    ]
    return sorted(able, key=lambda i: (-gains[i], i))[:IN_RESERVE]


def _proposal(
    view: View,
    problem: GridProblem,
    venues: list[Venue],
    draft: Draft,
    reserve: list[int],
    spare: list[int],
) -> Proposal:
    circle, slot = problem.circles[draft.circle], problem.slots[draft.slot]
    other = _fallback(problem, spare, np.array(draft.founders))
    fallback = None if other is None else problem.slots[other]
    who = [*draft.founders, *reserve]
    return Proposal(
        community=circle.community,
        theme=circle.theme,
        language=circle.language,
        venue=venues[slot.venue],
        slot=slot,
        fallback=None if fallback is None else (venues[fallback.venue], fallback),
        people=tuple(_person(view, problem, draft, i, other) for i in who),
        expected_ties=problem.expected_ties(draft),
    )


def _person(view: View, problem: GridProblem, draft: Draft, who: int, other: int | None) -> Person:
    people = problem.neighbours
    row, founder = int(people.rows[who]), who in draft.founders
    theme = problem.circles[draft.circle].theme
    return Person(
        row=row,
        founder=founder,
        host=who in draft.hosts if founder else bool(people.host[who]),
        metres=float(people.metres[who, draft.slot]),
        likes=bool(view.interests[row, theme] > 0),
        few_ties=bool(people.isolated[who]),
        bridges=bool(people.bridging[who]),
        at_fallback=other is not None and bool(problem.can_come[who, other]),
    )


def _spare_slots(problem: GridProblem, plan: Plan) -> list[int]:
    used = {draft.slot for draft in plan.drafts}
    return [n for n, slot in enumerate(problem.slots) if n not in used and slot.capacity >= FEWEST]


def _fallback(problem: GridProblem, spare: list[int], who: NDArray[np.int64]) -> int | None:
    """Choose the spare slot at which most founders can come; of equal ones the shorter walk."""
    come = problem.can_come[who].sum(axis=0)
    walks = problem.neighbours.metres[who].mean(axis=0)
    fitting = [n for n in spare if come[n] >= LEAST_TO_FORM]
    if not fitting:
        return None
    return min(fitting, key=lambda n: (-int(come[n]), float(walks[n]), n))
