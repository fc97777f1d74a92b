"""Cities in which it is known who is isolated, to measure :mod:`recommender.outreach` with.

Written before the score and never imported by it (an import contract says so). A city has a truth,
a register that everybody is in, and what residents told Linli of it, which is less: some authorise
nothing, most ties are unknown, few answer a questionnaire, and those who are isolated answer less.

How a city is made: social facts (age, living alone, sex, registered elsewhere) and something
unseen add up to a liability. It thins ties of four kinds and taking part. From all true ties,
also those outside the neighbourhood, the six questions of LSNS-6 are answered without error;
isolated is who has fewer than 12 of 30 points. Known factors are weak on purpose: how many ties
Linli is told of is chosen so that all it can see explains exactly a drawn share of the true score.

Where the ranges come from (each city draws from them):

- share isolated, 11 % to 24 %: LSNS-6 below 12 in 11 %, 15 %, 20 % (Lubben et al. 2006,
  doi:10.1093/geront/46.4.503), 12.3 % of adults (Roehr et al. 2021, LIFE-Adult), 24 % of people of
  65 and over (Cudjoe et al. 2020, doi:10.1093/geronb/gby037)
- living alone, odds about 2 to 4 in all, most of it because nobody else is in the household (the
  recipe's odds come on top): independently associated in London, where half of those at risk lived
  with others (Iliffe et al. 2007, PMC2043334); 1.90 for loneliness in China (Wei et al. 2022)
- men, odds 1.1 to 1.6: 13.8 % of men against about 11 % of women (Roehr), weak in London, clear in
  Cudjoe et al.
- age, odds 2 to 4 from under 40 to 80 and over: rising with age (Iliffe, Roehr)
- registered elsewhere, odds 1.1 to 1.8: an assumption; no figure for LSNS-6 was found
- reliability, 0.83 (LSNS-6) and 0.72 (UCLA-3, Hughes et al. 2004): from memory
- new isolation, 3 % to 8 % a year, and how it announces itself: assumptions
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.synthetic.isolation_told import AT_RISK, UNKNOWN, YEAR, Told, tell, with_ties

__all__ = [
    "AT_RISK",
    "LAYERS",
    "UNKNOWN",
    "IsolationCity",
    "IsolationRecipe",
    "Register",
    "Told",
    "WhatIsTrue",
    "draw_recipe",
    "make_isolation_city",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LAYERS = ("kin", "friend", "neighbour", "colleague")

_MEAN_TIES = (3.2, 3.0, 2.2, 1.2)
"""Ties of each kind outside the household, before liability thins them."""
_NEAR = (0.25, 0.45, 1.0, 0.3)
"""Share of them inside the neighbourhood, where Linli could know of them at all."""
_THINNED = 0.5
"""How much a standard deviation of liability takes from the logarithm of all ties."""
_PRIVATE, _HELP = 0.6, 0.75
"""Share of one's people one can talk to about private matters, and call on for help."""
_AHEAD = 90
"""Days after the picture over which new isolation is known."""


@dataclass(frozen=True, slots=True)
class IsolationRecipe:
    """What a city was drawn with."""

    prevalence: float
    explained: float
    """Share of the variance of the true LSNS-6 score that everything told explains (R squared)."""
    odds_alone: float
    """Besides having nobody in the household."""
    odds_old: float
    odds_man: float
    odds_elsewhere: float
    consent: float
    """Share that authorises care visits at all."""
    response: float
    """Share of them that answered LSNS-6 within a year."""
    shyness: float
    """How much a standard deviation of liability takes from the log odds of answering."""
    reach: float
    """Share of taking part that Linli hears of."""
    onset: float
    """Share of those not isolated who become so in a year."""


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """What the street office holds of everybody."""

    age: Ints
    alone: Flags
    woman: Flags
    elsewhere: Flags
    """Registered in another place (hukou)."""
    grid: Ints


@dataclass(frozen=True, slots=True, eq=False)
class WhatIsTrue:
    """What nobody is told."""

    lsns: Ints
    """LSNS-6 answered without error."""
    isolated: Flags
    onset: Floats
    """Day after the picture on which somebody becomes isolated; infinite when not within 90."""
    liability: Floats
    """Standard normal, more or less."""


@dataclass(frozen=True, slots=True, eq=False)
class IsolationCity:
    """One city."""

    recipe: IsolationRecipe
    register: Register
    told: Told
    truth: WhatIsTrue


def draw_recipe(rng: np.random.Generator, *, explained: float | None = None) -> IsolationRecipe:
    """Draw a recipe from the published ranges.

    Parameters
    ----------
    rng : Generator
    explained : float, optional
        Share that everything told explains; default: drawn from 0.25 to 0.5.
    """
    return IsolationRecipe(
        prevalence=rng.uniform(0.11, 0.24),
        explained=rng.uniform(0.25, 0.5) if explained is None else explained,
        odds_alone=rng.uniform(1.0, 1.6),
        odds_old=rng.uniform(2.0, 4.0),
        odds_man=rng.uniform(1.1, 1.6),
        odds_elsewhere=rng.uniform(1.1, 1.8),
        consent=rng.uniform(0.6, 0.9),
        response=rng.uniform(0.06, 0.2),
        shyness=rng.uniform(0.2, 0.6),
        reach=rng.uniform(0.3, 0.8),
        onset=rng.uniform(0.03, 0.08),
    )


def make_isolation_city(
    seed: int, recipe: IsolationRecipe, *, n: int = 4_000, n_grids: int = 4
) -> IsolationCity:
    """Make a city; the same arguments make the same one.

    Parameters
    ----------
    seed : int
    recipe : IsolationRecipe
    n, n_grids : int
        Adult residents and grids.
    """
    streams = [np.random.default_rng([seed, stage]) for stage in range(6)]
    register = _register(streams[0], n, n_grids)
    liability = _liability(streams[1], register, recipe)
    people = _People(seed, register, liability)
    lsns, edges = people.settle(recipe.prevalence)
    isolated = lsns < AT_RISK
    onset = _onset(streams[2], register, liability, isolated, recipe.onset)
    part = _taking_part(streams[3], liability, onset, recipe.reach)
    told = tell(streams[4], register, liability, lsns, part, recipe)
    told = with_ties(streams[5], told, edges, lsns, recipe.explained)
    return IsolationCity(recipe, register, told, WhatIsTrue(lsns, isolated, onset, liability))


def _register(rng: np.random.Generator, n: int, n_grids: int) -> Register:
    """Draw adults: a fifth are 65 and over, a quarter of them alone; a third are from elsewhere."""
    age = np.where(rng.random(n) < 0.22, rng.integers(65, 96, n), rng.integers(18, 65, n))
    alone = rng.random(n) < np.where(age >= 65, 0.25, np.where(age < 35, 0.16, 0.1))
    elsewhere = rng.random(n) < np.where(age >= 65, 0.1, 0.33)
    return Register(age, alone, rng.random(n) < 0.51, elsewhere, rng.integers(0, n_grids, n))


def _liability(rng: np.random.Generator, register: Register, recipe: IsolationRecipe) -> Floats:
    """Add what is known and what is not, on the scale of log odds, and standardise."""
    old = np.clip((register.age - 40) / 40, 0.0, 1.0)
    known = (
        np.log(recipe.odds_alone) * register.alone
        + np.log(recipe.odds_old) * old
        + np.log(recipe.odds_man) * ~register.woman
        + np.log(recipe.odds_elsewhere) * register.elsewhere
    )
    whole = known + rng.logistic(size=len(known))
    return np.asarray((whole - whole.mean()) / whole.std())


class _People:
    """Ties of a city, made anew for each try at how sociable it is."""

    def __init__(self, seed: int, register: Register, liability: Floats) -> None:
        self._seed, self._register, self._liability = seed, register, liability

    def settle(self, prevalence: float) -> tuple[Ints, dict[str, NDArray[np.int64]]]:
        """Find how many ties people have so that this share is isolated (by bisection)."""
        low, high = -1.5, 1.5
        for _ in range(12):
            middle = (low + high) / 2
            lsns, edges = self._make(middle)
            low, high = (low, middle) if (lsns < AT_RISK).mean() < prevalence else (middle, high)
        return lsns, edges

    def _make(self, scale: float) -> tuple[Ints, dict[str, NDArray[np.int64]]]:
        """Answer LSNS-6 from all ties, and give those inside the neighbourhood, (2, m) a layer."""
        rng = np.random.default_rng([self._seed, 20])
        n = len(self._liability)
        counts, edges = {}, {}
        for layer, mean, near in zip(LAYERS, _MEAN_TIES, _NEAR, strict=True):
            temper = rng.normal(0, 0.35, n)  # this kind of tie comes easy or not
            rate = mean * np.exp(scale - _THINNED * self._liability + temper)
            if layer == "colleague":
                rate = rate * np.where(self._register.age >= 60, 0.2, 1.0)
            edges[layer] = _pairs(rng, near * rate, self._register.grid)
            inside = np.bincount(edges[layer].ravel(), minlength=n)
            counts[layer] = inside + rng.poisson((1 - near) * rate)
        kin = counts["kin"] + ~self._register.alone
        friends = counts["friend"] + counts["neighbour"] + counts["colleague"]
        items = [_item(count) for k in (kin, friends) for count in _named(rng, k)]
        return np.sum(items, axis=0), edges


def _pairs(rng: np.random.Generator, rate: Floats, grid: Ints) -> NDArray[np.int64]:
    """Draw ties inside grids, (2, m), each end as often as its rate says (Chung and Lu 2002)."""
    order = np.argsort(grid, kind="stable")
    pairs = []
    for rows in np.split(order, np.cumsum(np.bincount(grid))[:-1]):
        ends = np.cumsum(rate[rows])
        m = rng.poisson(ends[-1] / 2)
        drawn = rows[np.searchsorted(ends, rng.random((2, m)) * ends[-1], side="right")]
        pairs.append(np.sort(drawn[:, drawn[0] != drawn[1]], axis=0))
    return np.unique(np.concatenate(pairs, axis=1), axis=1)


def _named(rng: np.random.Generator, count: Ints) -> tuple[Ints, Ints, Ints]:
    """People seen each month, those for private matters, those to call on."""
    return count, rng.binomial(count, _PRIVATE), rng.binomial(count, _HELP)


def _item(count: Ints) -> Ints:
    """Points of one LSNS question: none, one, two, 3-4, 5-8, nine or more."""
    return np.searchsorted([1, 2, 3, 5, 9], count, side="right").astype(np.int64)


def _onset(
    rng: np.random.Generator, register: Register, liability: Floats, isolated: Flags, share: float
) -> Floats:
    """Day on which somebody loses their people: sooner with age, liability and living alone."""
    risk = np.exp(0.5 * liability + 0.4 * (register.age >= 75) + 0.3 * register.alone)
    yearly = share * risk / risk[~isolated].mean()
    day = rng.exponential(YEAR / yearly)
    return np.where(~isolated & (day <= _AHEAD), day, np.inf)


def _taking_part(
    rng: np.random.Generator, liability: Floats, onset: Floats, reach: float
) -> tuple[Ints, Ints, Ints]:
    """Days since the last time, times in 90 days and in the 275 before, as far as heard of.

    Six in ten of those who are about to become isolated come less often for two months before.
    """
    n = len(liability)
    daily = np.exp(rng.normal(-3.6, 1.0, n) - 0.5 * liability) * reach
    warned = rng.random(n) < 0.6
    fading = np.clip(60 - np.where(np.isfinite(onset), onset, 60), 0, 60) * warned
    recent = rng.poisson(daily * (90 - 0.75 * fading))
    earlier = rng.poisson(daily * (YEAR - 90))
    since = np.where(recent > 0, 90 * rng.beta(1, np.maximum(recent, 1)), 0.0)
    longer = 90 + (YEAR - 90) * rng.beta(1, np.maximum(earlier, 1))
    last = np.where(recent > 0, np.maximum(since, 0.7 * fading), longer)
    last = np.where(recent + earlier > 0, last, YEAR)
    return last.astype(np.int64), recent, earlier
