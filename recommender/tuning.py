"""Hyper-parameters of one scorer: climbed on a validation cut, for what the scorer adds to others.

What is best for a part alone is not what is best beside others: a filter that leaves popularity to
ALS may look worse alone. So a part is judged by the best of a few mixes with the parts
it is put beside. Ladders end by the size of the data, never by the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.base import Query, Scorer
from recommender.scorers import ALSScorer, ItemItemScorer, NearHomeScorer, SpectralScorer
from recommender.validation import Validation, centred, worth

__all__ = ["LADDERS", "Judge", "Ladder", "Rung", "better", "climb"]

MIN_RESIDENTS = 100
"""Fewer residents than this judge nothing."""
_MOST_RESIDENTS = 2_000
"""That judge a hyper-parameter, as far as their scores fit into memory:"""
_MOST_CELLS = 40_000_000
_MIN_GAIN = 2e-4
"""Smaller gains are not worth a change."""
_MIN_ERRORS = 0.5
"""Nor are gains of less than this part of a standard error, paired by resident."""
_MIXES = (0.4, 1.0, 2.5)
"""Weights at which a part is tried beside the others; alone, too."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One hyper-parameter and its values, ascending."""

    name: str
    values: tuple[float, ...]
    refit: bool = True
    """False where it matters in scoring alone, so that trying a value costs no fit."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Hyper-parameters of one scorer, climbed in order where the data are small enough."""

    kind: type[Scorer]
    rungs: tuple[Rung, ...]
    most_items: int
    """Or residents with several interactions, if these are fewer: fits solve for either."""
    most_interactions: int = 3_000_000
    judges: tuple[int, ...] = (1, 2)
    """Lengths of history (indices of ``HISTORY_BUCKETS``) of the residents it is judged on, if
    they are enough; all residents else."""
    beside: tuple[str, ...] = ()
    """Names of the scorers it is judged beside."""

    def fits(self, validation: Validation) -> bool:
        """Tell whether the data are small enough."""
        X = validation.cut.view.interactions
        several = int((np.diff(X.indptr) > 1).sum())
        return min(X.shape[1], several) <= self.most_items and X.nnz <= self.most_interactions


_REGULARIZATION = Rung("regularization", (2.0, 6.0, 20.0, 60.0, 180.0, 540.0))

LADDERS: Mapping[str, Ladder] = {
    ladder.kind.name: ladder
    for ladder in (
        Ladder(
            ItemItemScorer,
            (
                Rung("regularization", (20.0, 50.0, 100.0, 200.0, 400.0)),
                Rung("tags", (0.0, 5.0, 20.0)),
            ),
            most_items=4_000,
            judges=(2,),  # short histories want it smoother than others can use
        ),
        Ladder(
            NearHomeScorer,
            (
                Rung("history_power", (0.0, 0.5, 1.0)),
                Rung("bandwidth_km", (0.5, 1.0, 2.0, 4.0, 8.0)),
                Rung("prior", (50.0, 200.0, 500.0, 1000.0)),
            ),
            most_items=20_000,
            judges=(0, 1, 2),
        ),
        Ladder(
            SpectralScorer,
            (
                Rung("low_pass", (0.0, 0.1, 0.3, 1.0, 3.0, 30.0), refit=False),
                Rung("people", (0.4, 0.7, 1.0)),
                Rung("smoothing", (0.0, 4.0, 16.0)),
                Rung("exponent", (0.0, 0.1, 0.2, 0.3, 0.4, 0.6), refit=False),
                Rung("low_pass", (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 30.0), refit=False),
                Rung("exponent", (0.0, 0.1, 0.2, 0.3, 0.4, 0.6), refit=False),
                Rung("factors", (32, 64, 128, 256), refit=False),
            ),
            most_items=100_000,
            beside=("als",),
        ),
        Ladder(
            ALSScorer,
            (
                _REGULARIZATION,
                Rung("exponent", (0.0, 0.25, 0.5)),
                Rung("factors", (32, 64, 128, 256)),
                _REGULARIZATION,  # again: how much is right goes with the number of factors
            ),
            most_items=100_000,
            beside=("spectral",),
        ),
    )
}


class Judge:
    """Some residents of a validation cut, and what other parts say to them.

    Parameters
    ----------
    validation : Validation
    ladder : Ladder
        Says which lengths of history count.
    others : sequence of Scorer
        Fitted parts that the tried one is put beside.
    """

    def __init__(self, validation: Validation, ladder: Ladder, others: Sequence[Scorer]) -> None:
        rows = validation.rows[np.isin(validation.bucket, ladder.judges)]
        if len(rows) < MIN_RESIDENTS:
            rows = validation.rows
        room = max(MIN_RESIDENTS, _MOST_CELLS // max(validation.cut.view.n_items, 1))
        self.view = validation.cut.view
        self._validation = validation
        self._rows = rows[:: -(-len(rows) // min(_MOST_RESIDENTS, room))]
        self._beside: list[NDArray[np.float32]] = []
        """Sum of what the others say, one array a batch; none where there are no others."""
        if others:
            self._beside = [
                np.sum([_standard(other, query, mask) for other in others], axis=0)
                for query, _, mask in validation.batches(self._rows)
            ]

    def worth(self, scorer: Scorer) -> NDArray[np.float64]:
        """Rank by a scorer, alone or in the mix with the others that does best, per resident."""
        batches = []
        for at, (query, hidden, mask) in enumerate(self._validation.batches(self._rows)):
            own = _standard(scorer, query, mask)
            tried = [own]
            if self._beside:
                tried += [self._beside[at] + np.float32(mix) * own for mix in _MIXES]
            batches.append([worth(scores, hidden, mask) for scores in tried])
        found = np.array([np.concatenate(mix) for mix in zip(*batches, strict=True)])
        best: NDArray[np.float64] = found[found.mean(axis=1).argmax()]
        return best


def _standard(scorer: Scorer, query: Query, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    scores, spread = centred(scorer.score(query), mask)
    scores /= np.maximum(spread, np.float32(1e-6))[:, None]
    return scores


def climb(validation: Validation, best: Scorer, others: Sequence[Scorer], *, seed: int) -> Scorer:
    """Find the best hyper-parameters of a scorer that its ladder leads to.

    Parameters
    ----------
    validation : Validation
    best : Scorer
        Fitted on the cut; its hyper-parameters are where the climb starts.
    others : sequence of Scorer
        Fitted on the cut, too.
    seed : int
    """
    ladder = LADDERS.get(best.name)
    if ladder is None or not ladder.fits(validation):
        return best
    judge = Judge(validation, ladder, [o for o in others if o.name in ladder.beside])
    reached = judge.worth(best)
    for rung in ladder.rungs:
        best, reached = _along(rung, best, reached, judge, seed)
    return best


def _along(
    rung: Rung, best: Scorer, reached: NDArray[np.float64], judge: Judge, seed: int
) -> tuple[Scorer, NDArray[np.float64]]:
    """Go up one hyper-parameter while it gains; where that gained nothing, go down."""
    view, start = judge.view, best
    now = float(start.config()[rung.name])
    above = [value for value in rung.values if value > now]
    below = [value for value in reversed(rung.values) if value < now]
    for way in (above, below):
        for value in way:
            config = {**best.config(), rung.name: value}
            if rung.refit:
                tried = type(best)(**config).fit(view, seed=seed)
            else:
                tried = type(best).restore(config, start.arrays())
            found = judge.worth(tried)
            if not better(found, reached):
                break
            best, reached = tried, found
        if best is not start:
            break
    return best, reached


def better(found: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Tell whether a gain is more than noise."""
    gain = found - best
    error = gain.std() / len(gain) ** 0.5
    return bool(gain.mean() > max(_MIN_GAIN, _MIN_ERRORS * error))
