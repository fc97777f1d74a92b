from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recommender.scorers.gram import ease


def some(rng, n=200, m=30):
    return sp.csr_array((rng.random((n, m)) < 0.2).astype(np.float32))


def test_ease_is_the_least_squares_answer_with_zero_diagonal(rng):
    """Each column is a ridge regression on the other columns: solve that, and compare."""
    X, reg = some(rng), 10.0
    weights, dense = ease(X, reg), X.toarray().astype(np.float64)
    assert not np.diag(weights).any()
    for j in (0, 7, 29):
        others = np.delete(np.arange(30), j)
        rest = dense[:, others]
        expected = np.linalg.solve(rest.T @ rest + reg * np.eye(29), rest.T @ dense[:, j])
        np.testing.assert_allclose(weights[others, j], expected, atol=1e-5)


def test_ease_is_the_same_by_rows_and_by_columns(rng):
    """Few rows of several entries, many of one: the plain formula tells what comes out."""
    X = some(rng, n=20, m=50)
    single = sp.csr_array((rng.random(100) + 0.5, (np.arange(100), rng.integers(0, 50, 100))))
    X = sp.vstack([X, sp.csr_array(single, shape=(100, 50))], format="csr").astype(np.float32)
    dense = X.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 7.0 * np.eye(50))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(ease(X, 7.0), expected, atol=1e-6)
