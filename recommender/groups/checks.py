"""Which hard constraints a draft breaks: what a worker sees at once while editing."""

from __future__ import annotations

from enum import StrEnum

from recommender.groups.problem import FEWEST, HOSTS, MOST, Draft, GridProblem

__all__ = ["Rule", "broken_rules"]


class Rule(StrEnum):
    """One hard constraint."""

    SIZE = "size"
    ROOM = "room"
    TIME = "time"
    WALK = "walk"
    STEPS = "steps"
    LANGUAGE = "language"
    APART = "apart"
    ONE_CHARTER = "one_charter"
    HOSTS = "hosts"
    FEW_TIES = "few_ties"
    BRIDGE = "bridge"


def broken_rules(problem: GridProblem, draft: Draft) -> frozenset[Rule]:
    """Return the rules that a draft breaks, judged on its own."""
    people, slot = problem.neighbours, problem.slots[draft.slot]
    circle, who = problem.circles[draft.circle], list(draft.founders)
    together = set(who)
    apart = any(i in together and j in together for i, j in people.blocks.tolist())
    spoken = people.languages[who]
    deaf = (spoken != 0) & (circle.language != 0) & (spoken & circle.language == 0)
    fails = {
        Rule.SIZE: not FEWEST <= len(who) <= MOST,
        Rule.ROOM: len(who) > slot.capacity,
        Rule.TIME: not people.free[who, draft.slot].all(),
        Rule.WALK: bool((people.metres[who, draft.slot] > people.limit[who]).any()),
        Rule.STEPS: bool(people.step_free[who].any()) and not slot.step_free,
        Rule.LANGUAGE: bool(deaf.any()),
        Rule.APART: apart,
        Rule.ONE_CHARTER: bool(people.taken[who].any()),
        Rule.HOSTS: int(people.host[who].sum()) < HOSTS,
        Rule.FEW_TIES: not people.isolated[who].any(),
        Rule.BRIDGE: not people.bridging[who].any(),
    }
    return frozenset(rule for rule, fails_it in fails.items() if fails_it)
