"""How well a list or a forecast did, once the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["GroupRecall", "area_under_curve", "recall_by_group", "recall_in", "rule_recall"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GroupRecall:
    """Of one group of people: how many there were to find, and how many were."""

    group: str
    found: int
    there: int


def recall_in(order: NDArray[np.int64], truth: Flags, places: int) -> float:
    """Share of all there are to find among the first places of a list; 0 where there is nobody."""
    there = int(truth.sum())
    return float(truth[order[:places]].sum() / there) if there else 0.0


def rule_recall(chosen: Flags, truth: Flags, places: int, *, others: Flags) -> float:
    """Recall to be expected of a rule that says yes or no and is worked through in any order.

    Parameters
    ----------
    chosen : NDArray[bool], (n,)
        Whom the rule names.
    truth : NDArray[bool], (n,)
    places : int
    others : NDArray[bool], (n,)
        Among whom places left over are given by lot.
    """
    there, named = int(truth.sum()), int(chosen.sum())
    if not there:
        return 0.0
    hits = truth[chosen].sum() * min(1.0, places / named) if named else 0.0
    rest = others & ~chosen
    if places > named and rest.any():
        hits += (places - named) * truth[rest].mean()
    return float(hits / there)


def recall_by_group(found: Flags, truth: Flags, groups: NDArray[np.str_]) -> list[GroupRecall]:
    """Count what was found in each group, the groups in the order of their names."""
    return [
        GroupRecall(
            str(group),
            found=int((found & truth & (groups == group)).sum()),
            there=int((truth & (groups == group)).sum()),
        )
        for group in np.unique(groups)
    ]


def area_under_curve(risk: NDArray[np.float64], truth: Flags) -> float:
    """Probability that somebody it happens to is ranked above somebody it does not happen to.

    References
    ----------
    Mann and Whitney (1947); equal risks count half.
    """
    happened, not_happened = int(truth.sum()), int((~truth).sum())
    if not happened or not not_happened:
        return float("nan")
    _, at, count = np.unique(risk, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[at]
    above = rank[truth].sum() - happened * (happened + 1) / 2
    return float(above / (happened * not_happened))
