"""From residents to groups, grids and the city, with small numbers hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_PEOPLE", "Summary", "summarise"]

LEAST_PEOPLE = 20
"""No figure is shown that fewer people stand behind."""


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """One measure per label."""

    mean: NDArray[np.float64]
    """(labels,) mean over the residents whose value is known; NaN where it is hidden."""
    people: NDArray[np.int64]
    """(labels,) how many these are; 0 where it is hidden."""


def summarise(
    values: NDArray[np.floating],
    labels: NDArray[np.integer],
    n_labels: int,
    *,
    least: int = LEAST_PEOPLE,
) -> Summary:
    """Mean of a measure per group, grid or city, over the residents whose value is known.

    A label is hidden if fewer than `least` people stand behind its mean. Where the hidden labels
    together have fewer than that, the smallest shown one is hidden too: otherwise the mean of the
    whole less the shown ones would give the hidden one away. (For the city, label everybody 0.)

    Parameters
    ----------
    values : NDArray[float], (n,)
        A measure of each resident; NaN is unknown, undefined or not authorised.
    labels : NDArray[int], (n,)
        Label of each resident, below `n_labels`; below 0 is none.
    n_labels : int
    least : int, keyword
        At least 1.

    Returns
    -------
    Summary

    References
    ----------
    Hundepool, A. et al. (2012). Statistical Disclosure Control, chapter 4 (secondary suppression).
    """
    known = (labels >= 0) & ~np.isnan(values)
    people = np.bincount(labels[known], minlength=n_labels)
    total = np.bincount(labels[known], weights=values[known], minlength=n_labels)
    hidden = _hidden(people, least)
    mean = np.divide(total, people, out=np.full(n_labels, np.nan), where=~hidden)
    return Summary(mean, np.where(hidden, 0, people))


def _hidden(people: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    """Tell which labels are hidden: the small ones, and the next smallest if those are too few."""
    by_size = np.argsort(people, kind="stable")
    small = int((people < least).sum())
    behind = int(people[by_size[:small]].sum())
    if 0 < behind < least:
        small += 1
    hidden = np.zeros(len(people), np.bool_)
    hidden[by_size[:small]] = True
    return hidden
