"""What the holdout and the lot have told so far, from what residents were shown and did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.gate import Shown
from graph.model import InteractionKind
from recommender.evaluation.experiments import (
    Arm,
    Estimate,
    Uplift,
    mean_had_it_been_shown,
    uplift,
)

__all__ = ["FEWEST", "TrialReport", "report"]

FEWEST = 20
"""Nothing is told of fewer residents than this."""

_TAPS = (
    InteractionKind.VIEW,
    InteractionKind.LIKE,
    InteractionKind.JOIN,
    InteractionKind.SIGN_UP,
)


@dataclass(frozen=True, slots=True)
class TrialReport:
    """Figures of a time; ``None`` where fewer than :data:`FEWEST` residents stand behind one."""

    residents: int
    """Who was shown anything and lets it be kept."""
    places: int
    """Places of the lists they were shown."""
    joins: Uplift | None
    """Places taken per resident, personal lists less holdout."""
    chosen: Estimate | None
    """Taps on the last place had the model's choice always stood there."""
    by_lot: Estimate | None
    """Taps on it had one of the next candidates always stood there."""


def report(shown: Shown) -> TrialReport:
    """Sum up; arms are those of each resident's latest list."""
    seen, latest = _latest(shown.residents)
    held = shown.arms[latest] == Arm.HELD_OUT
    enough = min(held.sum(), (~held).sum()) >= FEWEST
    # The lot moves at most every second list, so the likelier of two is the model's choice.
    left_to_lot = shown.propensities < 1.0
    by_model = shown.propensities > 0.5
    return TrialReport(
        residents=len(seen),
        places=len(shown.items),
        joins=uplift(shown.joins[seen], held) if enough else None,
        chosen=_taps(shown, left_to_lot & by_model),
        by_lot=_taps(shown, left_to_lot & ~by_model),
    )


def _latest(residents: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Residents, and the last entry of each; entries are in order of time."""
    seen, first_from_behind = np.unique(residents[::-1], return_index=True)
    return seen, len(residents) - 1 - first_from_behind


def _taps(shown: Shown, which: NDArray[np.bool_]) -> Estimate | None:
    if len(np.unique(shown.residents[which])) < FEWEST:
        return None
    return mean_had_it_been_shown(shown.did(*_TAPS)[which], shown.propensities[which])
