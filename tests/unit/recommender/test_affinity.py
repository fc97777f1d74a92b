"""Lifts of tags and items, against counting pair by pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.view import ItemTable, View
from recommender.base import Query
from recommender.scorers import AffinityScorer
from tests.worlds import csr

PRIOR = 3.0


def small_world(seed: int, n: int = 40, m: int = 12, tags: int = 4) -> View:
    """Items with one tag, two tags or none; short histories."""
    rng = np.random.default_rng(seed)
    words = (rng.random((m, tags)) < 0.3) * rng.uniform(0.5, 1.0, (m, tags))
    table = ItemTable.of([str(i) for i in range(m)], n_interests=tags)
    did = (rng.random((n, m)) < rng.uniform(0.05, 0.5, m)) * 2.0
    return View.of(csr(did), items=replace(table, tags=csr(words)))


def shares_of(view: View) -> np.ndarray:
    tags = view.items.tags.toarray().astype(float)
    return tags / np.maximum(tags.sum(axis=1, keepdims=True), 1e-12)


def counted(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(L, E) as the formula says, one pair of different items after the other."""
    shares, did = shares_of(view), view.interactions.toarray() > 0
    m, tags = shares.shape
    pairs = np.zeros((tags, m))
    for history in did:
        for one in np.flatnonzero(history):
            for other in np.flatnonzero(history):
                if one != other:
                    pairs[:, other] += shares[one]
    by_tag = pairs @ shares
    overall = (by_tag.sum(axis=0) + 1.0) / (by_tag.sum() + tags)
    lift = np.empty((tags, tags))
    for a in range(tags):
        given = (by_tag[a] + PRIOR * overall) / (by_tag[a].sum() + PRIOR)
        lift[a] = np.log(given / overall)
    reached = pairs.sum(axis=0)
    share = (reached + PRIOR) / (reached.sum() + PRIOR * m)
    extra = np.log1p(pairs / (PRIOR * share * np.exp(lift @ shares.T)))
    return lift, extra


@pytest.mark.parametrize("seed", range(5))
def test_lifts_are_those_of_counting_pairs(seed):
    view = small_world(seed)
    scorer = AffinityScorer(prior=PRIOR).fit(view, seed=0)
    lift, extra = counted(view)
    np.testing.assert_allclose(scorer.lift_, lift, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scorer.extra_.toarray(), extra, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_scores_average_the_lifts_over_own_tags(seed):
    view = small_world(seed)
    rng = np.random.default_rng(seed)
    interests = csr((rng.random((view.n_residents, 4)) < 0.2) * 1.0)
    view = replace(view, interests=interests)
    scorer = AffinityScorer(prior=PRIOR, declared=2.0).fit(view, seed=0)
    shares, (lift, extra) = shares_of(view), counted(view)
    did = view.interactions.toarray() > 0
    own = did @ shares + 2.0 * interests.toarray()
    own /= np.maximum(own.sum(axis=1, keepdims=True), 1e-12)
    wanted = own @ (lift @ shares.T + extra)
    found = scorer.score(Query.from_view(view, np.arange(view.n_residents)))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_an_item_that_people_of_a_subject_take_up_stands_above_its_like():
    """Both items have the other tag; only one of them is what people of the first tag do."""
    table = ItemTable.of(["own", "taken", "left"], n_interests=2)
    table = replace(table, tags=csr([[1, 0], [0, 1], [0, 1]]))
    did = np.array([[2, 2, 0]] * 20 + [[0, 2, 0]] * 5 + [[0, 0, 2]] * 25)
    view = View.of(csr(did), items=table)
    newcomer = replace(
        Query.from_view(view, np.array([0])),
        history=csr(np.zeros((1, 3))),
        interests=csr([[1.0, 0.0]]),
    )
    scores = AffinityScorer().fit(view, seed=0).score(newcomer)[0]
    assert scores[1] > scores[2] + 0.1
