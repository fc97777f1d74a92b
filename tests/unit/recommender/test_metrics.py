from __future__ import annotations

import numpy as np
import pytest

from recommender.evaluation.metrics import coverage, gini, hit_ranks, ndcg_at, recall_at, top_k
from tests.worlds import csr


def test_ranks_count_from_0_and_skip_what_is_masked():
    scores = np.array([[0.9, 0.8, 0.7, 0.6]])
    wanted = csr([[0, 0, 1, 1]])
    assert hit_ranks(scores, wanted).tolist() == [2, 3]
    mask = np.array([[True, False, False, False]])
    assert hit_ranks(scores, wanted, mask).tolist() == [1, 2]


def test_ties_go_by_row():
    assert hit_ranks(np.zeros((1, 4)), csr([[0, 1, 0, 1]])).tolist() == [1, 3]


def test_ranks_agree_with_sorting(rng):
    scores = rng.random((20, 50))
    wanted = csr(rng.random((20, 50)) < 0.1)
    ranks = hit_ranks(scores, wanted)
    lists = top_k(scores, 50)
    owner = np.repeat(np.arange(20), np.diff(wanted.indptr))
    for rank, row, item in zip(ranks, owner, wanted.indices, strict=True):
        assert lists[row, rank] == item


def test_recall_and_ndcg_by_hand():
    wanted = csr([[1, 1, 1, 0], [0, 0, 0, 1]])
    ranks = np.array([0, 2, 50, 1])
    np.testing.assert_allclose(recall_at(ranks, wanted, 10), [2 / 3, 1.0])
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    np.testing.assert_allclose(
        ndcg_at(ranks, wanted, 10), [(1 + 1 / np.log2(4)) / best, 1 / np.log2(3)]
    )


def test_the_best_possible_is_cut_at_k():
    wanted = csr(np.ones((1, 5)))
    assert ndcg_at(np.arange(5), wanted, 2)[0] == pytest.approx(1.0)
    assert recall_at(np.arange(5), wanted, 2)[0] == pytest.approx(0.4)


def test_coverage_and_gini():
    equal = np.arange(10).reshape(2, 5)
    same = np.zeros((2, 5), np.int64)
    assert (coverage(equal, 10), gini(equal, 10)) == (1.0, pytest.approx(0.0))
    assert (coverage(same, 10), gini(same, 10)) == (0.1, pytest.approx(0.9))
    assert gini(np.empty((0, 5), np.int64), 10) == 0.0
