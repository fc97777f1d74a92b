"""Charters of one grid circle by circle, the best first: what the optimiser must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.groups.problem import FEWEST, HOSTS, MOST, Draft, GridProblem

__all__ = ["greedy_plan", "hosts_of"]


def hosts_of(problem: GridProblem, founders: Sequence[int]) -> tuple[int, ...]:
    """Choose who receives the others: of those who could, the ones with the most ties."""
    people = problem.neighbours
    able = [i for i in founders if people.host[i]]
    return tuple(sorted(sorted(able, key=lambda i: (-people.ties[i], i))[:HOSTS]))


def greedy_plan(problem: GridProblem) -> tuple[Draft, ...]:
    """Give each circle, the most promising first, the free slot at which it gains most."""
    order = sorted(range(len(problem.circles)), key=lambda c: (-_promise(problem, c), c))
    used: set[int] = set()
    asked: set[int] = set()
    drafts: list[Draft] = []
    most = len(problem.slots) if problem.most is None else problem.most
    for circle in order:
        if len(drafts) == most:
            break
        options = [
            draft
            for slot in range(len(problem.slots))
            if slot not in used and (draft := _best(problem, circle, slot, asked)) is not None
        ]
        if options:
            best = max(options, key=problem.value)
            used.add(best.slot)
            asked.update(best.founders)
            drafts.append(best)
    return tuple(drafts)


def _promise(problem: GridProblem, circle: int) -> float:
    gains = np.sort(problem.gains(problem.circles[circle]))[::-1]
    return float(gains[:MOST].sum())


def _best(problem: GridProblem, number: int, slot: int, asked: set[int]) -> Draft | None:
    """Founders who gain most: first those who must be there, then whoever fits."""
    people, circle = problem.neighbours, problem.circles[number]
    gains = dict(zip(circle.members.tolist(), problem.gains(circle).tolist(), strict=True))
    able = [
        i
        for i in problem.may_found(circle).tolist()
        if problem.can_come[i, slot] and i not in asked
    ]
    able.sort(key=lambda i: (-gains[i], i))
    never: dict[int, set[int]] = {}
    for i, j in people.blocks.tolist():
        never.setdefault(i, set()).add(j)
        never.setdefault(j, set()).add(i)
    chosen: list[int] = []

    def take(kind: NDArray[np.bool_], most: int) -> None:
        for i in able:
            if sum(bool(kind[j]) for j in chosen) >= most:
                return
            if kind[i] and i not in chosen and not never.get(i, set()) & set(chosen):
                chosen.append(i)

    take(people.isolated, 1)
    take(people.bridging, 1)
    take(people.host, HOSTS)
    take(np.ones(len(people.rows), np.bool_), min(MOST, problem.slots[slot].capacity))
    whole = all(
        sum(bool(kind[j]) for j in chosen) >= least
        for kind, least in ((people.isolated, 1), (people.bridging, 1), (people.host, HOSTS))
    )
    if not whole or len(chosen) < FEWEST or len(chosen) > problem.slots[slot].capacity:
        return None
    founders = tuple(sorted(chosen))
    return Draft(number, slot, founders, hosts_of(problem, founders))
