"""Real people: `python -m bench.founders DATA`, e.g. DATA/meetup-dc and DATA/meetup-sfo.

Who meets whom for the first time, on the time split of the published sets: what is learnt before
the cut, the network included, is asked about sign-ups after it. Meetings are events of at most 30.

Pairs: precision among the k pairs who never met and are thought most likely to, beside Adamic-Adar
on people who met, common groups, and chance. Founder sets: of every circle of eight or more the
eight of whom most ties are expected; the share of their pairs, of those who had not met, that do,
beside sets of the same size whose members live as far from the middle, as often seen, and beside
eight of the same circle by lot. Intervals: 95 %, bootstrap over residents, or circles.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.evaluation.datasets import Dataset, read_dataset
from recommender.groups.circles import Warmth
from recommender.groups.problem import MOST
from recommender.network.build import network_of

CITIES = ("meetup-dc", "meetup-sfo")
LARGEST_MEETING = 30
CROWD = 100
"""Events of more people say nothing about pairs, to Adamic-Adar either."""
AT = (100, 500, 1000, 2000)
DRAWS = 200
SETS = 5
"""Matched sets drawn for each founder set."""
TRIED = 400
"""People looked at for one who fits."""
BAND = 0.01
"""Degrees, about a kilometre, that a matched distance may differ."""

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Meetings:
    """Pairs as numbers ``i * n + j`` with i < j, ascending."""

    n: int
    met: Keys
    """Before the cut."""
    new: Keys
    """Met after it, and not before."""


def pairs_of(matrix: sp.csr_array, n: int) -> tuple[Keys, NDArray[np.float64]]:
    """Return the upper triangle as pair numbers and values."""
    coo = sp.coo_array(matrix)
    upper = coo.row < coo.col
    return coo.row[upper].astype(np.int64) * n + coo.col[upper], coo.data[upper]


def attendance(data: Dataset) -> tuple[sp.csr_array, sp.csr_array, sp.csr_array]:
    """Return (before, after, members): who signed up for events, and who is in which group."""
    events = int(data.train.items.open.sum())
    before = sp.csr_array(data.train.interactions[:, :events] > 0, dtype=np.float64)
    members = sp.csr_array(data.train.interactions[:, events:] > 0, dtype=np.float64)
    return before, sp.csr_array(data.test[:, :events], dtype=np.float64), members


def meetings(before: sp.csr_array, after: sp.csr_array) -> Meetings:
    """Tell who met, and who met for the first time."""
    n = before.shape[0]
    both = sp.csr_array((before + after) > 0, dtype=np.float64)
    small = np.asarray(both.sum(axis=0)).ravel() <= LARGEST_MEETING
    there = sp.csr_array(both[:, small])
    met = np.sort(pairs_of(before @ before.T, n)[0])
    return Meetings(n, met, np.setdiff1d(pairs_of(there @ there.T, n)[0], met))


def adamic_adar(before: sp.csr_array) -> sp.csr_array:
    """Sum over common acquaintances of 1 / log(their acquaintances)."""
    quiet = sp.csr_array(before[:, np.asarray(before.sum(axis=0)).ravel() <= CROWD])
    met = sp.csr_array(quiet @ quiet.T > 0, dtype=np.float64)
    met.setdiag(0.0)
    met.eliminate_zeros()
    degree = np.asarray(met.sum(axis=1)).ravel()
    return met @ sp.diags_array(1 / np.log(np.maximum(degree, 2.0))) @ met


def hits(scores: sp.csr_array, told: Meetings) -> tuple[NDArray[np.bool_], Keys]:
    """Tell for the best pairs who had not met, in order, whether they do."""
    keys, values = pairs_of(scores, told.n)
    unmet = ~np.isin(keys, told.met)
    keys, values = keys[unmet], values[unmet]
    best = keys[np.lexsort((keys, -values))][: max(AT)]
    return np.isin(best, told.new), best


def interval(
    hit: NDArray[np.bool_], best: Keys, n: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Bootstrap a precision over residents: each pair counts as often as both ends are drawn."""
    people, at = np.unique(np.stack([best // n, best % n]), return_inverse=True)
    at = at.reshape(2, -1)
    found = []
    for _ in range(DRAWS):
        times = rng.multinomial(people.size, np.full(people.size, 1 / people.size))
        weight = times[at[0]] * times[at[1]]
        found.append((weight * hit).sum() / max(weight.sum(), 1))
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


def show_pairs(name: str, scores: sp.csr_array, told: Meetings, rng: np.random.Generator) -> None:
    """Print the precision of one ranking of pairs."""
    hit, best = hits(scores, told)
    cells = []
    for k in AT:
        low, high = interval(hit[:k], best[:k], told.n, rng)
        cells.append(f"{hit[:k].mean():.3f} [{low:.3f}, {high:.3f}]")
    sys.stdout.write(f"  {name:14} {'  '.join(cells)}\n")


def among(keys: Keys, sorted_keys: Keys) -> NDArray[np.bool_]:
    """Tell which keys are in a sorted array: many times faster than a look through all of it."""
    at = np.searchsorted(sorted_keys, keys).clip(0, max(len(sorted_keys) - 1, 0))
    return sorted_keys[at] == keys


def new_share(who: NDArray[np.int64], told: Meetings) -> float:
    """Share of the pairs of a set who had not met that do meet."""
    i, j = np.triu_indices(len(who), 1)
    ordered = np.sort(who)
    keys = ordered[i] * told.n + ordered[j]
    unmet = keys[~among(keys, told.met)]
    return float(among(unmet, told.new).mean()) if unmet.size else np.nan


def matched(
    who: NDArray[np.int64],
    homes: NDArray[np.float64],
    alike: dict[int, NDArray[np.int64]],
    rng: np.random.Generator,
    seen: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Draw for each of a set somebody as far from its middle, and as often seen."""
    middle = np.nanmean(homes[who], axis=0)
    chosen: list[int] = []
    for each in who:
        pool = rng.choice(alike[int(seen[each])], TRIED)
        away = np.hypot(*(homes[pool] - middle).T)
        near = pool[np.abs(away - np.hypot(*(homes[each] - middle))) <= BAND]
        fresh = [int(other) for other in near if other not in who and other not in chosen]
        chosen += fresh[:1]
    return np.array(chosen, np.int64)


def founder_sets(
    circle: NDArray[np.int32], warmth: Warmth
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(founders, circle) of every circle that is large enough."""
    sets = []
    for label in np.unique(circle[circle >= 0]):
        members = np.flatnonzero(circle == label).astype(np.int64)
        if len(members) >= MOST:
            expected = warmth.expected(members, np.ones(len(members), np.bool_))
            order = np.lexsort((members, -expected))[:MOST]
            sets.append((members[order], members))
    return sets


def show_sets(data: Dataset, told: Meetings, circle: NDArray[np.int32], warmth: Warmth) -> None:
    """Print how many new pairs founder sets hold, and matched sets."""
    rng = np.random.default_rng(1)
    homes = data.train.home.astype(np.float64)
    often = np.diff(data.train.interactions.indptr)
    seen = np.digitize(often, [1, 2, 4, 8, 16])
    alike = {int(c): np.flatnonzero(seen == c) for c in np.unique(seen)}
    rows = []
    for founders, members in founder_sets(circle, warmth):
        if np.isnan(homes[founders]).all():
            continue
        sets = [matched(founders, homes, alike, rng, seen) for _ in range(SETS)]
        others = [new_share(each, told) for each in sets if len(each) == MOST]
        lots = [new_share(rng.choice(members, MOST, replace=False), told) for _ in range(SETS)]
        if others:
            rows.append((new_share(founders, told), np.mean(others), np.mean(lots)))
    table = np.array(rows)
    table = table[~np.isnan(table).any(axis=1)]
    for at, name in enumerate(("proposed", "matched", "same circle")):
        means = [table[rng.integers(0, len(table), len(table)), at].mean() for _ in range(1_000)]
        low, high = np.quantile(means, [0.025, 0.975])
        sys.stdout.write(
            f"  {name:14} {table[:, at].mean():.5f} [{low:.5f}, {high:.5f}] of {len(table)} sets\n"
        )


def main() -> None:
    """Ask both cities."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--city", choices=CITIES, action="append")
    asked = parser.parse_args()
    for city in asked.city or CITIES:
        data = read_dataset(asked.data / city / "events")
        before, after, members = attendance(data)
        told = meetings(before, after)
        network = network_of(data.train)
        warmth = Warmth(network.ties, data.train.ties, network.circle)
        rng = np.random.default_rng(1)
        n = told.n
        chance = len(told.new) / (n * (n - 1) / 2 - len(told.met))
        sys.stdout.write(
            f"{city}: {len(told.new)} new pairs; precision at {AT}, chance {chance:.1e}\n"
        )
        show_pairs("warmth", warmth.between(np.arange(n)), told, rng)
        show_pairs("Adamic-Adar", adamic_adar(before), told, rng)
        show_pairs("common groups", members @ members.T, told, rng)
        sys.stdout.write("share of pairs who had not met, and do\n")
        show_sets(data, told, network.circle, warmth)


if __name__ == "__main__":
    main()
