"""Is it any good? A holdout assigned by hash, and estimates from what was shown.

A small, fixed share of the residents gets the list that a newcomer at their address would get.
What everybody else does more of is owed to what the model knows of them. Only the order of the
feed differs: who is visited, helped, invited or told of danger never depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from graph.view import empty_csr
from recommender.base import Query
from recommender.evaluation.splits import chosen

__all__ = [
    "Arm",
    "Estimate",
    "Uplift",
    "as_newcomer",
    "held_out",
    "mean_had_it_been_shown",
    "uplift",
]

Outcomes = NDArray[np.floating] | NDArray[np.integer] | NDArray[np.bool_]
"""(n,) what came of something, as a number."""

_SALT = 0x4C494E4C49
"""Fixed: another one would move residents from one arm to the other."""


_NOBODY = np.int64(2**31 - 1)
"""A row that nobody has, so that nobody's ties are found under it."""


class Arm(StrEnum):
    """Which list a resident gets."""

    PERSONAL = "personal"
    HELD_OUT = "held-out"


def held_out(rows: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Tell which residents are held out.

    It follows from the row alone and is stored nowhere; with a larger share, those who were held
    out still are.

    Parameters
    ----------
    rows : NDArray[int64], (n,)
        Resident rows.
    share : float
        Part of the residents to hold out, 0 to 1.

    Returns
    -------
    NDArray[bool], (n,)
        True for :attr:`Arm.HELD_OUT`.
    """
    return chosen(rows, share, _SALT)


def as_newcomer(query: Query) -> Query:
    """Ask as a newcomer at the same address would: what is near, popular and new.

    What they have, dismissed or blocked stays, and so do age, languages and reach: these keep a
    list from being wrong, they do not make it personal.
    """
    return replace(
        query,
        rows=np.full(len(query), _NOBODY),
        history=empty_csr(*query.history.shape),
        interests=empty_csr(*query.interests.shape),
        offers=empty_csr(*query.offers.shape),
        occupations=empty_csr(*query.occupations.shape),
        needs=empty_csr(*query.needs.shape),
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float
    n: int
    """Observations behind it."""


@dataclass(frozen=True, slots=True)
class Uplift:
    """What personal lists brought, per resident."""

    difference: Estimate
    personal: float
    """Mean outcome with personal lists."""
    held_out: float
    """Mean outcome in the holdout."""
    n_personal: int
    n_held_out: int


def uplift(
    outcomes: Outcomes,
    held: NDArray[np.bool_],
    *,
    before: Outcomes | None = None,
    level: float = 0.95,
) -> Uplift:
    r"""Estimate the difference of means between the arms, with Welch's interval.

    With outcomes ``before`` the experiment, what they already told is taken out first (CUPED):
    :math:`y - \theta (x - \bar x)`, :math:`\theta = \mathrm{cov}(x, y) / \mathrm{var}(x)`. The
    estimate stays unbiased, the interval gets shorter.

    Parameters
    ----------
    outcomes : NDArray, (n,)
        For example sign-ups of each resident.
    held : NDArray[bool], (n,)
        Who was held out; at least two in either arm.
    before : NDArray, (n,), optional
        The same outcomes in a time before the residents were held out.
    level : float
        Confidence.

    Raises
    ------
    ValueError
        An arm has fewer than two residents.

    References
    ----------
    A. Deng et al., "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data", WSDM 2013.
    """
    y = outcomes.astype(np.float64)
    if before is not None:
        x = before.astype(np.float64) - before.mean()
        spread = float(x @ x)
        y = y - (float(x @ y) / spread if spread else 0.0) * x
    personal, control = y[~held], y[held]
    if min(len(personal), len(control)) < 2:
        raise ValueError("an arm has fewer than two residents; wait, or hold out a larger share")
    difference = float(personal.mean() - control.mean())
    reach = _welch_reach(personal, control, level)
    return Uplift(
        difference=Estimate(difference, difference - reach, difference + reach, len(y)),
        personal=float(personal.mean()),
        held_out=float(control.mean()),
        n_personal=len(personal),
        n_held_out=len(control),
    )


def _welch_reach(a: NDArray[np.float64], b: NDArray[np.float64], level: float) -> float:
    """Half the length of Welch's interval of a difference of means."""
    errors = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    if not errors.any():
        return 0.0
    freedom = errors.sum() ** 2 / np.sum(errors**2 / np.array([len(a) - 1, len(b) - 1]))
    return float(stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(errors.sum()))


def mean_had_it_been_shown(
    outcomes: Outcomes, propensities: NDArray[np.float64], *, level: float = 0.95
) -> Estimate:
    r"""Mean outcome had something always been shown, from the times when it was by lot.

    Each time counts for :math:`1/p` of its kind (Hajek's estimator, :math:`\sum w y / \sum w`
    with :math:`w = 1/p`), as those who were likely to see it are too many among those who did.

    Parameters
    ----------
    outcomes : NDArray, (n,)
        What came of each time it was shown.
    propensities : NDArray[float64], (n,)
        How likely it was to be shown then; greater than 0.
    level : float
        Confidence.

    References
    ----------
    A. Swaminathan, T. Joachims, "The self-normalized estimator for counterfactual learning",
    NeurIPS 2015.
    """
    weights = 1.0 / propensities
    y = outcomes.astype(np.float64)
    value = float(weights @ y / weights.sum())
    error = float(np.sqrt(np.sum((weights * (y - value)) ** 2)) / weights.sum())
    reach = float(stats.norm.ppf((1 + level) / 2)) * error
    return Estimate(value, value - reach, value + reach, len(y))
