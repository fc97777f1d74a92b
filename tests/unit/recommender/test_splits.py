from __future__ import annotations

from dataclasses import replace

import numpy as np

from recommender.evaluation.splits import cell_hash, cold_cut, validation_cut, without_cells
from tests.worlds import checkerboard, csr, without_resident


def test_hashes_are_even_and_depend_on_every_part():
    rows = np.arange(100_000)
    assert abs((cell_hash(rows, 3, 1) % np.uint64(5) == 0).mean() - 0.2) < 0.01
    base = cell_hash(rows, 3, 1)
    for other in (cell_hash(rows + 1, 3, 1), cell_hash(rows, 4, 1), cell_hash(rows, 3, 2)):
        assert (base != other).all()
    assert len(np.unique(base)) == len(base)


def test_a_cut_takes_a_share_of_each_history_and_loses_nothing():
    view = checkerboard()
    cut = validation_cut(view, share=0.2, cold=0.0, salt=1)
    both = cut.view.interactions.sign() + cut.hidden
    assert (both != view.interactions.sign()).nnz == 0
    before, hidden = np.diff(view.interactions.indptr), np.diff(cut.hidden.indptr)
    assert (hidden == np.maximum(1, np.round(0.2 * before))).all()
    assert len(cut.view.times) == cut.view.interactions.nnz


def test_the_cold_lose_everything_and_single_deeds_are_left_alone():
    view = checkerboard()
    single = view.interactions.toarray()
    single[7] = 0
    single[7, 1] = 2.0
    matrix = csr(single)
    view = replace(view, interactions=matrix, times=np.zeros(matrix.nnz, np.int64))
    cut = validation_cut(view, share=0.2, cold=0.5, salt=1)
    left = np.diff(cut.view.interactions.indptr)
    assert 10 < (left == 0).sum() < 50
    assert left[7] == 1


def test_what_is_hidden_is_not_held_either():
    view = checkerboard()
    owner = np.repeat(np.arange(view.n_residents), np.diff(view.interactions.indptr))
    cut = without_cells(view, owner == 2)
    held = set(view.held[[2]].indices) & set(view.interactions[[2]].indices)
    assert held
    assert not set(cut.view.held[[2]].indices) & held
    assert (cut.view.held[[4]] != view.held[[4]]).nnz == 0


def test_the_cut_of_others_does_not_depend_on_one_resident():
    view = checkerboard()
    whole = validation_cut(view, share=0.2, cold=0.1, salt=3).hidden.toarray()
    without = validation_cut(
        without_resident(view, 5), share=0.2, cold=0.1, salt=3
    ).hidden.toarray()
    assert whole[5].any()
    whole[5] = 0
    assert (whole == without).all()


def test_every_resident_is_in_one_cold_fold():
    view = checkerboard()
    cuts = [cold_cut(view, fold=f, folds=5, salt=0) for f in range(5)]
    assert (np.sum([who for _, who in cuts], axis=0) == 1).all()
    for left, who in cuts:
        lengths = np.diff(left.interactions.indptr)
        assert not lengths[who].any()
        assert (lengths[~who] == np.diff(view.interactions.indptr)[~who]).all()
