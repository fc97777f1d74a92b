"""What scorers have in common that learn nothing: it is all in the query."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from graph.view import View
from recommender.base import Evidence, Query

__all__ = ["NothingLearnt"]


class NothingLearnt:
    """Nothing is fitted or kept, and nothing cited unless a scorer says what."""

    def fit(self, view: View, *, seed: int) -> Self:
        """Learn nothing: it is all in the query."""
        return self

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return nothing: nothing was learnt."""
        return {}
