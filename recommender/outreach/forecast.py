"""Who is not isolated now and may become so within 30 or 90 days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.outreach.evidence import Evidence
from recommender.outreach.points import FACTORS, Factor
from recommender.outreach.score import Scores

__all__ = ["onset_risk"]

_YEARLY = 0.05
"""Share of those not isolated who become so in a year: an assumption until surveys repeat."""
_PER_LOG_ODDS = 0.5
_LEAVING, _OLD = 1.2, 0.4
"""What takes part no longer, and 75 years, add to the logarithm of the rate."""
_USUAL = 0.15


def onset_risk(evidence: Evidence, scores: Scores, *, days: int) -> NDArray[np.float64]:
    """Probability of becoming isolated within so many days, for everybody not isolated yet.

    The rate rises with the square root of the odds of being near isolation, with age, and most
    when somebody takes part less than before.

    Parameters
    ----------
    evidence : Evidence
    scores : Scores
        Of the same residents.
    days : int

    Returns
    -------
    NDArray[float64], (n,)
        0 to 1, times the probability of not being isolated now.
    """
    p = np.clip(scores.probability, 1e-6, 1 - 1e-6)
    near = np.log(p / (1 - p)) - np.log(_USUAL / (1 - _USUAL))
    fading = scores.points.given[:, FACTORS.index(Factor.FADING)] > 0
    rate = _YEARLY * np.exp(_PER_LOG_ODDS * near + _LEAVING * fading + _OLD * (evidence.age >= 75))
    return np.asarray((1 - p) * -np.expm1(-rate * days / 365))
