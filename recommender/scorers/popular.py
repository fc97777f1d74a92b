"""How many took part lately: the part that serves everybody, also those nothing is known of."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph.view import View
from recommender.base import Evidence, Query, ReasonCode
from recommender.scorers.matrix import Arrays, Config, pick

__all__ = ["DAY", "TOOK_PART", "PopularScorer", "bucket", "decay"]

TOOK_PART = 2.0
"""Confidence from which an interaction is taking part (joined, signed up, attended)."""

DAY = 86_400


def decay(view: View, half_life_days: float) -> NDArray[np.float64]:
    """Weight each interaction by its age at ``view.as_of``; 1 where the time is unknown."""
    age = np.maximum(view.as_of - view.times, 0) / DAY
    weight = np.exp2(-age / half_life_days)
    return np.where(view.times < 0, 1.0, weight)


def bucket(people: int) -> str | None:
    """Name the bucket of a count that may be told, or ``None`` below 20 people."""
    if people < 20:
        return None
    return "20-50" if people < 50 else "50-200" if people < 200 else "200+"


class PopularScorer:
    r"""Popularity that fades: :math:`\log(1 + \sum_u c_{ui} 2^{-age/h})`, centred.

    Centred on the mean over items, so that 0 is an average item and a new one starts there.

    Parameters
    ----------
    half_life_days : float
        After this many days an interaction counts half.
    """

    name: ClassVar[str] = "popular"

    def __init__(self, half_life_days: float = 180.0) -> None:
        self.half_life_days = half_life_days
        self.score_: NDArray[np.float32] = np.zeros(0, np.float32)
        self.people_: NDArray[np.int64] = np.zeros(0, np.int64)

    def fit(self, view: View, *, seed: int) -> Self:
        """Sum up the interactions of each item."""
        X, n = view.interactions, view.n_items
        weight = np.bincount(
            X.indices, weights=X.data * decay(view, self.half_life_days), minlength=n
        )
        score = np.log1p(weight)
        self.score_ = (score - (score.mean() if n else 0.0)).astype(np.float32)
        self.people_ = np.bincount(X.indices[X.data >= TOOK_PART], minlength=n).astype(np.int64)
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Give everybody the same scores."""
        one = pick(self.score_[None, :], candidates, len(query.items))
        return np.repeat(one, len(query), axis=0)

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite how many took part, as a bucket; those masked are not counted."""
        if candidate >= len(self.people_):
            return None
        name = bucket(int(self.people_[candidate]) - len(query.masked))
        return Evidence(ReasonCode.POPULAR, {"bucket": name}) if name else None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the scores and the number of people of each item."""
        return {"score": self.score_, "people": self.people_}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"half_life_days": self.half_life_days}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(half_life_days=float(config["half_life_days"]))
        scorer.score_ = np.asarray(arrays["score"], np.float32)
        scorer.people_ = np.asarray(arrays["people"], np.int64)
        return scorer
