"""From points to a probability: two numbers, learnt from those who answered LSNS-6.

The probability is ``1 / (1 + exp(-(level + slope * points)))`` with a slope that is never
negative, so more points never mean less. Level and slope are those most probable after the answers,
starting from published figures; without answers they are these figures, and no case is special.

Who is isolated answers less, so the level is rather too low: the order of a list does not depend
on it, and a page says "about".

References
----------
Platt (1999), Probabilistic outputs for support vector machines. Lubben et al. (2006): 15 % at risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from recommender.outreach.evidence import Evidence
from recommender.outreach.points import POINT, Points

__all__ = ["AT_RISK", "Calibration", "calibrate"]

AT_RISK = 12
"""LSNS-6 points below which somebody is isolated."""
_PRIOR = np.array([np.log(0.13 / 0.87), 0.8])
"""Level and slope before any answer: 13 % of adults, and points that overlap a little."""
_PRIOR_SD = np.array([0.6, 0.25])

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Two numbers and how sure they are."""

    level: float
    """Log odds at no points."""
    slope: float
    """Per log odds that points stand for; 0 and more."""
    covariance: Floats
    """(2, 2)"""
    answers: int
    """How many answered."""
    at_risk: int
    """How many of them below 12."""

    def log_odds(self, points: Floats) -> Floats:
        """Log odds of being isolated, (n,), from points before LSNS-6."""
        return np.asarray(self.level + self.slope * POINT * points)

    def error(self, points: Floats) -> Floats:
        """Return the standard error of :meth:`log_odds`, (n,)."""
        X = np.column_stack([np.ones(len(points)), POINT * points])
        return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", X, self.covariance, X)))


def calibrate(evidence: Evidence, points: Points) -> Calibration:
    """Learn level and slope (maximum a posteriori).

    Parameters
    ----------
    evidence : Evidence
    points : Points
        Of the same residents; LSNS-6 is not among what predicts it.
    """
    answered = evidence.lsns >= 0
    x = POINT * points.before_survey[answered]
    y = (evidence.lsns[answered] < AT_RISK).astype(float)
    X = np.column_stack([np.ones(len(x)), x])

    def unlikely(theta: Floats) -> tuple[float, Floats]:
        at, off = X @ theta, (theta - _PRIOR) / _PRIOR_SD
        value = np.logaddexp(0, at).sum() - y @ at + off @ off / 2
        return float(value), np.asarray(X.T @ (expit(at) - y) + off / _PRIOR_SD)

    found = minimize(
        unlikely, _PRIOR, jac=True, method="L-BFGS-B", bounds=[(None, None), (0.0, None)]
    )
    p = expit(X @ found.x)
    curve = X.T @ (X * (p * (1 - p))[:, None]) + np.diag(_PRIOR_SD**-2)
    return Calibration(
        level=float(found.x[0]),
        slope=float(found.x[1]),
        covariance=np.asarray(np.linalg.inv(curve), np.float64),
        answers=len(y),
        at_risk=int(y.sum()),
    )
