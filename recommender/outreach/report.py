"""How well points told who answered that they are isolated: all and by group, never of few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.codec import Json
from graph.measures.aggregate import LEAST_PEOPLE
from recommender.outreach.backtest import area_under_curve, recall_by_group
from recommender.outreach.calibration import AT_RISK
from recommender.outreach.evidence import Evidence
from recommender.outreach.score import Scores

__all__ = ["report_of"]

_VISITED = 0.2
"""Share of those who answered who would have been visited first."""


def report_of(
    evidence: Evidence, scores: Scores, scored: NDArray[np.bool_], groups: NDArray[np.int64]
) -> dict[str, Json]:
    """Sum up a run.

    Parameters
    ----------
    evidence : Evidence
    scores : Scores
    scored : NDArray[bool], (n,)
        Who authorised a score.
    groups : NDArray[int64], (n,)

    Returns
    -------
    dict
        Counts and shares of at least 20 people; ``None`` in place of those of fewer.
    """
    answered = np.flatnonzero(evidence.lsns >= 0)
    truth = evidence.lsns[answered] < AT_RISK
    points = scores.points.before_survey[answered]
    first = np.argsort(-points, kind="stable")[: round(_VISITED * len(answered))]
    found = np.isin(np.arange(len(answered)), first)
    enough = min(int(truth.sum()), int((~truth).sum())) >= LEAST_PEOPLE
    recall: dict[str, Json] = {
        group.group: round(group.found / group.there, 3)
        for group in recall_by_group(found, truth, groups[answered].astype(str))
        if group.there >= LEAST_PEOPLE
    }
    return {
        "scored": _many(int((scored & scores.enough).sum())),
        "not_enough_data": _many(int((scored & ~scores.enough).sum())),
        "answered": _many(len(answered)),
        "area_under_curve": round(area_under_curve(points, truth), 3) if enough else None,
        "recall_by_group": recall,
        "level": round(scores.calibration.level, 3),
        "slope": round(scores.calibration.slope, 3),
    }


def _many(count: int) -> int | None:
    return count if count == 0 or count >= LEAST_PEOPLE else None
