"""Folding in against the normal equations, written plainly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from graph.view import View
from recommender.base import Query
from recommender.scorers import ALSScorer

N, M, F = 50, 20, 3


@pytest.fixture
def view(rng) -> View:
    did = (rng.random((N, M)) < 0.25) * rng.uniform(0.5, 2.0, (N, M))
    tied = np.triu(rng.random((N, N)) < 0.1, 1) * 0.8
    return replace(
        View.of(sp.csr_array(did.astype(np.float32))),
        ties=sp.csr_array((tied + tied.T).astype(np.float32)),
    )


@pytest.mark.parametrize("ties", [0.0, 0.5])
def test_a_resident_is_the_least_squares_answer_of_what_they_did(view, ties):
    """Minimise sum c (p - xY)^2 + reg |x|^2 over all columns, those of friends included."""
    scorer = ALSScorer(F, regularization=2.0, alpha=5.0, exponent=0.5, ties=ties).fit(view, seed=1)
    X = view.interactions.toarray().astype(np.float64)
    people = (X > 0).sum(axis=0)
    mean = people[np.nonzero(X)[1]].mean()
    columns = X * np.sqrt(mean / np.maximum(people, 1))
    factors = scorer.items_.astype(np.float64)
    if ties:
        columns = np.hstack([columns, ties * view.ties.toarray()])
        factors = np.vstack([factors, scorer.friends_])
    found = scorer.fold_in(Query.from_view(view, np.arange(5)))
    for row in range(5):
        trust = 1.0 + 5.0 * columns[row]
        wanted = (columns[row] > 0).astype(np.float64)
        left = factors.T @ (trust[:, None] * factors) + 2.0 * np.eye(F)
        expected = np.linalg.solve(left, factors.T @ (trust * wanted))
        np.testing.assert_allclose(found[row], expected, atol=1e-4)


def test_without_ties_nothing_of_friends_is_kept(view):
    alone = ALSScorer(F, ties=0.0).fit(view, seed=1)
    assert alone.friends_.shape == (0, F)
    assert alone.ties_.nnz == 0
    nobody = replace(view, ties=sp.csr_array((N, N), dtype=np.float32))
    untied = ALSScorer(F, ties=0.5).fit(nobody, seed=1)
    assert untied.items_.tobytes() == alone.items_.tobytes()
