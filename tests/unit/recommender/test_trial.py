"""What the holdout and the lot tell, from made-up lists and taps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.gate import Shown
from graph.model import InteractionKind
from recommender.evaluation.experiments import Arm, held_out
from recommender.evaluation.trial import FEWEST, report

LIKED = 1 << tuple(InteractionKind).index(InteractionKind.LIKE)
WEIGHT, BEHIND = 0.2, 5


def lists(rng: np.random.Generator, residents: int) -> Shown:
    """One list of two places each; the first is never left to the lot."""
    rows = np.arange(residents)
    held = held_out(rows, 0.2)
    by_lot = rng.random(residents) < WEIGHT
    n = 2 * residents
    propensities = np.ones(n)
    propensities[1::2] = np.where(by_lot, WEIGHT / BEHIND, 1 - WEIGHT)
    tapped = np.zeros(n, np.bool_)
    tapped[::2] = rng.random(residents) < 0.6
    tapped[1::2] = rng.random(residents) < np.where(by_lot, 0.1, 0.3)
    return Shown(
        residents=np.repeat(rows, 2),
        items=rng.integers(0, 50, n),
        ranks=np.tile([1, 2], residents),
        propensities=propensities,
        times=np.arange(n),
        acts=np.where(tapped, LIKED, 0).astype(np.uint32),
        arms=np.repeat(np.where(held, Arm.HELD_OUT, Arm.PERSONAL), 2).astype(np.str_),
        models=np.full(n, "m"),
        joins=rng.poisson(np.where(held, 1.0, 1.5)),
    )


def test_both_are_found_in_what_was_shown(rng: np.random.Generator):
    told = report(lists(rng, 20_000))
    assert (told.residents, told.places) == (20_000, 40_000)
    assert told.joins is not None
    assert told.joins.difference.value == pytest.approx(0.5, abs=0.1)
    assert told.chosen is not None
    assert told.by_lot is not None
    assert told.chosen.value == pytest.approx(0.3, abs=0.03)
    assert told.by_lot.value == pytest.approx(0.1, abs=0.03)


def test_an_arm_is_the_one_of_the_latest_list(rng: np.random.Generator):
    shown = lists(rng, 2_000)
    changed = shown.arms.copy()
    changed[::2] = Arm.HELD_OUT  # the first of each
    assert report(replace(shown, arms=changed)) == report(shown)


def test_nothing_is_told_of_a_few(rng: np.random.Generator):
    told = report(lists(rng, FEWEST + 5))
    assert (told.joins, told.by_lot) == (None, None)
    assert told.residents == FEWEST + 5
    assert report(lists(rng, 40 * FEWEST)).joins is not None  # the control


def test_nothing_shown_is_nothing_told(rng: np.random.Generator):
    told = report(lists(rng, 0))
    assert (told.residents, told.places) == (0, 0)
    assert (told.joins, told.chosen, told.by_lot) == (None, None, None)
