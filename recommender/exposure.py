"""Attention that items would get from a model: the feeds of a sample of residents, added up.

Residents are sampled by a hash of their row. The lists are made from their own S1 cells only:
needs, occupations and ties are S2, and must not shape what others see.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from graph.view import View, empty_csr
from recommender.base import Query
from recommender.candidates import NearbyItems
from recommender.evaluation.splits import sample
from recommender.fitted import FittedModel
from recommender.ranking.eligibility import eligible
from recommender.ranking.fairness import attention, merit

__all__ = ["expected_exposure"]

RESIDENTS = 500
"""Residents sampled at most."""
PLACES = 20
"""Length of their lists."""


def expected_exposure(
    model: FittedModel, view: View, *, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Simulate feeds and add up the attention and the merit of every item.

    Parameters
    ----------
    model : FittedModel
    view : View
        The view it was fitted on.
    seed : int
        Salt of the sample.

    Returns
    -------
    tuple of two NDArray[float64], (n_items,)
        Attention got, and merit; both add up to the same over a list that is full.
    """
    source, places = NearbyItems(), attention(PLACES)
    got, merits = np.zeros(view.n_items), np.zeros(view.n_items)
    for row in sample(np.arange(view.n_residents, dtype=np.int64), RESIDENTS, seed):
        query = _without_s2(Query.from_view(view, np.array([row])), view)
        found = eligible(query, source.candidates(query))
        if not len(found):
            continue
        scores = model.score(query, found)[0]
        listed = model.reranker.rerank(query, found, scores.astype(np.float32), PLACES)
        got[found[listed]] += places[: len(listed)]
        merits[found] += merit(scores) * places[: len(listed)].sum()
    return got, merits


def _without_s2(query: Query, view: View) -> Query:
    return replace(
        query,
        rows=np.array([view.n_residents], np.int64),  # a row of nobody has no ties
        needs=empty_csr(1, query.needs.shape[1]),
        occupations=empty_csr(1, query.occupations.shape[1]),
    )
