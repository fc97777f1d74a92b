"""Plans of charters: hard constraints hold, the greedy baseline is beaten, same again is same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.planted_grid import planted_grid
from recommender.groups.checks import Rule, broken_rules
from recommender.groups.greedy import greedy_plan
from recommender.groups.problem import WEEK, Circle, Draft, GridProblem, Neighbours, Slot
from recommender.groups.solve import solve

FOUNDERS = 8


def faults(problem, drafts):
    """Check a plan from the definitions, with none of the code under test."""
    people = problem.neighbours
    found = []
    everyone = [i for d in drafts for i in d.founders]
    if len(everyone) != len(set(everyone)):
        found.append("a resident founds two groups")
    if len({d.slot for d in drafts}) != len(drafts):
        found.append("a slot is used twice")
    if len({d.circle for d in drafts}) != len(drafts):
        found.append("a circle founds two groups")
    for d in drafts:
        slot, circle = problem.slots[d.slot], problem.circles[d.circle]
        who = list(d.founders)
        for i in who:
            spoken = int(people.languages[i])
            checks = {
                "not a member": i in circle.members,
                "not free": people.free[i, d.slot],
                "too far": people.metres[i, d.slot] <= people.limit[i],
                "steps": slot.step_free or not people.step_free[i],
                "asked already": not people.taken[i],
                "language": spoken == 0 or circle.language == 0 or spoken & circle.language,
            }
            found += [f"{d}: {i}: {what}" for what, holds in checks.items() if not holds]
        if not 7 <= len(who) <= 8 or len(who) > slot.capacity:
            found.append(f"{d}: {len(who)} founders, room for {slot.capacity}")
        if len(d.hosts) != 2 or not all(h in who and people.host[h] for h in d.hosts):
            found.append(f"{d}: hosts")
        if not any(people.isolated[i] for i in who):
            found.append(f"{d}: nobody with few ties")
        if not any(people.bridging[i] for i in who):
            found.append(f"{d}: nobody who bridges")
        found += [f"{d}: {i} and {j}" for i, j in people.blocks if i in who and j in who]
    return found


@pytest.fixture(scope="module", params=[3, 8])
def solved(request):
    problem = planted_grid(np.random.default_rng(request.param), residents=250, slots=12)
    return problem, solve(problem), greedy_plan(problem)


def test_no_plan_breaks_a_hard_constraint(solved):
    problem, plan, baseline = solved
    assert plan.drafts
    assert baseline
    assert faults(problem, plan.drafts) == []
    assert faults(problem, baseline) == []


def test_the_checker_finds_every_planted_fault(solved):
    problem, plan, _ = solved
    draft = plan.drafts[0]
    people, i = problem.neighbours, draft.founders[0]
    shut = people.free.copy()
    shut[i] = False
    far = people.metres.copy()
    far[i] = 1e6
    rows = np.arange(len(people.rows))
    planted = {
        Rule.TIME: replace(people, free=shut),
        Rule.WALK: replace(people, metres=far),
        Rule.ONE_CHARTER: replace(people, taken=rows == i),
        Rule.LANGUAGE: replace(people, languages=np.where(rows == i, 8, people.languages)),
        Rule.APART: replace(people, blocks=np.array([draft.founders[:2]])),
        Rule.HOSTS: replace(people, host=np.zeros_like(people.host)),
        Rule.FEW_TIES: replace(people, isolated=np.zeros_like(people.isolated)),
        Rule.BRIDGE: replace(people, bridging=np.zeros_like(people.bridging)),
    }
    for rule, worse in planted.items():
        broken = GridProblem(worse, problem.slots, problem.circles)
        assert broken_rules(broken, draft) == {rule}
        assert faults(broken, plan.drafts)
    assert broken_rules(problem, draft) == frozenset()


def test_the_plan_is_near_the_best_and_above_greedy(solved):
    problem, plan, baseline = solved
    assert plan.gap <= 0.05
    assert plan.objective >= sum(map(problem.value, baseline))
    assert len(plan.drafts) >= 0.8 * len(baseline)


def test_the_same_grid_gets_the_same_plan(solved):
    problem, plan, _ = solved
    again = GridProblem(problem.neighbours, problem.slots, problem.circles)
    assert solve(again) == plan


def small_grid(*, ties, expected, slots=1, capacity=8):
    n = len(ties)
    yes = np.ones(n, np.bool_)
    neighbours = Neighbours(
        rows=np.arange(n),
        ties=np.array(ties, np.float32),
        isolated=yes,
        bridging=yes,
        host=yes,
        languages=np.zeros(n, np.uint8),
        metres=np.zeros((n, slots), np.float32),
        limit=np.full(n, 1000, np.float32),
        step_free=~yes,
        free=np.ones((n, slots), np.bool_),
        taken=~yes,
        blocks=np.empty((0, 2), np.int64),
    )
    circle = Circle(
        "c", 0, 0, np.arange(n), np.array(expected, np.float32), np.zeros(slots, np.float32)
    )
    return GridProblem(neighbours, [Slot(0, 0, True, capacity)] * slots, [circle])


def test_of_two_who_would_make_as_many_ties_the_one_with_fewer_is_asked():
    problem = small_grid(ties=[5, 0, 5, 5, 5, 5, 5, 5, 5], expected=[1.0] * 9)
    (draft,) = solve(problem).drafts
    assert len(draft.founders) == FOUNDERS
    assert 1 in draft.founders


def test_who_would_make_more_ties_is_asked_before_who_makes_fewer():
    problem = small_grid(ties=[2] * 9, expected=[1.0] * 4 + [0.1] + [1.0] * 4)
    (draft,) = solve(problem).drafts
    assert 4 not in draft.founders


@pytest.mark.parametrize("capacity", [7, 8, 20])
def test_a_room_takes_no_more_than_it_holds(capacity):
    (draft,) = solve(small_grid(ties=[1] * 9, expected=[1.0] * 9, capacity=capacity)).drafts
    assert len(draft.founders) == min(capacity, 8)


def test_nothing_is_proposed_where_nothing_fits():
    assert solve(small_grid(ties=[1] * 9, expected=[1.0] * 9, capacity=6)).drafts == ()
    assert solve(small_grid(ties=[1] * 6, expected=[1.0] * 6)).drafts == ()


def test_three_dates_lie_a_week_apart():
    assert Slot(0, 1000, True, 8).dates == (1000, 1000 + WEEK, 1000 + 2 * WEEK)


def test_nearer_decides_between_equal_slots():
    problem = small_grid(ties=[1] * 8, expected=[1.0] * 8, slots=2)
    far = problem.neighbours.metres.copy()
    far[:, 0] = 900
    nearer = GridProblem(replace(problem.neighbours, metres=far), problem.slots, problem.circles)
    (draft,) = solve(nearer).drafts
    assert draft == Draft(0, 1, tuple(range(8)), (0, 1))


def test_no_more_groups_than_can_be_looked_after():
    problem = planted_grid(np.random.default_rng(5), residents=250, slots=12)
    few = GridProblem(problem.neighbours, problem.slots, problem.circles, 2)
    best, baseline = solve(few), greedy_plan(few)
    assert len(best.drafts) == len(baseline) == 2
    assert best.objective >= sum(map(few.value, baseline))
