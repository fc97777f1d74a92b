"""New items are asked about without anything anybody did with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graph.view import empty_csr
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.new_items import evaluate_new_items, without_items
from recommender.evaluation.splits import validation_cut
from tests.worlds import checkerboard

TOWN = checkerboard(n_residents=120, n_items=100)
"""Enough residents that the weights are validated, and folds longer than a list."""


def town(*, described: bool = True) -> Dataset:
    cut = validation_cut(TOWN, share=0.3, cold=0.0, salt=1)
    view = cut.view
    if not described:  # nothing tells one item from another
        n = view.n_items
        items = replace(
            view.items,
            tags=empty_csr(n, 2),
            needs=empty_csr(n, 2),
            occupations=empty_csr(n, 2),
            offers=empty_csr(n, 2),
            lat=np.full(n, np.nan, np.float32),
            lon=np.full(n, np.nan, np.float32),
            grid=np.full(n, -1, np.int32),
            group=np.full(n, -1, np.int32),
        )
        view = replace(view, items=items)
    return Dataset("town", "items", view, cut.hidden)


def test_every_item_is_new_in_one_fold_and_nothing_of_it_is_left():
    seen = np.zeros(TOWN.n_items, np.int64)
    for fold in range(4):
        view, which = without_items(TOWN, fold=fold, folds=4, salt=3)
        seen += which
        assert not which[view.interactions.indices].any()
        kept = (~which)[TOWN.interactions.indices].sum()
        assert view.interactions.nnz == kept
    assert (seen == 1).all()


def test_new_items_are_placed_by_what_they_say_of_themselves():
    """The control: without descriptions, what is left of the gain is the order of the rows."""
    told, silent = (
        evaluate_new_items(town(described=d), seed=1, folds=3, most=1) for d in (True, False)
    )
    assert told["recall@10"] > 1.3 * told["chance_recall@10"]
    assert told["recall@10"] > 1.2 * silent["recall@10"]
    assert told["users"] == silent["users"] > 50
