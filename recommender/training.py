"""From a view to a fitted model. Nothing but the view and the seed decides what comes out."""

from __future__ import annotations

from dataclasses import replace

from threadpoolctl import threadpool_limits

from graph.view import View
from recommender.exposure import expected_exposure
from recommender.fitted import FittedModel
from recommender.ranking.blend import Blend
from recommender.ranking.reranker import SocialReranker
from recommender.ranking.weights import Weights
from recommender.selection import STEPS, Progress, Selection, scorers_for, select

__all__ = ["fit", "train", "with_reranker"]


def train(
    view: View,
    *,
    seed: int = 0,
    weights: Weights | None = None,
    progress: Progress | None = None,
) -> FittedModel:
    """Choose on a validation cut, then fit on everything, the re-ranker last.

    The same view and seed give the same arrays bit for bit (one BLAS thread, no clock, no earlier
    model). A resident whose cells are gone leaves the same model as one who never had any.

    Parameters
    ----------
    view : View
        S1 cells as authorised for the feed; S2 cells only where authorised for group-matching,
        as they enter what residents share.
    seed : int
    weights : Weights, optional
        Of the re-ranker.
    progress : callable, optional
        Told (steps done, steps in all, what was done).
    """
    with threadpool_limits(limits=1):
        selection = select(view.without_needs(), seed=seed, progress=progress)
        model = fit(view, selection, seed=seed, progress=progress)
        return with_reranker(model, view, weights or Weights())


def fit(
    view: View, selection: Selection, *, seed: int = 0, progress: Progress | None = None
) -> FittedModel:
    """Fit what was selected. Parts that weigh nothing for anybody are left out."""
    weights = {name: w for name, w in selection.blend.weights.items() if any(w)}
    with threadpool_limits(limits=1):
        scorers = tuple(
            scorer.fit(view, seed=seed)
            for scorer in scorers_for(view, selection.configs)
            if scorer.name in weights
        )
    if progress is not None:
        progress(STEPS, STEPS, "fitted")
    floors = {name: f for name, f in selection.blend.floors.items() if name in weights}
    return FittedModel(scorers, Blend(weights, floors), seed=seed, chosen=selection.chosen)


def with_reranker(model: FittedModel, view: View, weights: Weights) -> FittedModel:
    """Give a model a re-ranker, fitted on the view and on the attention the feeds would give."""
    model = replace(model, reranker=SocialReranker(weights).fit(view))
    if weights.exposure or weights.dominance:
        model.reranker.fit_attention(
            view, *expected_exposure(model, view.without_needs(), seed=model.seed)
        )
    return model
