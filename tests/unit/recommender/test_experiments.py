"""The holdout and what it tells, on made-up residents whose uplift is known."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from graph.model import RecId
from recommender.base import Query
from recommender.evaluation.experiments import (
    as_newcomer,
    held_out,
    mean_had_it_been_shown,
    uplift,
)
from recommender.pipeline import Recommender
from recommender.ranking.blend import Blend
from recommender.selection import PRIOR_WEIGHTS, Selection
from recommender.training import fit
from tests.worlds import checkerboard

ROWS = np.arange(100_000)
SHARE = 0.05


def sign_ups(
    rng: np.random.Generator, held: NDArray[np.bool_], effect: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sign-ups (before, after) of residents who differ in how often they go out."""
    keen = rng.gamma(1.0, 1.0, len(held))
    before = rng.poisson(keen)
    after = rng.poisson(keen + np.where(held, 0.0, effect))
    return before, after


class TestHoldout:
    def test_it_is_the_share_that_was_asked_for(self):
        held = held_out(ROWS, SHARE).sum()
        assert stats.binomtest(int(held), len(ROWS), SHARE).pvalue > 0.01

    def test_nobody_changes_sides(self):
        held = held_out(ROWS, SHARE)
        np.testing.assert_array_equal(held, held_out(ROWS, SHARE))
        np.testing.assert_array_equal(held[500:600], held_out(ROWS[500:600], SHARE))
        assert (held_out(ROWS, 0.1) | ~held).all()  # a larger holdout keeps the smaller one

    def test_it_can_be_none_or_everybody(self):
        assert not held_out(ROWS, 0.0).any()
        assert held_out(ROWS, 1.0).all()

    def test_it_has_nothing_to_do_with_where_rows_come_from(self):
        held = held_out(ROWS, SHARE)
        for period in (2, 7, 250):
            counts = np.array([held[start::period].sum() for start in range(period)])
            assert stats.chisquare(counts).pvalue > 1e-4


class TestNewcomer:
    def test_their_list_does_not_depend_on_what_they_did(self):
        view = checkerboard()
        recommender = Recommender(fit(view, Selection(Blend(PRIOR_WEIGHTS)), seed=0))
        one, other = (Query.from_view(view, np.array([row])) for row in (0, 1))
        same = {n: getattr(one, n) for n in ("held", "dismissed", "blocked", "home", "grid")}
        other = replace(other, **same)

        def items(query: Query) -> list[int]:
            found = recommender.recommend(query, mint=lambda item, reason: RecId(str(item)), n=4)
            return [each.row for each in found]

        assert items(one) != items(other)  # the control
        assert items(as_newcomer(one)) == items(as_newcomer(other)) != []

    def test_what_keeps_a_list_from_being_wrong_is_kept(self):
        query = Query.from_view(checkerboard(), np.array([0]))
        kept = {
            "held", "dismissed", "blocked", "home", "grid", "birth_year", "languages",
            "walk_limit", "items", "now", "masked",
        }  # fmt: skip
        new = as_newcomer(query)
        changed = {
            f.name for f in fields(query) if getattr(new, f.name) is not getattr(query, f.name)
        }
        assert changed == {f.name for f in fields(query)} - kept
        assert not any(
            getattr(new, n).nnz for n in ("history", "interests", "offers", "occupations", "needs")
        )
        assert new.rows[0] >= checkerboard().n_residents


class TestUplift:
    def test_its_interval_holds_the_truth_as_often_as_it_says(self, rng: np.random.Generator):
        runs, effect = 400, 0.4
        held = held_out(ROWS[:4_000], SHARE)
        found = []
        for _ in range(runs):
            before, after = sign_ups(rng, held, effect)
            found.append((uplift(after, held), uplift(after, held, before=before)))
        for which in (0, 1):
            holds = sum(f[which].difference.low < effect < f[which].difference.high for f in found)
            assert stats.binomtest(holds, runs, 0.95).pvalue > 0.001
            # The control: an interval half as long would be found out.
            half = sum(
                abs(f[which].difference.value - effect)
                < (f[which].difference.high - f[which].difference.value) / 2
                for f in found
            )
            assert stats.binomtest(half, runs, 0.95).pvalue < 0.001
        mean = np.mean([f[0].difference.value for f in found])
        assert mean == pytest.approx(effect, abs=0.03)

    def test_what_was_known_before_makes_it_shorter(self, rng: np.random.Generator):
        held = held_out(ROWS[:20_000], SHARE)
        before, after = sign_ups(rng, held, 0.4)
        plain, adjusted = uplift(after, held), uplift(after, held, before=before)
        assert adjusted.difference.high - adjusted.difference.low < 0.9 * (
            plain.difference.high - plain.difference.low
        )

    def test_no_effect_is_told_as_none(self, rng: np.random.Generator):
        held = held_out(ROWS[:20_000], SHARE)
        told = uplift(sign_ups(rng, held, 0.0)[1], held, level=0.999).difference
        assert told.low < 0.0 < told.high

    def test_nothing_done_by_anybody_is_no_uplift(self):
        held = held_out(ROWS[:2_000], SHARE)
        told = uplift(np.zeros(2_000), held, before=np.zeros(2_000)).difference
        assert (told.low, told.value, told.high) == (0.0, 0.0, 0.0)

    def test_an_empty_arm_is_refused(self):
        with pytest.raises(ValueError, match="hold out"):
            uplift(np.ones(10), np.zeros(10, np.bool_))


def test_equal_chances_give_the_plain_mean(rng: np.random.Generator):
    taps = rng.random(1_000) < 0.2
    told = mean_had_it_been_shown(taps, np.full(1_000, 0.25))
    assert told.value == pytest.approx(taps.mean())
    assert told.n == 1_000
