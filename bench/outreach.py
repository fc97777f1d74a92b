"""Find the isolated where it is known who they are: `python -m bench.outreach [--cities 24]`.

Cities come from :mod:`graph.synthetic.isolation`, seeds 1 to 24; a third of them tell so little
that it explains only 20 % of the truth. Nothing was chosen on them: the points of the score stand
for published figures, and what was looked at while it was written had seeds from 900 on.

A worker gets through 20 residents a month for each 1,000 (one first visit each working day in a
grid), and through 40 and 80 for comparison. Recall is the share of all who are isolated, those who
authorised nothing included. Four lists: the rule "65 and over and lives alone" on what residents
authorised, the same rule on the register of everybody, the score by probability alone, and the
score in the fair order that is shipped. The oracle knows the truth, and may visit anybody.
Intervals hold 95 % of means over cities drawn again (bootstrap). One run takes a few minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.measures.cores import core_numbers
from graph.synthetic.isolation import (
    LAYERS,
    IsolationCity,
    Told,
    draw_recipe,
    make_isolation_city,
)
from recommender.outreach.backtest import (
    GroupRecall,
    area_under_curve,
    recall_by_group,
    recall_in,
    rule_recall,
)
from recommender.outreach.bodies import BANDS
from recommender.outreach.evidence import UNKNOWN, Evidence
from recommender.outreach.forecast import onset_risk
from recommender.outreach.ordering import fair_order
from recommender.outreach.score import Scores, score

CAPACITIES = (0.02, 0.04, 0.08)
HARD = 0.2
BAND_NAMES = ("18-39", "40-64", "65-74", "75+")
HORIZONS = (30, 90)
DRAWS = 2_000

Flags = NDArray[np.bool_]


def evidence_of(told: Told) -> Evidence:
    """Turn what a city told into what the score reads."""
    shared = told.shares_ties
    counts = np.column_stack([told.ties[layer].sum(axis=1) for layer in LAYERS]).astype(np.int64)
    whole = sum(told.ties[layer] for layer in LAYERS).tocsr()
    return Evidence(
        age=told.age,
        alone=told.alone,
        ties=np.where(shared[:, None], counts, UNKNOWN),
        core=np.where(shared, core_numbers(whole), UNKNOWN),
        last_seen=told.last_seen,
        recent=told.recent,
        earlier=told.earlier,
        lsns=told.lsns,
        ucla=told.ucla,
        answered=told.answered,
        silent=told.silent,
    )


def groups_of(city: IsolationCity) -> dict[str, NDArray[np.str_]]:
    """Name everybody's age band, sex, and where they are registered."""
    register = city.register
    return {
        "age": np.array(BAND_NAMES)[np.digitize(register.age, BANDS)],
        "sex": np.where(register.woman, "woman", "man"),
        "hukou": np.where(register.elsewhere, "elsewhere", "here"),
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one city."""

    hard: bool
    recall: Mapping[tuple[str, float], float]
    """By list and capacity."""
    groups: Mapping[tuple[str, float], list[GroupRecall]]
    """Fair and plain order, by kind of group and capacity."""
    unknown: float
    """Share of all residents of whom too little is known to say anything."""
    calibration: tuple[float, float]
    """Mean probability and share isolated among those scored."""
    covered: float
    """Share of the residents scored whose interval holds the probability without gaps."""
    forecast: Mapping[int, tuple[int, float, float]]
    """By days: how many became isolated, area under the curve, recall at 4 %."""


def measure(seed: int, *, n: int, hard: bool) -> Measured:
    """Make a city and hold all lists against its truth."""
    recipe = draw_recipe(np.random.default_rng(seed), explained=HARD if hard else None)
    city = make_isolation_city(seed, recipe, n=n)
    evidence = evidence_of(city.told)
    scores = score(evidence)
    truth, told, register = city.truth.isolated, city.told, city.register
    everybody = np.ones(n, np.bool_)
    named = groups_of(city)
    known_of_all = np.column_stack([named["age"], named["hukou"]])  # Linli holds nobody's sex
    keys = np.unique(known_of_all, axis=0, return_inverse=True)[1].ravel()
    rows = np.flatnonzero(scores.enough)
    orders = {
        "score": rows[fair_order(scores.probability[rows])],
        "score, fair": rows[fair_order(scores.probability[rows], keys[rows])],
    }
    recall, by_group = {}, {}
    for capacity in CAPACITIES:
        places = round(capacity * n)
        rule = (register.age >= 65) & register.alone
        known = (told.age >= 65) & (told.alone == 1)
        recall["rule", capacity] = rule_recall(known, truth, places, others=told.authorised)
        recall["rule on the register", capacity] = rule_recall(
            rule, truth, places, others=everybody
        )
        recall["oracle", capacity] = min(1.0, places / truth.sum())
        for name, order in orders.items():
            recall[name, capacity] = recall_in(order, truth, places)
            found = np.isin(np.arange(n), order[:places])
            for kind, labels in named.items():
                by_group[f"{name}, {kind}", capacity] = recall_by_group(found, truth, labels)
    return Measured(
        hard=hard,
        recall=recall,
        groups=by_group,
        unknown=float((~scores.enough).mean()),
        calibration=(float(scores.probability[rows].mean()), float(truth[rows].mean())),
        covered=_covered(evidence, scores),
        forecast={days: _forecast(city, evidence, scores, days) for days in HORIZONS},
    )


def _covered(evidence: Evidence, scores: Scores) -> float:
    """Take away how half of those who told everything live, and see whether intervals still hold.

    Whoever told all has a probability without gaps; asked again without their household, their
    interval should hold it in about four of five cases or more.
    """
    whole = scores.points.known[:, :7].all(axis=1)
    hidden = whole & (np.arange(len(whole)) % 2 == 0)
    less = {f: getattr(evidence, f).copy() for f in Evidence.__slots__}
    less["alone"][hidden] = UNKNOWN
    again = score(Evidence(**less))
    before = scores.probability[hidden]
    return float(((again.low[hidden] <= before) & (before <= again.high[hidden])).mean())


def _forecast(
    city: IsolationCity, evidence: Evidence, scores: Scores, days: int
) -> tuple[int, float, float]:
    rows = np.flatnonzero(scores.enough & ~city.truth.isolated)
    risk = onset_risk(evidence, scores, days=days)[rows]
    happened = city.truth.onset[rows] <= days
    order = np.argsort(-risk, kind="stable")
    places = round(0.04 * len(rows))
    return int(happened.sum()), area_under_curve(risk, happened), recall_in(order, happened, places)


def interval(values: Iterable[float], rng: np.random.Generator) -> tuple[float, float, float]:
    """Mean over cities and the ends of its 95 % interval."""
    given = np.array(list(values), float)
    means = given[rng.integers(0, len(given), (DRAWS, len(given)))].mean(axis=1)
    return float(given.mean()), *np.quantile(means, [0.025, 0.975]).tolist()


def worst(found: Iterable[list[GroupRecall]]) -> dict[str, float]:
    """Recall of each group over all cities."""
    sums: dict[str, list[int]] = {}
    for groups in found:
        for one in groups:
            have = sums.setdefault(one.group, [0, 0])
            have[0] += one.found
            have[1] += one.there
    return {group: found / there for group, (found, there) in sums.items()}


def report(cities: list[Measured]) -> dict[str, object]:
    """All figures over the cities."""
    rng = np.random.default_rng(0)
    out: dict[str, object] = {"cities": len(cities), "of them hard": sum(c.hard for c in cities)}
    for capacity in CAPACITIES:
        for some, chosen in (("all", cities), ("hard", [c for c in cities if c.hard])):
            if not chosen:
                continue
            lines = {
                name: interval((c.recall[name, capacity] for c in chosen), rng)
                for name in ("rule", "rule on the register", "score", "score, fair", "oracle")
            }
            for name in ("score", "score, fair"):
                for rule in ("rule", "rule on the register"):
                    lines[f"{name} / {rule}"] = interval(
                        (c.recall[name, capacity] / c.recall[rule, capacity] for c in chosen), rng
                    )
            out[f"recall at {capacity:.0%}, {some} cities"] = lines
        for name in ("score", "score, fair"):
            for kind in ("age", "sex", "hukou"):
                recall = worst(c.groups[f"{name}, {kind}", capacity] for c in cities)
                least = min(recall.values()) / max(recall.values())
                out[f"{name}: recall by {kind} at {capacity:.0%}"] = {**recall, "least/most": least}
    out["too little known"] = interval((c.unknown for c in cities), rng)
    out["mean probability"] = interval((c.calibration[0] for c in cities), rng)
    out["share isolated"] = interval((c.calibration[1] for c in cities), rng)
    out["intervals hold"] = interval((c.covered for c in cities), rng)
    for days in HORIZONS:
        found = [c.forecast[days] for c in cities if c.forecast[days][0]]
        out[f"onset within {days} days"] = {
            "cases": sum(n for n, _, _ in found),
            "area under curve": interval((area for _, area, _ in found), rng),
            "recall at 4 % (chance 0.04)": interval((recall for _, _, recall in found), rng),
        }
    return out


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cities", type=int, default=24)
    parser.add_argument("--residents", type=int, default=4_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cities = [
        measure(seed, n=args.residents, hard=seed % 3 == 0) for seed in range(1, args.cities + 1)
    ]
    found = report(cities)
    if args.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for title, value in found.items():
        sys.stdout.write(f"{title}\n")
        for name, said in value.items() if isinstance(value, dict) else [("", value)]:
            text = (
                f"{said[0]:.3f} [{said[1]:.3f}, {said[2]:.3f}]"
                if isinstance(said, tuple)
                else f"{said:.3f}"
                if isinstance(said, float)
                else str(said)
            )
            sys.stdout.write(f"    {name:<38}{text}\n")


if __name__ == "__main__":
    main()
