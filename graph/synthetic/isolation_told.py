"""What residents of a city of :mod:`graph.synthetic.isolation` told Linli: less than is true."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

if TYPE_CHECKING:
    from graph.synthetic.isolation import IsolationRecipe, Register

__all__ = ["AT_RISK", "UNKNOWN", "YEAR", "Told", "tell", "with_ties"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

AT_RISK = 12
"""LSNS-6 points below which somebody is isolated."""
UNKNOWN = -1
YEAR = 365
_ITEM_NOISE = 1.05


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What residents told Linli for care visits; -1 where they did not. All (n,)."""

    authorised: Flags
    """Whether anything was."""
    age: Ints
    alone: Ints
    """1, 0 or -1."""
    ties: dict[str, sp.csr_array]
    """Per layer (n, n): ties Linli knows of, symmetric."""
    shares_ties: Flags
    """Whose ties may be counted."""
    last_seen: Ints
    """Days since they last took part in anything, at most 365; -1 not authorised."""
    recent: Ints
    """Times within 90 days."""
    earlier: Ints
    """Times in the 275 days before."""
    lsns: Ints
    ucla: Ints
    answered: Ints
    """Days since the questionnaire."""
    silent: Ints
    """Days of 30 without water, where its meter may be looked at."""


def tell(
    rng: np.random.Generator,
    register: Register,
    liability: Floats,
    lsns: Ints,
    part: tuple[Ints, Ints, Ints],
    recipe: IsolationRecipe,
) -> Told:
    """Leave out what is not authorised and what nobody asked; ties come afterwards."""
    n = len(lsns)
    odds = np.log(recipe.consent / (1 - recipe.consent)) - 0.2 * liability
    authorised = rng.random(n) < 1 / (1 + np.exp(-odds))

    def some(values: NDArray[np.generic], share: float = 0.93) -> Ints:
        return np.where(authorised & (rng.random(n) < share), values, UNKNOWN).astype(np.int64)

    answering = np.log(recipe.response / (1 - recipe.response)) - recipe.shyness * liability
    chance = 1 / (1 + np.exp(-answering))
    answers = authorised & (rng.random(n) < chance)
    lonely = authorised & (rng.random(n) < 0.8 * chance)
    told_part = authorised & (rng.random(n) < 0.93)
    alone_and_isolated = register.alone & (lsns < AT_RISK)
    return Told(
        authorised=authorised,
        age=some(register.age),
        alone=some(register.alone),
        ties={},
        shares_ties=authorised & (rng.random(n) < 0.93),
        last_seen=np.where(told_part, part[0], UNKNOWN),
        recent=np.where(told_part, part[1], UNKNOWN),
        earlier=np.where(told_part, part[2], UNKNOWN),
        lsns=np.where(answers, _answered_lsns(rng, lsns), UNKNOWN),
        ucla=np.where(lonely, _answered_ucla(rng, lsns), UNKNOWN),
        answered=np.where(answers | lonely, rng.integers(0, YEAR, n), UNKNOWN),
        silent=some(rng.binomial(30, np.where(alone_and_isolated, 0.06, 0.03)), 0.08),
    )


def _answered_lsns(rng: np.random.Generator, lsns: Ints) -> Ints:
    """Answer with error: the noise of six questions, which leaves a reliability of about 0.83."""
    noise = rng.normal(0, _ITEM_NOISE * np.sqrt(6), len(lsns))
    return np.clip(np.rint(lsns + noise), 0, 30).astype(np.int64)


def _answered_ucla(rng: np.random.Generator, lsns: Ints) -> Ints:
    """Answer three questions of 1 to 3; few people and feeling lonely go together by about 0.35."""
    standard = (lsns - lsns.mean()) / lsns.std()
    lonely = -0.42 * standard + 0.9 * rng.normal(size=len(lsns))
    items = lonely + rng.normal(0, 0.6, (3, len(lsns)))
    points: Ints = 1 + (items > 0.6).astype(np.int64) + (items > 1.6)
    return np.asarray(points.sum(axis=0))


def with_ties(
    rng: np.random.Generator,
    told: Told,
    edges: dict[str, NDArray[np.int64]],
    lsns: Ints,
    explained: float,
) -> Told:
    """Let Linli know of so many ties that all it is told explains this share (by bisection)."""
    n = len(lsns)
    shared = {
        layer: pairs[:, told.shares_ties[pairs].all(axis=0)] for layer, pairs in edges.items()
    }
    luck = {layer: rng.random(pairs.shape[1]) for layer, pairs in shared.items()}
    low, high = 0.02, 0.98
    for _ in range(10):
        sight = (low + high) / 2
        known = {layer: pairs[:, luck[layer] < sight] for layer, pairs in shared.items()}
        low, high = (sight, high) if _r2(told, known, lsns) < explained else (low, sight)
    ties = {layer: _csr(pairs, n) for layer, pairs in known.items()}
    return replace(told, ties=ties)


def _r2(told: Told, known: dict[str, NDArray[np.int64]], lsns: Ints) -> float:
    """R squared of the true score on all that was told of those who told their ties."""
    who = told.shares_ties
    counts = [np.bincount(pairs.ravel(), minlength=len(lsns)) for pairs in known.values()]
    columns = [np.ones(len(lsns)), told.age >= 65, told.age >= 75, told.alone == 1]
    columns += [np.log1p(count) for count in counts]
    columns += [np.log1p(np.maximum(told.recent, 0)), np.log1p(np.maximum(told.last_seen, 0))]
    X, y = np.column_stack(columns).astype(float)[who], lsns[who].astype(float)
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(1 - rest.var() / y.var())


def _csr(pairs: NDArray[np.int64], n: int) -> sp.csr_array:
    one, other = np.concatenate([pairs, pairs[::-1]], axis=1)
    ones = np.ones(len(one), np.float32)
    return sp.coo_array((ones, (one, other)), shape=(n, n)).tocsr()
