"""Charters of one grid by mixed-integer programming.

Binary variables: a circle meets in a slot; a member founds the group of a circle. HiGHS proves how
far from the best the plan may be. No time limit: the answer must not depend on the machine, so the
search ends at a gap or after a number of nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from recommender.groups.greedy import greedy_plan, hosts_of
from recommender.groups.problem import FEWEST, HOSTS, MOST, Circle, Draft, GridProblem

__all__ = ["GAP", "NODES", "Plan", "solve"]

GAP = 0.01
"""Relative gap at which the search may end."""
NODES = 2_000
"""Nodes after which it ends in any case; the gap reached is told."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """The drafts of one grid and how good they are."""

    drafts: tuple[Draft, ...]
    objective: float
    """Sum of the growth of ``log(1 + ties)`` over the founders, less what slots cost."""
    bound: float
    """No plan reaches more."""

    @property
    def gap(self) -> float:
        """How much better than this plan the best one could be, as a share of the bound."""
        return max(0.0, (self.bound - self.objective) / self.bound) if self.bound > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Variables:
    """Columns of the program: first (circle, slot), then (circle, founder)."""

    meets_circle: Rows
    meets_slot: Rows
    founds_circle: Rows
    founds_who: Rows

    @property
    def n(self) -> int:
        return len(self.meets_circle) + len(self.founds_circle)

    @property
    def first_founder(self) -> int:
        return len(self.meets_circle)


def solve(problem: GridProblem, *, gap: float = GAP, nodes: int = NODES) -> Plan:
    """Choose which circles found a group, where, when, and with whom.

    Hard constraints: founders are free and within walking distance, get in without steps if they
    need that, speak the language, fit the room, found one group at most, and are not blocked by
    one another; a slot is used once; at least one founder has few ties, at least one has ties into
    several circles, and two could receive the others; no more groups than can be looked after.

    Parameters
    ----------
    problem : GridProblem
    gap : float
        Relative gap at which the search may end.
    nodes : int
        Branch-and-bound nodes after which it ends.
    """
    variables = _variables(problem)
    if not len(variables.meets_circle):
        return Plan((), 0.0, 0.0)
    found = milp(
        -_objective(problem, variables),
        integrality=np.ones(variables.n, np.int64),
        bounds=Bounds(0, 1),
        constraints=_constraints(problem, variables),
        options={"mip_rel_gap": gap, "node_limit": nodes},
    )
    bound = -float(found.mip_dual_bound) if found.mip_dual_bound is not None else 0.0
    plans = [greedy_plan(problem)]  # what is left where the nodes ran out before any solution
    if found.x is not None:
        plans.insert(0, _drafts(problem, variables, found.x > 0.5))
    drafts = max(plans, key=lambda plan: sum(map(problem.value, plan)))
    objective = sum(map(problem.value, drafts))
    return Plan(drafts, objective, max(bound, objective))


def _variables(problem: GridProblem) -> _Variables:
    circles, slots, founders, people = [], [], [], []
    rooms = np.array([slot.capacity for slot in problem.slots], np.int64)
    for number, circle in enumerate(problem.circles):
        who = problem.may_found(circle)
        options = np.flatnonzero(_enough(problem, who) & (rooms >= FEWEST))
        who = who[problem.can_come[np.ix_(who, options)].any(axis=1)]
        circles.append(np.full(len(options), number))
        slots.append(options)
        founders.append(np.full(len(who), number))
        people.append(who)
    return _Variables(*(_joined(part) for part in (circles, slots, founders, people)))


def _joined(parts: list[Rows]) -> Rows:
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


def _enough(problem: GridProblem, who: Rows) -> NDArray[np.bool_]:
    """(n_slots,) whether those who can come then could be founders of one group."""
    people, come = problem.neighbours, problem.can_come[who]
    wanted = ((np.ones(len(who), np.bool_), FEWEST), (people.host[who], HOSTS))
    kinds = (*wanted, (people.isolated[who], 1), (people.bridging[who], 1))
    enough: NDArray[np.bool_] = np.ones(come.shape[1], np.bool_)
    for kind, least in kinds:
        enough &= come[kind].sum(axis=0) >= least
    return enough


def _objective(problem: GridProblem, at: _Variables) -> NDArray[np.float64]:
    costs = [-problem.slot_cost(circle) for circle in problem.circles]
    gains = [_by_person(problem.gains(circle), circle, problem) for circle in problem.circles]
    meets = [costs[c][s] for c, s in zip(at.meets_circle, at.meets_slot, strict=True)]
    founds = [gains[c][i] for c, i in zip(at.founds_circle, at.founds_who, strict=True)]
    return np.array([*meets, *founds], np.float64)


def _by_person(
    gains: NDArray[np.float64], circle: Circle, problem: GridProblem
) -> NDArray[np.float64]:
    out = np.zeros(len(problem.neighbours.rows))
    out[circle.members] = gains
    return out


def _constraints(problem: GridProblem, at: _Variables) -> list[LinearConstraint]:
    people, first = problem.neighbours, at.first_founder
    n_circles, n_slots, n = len(problem.circles), len(problem.slots), len(people.rows)
    options, founders = np.arange(first), np.arange(first, at.n)
    rooms = np.array([min(MOST, slot.capacity) for slot in problem.slots])[at.meets_slot]

    def matrix(rows: Rows, columns: Rows, n_rows: int, data: object = 1.0) -> sp.csr_array:
        values = np.broadcast_to(np.asarray(data, np.float64), rows.shape)
        return sp.csr_array((values, (rows, columns)), shape=(n_rows, at.n))

    meets = matrix(at.meets_circle, options, n_circles)
    founds = matrix(at.founds_circle, founders, n_circles)
    seats = matrix(at.meets_circle, options, n_circles, rooms)

    def those(kind: NDArray[np.bool_]) -> sp.csr_array:
        chosen = kind[at.founds_who]
        return matrix(at.founds_circle[chosen], founders[chosen], n_circles)

    at_most = [
        (meets, 1.0),  # a circle founds one group
        (matrix(at.meets_slot, options, n_slots), 1.0),  # a slot is used once
        (matrix(at.founds_who, founders, n), 1.0),  # one charter per resident
        (founds - seats, 0.0),
        (FEWEST * meets - founds, 0.0),
        (HOSTS * meets - those(people.host), 0.0),
        (meets - those(people.isolated), 0.0),
        (meets - those(people.bridging), 0.0),
        (_only_when_free(problem, at), 0.0),
        (_apart(problem, at), 1.0),
    ]
    if problem.most is not None:
        at_most.append((matrix(np.zeros(first, np.int64), options, 1), float(problem.most)))
    return [LinearConstraint(rows, -np.inf, limit) for rows, limit in at_most if rows.shape[0] > 0]


def _only_when_free(problem: GridProblem, at: _Variables) -> sp.csr_array:
    """Founder variable less the slots of the circle at which they can come, at most 0."""
    founders = np.arange(len(at.founds_circle))
    rows, columns = [founders], [at.first_founder + founders]
    values = [np.ones(len(founders))]
    for number in range(len(problem.circles)):
        options = np.flatnonzero(at.meets_circle == number)
        mine = np.flatnonzero(at.founds_circle == number)
        come = problem.can_come[np.ix_(at.founds_who[mine], at.meets_slot[options])]
        who, slot = np.nonzero(come)
        rows.append(mine[who])
        columns.append(options[slot])
        values.append(-np.ones(len(who)))
    parts = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sp.csr_array(parts, shape=(len(founders), at.n))


def _apart(problem: GridProblem, at: _Variables) -> sp.csr_array:
    """One row per circle and pair who must not meet."""
    column = {
        (int(c), int(i)): at.first_founder + k
        for k, (c, i) in enumerate(zip(at.founds_circle, at.founds_who, strict=True))
    }
    pairs = [
        (column[number, i], column[number, j])
        for number in range(len(problem.circles))
        for i, j in problem.neighbours.blocks.tolist()
        if (number, i) in column and (number, j) in column
    ]
    rows = np.repeat(np.arange(len(pairs)), 2)
    columns = np.array(pairs, np.int64).reshape(-1)
    return sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(pairs), at.n))


def _drafts(problem: GridProblem, at: _Variables, chosen: NDArray[np.bool_]) -> tuple[Draft, ...]:
    founds = chosen[at.first_founder :]
    drafts = []
    for option in np.flatnonzero(chosen[: at.first_founder]):
        circle = int(at.meets_circle[option])
        founders = at.founds_who[founds & (at.founds_circle == circle)]
        who = tuple(sorted(founders.tolist()))
        drafts.append(Draft(circle, int(at.meets_slot[option]), who, hosts_of(problem, who)))
    return tuple(drafts)
