"""Choosing hyper-parameters and weights on a validation cut of the training data alone.

Three steps: climb a short ladder of each scorer's hyper-parameters, score a few thousand residents
by every part once, and move the weights of the blend uphill for each length of history. The
ladders depend on the size of the data, never on the clock, so equal views choose equally. Where
too little can be validated, the priors stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graph.view import View
from recommender.base import Scorer
from recommender.evaluation.splits import cut_for
from recommender.ranking.blend import HISTORY_BUCKETS, Blend
from recommender.ranking.listwise import learn_weights
from recommender.scorers import (
    SCORERS,
    ALSScorer,
    CommunityScorer,
    ItemItemScorer,
    NearHomeScorer,
    SpectralScorer,
)
from recommender.validation import Pool, Validation

__all__ = ["PRIOR_WEIGHTS", "STEPS", "Progress", "Selection", "scorers_for", "select"]

Progress = Callable[[int, int, str], None]
"""Told (steps done, steps in all, what was done)."""

Number = float | int | str | bool

PRIOR_WEIGHTS: Mapping[str, tuple[float, float, float]] = {
    "popular": (0.5, 0.3, 0.2),
    "near": (0.8, 0.3, 0.3),
    "item_item": (1.0, 1.0, 1.0),
    "als": (0.2, 0.2, 0.2),
    "content": (0.2, 0.2, 0.2),
    "affinity": (1.2, 0.5, 0.5),
    "own_group": (1.0, 1.0, 1.0),
    "group_item": (0.2, 0.2, 0.2),
    "group_als": (0.2, 0.2, 0.2),
    "venue": (0.1, 0.1, 0.1),
    "soon": (0.3, 0.2, 0.2),
    "turn": (0.1, 0.1, 0.1),
    "habit": (0.1, 0.1, 0.1),
    "trending": (0.1, 0.1, 0.1),
    "untried": (0.05, 0.05, 0.05),
    "distance": (0.4, 0.3, 0.3),
    "social": (0.3, 0.3, 0.2),
    "community": (0.1, 0.1, 0.1),
    "spectral": (0.5, 0.5, 0.5),
    "fresh": (0.2, 0.15, 0.1),
}
"""Weights where nothing could be validated, for histories of 0, 1-3 and 4+ items."""

STEPS = len(PRIOR_WEIGHTS) + 2
"""Of training: each scorer on the cut, the weights, the fit on everything."""

_POLICY = frozenset({"fresh"})
"""Parts whose weight is a decision (new items get a chance), not something histories can tell."""

_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
_MOST_DENSE = 10_000
"""Items up to which item-item weights are solved for: the work grows with their cube."""
_MOST_CLIMBED = 3_000_000
"""Interactions up to which several fits, wide ones, and ties among all residents can be had."""
_MIN_RESIDENTS = 100
"""Fewer validated residents than this leave the priors as they are."""
_MOST_CLIMBING = 2_000
"""Residents that a hyper-parameter is judged on at most."""
_MIN_GAIN = 2e-4
"""Smaller gains are not worth a change."""
_MIN_ERRORS = 0.5
"""Nor are gains of less than this part of a standard error, paired by resident."""
_LEAST_POPULAR = 0.1
"""Weight of popularity for residents without a history: somebody must give them an order."""


@dataclass(frozen=True, slots=True)
class _Rung:
    """One hyper-parameter and the values tried for it, one after the other."""

    name: str
    values: tuple[float, ...]
    refit: bool = True
    """False where it matters in scoring alone, so that trying a value costs no fit."""


@dataclass(frozen=True, slots=True)
class _Ladder:
    """Hyper-parameters of one scorer, climbed in order where the data are small enough."""

    kind: type[Scorer]
    rungs: tuple[_Rung, ...]
    most_items: int
    """Or residents with several interactions, if these are fewer: fits solve for either."""
    most_interactions: int = _MOST_CLIMBED
    judges: tuple[int, ...] = (1, 2)
    """Lengths of history (indices of ``HISTORY_BUCKETS``) of the residents it is judged on, if
    they are enough; all residents else."""


_LADDERS = (
    _Ladder(
        ItemItemScorer,
        (
            _Rung("regularization", (20.0, 50.0, 100.0, 200.0, 400.0)),
            _Rung("tags", (0.0, 5.0, 20.0)),
        ),
        most_items=4_000,
        judges=(2,),  # short histories want it smoother than others can use: they have other parts
    ),
    _Ladder(
        NearHomeScorer,
        (
            _Rung("history_power", (0.0, 0.5, 1.0)),
            _Rung("bandwidth_km", (0.5, 1.0, 2.0, 4.0, 8.0)),
            _Rung("prior", (50.0, 200.0, 500.0, 1000.0)),
        ),
        most_items=20_000,
        judges=(0, 1, 2),
    ),
    _Ladder(
        ALSScorer,
        (
            _Rung("regularization", (5.0, 20.0, 60.0, 180.0)),
            _Rung("exponent", (0.0, 0.25, 0.5)),
            _Rung("factors", (32, 64, 128, 256)),
        ),
        most_items=100_000,
    ),
    _Ladder(
        SpectralScorer,
        (
            _Rung("smoothing", (0.0, 4.0, 16.0)),
            _Rung("factors", (32, 64, 128), refit=False),
            _Rung("low_pass", (0.0, 0.1, 0.3, 1.0, 3.0, 30.0), refit=False),
        ),
        most_items=100_000,
    ),
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen, and how well it did on the cut."""

    blend: Blend
    configs: Mapping[str, Mapping[str, Number]] = field(default_factory=dict)
    """Hyper-parameters that were chosen, by scorer."""
    chosen: Mapping[str, Number] = field(default_factory=dict)


def scorers_for(view: View, configs: Mapping[str, Mapping[str, Number]]) -> list[Scorer]:
    """Make every scorer that the size of the view leaves time and memory for, not fitted."""
    small, large = view.n_items < 1000, view.interactions.nnz > _MOST_CLIMBED
    sized: dict[str, dict[str, Number]] = {
        "als": {"factors": 32 if small else 64 if large else 128},
        "spectral": {"factors": 64 if small or large else 256},
    }
    too_large: dict[type[Scorer], bool] = {
        ItemItemScorer: view.n_items > _MOST_DENSE,
        CommunityScorer: large,
    }
    return [
        kind(**{**sized.get(kind.name, {}), **configs.get(kind.name, {})})
        for kind in SCORERS.values()
        if not too_large.get(kind, False)
    ]


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
    validation = Validation.of(cut_for(view, seed=seed), salt=seed + 2)
    if len(validation) < _MIN_RESIDENTS:
        return Selection(Blend(PRIOR_WEIGHTS), chosen={"validated": len(validation)})
    fitted: list[Scorer] = []
    scorers = scorers_for(validation.cut.view, {})
    for step, scorer in enumerate(scorers):
        say(step, STEPS, f"choosing on the validation cut: {scorer.name}")
        fitted.append(_climb(validation, scorer, seed))
    say(STEPS - 2, STEPS, "choosing the weights of the parts")
    pool = Pool.of(validation, fitted)
    weights, worth = choose_weights(validation, pool)
    tuned = {ladder.kind.name: [rung.name for rung in ladder.rungs] for ladder in _LADDERS}
    configs = {scorer.name: scorer.config() for scorer in fitted if scorer.name in tuned}
    return Selection(
        Blend(weights, pool.floors),
        configs,
        {
            "validated": len(validation),
            **{f"validation_{name}": v for name, v in worth.items()},
            **{f"{k}_{n}": config[n] for k, config in configs.items() for n in tuned[k]},
        },
    )


def _climb(validation: Validation, scorer: Scorer, seed: int) -> Scorer:
    """Fit one scorer on the cut, with the best of its hyper-parameters."""
    view = validation.cut.view
    best = scorer.fit(view, seed=seed)
    several = int((np.diff(view.interactions.indptr) > 1).sum())
    ladder = next((ladder for ladder in _LADDERS if ladder.kind is type(scorer)), None)
    if (
        ladder is None
        or min(view.n_items, several) > ladder.most_items
        or view.interactions.nnz > ladder.most_interactions
    ):
        return best
    rows = validation.rows[np.isin(validation.bucket, ladder.judges)]
    if len(rows) < _MIN_RESIDENTS:
        rows = validation.rows
    rows = rows[:: -(-len(rows) // _MOST_CLIMBING)]
    worth = validation.worth_of(best, rows)
    for rung in ladder.rungs:
        start = best
        for value in rung.values:
            config = {**start.config(), rung.name: value}
            if config == start.config():
                continue
            if rung.refit:
                tried = ladder.kind(**config).fit(view, seed=seed)
            else:
                tried = ladder.kind.restore(config, start.arrays())
            found = validation.worth_of(tried, rows)
            if _better(found, worth):
                best, worth = tried, found
    return best


Weights = dict[str, float]


def choose_weights(
    validation: Validation, pool: Pool
) -> tuple[dict[str, tuple[float, float, float]], dict[str, float]]:
    """Coordinate ascent for each length of history, from the part that does best alone.

    Those with few items want other parts than those with many: a common start would leave the
    fewer of them with what the others want.

    Returns
    -------
    tuple of dict
        Weights by part, and the worth reached by length of history.
    """
    chosen: list[Weights] = []
    known: dict[bytes, tuple[Weights, float]] = {}  # of residents that two lengths go by
    worth: dict[str, float] = {}
    warm = np.flatnonzero(validation.bucket > 0)
    learnt = [name for name in pool.parts if name not in _POLICY]
    for code, name in enumerate(HISTORY_BUCKETS):
        rows = np.flatnonzero(validation.bucket == code)
        if code > 0 and len(rows) < _MIN_RESIDENTS <= len(warm):
            rows = warm
        same = rows.tobytes()
        if same not in known:
            known[same] = _ascend(pool, rows, learnt)
        found, reached = known[same]
        weights = {**{n: PRIOR_WEIGHTS[n][code] for n in learnt}, **found}
        if code == 0 and "popular" in weights:
            weights["popular"] = max(weights["popular"], _LEAST_POPULAR)
        chosen.append(weights)
        worth[name] = round(reached, 6)
    triples: dict[str, tuple[float, float, float]] = {}
    for part, prior in PRIOR_WEIGHTS.items():
        first, second, third = (w.get(part, prior[code]) for code, w in enumerate(chosen))
        triples[part] = first, second, third
    return triples, worth


def _ascend(pool: Pool, rows: NDArray[np.int64], names: Sequence[str]) -> tuple[Weights, float]:
    """Climb from the part that does best alone, and from what is learnt listwise; keep the higher.

    Parts that say nothing about these residents get no weight here.
    """
    if len(rows) < _MIN_RESIDENTS:
        return {}, 0.0
    own = {name: pool.parts[name][rows] for name in names}
    own = {name: part for name, part in own.items() if part.any()}
    if not own:
        return {}, 0.0
    alone = {name: float(pool.worth(part, rows).mean()) for name, part in own.items()}
    first = max(alone, key=lambda name: (alone[name], name))
    starts = (
        {name: float(name == first) for name in own},
        learn_weights(own, pool.hidden[rows], pool.mask[rows]),
    )
    weights, reached = max(
        (_uphill(pool, rows, own, start) for start in starts), key=lambda found: found[1]
    )
    return weights, reached


def _uphill(
    pool: Pool,
    rows: NDArray[np.int64],
    own: Mapping[str, NDArray[np.float32]],
    start: Weights,
) -> tuple[Weights, float]:
    """Change one weight at a time, while the worth rises."""
    weights, best = start, pool.worth(_sum(own, start), rows)
    for _ in range(3):
        before = weights
        for name, part in own.items():
            rest = _sum(own, {**weights, name: 0.0})
            for value in _WEIGHTS:
                if value != weights[name]:
                    found = pool.worth(rest + np.float32(value) * part, rows)
                    if _better(found, best):
                        best, weights = found, {**weights, name: value}
        if weights == before:
            break
    return weights, float(best.mean())


def _better(found: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Tell whether a gain is more than noise."""
    gain = found - best
    error = gain.std() / len(gain) ** 0.5
    return bool(gain.mean() > max(_MIN_GAIN, _MIN_ERRORS * error))


def _sum(parts: Mapping[str, NDArray[np.float32]], weights: Weights) -> NDArray[np.float32]:
    shapes: Sequence[NDArray[np.float32]] = tuple(parts.values())
    total = np.zeros(shapes[0].shape, np.float32)
    for name, part in parts.items():
        if weights[name]:
            total += np.float32(weights[name]) * part
    return total
