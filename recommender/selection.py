"""Choosing hyper-parameters and weights on a validation cut of the training data alone.

What is tried is a fixed ladder whose length depends on the size of the data, never on the clock,
so equal views choose equally. Where too little can be validated, the priors stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graph.view import CSR, View
from recommender.base import Query, Scorer
from recommender.evaluation.metrics import hit_ranks, ndcg_at, recall_at
from recommender.evaluation.splits import Cut, cell_hash, cut_for
from recommender.ranking.blend import HISTORY_BUCKETS, Blend, history_bucket, standardise
from recommender.scorers import (
    AffinityScorer,
    ALSScorer,
    ContentScorer,
    DistanceScorer,
    FreshScorer,
    GroupALSScorer,
    GroupItemScorer,
    HabitScorer,
    ItemItemScorer,
    NearHomeScorer,
    OwnGroupScorer,
    PopularScorer,
    SocialScorer,
    SoonScorer,
    TrendingScorer,
    TurnScorer,
    UntriedScorer,
    VenueScorer,
)

__all__ = ["PRIOR_WEIGHTS", "Progress", "Selection", "scorers_for", "select"]

Progress = Callable[[int, int, str], None]
"""Told (steps done, steps in all, what was done)."""

Number = float | int | str | bool

PRIOR_WEIGHTS: Mapping[str, tuple[float, float, float]] = {
    "popular": (0.5, 0.3, 0.2),
    "near": (0.8, 0.5, 0.3),
    "item_item": (1.0, 1.0, 1.0),
    "als": (0.2, 0.2, 0.2),
    "content": (0.8, 0.5, 0.3),
    "affinity": (0.3, 0.3, 0.3),
    "own_group": (1.0, 1.0, 1.0),
    "group_item": (0.2, 0.2, 0.2),
    "group_als": (0.2, 0.2, 0.2),
    "venue": (0.1, 0.1, 0.1),
    "soon": (0.3, 0.2, 0.2),
    "turn": (0.1, 0.1, 0.1),
    "habit": (0.1, 0.1, 0.1),
    "trending": (0.1, 0.1, 0.1),
    "untried": (0.0, 0.0, 0.0),
    "distance": (0.4, 0.3, 0.3),
    "social": (0.3, 0.3, 0.2),
    "fresh": (0.2, 0.15, 0.1),
}
"""Weights where nothing could be validated, for histories of 0, 1-3 and 4+ items."""

_POLICY = frozenset({"fresh"})
"""Parts whose weight is a decision (new items get a chance), not something histories can tell."""

_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
_REGULARIZATIONS = (20.0, 50.0, 100.0, 200.0, 400.0)
_NEAR: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("history_power", (0.0, 0.5, 1.0)),
    ("bandwidth_km", (0.5, 1.0, 2.0, 4.0, 8.0)),
    ("prior", (50.0, 200.0, 500.0, 1000.0)),
)
_MIN_RESIDENTS = 100
"""Fewer validated residents than this leave the priors as they are."""
_CELLS = 12_000_000
"""Scores of one part that are held at a time."""
_MIN_GAIN = 5e-4
"""Smaller gains are not worth a change."""
_MIN_ERRORS = 1.0
"""Nor are gains of fewer standard errors than this, paired by resident."""
_LEAST_POPULAR = 0.1
"""Weight of popularity for residents without a history: somebody must give them an order."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen, and how well it did on the cut."""

    blend: Blend
    configs: Mapping[str, Mapping[str, Number]] = field(default_factory=dict)
    """Hyper-parameters that differ from the defaults, by scorer."""
    chosen: Mapping[str, Number] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Validation:
    """Residents of the cut with what was hidden from them."""

    cut: Cut
    query: Query
    hidden: CSR
    mask: NDArray[np.bool_]
    bucket: NDArray[np.int64]

    def worth(self, scores: NDArray[np.floating], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean of Recall@10 and NDCG@10, for each of some residents."""
        hidden = self.hidden[rows]
        ranks = hit_ranks(scores, hidden, self.mask[rows])
        return (recall_at(ranks, hidden, 10) + ndcg_at(ranks, hidden, 10)) / 2


def scorers_for(view: View, configs: Mapping[str, Mapping[str, Number]]) -> list[Scorer]:
    """Make every scorer, not fitted, sized for the view."""
    sized: dict[str, dict[str, Number]] = {"als": {"factors": 32 if view.n_items < 1000 else 64}}
    types: tuple[type[Scorer], ...] = (
        PopularScorer,
        NearHomeScorer,
        ItemItemScorer,
        ALSScorer,
        ContentScorer,
        AffinityScorer,
        OwnGroupScorer,
        GroupItemScorer,
        GroupALSScorer,
        VenueScorer,
        SoonScorer,
        TurnScorer,
        HabitScorer,
        TrendingScorer,
        UntriedScorer,
        DistanceScorer,
        SocialScorer,
        FreshScorer,
    )
    return [_make(t, {**sized.get(t.name, {}), **configs.get(t.name, {})}) for t in types]


def _make(kind: type[Scorer], config: Mapping[str, Number]) -> Scorer:
    return kind(**config)


def select(view: View, *, seed: int, progress: Progress | None = None) -> Selection:
    """Choose hyper-parameters, then weights, on a validation cut.

    Parameters
    ----------
    view : View
        Training data only.
    seed : int
        Salt of the cut and seed of the fits.
    progress : callable, optional
    """
    say = progress or (lambda done, total, note: None)
    validation = _validation(view, seed)
    residents = len(validation.query)
    if residents < _MIN_RESIDENTS:
        return Selection(Blend(PRIOR_WEIGHTS), chosen={"validated": residents})
    configs = _choose_configs(validation, seed, say)
    say(2, 4, "fitting the parts on the validation cut")
    parts: dict[str, NDArray[np.float32]] = {}
    floors: dict[str, float] = {}
    for scorer in scorers_for(view, configs):
        raw = scorer.fit(validation.cut.view, seed=seed).score(validation.query)
        spread = raw.std(axis=1)
        lively = spread[spread > 1e-6]
        floors[scorer.name] = round(float(np.median(lively)) * 0.1, 9) if len(lively) else 0.0
        if scorer.name not in _POLICY and len(lively):
            mask = validation.mask
            parts[scorer.name] = standardise(raw, floors[scorer.name], mask).astype(np.float32)
    say(3, 4, "choosing the weights of the parts")
    weights, worth = _choose_weights(validation, parts)
    return Selection(
        Blend(weights, floors),
        configs,
        {"validated": residents, **{f"validation_{name}": v for name, v in worth.items()}},
    )


def _validation(view: View, seed: int) -> _Validation:
    cut = cut_for(view, seed=seed)
    rows = cut.rows
    most = max(500, _CELLS // max(view.n_items, 1))
    if len(rows) > most:
        order = np.argsort(cell_hash(rows, 0, seed + 2), kind="stable")
        rows = np.sort(rows[order[:most]])
    query = Query.from_view(cut.view, rows)
    mask = query.history.toarray() > 0
    if cut.candidates is not None:
        mask |= ~cut.candidates
    bucket = history_bucket(np.diff(query.history.indptr).astype(np.int64))
    return _Validation(cut, query, cut.hidden[rows], mask, bucket)


def _choose_configs(
    validation: _Validation, seed: int, say: Progress
) -> dict[str, dict[str, Number]]:
    """Climb the ladders of single scorers; long ones only where fits are cheap."""
    view = validation.cut.view
    warm, everyone = np.flatnonzero(validation.bucket > 0), np.arange(len(validation.query))

    def worth(scorer: Scorer, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        query = Query.from_view(view, validation.query.rows[rows])
        return validation.worth(scorer.fit(view, seed=seed).score(query), rows)

    configs: dict[str, dict[str, Number]] = {}
    if len(warm) >= _MIN_RESIDENTS and view.n_items <= 4000:
        say(0, 4, "choosing the regularisation of item-item weights")
        ladder = {r: worth(ItemItemScorer(regularization=r), warm).mean() for r in _REGULARIZATIONS}
        configs["item_item"] = {"regularization": max(ladder, key=lambda r: (ladder[r], r))}
    if view.interactions.nnz <= 5_000_000:
        say(1, 4, "choosing how local popularity is")
        best = worth(NearHomeScorer(), everyone)
        near: dict[str, float] = {}
        for name, values in _NEAR:
            for value in values:
                found = worth(NearHomeScorer(**{**near, name: value}), everyone)
                if _better(found, best):
                    best, near = found, {**near, name: value}
        configs["near"] = dict(near)
    return configs


def _choose_weights(
    validation: _Validation, parts: Mapping[str, NDArray[np.float32]]
) -> tuple[dict[str, tuple[float, float, float]], dict[str, float]]:
    """Coordinate ascent: first for everyone with a history, then for each length of history."""
    chosen: list[dict[str, float]] = []
    worth: dict[str, float] = {}
    warm = np.flatnonzero(validation.bucket > 0)
    everyone = _ascend(validation, parts, warm, {n: PRIOR_WEIGHTS[n][1] for n in parts})
    for code, name in enumerate(HISTORY_BUCKETS):
        rows = np.flatnonzero(validation.bucket == code)
        start = {n: PRIOR_WEIGHTS[n][0] for n in parts} if code == 0 else everyone[0]
        weights, reached = _ascend(validation, parts, rows, start)
        if code == 0 and "popular" in weights:
            weights["popular"] = max(weights["popular"], _LEAST_POPULAR)
        chosen.append(weights)
        worth[name] = round(reached, 6)
    triples: dict[str, tuple[float, float, float]] = {}
    for part, prior in PRIOR_WEIGHTS.items():
        known = part in parts
        first, second, third = (
            weights_of[part] if known else prior[code] for code, weights_of in enumerate(chosen)
        )
        triples[part] = first, second, third
    return triples, worth


def _ascend(
    validation: _Validation,
    parts: Mapping[str, NDArray[np.float32]],
    rows: NDArray[np.int64],
    start: Mapping[str, float],
) -> tuple[dict[str, float], float]:
    """Change one weight at a time, as long as the worth rises; twice around."""
    weights = dict(start)
    if len(rows) < _MIN_RESIDENTS:
        return weights, 0.0
    own = {name: part[rows] for name, part in parts.items()}
    best = validation.worth(_sum(own, weights), rows)
    for _ in range(2):
        for name, part in own.items():
            if not part.any():
                continue  # it says nothing about these residents: the prior stands
            rest = _sum(own, {**weights, name: 0.0})
            for value in _WEIGHTS:
                if value != weights[name]:
                    found = validation.worth(rest + np.float32(value) * part, rows)
                    if _better(found, best):
                        best, weights = found, {**weights, name: value}
    return weights, float(best.mean())


def _better(found: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Tell whether a gain is more than noise."""
    gain = found - best
    error = gain.std() / len(gain) ** 0.5
    return bool(gain.mean() > max(_MIN_GAIN, _MIN_ERRORS * error))


def _sum(
    parts: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]
) -> NDArray[np.float32]:
    shapes: Sequence[NDArray[np.float32]] = tuple(parts.values())
    total = np.zeros(shapes[0].shape, np.float32)
    for name, part in parts.items():
        if weights[name]:
            total += np.float32(weights[name]) * part
    return total
