from __future__ import annotations

from dataclasses import replace

import numpy as np

from graph.view import ItemTable, View
from recommender.evaluation.splits import (
    cell_hash,
    cold_cut,
    cut_for,
    time_cut,
    validation_cut,
    without_cells,
)
from tests.worlds import NOW, checkerboard, csr, without_resident


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


def dated() -> View:
    """Two hundred deeds, one an hour; item i starts when deed 5 i has been done."""
    hours = np.arange(200)
    matrix = np.full((20, 40), -1)
    matrix[hours % 20, (hours * 7 + hours // 20) % 40] = hours
    X = csr((matrix >= 0) * 2.0)
    items = ItemTable.of([f"item-{i}" for i in range(40)])
    items = replace(
        items,
        starts=NOW + 3600 * 5 * np.arange(40),
        seats_left=np.arange(40, dtype=np.int32),
    )
    owner = np.repeat(np.arange(20), np.diff(X.indptr))
    return View.of(
        X, items=items, as_of=NOW + 3600 * 200, times=NOW + 3600 * matrix[owner, X.indices]
    )


def test_what_is_dated_is_cut_in_time():
    view = dated()
    cut = cut_for(view, seed=1)
    moment = cut.view.as_of
    before = view.times <= moment
    assert (cut.view.times == view.times[before]).all()
    assert 0.75 <= before.mean() <= 0.85
    assert cut.candidates is not None
    assert (cut.candidates == (view.items.starts > moment)).all()
    X = view.interactions
    late = X.copy()
    late.data = ((~before) & (view.items.starts[X.indices] > moment)).astype(np.float32)
    assert late.sum() > 0
    assert (cut.hidden.toarray() == late.toarray()).all()
    assert (cut.view.items.seats_left == -1).all()


def test_an_open_item_without_a_start_can_be_asked_for_at_any_time():
    view = dated()
    starts = view.items.starts.copy()
    starts[[3, 4]] = -1
    view = replace(view, items=replace(view.items, starts=starts, open=np.arange(40) != 4))
    cut = time_cut(view, share=0.2)
    assert cut.candidates is not None
    assert cut.candidates[[0, 3, 4, 39]].tolist() == [False, True, False, True]


def test_with_few_dates_the_cut_is_hashed():
    view = dated()
    few = replace(view, times=np.where(np.arange(len(view.times)) % 5, -1, view.times))
    timeless = replace(view, items=replace(view.items, starts=np.full(40, -1)))
    for undated in (few, timeless, replace(view, times=np.full(len(view.times), -1))):
        cut = cut_for(undated, seed=1)
        expected = validation_cut(undated, share=0.2, cold=0.1, salt=1)
        assert cut.candidates is None
        assert (cut.hidden != expected.hidden).nnz == 0


def test_one_resident_moves_a_cut_in_time_no_further_than_their_deeds():
    """The moment is a quantile of what is left; nothing else of them stays."""
    view = dated()
    whole, without = cut_for(view, seed=1), cut_for(without_resident(view, 5), seed=1)
    moments = np.sort(view.times)
    moved = abs(np.searchsorted(moments, [whole.view.as_of, without.view.as_of]) @ [1, -1])
    assert moved <= 10
    assert not without.hidden.toarray()[5].any()
    assert not without.view.interactions.toarray()[5].any()
