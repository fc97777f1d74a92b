"""Whether early attendance tells if a group goes on: `python -m bench.group_health DATA`.

Groups of meetup-dc with at least four events: people at the first three, and whether three people
or more come to one within sixty days after the third. A logistic curve fitted on every other group
is asked about the rest, and the curve of all of them about meetup-sfo, beside base rates.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize

from recommender.evaluation.datasets import read_dataset
from recommender.groups.health import FEWEST_AT_A_DATE
from recommender.groups.problem import DATES

SOON = 60 * 86_400
Floats = NDArray[np.float64]


def groups_of(folder: Path) -> tuple[Floats, Floats]:
    """(log(1 + mean people at the first dates), 1 where the group met again) per group."""
    data = read_dataset(folder, memberships=False)
    items, events = data.train.items, int(data.train.items.open.sum())
    signed = sp.csr_array(data.train.interactions[:, :events] > 0, dtype=np.float64)
    heads = np.asarray((signed + data.test[:, :events] > 0).sum(axis=0)).ravel()
    group, starts = items.group[:events], items.starts[:events]
    early, again = [], []
    for each in np.unique(group):
        dates = np.flatnonzero(group == each)
        dates = dates[np.argsort(starts[dates], kind="stable")]
        if len(dates) <= DATES:
            continue
        later = dates[DATES:]
        later = later[starts[later] - starts[dates[DATES - 1]] <= SOON]
        if len(later):
            early.append(np.log1p(heads[dates[:DATES]].mean()))
            again.append(float((heads[later] >= FEWEST_AT_A_DATE).any()))
    return np.array(early), np.array(again)


def loss(curve: Floats, early: Floats, again: Floats) -> float:
    """Mean log loss of a logistic curve."""
    score = curve[0] + curve[1] * early
    return float(np.mean(np.logaddexp(0, score) - again * score))


def base_loss(rate: float, again: Floats) -> float:
    """Mean log loss of one rate for all."""
    return float(-np.mean(again * np.log(rate) + (1 - again) * np.log(1 - rate)))


def main() -> None:
    """Fit on one city, ask the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    early, again = groups_of(folder / "meetup-dc" / "events")
    half = np.arange(len(early)) % 2 == 0
    start = np.array([0.0, 1.0])
    curve = minimize(loss, start, args=(early[half], again[half])).x
    told = loss(curve, early[~half], again[~half])
    base = base_loss(float(again[half].mean()), again[~half])
    sys.stdout.write(
        f"meetup-dc, other half: {told:.3f}, base rate {base:.3f} ({len(early)} groups)\n"
    )
    whole = minimize(loss, start, args=(early, again)).x
    early, again = groups_of(folder / "meetup-sfo" / "events")
    told, base = loss(whole, early, again), base_loss(float(again.mean()), again)
    sys.stdout.write(
        f"meetup-sfo: {told:.3f}, its own base rate {base:.3f} ({len(early)} groups)\n"
    )
    sys.stdout.write(f"curve of all of meetup-dc: {whole[0]:.2f} + {whole[1]:.2f} x\n")


if __name__ == "__main__":
    main()
