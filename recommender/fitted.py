"""A fitted model: scorers, the weights that blend them, and how the list is re-ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommender.base import Query, Scorer
from recommender.ranking.blend import Blend
from recommender.ranking.reranker import SocialReranker

__all__ = ["FittedModel"]


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """Everything training decided; :mod:`recommender.artifact` keeps it in a folder."""

    scorers: Sequence[Scorer]
    blend: Blend
    reranker: SocialReranker = field(default_factory=SocialReranker)
    seed: int = 0
    chosen: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    """What model selection saw and chose, for people to read."""
    model_id: str = ""
    """Id of the artifact it was loaded from; empty before it was saved."""
    view_id: str = ""
    """Fingerprint of the view it was fitted on; empty before it was saved."""

    def contributions(
        self,
        query: Query,
        candidates: NDArray[np.int64] | None = None,
        mask: NDArray[np.bool_] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Score candidates by every part that speaks for those asking, standardised and weighted.

        A part that weighs nothing for any of them is not asked.

        Parameters
        ----------
        query : Query
        candidates : NDArray[int64], (n_candidates,), optional
            Item rows; all when left out.
        mask : NDArray[bool], (b, n_candidates), optional
            Entries that are no candidates for that resident.
        """
        lengths = np.diff(query.history.indptr).astype(np.int64)
        speaking = self.blend.speaking(lengths)
        parts = {s.name: s.score(query, candidates) for s in self.scorers if s.name in speaking}
        return self.blend.contributions(parts, lengths, mask)

    def score(
        self,
        query: Query,
        candidates: NDArray[np.int64] | None = None,
        mask: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Sum of the contributions, (b, n_candidates)."""
        parts = self.contributions(query, candidates, mask)
        columns = len(query.items) if candidates is None else len(candidates)
        total = np.zeros((len(query), columns))
        for part in parts.values():
            total += part
        return total
