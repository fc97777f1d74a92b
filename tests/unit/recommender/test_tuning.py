"""Climbing hyper-parameters: towards what is better, for what a part adds to others."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graph.view import View
from recommender import tuning
from recommender.evaluation.splits import validation_cut
from recommender.scorers import ALSScorer, PopularScorer, SpectralScorer
from recommender.tuning import LADDERS, Judge, Ladder, Rung, better, climb
from recommender.validation import Validation

N, M = 240, 60


@pytest.fixture
def validation(rng) -> Validation:
    """Three tastes, and items of unlike popularity."""
    taste = np.where(np.arange(N)[:, None] % 3 == np.arange(M)[None, :] % 3, 0.5, 0.05)
    did = rng.random((N, M)) < taste * np.linspace(1.0, 0.2, M)
    cut = validation_cut(View.of(sp.csr_array(did.astype(np.float32))), share=0.2, cold=0.1, salt=1)
    return Validation.of(cut, salt=2)


def ladder(monkeypatch, kind, *rungs: Rung, most: int = 1000, beside: tuple[str, ...] = ()):
    made = Ladder(kind, rungs, most_items=most, beside=beside)
    monkeypatch.setitem(LADDERS, kind.name, made)
    return made


@pytest.mark.parametrize("start", [0.0, 3.0, 9.0])
def test_a_climb_ends_where_neighbours_are_no_better(validation, monkeypatch, start):
    values = (-3.0, 0.0, 0.5, 3.0, 9.0)
    steps = ladder(monkeypatch, SpectralScorer, Rung("exponent", values, refit=False))
    first = SpectralScorer(exponent=start, factors=4).fit(validation.cut.view, seed=0)
    found = climb(validation, first, [], seed=0)
    assert found.config()["exponent"] in {-3.0, 0.0, 0.5}
    judge = Judge(validation, steps, [])
    at = values.index(float(found.config()["exponent"]))
    for value in values[max(at - 1, 0) : at + 2]:
        other = SpectralScorer.restore({**found.config(), "exponent": value}, found.arrays())
        assert not better(judge.worth(other), judge.worth(found))


def test_a_value_that_matters_in_fitting_is_fitted(validation, monkeypatch):
    ladder(monkeypatch, ALSScorer, Rung("factors", (1, 4)))
    first = ALSScorer(factors=1, regularization=1.0).fit(validation.cut.view, seed=0)
    found = climb(validation, first, [], seed=0)
    assert found.config()["factors"] == 4
    assert found.arrays()["items"].shape == (M, 4)


def test_large_data_are_not_climbed_on(validation, monkeypatch):
    ladder(monkeypatch, ALSScorer, Rung("factors", (1, 4)), most=M - 1)
    first = ALSScorer(factors=1, regularization=1.0).fit(validation.cut.view, seed=0)
    found = climb(validation, first, [], seed=0)
    assert found.config()["factors"] == 1


def test_a_part_is_judged_by_the_best_mix_with_the_others(validation, monkeypatch):
    """What says nothing itself is worth what stands beside it; alone it is worth less."""
    steps = ladder(monkeypatch, PopularScorer)
    good = SpectralScorer(factors=4).fit(validation.cut.view, seed=0)
    weak = PopularScorer().fit(View.of(sp.csr_array((N, M), dtype=np.float32)), seed=0)
    alone = Judge(validation, steps, [])
    mixed = Judge(validation, steps, [good]).worth(weak)
    np.testing.assert_allclose(mixed, alone.worth(good))
    assert mixed.mean() > alone.worth(weak).mean() + 0.1


def test_few_residents_judge_where_scores_are_many(validation, monkeypatch):
    monkeypatch.setattr(tuning, "MIN_RESIDENTS", 10)
    monkeypatch.setattr(tuning, "_MOST_CELLS", 50 * M)
    found = Judge(validation, LADDERS["als"], []).worth(
        PopularScorer().fit(validation.cut.view, seed=0)
    )
    assert 25 <= len(found) <= 50
