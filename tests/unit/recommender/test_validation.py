"""What a pool keeps is enough: blends rank it as they rank everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from graph.view import View
from recommender import validation as module
from recommender.base import Query
from recommender.evaluation.splits import Cut, validation_cut
from recommender.ranking.blend import Blend
from recommender.scorers import ItemItemScorer, OwnGroupScorer, PopularScorer, SpectralScorer
from recommender.validation import Pool, Validation, worth

N, M = 150, 60


@pytest.fixture
def cut(rng) -> Cut:
    taste = np.where(np.arange(N)[:, None] % 3 == np.arange(M)[None, :] % 3, 0.4, 0.05)
    view = View.of(sp.csr_array((rng.random((N, M)) < taste).astype(np.float32)))
    return validation_cut(view, share=0.2, cold=0.1, salt=1)


def fitted(cut: Cut):
    scorers = (PopularScorer(), ItemItemScorer(20.0), SpectralScorer(factors=4), OwnGroupScorer())
    return [scorer.fit(cut.view, seed=0) for scorer in scorers]


@pytest.mark.parametrize("candidates", [None, np.arange(M) % 4 > 0])
def test_a_pool_ranks_as_the_blend_ranks_everything(cut, monkeypatch, candidates):
    """The same residents, scored by the served blend over all items and by the pool's parts."""
    monkeypatch.setattr(module, "_PER_PART", 30)
    monkeypatch.setattr(module, "_BATCH_CELLS", 20 * M)
    if candidates is not None:
        hidden = sp.csr_array(cut.hidden.toarray() * candidates, dtype=np.float32)
        cut = replace(cut, hidden=hidden, candidates=candidates)
    validation, scorers = Validation.of(cut, salt=2), fitted(cut)
    pool = Pool.of(validation, scorers)
    assert set(pool.parts) == {"popular", "item_item", "spectral"}  # one says nothing here
    assert pool.mask.shape[1] < M
    weights = {"popular": 0.3, "item_item": 1.0, "spectral": 0.5, "own_group": 1.0}
    blend = Blend({name: (w, w, w) for name, w in weights.items()}, pool.floors)
    query = Query.from_view(cut.view, validation.rows)
    mask = query.history.toarray() > 0
    if candidates is not None:
        mask |= ~candidates
    lengths = np.diff(query.history.indptr)
    parts = {scorer.name: scorer.score(query) for scorer in scorers}
    whole = sum(blend.contributions(parts, lengths, mask).values())
    expected = worth(np.asarray(whole), cut.hidden[validation.rows], mask)
    every = np.arange(len(validation))
    found = pool.worth(sum(weights[n] * part for n, part in pool.parts.items()), every)
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert found.mean() == pytest.approx(expected.mean(), abs=0.002)
    assert expected.mean() > 0.2


def test_everybody_is_asked_about_while_there_is_room(cut, monkeypatch):
    assert Validation.of(cut, salt=2).rows.tolist() == cut.rows.tolist()
    monkeypatch.setattr(module, "_RESIDENTS", (20, 40))
    some = Validation.of(cut, salt=2)
    assert len(some) == 40
    assert set(some.rows) < set(cut.rows)
    assert some.rows.tolist() != Validation.of(cut, salt=3).rows.tolist()


def test_whom_a_resident_is_asked_with_does_not_matter(cut):
    """One who withdrew is not drawn, and moves nobody else but their stand-in."""
    rows = Validation.of(cut, salt=2).rows
    hidden = cut.hidden.toarray()
    hidden[rows[5]] = 0.0
    other = replace(cut, hidden=sp.csr_array(hidden, dtype=np.float32))
    assert set(rows) - set(Validation.of(other, salt=2).rows) == {rows[5]}


def test_worth_of_a_scorer_is_its_place_among_all_candidates(cut):
    scorer = fitted(cut)[1]
    validation = Validation.of(cut, salt=2)
    query = Query.from_view(cut.view, validation.rows)
    mask = query.history.toarray() > 0
    expected = worth(scorer.score(query), cut.hidden[validation.rows], mask)
    np.testing.assert_allclose(validation.worth_of(scorer, validation.rows), expected)
