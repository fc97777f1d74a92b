"""Whatever the world looks like: one resident's scores are those of the batch and of all items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.view import View
from recommender.base import Query
from recommender.scorers import AffinityScorer, ContentScorer, ItemItemScorer, NearHomeScorer
from tests.worlds import checkerboard, csr

KINDS = (AffinityScorer, ContentScorer, ItemItemScorer, NearHomeScorer)


def world(seed: int) -> View:
    """The checkerboard with histories, tags, interests and homes drawn anew, some of them empty."""
    rng = np.random.default_rng(seed)
    view = checkerboard()
    n, m = view.n_residents, view.n_items
    many = rng.choice([0.0, 0.02, 0.2])
    did = (rng.random((n, m)) < rng.choice([0.0, many, 0.3], n)[:, None]) * rng.choice(
        [0.2, 2.0, 3.0]
    )
    tags = (rng.random((m, 2)) < rng.choice([0.0, 0.5])) * rng.uniform(0.1, 1.0, (m, 2))
    home = (np.array([31.2, 121.4]) + rng.normal(0, 0.05, (n, 2))).astype(np.float32)
    home[rng.random(n) < 0.3] = np.nan
    matrix = csr(did)
    return replace(
        view,
        items=replace(view.items, tags=csr(tags)),
        interactions=matrix,
        times=np.full(matrix.nnz, -1),
        interests=csr((rng.random((n, 2)) < 0.3) * 1.0),
        home=home,
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_resident_scores_as_in_a_batch(kind, seed):
    view = world(seed)
    scorer = kind().fit(view, seed=0)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(view.n_residents, 5, replace=False))
    some = np.sort(rng.choice(view.n_items, 7, replace=False))
    together = scorer.score(Query.from_view(view, rows))
    assert np.isfinite(together).all()
    for at, row in enumerate(rows):
        one = Query.from_view(view, np.array([row]))
        np.testing.assert_allclose(scorer.score(one)[0], together[at], rtol=1e-4, atol=1e-5)
        alone = scorer.score(one, some)[0]
        np.testing.assert_allclose(alone, together[at, some], rtol=1e-4, atol=1e-5)
