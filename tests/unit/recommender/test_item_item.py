"""What goes into the closed form besides the bare histories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graph.view import ItemTable, View
from recommender.base import Query
from recommender.scorers import ItemItemScorer
from tests.worlds import csr


def world(did: np.ndarray, tags: np.ndarray | None = None) -> View:
    n_items = did.shape[1]
    words = np.zeros((n_items, 1)) if tags is None else tags
    table = ItemTable.of([str(i) for i in range(n_items)], n_interests=words.shape[1])
    return View.of(csr(did), items=replace(table, tags=csr(words)))


def placed(view: View, venue: np.ndarray) -> View:
    """Each item at its venue; at none where that is -1."""
    at = np.where(venue < 0, np.nan, 31.0 + venue / 10).astype(np.float32)
    return replace(view, items=replace(view.items, lat=at, lon=at))


def weights_of(scorer: ItemItemScorer, view: View) -> np.ndarray:
    """What each item says of each other: the scores of residents who did one item each."""
    n = view.n_items
    query = Query.from_view(view, np.arange(n))
    return scorer.fit(view, seed=0).score(replace(query, history=csr(np.eye(n))))


def test_weights_are_those_of_the_formula(rng):
    did = (rng.random((60, 10)) < 0.3) * rng.uniform(1.0, 3.0, (60, 10))
    did[:, 0] = 1.0
    tags = (rng.random((10, 3)) < 0.5) * 1.0
    venue = rng.integers(-1, 3, 10)
    scorer = ItemItemScorer(regularization=4.0, balance=0.7, tags=2.0)
    found = weights_of(scorer, placed(world(did, tags), venue))
    lengths = (did > 0).sum(axis=1)
    weighed = did * ((lengths / lengths.mean()) ** -0.35)[:, None]
    shared = np.hstack([tags, venue[:, None] == np.arange(3)])
    rows = np.vstack([weighed, (shared / np.linalg.norm(shared, axis=0)).T * np.sqrt(2.0)])
    inverse = np.linalg.inv(rows.T @ rows + 4.0 * np.eye(10))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_tag_brings_items_together_that_nobody_did_both(rng):
    did = np.eye(4)[rng.integers(0, 4, 50)]
    tags = np.array([[1.0], [1.0], [0.0], [0.0]])
    view = world(did, tags)
    weights = weights_of(ItemItemScorer(tags=5.0), view)
    assert weights[0, 1] > 0
    assert weights[1, 0] > 0
    assert weights[0, 2] == weights[2, 3] == 0
    assert not weights_of(ItemItemScorer(tags=0.0), view).any()


def test_one_place_brings_items_together_that_nobody_did_both(rng):
    did = np.eye(4)[rng.integers(0, 4, 50)]
    view = placed(world(did), np.array([0, 0, 1, -1]))
    weights = weights_of(ItemItemScorer(tags=5.0), view)
    assert weights[0, 1] > 0
    assert weights[1, 0] > 0
    assert weights[0, 2] == weights[2, 3] == weights[1, 3] == 0
    assert not weights_of(ItemItemScorer(tags=0.0), view).any()


def test_balance_takes_weight_from_those_who_do_everything():
    """Five do items 0 and 1 alone, five do all items: how much 0 says of 1, next to 2."""
    did = np.vstack([np.tile([1.0, 1.0, 0, 0, 0, 0], (5, 1)), np.ones((5, 6))])
    even, balanced = (weights_of(ItemItemScorer(balance=b), world(did)) for b in (0.0, 1.0))
    assert balanced[0, 1] / balanced[0, 2] > even[0, 1] / even[0, 2]
