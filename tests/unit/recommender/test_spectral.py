"""The filter against the formula, written plainly with dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graph.view import View
from recommender.base import Query
from recommender.scorers import SpectralScorer
from recommender.scorers.spectral import first_singular

N, M = 60, 30


@pytest.fixture
def view(rng) -> View:
    """Residents of two tastes, so that there are directions to find; the last of all is empty."""
    taste = np.where(np.arange(N)[:, None] % 2 == np.arange(M)[None, :] % 2, 0.4, 0.05)
    did = rng.random((N, M)) < taste
    did[-1], did[:, -1] = False, False
    did[np.arange(M - 1), np.arange(M - 1)] = True
    return View.of(sp.csr_array((did * rng.uniform(0.5, 2.0, (N, M))).astype(np.float32)))


def power(degree, exponent):
    return np.where(degree > 0, np.maximum(degree, 1e-9) ** exponent, 0.0)


@pytest.mark.parametrize("smoothing", [0.0, 3.0])
@pytest.mark.parametrize("low_pass", [0.0, 0.7])
def test_scores_are_the_formula(view, smoothing, low_pass):
    X = view.interactions.toarray().astype(np.float64)
    items, residents = (np.where(d > 0, d + smoothing, 0.0) for d in (X.sum(0), X.sum(1)))
    scaled = power(residents, -0.5)[:, None] * X * power(items, -0.5)
    _, _, vectors = np.linalg.svd(scaled)
    passed = scaled.T @ scaled + low_pass * vectors[:1].T @ vectors[:1]
    expected = (X * power(items, -0.5)) @ passed * power(items, 0.5 - 0.3)
    scorer = SpectralScorer(exponent=0.3, factors=1, low_pass=low_pass, smoothing=smoothing)
    found = scorer.fit(view, seed=1).score(Query.from_view(view, np.arange(N)))
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_singular_vectors_span_what_the_dense_decomposition_finds(rng):
    """Down to a rank beyond which there is nothing, where columns are 0."""
    dense = rng.normal(size=(50, 8)) @ np.diag(2.0 ** -np.arange(8)) @ rng.normal(size=(8, 40))
    found = first_singular(sp.csr_array(dense.astype(np.float32)), 12, seed=3)
    _, _, vectors = np.linalg.svd(dense)
    assert found.shape == (40, 12)
    np.testing.assert_allclose(
        found[:, :4] @ found[:, :4].T, vectors[:4].T @ vectors[:4], atol=1e-3
    )
    assert not found[:, 8:].any()
    np.testing.assert_allclose(found[:, :8].T @ found[:, :8], np.eye(8), atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (4, 6)])
def test_nothing_has_no_directions(shape):
    assert not first_singular(sp.csr_array(shape, dtype=np.float32), 3, seed=0).any()


def test_few_people_stand_for_many(view):
    """No item is read beyond the bound, and on average over seeds nothing is lost."""
    whole = SpectralScorer(factors=0, most_people=N).fit(view, seed=0)
    capped = [SpectralScorer(factors=0, most_people=8).fit(view, seed=s) for s in range(200)]
    assert max(np.diff(c.people_.indptr).max() for c in capped) == 8
    mean = np.mean([c.people_.toarray() for c in capped], axis=0)
    np.testing.assert_allclose(mean.sum(axis=1), whole.people_.toarray().sum(axis=1), rtol=0.1)


def test_who_stands_for_an_item_depends_on_its_own_people_only(view):
    """So that taking one resident away leaves the others in place, as in the world without."""
    one = SpectralScorer(factors=0, most_people=8).fit(view, seed=5).people_.toarray() > 0
    X = view.interactions.toarray()
    X[3] = 0.0
    other = View.of(sp.csr_array(X))
    two = SpectralScorer(factors=0, most_people=8).fit(other, seed=5).people_.toarray() > 0
    assert (one.sum(axis=1) - (one & two).sum(axis=1)).max() <= 1
