from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recommender.scorers.gram import ease, pruned_cosine


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


def test_pruned_cosine_is_the_formula_when_nothing_is_pruned(rng):
    X = some(rng)
    dense = X.toarray().astype(np.float64)
    shared = dense / np.sqrt(np.maximum(dense.sum(axis=1, keepdims=True), 1e-12))
    count = dense.sum(axis=0)
    expected = count[:, None] ** -0.3 * (shared.T @ shared) * count[None, :] ** -0.7
    np.fill_diagonal(expected, 0.0)
    found = pruned_cosine(X, exponent=0.3, neighbours=30, block=7).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_pruning_keeps_the_strongest_of_each_row(rng):
    X = some(rng)
    whole = pruned_cosine(X, exponent=0.5, neighbours=30).toarray()
    kept = pruned_cosine(X, exponent=0.5, neighbours=5, block=11).toarray()
    for row in range(30):
        taken = kept[row] > 0
        assert taken.sum() == 5
        assert kept[row][taken].min() >= whole[row][~taken].max()


def test_no_items_at_all():
    assert (
        pruned_cosine(sp.csr_array((3, 0), dtype=np.float32), exponent=0.5, neighbours=5).nnz == 0
    )
