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
