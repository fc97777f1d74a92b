"""The score of each resident with its interval, or the answer that too little is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from recommender.outreach.calibration import Calibration, calibrate
from recommender.outreach.evidence import Evidence
from recommender.outreach.points import FACTORS, POINT, Factor, Points, points_of

__all__ = ["Scores", "score"]

_HALF_INTERVAL = 1.2816
"""Standard deviations either way that hold four in five."""
_SITUATIONS = ((Factor.ALONE,), (Factor.KIN, Factor.OTHERS), (Factor.SEEN,))
"""How somebody lives, whom they know, what they take part in: two of these must be known."""
_QUESTIONNAIRES = (Factor.LSNS,)
_ADULT = 18
"""Neither the questionnaires nor the published figures are about minors."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One row per resident."""

    points: Points
    calibration: Calibration
    enough: Flags
    """False is "not enough data", which is an answer of its own; the rest of the row is void."""
    probability: Floats
    """0 to 1, of LSNS-6 below 12 if it were asked without error."""
    low: Floats
    high: Floats
    """Ends of the interval in which it lies with four in five, were the rest known."""


def score(evidence: Evidence) -> Scores:
    """Score residents by what is known of them.

    Parameters
    ----------
    evidence : Evidence
        Of one city: what is usual and how points are calibrated is found in it.
    """
    points = points_of(evidence)
    calibration = calibrate(evidence, points)
    before = points.before_survey
    at = calibration.log_odds(before) + POINT * points.surveyed
    spread = np.hypot(calibration.error(before), calibration.slope * POINT * points.open)
    low, middle, high = (expit(at + side * _HALF_INTERVAL * spread) for side in (-1, 0, 1))
    adult = (evidence.age < 0) | (evidence.age >= _ADULT)
    return Scores(points, calibration, _enough(points.known) & adult, middle, low, high)


def _enough(known: Flags) -> Flags:
    """Whether two of the three situations are known, or LSNS-6 itself."""

    def any_of(factors: tuple[Factor, ...]) -> Flags:
        return np.asarray(known[:, [FACTORS.index(factor) for factor in factors]].any(axis=1))

    situations = np.sum([any_of(factors) for factors in _SITUATIONS], axis=0)
    return np.asarray((situations >= 2) | any_of(_QUESTIONNAIRES))
