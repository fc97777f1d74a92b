"""What is kept of each score: as much as it takes to order a list and to say why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from graph.codec import Json
from graph.model import DataCategory
from recommender.outreach.evidence import Evidence
from recommender.outreach.forecast import onset_risk
from recommender.outreach.points import CATEGORY_OF, FACTORS, Factor
from recommender.outreach.score import Scores

__all__ = ["BANDS", "bodies_of", "groups_of", "parts_of"]

BANDS = (40, 65, 75)
"""Ages at which the next band begins."""
_HORIZONS = (30, 90)
_ALWAYS = frozenset({DataCategory.GRID, DataCategory.ISOLATION_SCORE})


def groups_of(evidence: Evidence, registered_here: Mapping[int, bool]) -> NDArray[np.int64]:
    """Group of each resident for a fair order: age band and where the household is registered.

    What is unknown is a group of its own. Sex is not among what Linli holds.
    """
    band = np.where(evidence.age < 0, len(BANDS) + 1, np.digitize(evidence.age, BANDS))
    here = np.full(len(evidence), 2, np.int64)
    for row, registered in registered_here.items():
        here[row] = registered
    return band * 3 + here


def bodies_of(
    evidence: Evidence, scores: Scores, groups: NDArray[np.int64], rows: NDArray[np.int64]
) -> list[dict[str, Json]]:
    """Lay out the scores of these rows as JSON, in their order."""
    onset = [onset_risk(evidence, scores, days=days) for days in _HORIZONS]
    usual: list[Json] = [round(scores.points.usual_kin, 2), round(scores.points.usual_others, 2)]
    return [
        {
            "enough": bool(scores.enough[row]),
            "probability": round(float(scores.probability[row]), 4),
            "low": round(float(scores.low[row]), 4),
            "high": round(float(scores.high[row]), 4),
            "parts": _parts(evidence, scores, row),
            "usual": usual,
            "onset": [round(float(risk[row]), 4) for risk in onset],
            "group": int(groups[row]),
            "categories": _categories(scores, row),
        }
        for row in rows.tolist()
    ]


def _categories(scores: Scores, row: int) -> list[Json]:
    """Name what a score rests on: taken back, any of it, the score is not shown any more."""
    known = zip(FACTORS, scores.points.known[row], strict=True)
    used = {CATEGORY_OF[factor] for factor, is_known in known if is_known}
    return [c.value for c in DataCategory if c in used | _ALWAYS]


def _parts(evidence: Evidence, scores: Scores, row: int) -> list[Json]:
    """Every factor that is known, its points and what was seen."""
    return [
        [factor.value, round(float(scores.points.given[row, n]), 1), _seen(evidence, factor, row)]
        for n, factor in enumerate(FACTORS)
        if scores.points.known[row, n]
    ]


def _seen(evidence: Evidence, factor: Factor, row: int) -> int:
    """Return the number a factor rests on."""
    if factor in {Factor.KIN, Factor.OTHERS}:
        kin, *others = evidence.ties[row].tolist()
        return int(kin if factor is Factor.KIN else sum(others))
    column = {Factor.SEEN: "last_seen", Factor.FADING: "recent"}.get(factor, factor.value)
    return int(getattr(evidence, column)[row])


def parts_of(body: Mapping[str, Json]) -> list[tuple[Factor, float, int]]:
    """Read back (factor, points, number) of a body."""
    parts = cast("list[tuple[str, float, int]]", body["parts"])
    return [(Factor(name), float(points), int(seen)) for name, points, seen in parts]
