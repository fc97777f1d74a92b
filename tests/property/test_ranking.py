"""Whatever the world looks like: lists hold eligible items once, and reasons are true and safe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph.view import LANGUAGE_BIT, View
from recommender.base import Query, ReasonCode
from recommender.fitted import FittedModel
from recommender.pipeline import Recommender
from recommender.ranking import Weights, eligible
from recommender.ranking.blend import Blend
from recommender.selection import PRIOR_WEIGHTS, Selection
from recommender.training import fit, with_reranker
from tests.worlds import DAY, NOW, checkerboard, csr

HOUR = 3600
WORDS = {"interest": ("even", "odd"), "offer": ("even", "odd")}
SELECTION = Selection(Blend(PRIOR_WEIGHTS))


def trained(view: View) -> FittedModel:
    return with_reranker(fit(view, SELECTION, seed=0), view, Weights())


MODEL: FittedModel = trained(checkerboard())

seeds = st.integers(0, 2**32 - 1)


def world(seed: int) -> View:
    """The checkerboard with every public fact and every instruction drawn anew."""
    rng = np.random.default_rng(seed)
    view = checkerboard()
    n, m = view.n_residents, view.n_items
    starts = np.where(rng.random(m) < 0.6, NOW + rng.integers(-DAY, DAY, m), -1)
    ends = np.where((rng.random(m) < 0.5) & (starts >= 0), starts + HOUR, -1)
    items = replace(
        view.items,
        open=rng.random(m) < 0.8,
        starts=starts,
        ends=ends,
        seats_left=rng.integers(-1, 3, m).astype(np.int32),
        lat=(31.2 + rng.normal(0, 0.02, m)).astype(np.float32),
        lon=np.where(rng.random(m) < 0.8, 121.4 + rng.normal(0, 0.02, m), np.nan).astype("f4"),
        min_age=np.where(rng.random(m) < 0.2, rng.integers(0, 90, m), -1).astype(np.int16),
        max_age=np.where(rng.random(m) < 0.2, rng.integers(0, 90, m), -1).astype(np.int16),
        languages=rng.choice([0, *LANGUAGE_BIT.values()], m).astype(np.uint8),
        life_category=rng.integers(-1, 7, m).astype(np.int8),
        group=rng.integers(-1, 6, m).astype(np.int32),
    )
    few = lambda: csr(rng.random((n, m)) < 0.05)  # noqa: E731
    return replace(
        view,
        items=items,
        held=few(),
        dismissed=few(),
        blocked=few(),
        birth_year=np.where(rng.random(n) < 0.8, rng.integers(1930, 2020, n), 0).astype(np.int16),
        languages=rng.integers(0, 16, n).astype(np.uint8),
        walk_limit=np.where(rng.random(n) < 0.5, rng.integers(0, 5000, n), -1).astype(np.int32),
        home=(np.array([31.2, 121.4]) + rng.normal(0, 0.02, (n, 2))).astype(np.float32),
    )


def ask(view: View, row: int) -> Query:
    return Query.from_view(view, np.array([row]))


def feed_of(view: View, row: int, n: int = 20, model: FittedModel = MODEL):
    return Recommender(model, words=WORDS).recommend(
        ask(view, row), mint=lambda item, reason: item, n=n
    )


@given(seed=seeds, n=st.integers(0, 60))
def test_reranking_keeps_each_item_once(seed, n):
    view = world(seed)
    query = ask(view, 0)
    rng = np.random.default_rng(seed)
    candidates = np.sort(rng.choice(view.n_items, rng.integers(0, view.n_items), replace=False))
    scores = rng.normal(size=len(candidates)).astype(np.float32)
    places = MODEL.reranker.rerank(query, candidates, scores, n).tolist()
    assert len(set(places)) == len(places) == min(n, len(candidates))
    assert set(places) <= set(range(len(candidates)))


@given(seed=seeds)
def test_the_whole_list_is_the_eligible_items_in_some_order(seed):
    view = world(seed)
    row = seed % view.n_residents
    listed = [r.row for r in feed_of(view, row, n=view.n_items)]
    assert sorted(listed) == eligible(ask(view, row), np.arange(view.n_items)).tolist()


@given(seed=seeds)
def test_nothing_is_listed_that_cannot_be_joined(seed):
    """Each rule once more, item by item and in plain words."""
    view = world(seed)
    row = seed % view.n_residents
    items, held = view.items, set(view.held[[row]].indices.tolist())
    no = set(view.dismissed[[row]].indices.tolist()), set(view.blocked[[row]].indices.tolist())
    limit = int(view.walk_limit[row]) if view.walk_limit[row] >= 0 else 3_000
    for r in feed_of(view, row, n=view.n_items):
        i = r.row
        assert items.open[i]
        assert items.seats_left[i] != 0
        assert items.starts[i] == -1 or items.starts[i] > NOW
        assert i not in held | no[0] | no[1]
        assert items.group[i] not in no[1]
        if np.isfinite(items.lon[i]):
            north = (float(items.lat[i]) - float(view.home[row, 0])) * 111_195
            east = (float(items.lon[i]) - float(view.home[row, 1])) * 111_195 * np.cos(0.5446)
            assert np.hypot(north, east) * 1.3 <= limit * 1.01 + 5
        if view.birth_year[row]:
            age = 2026 - int(view.birth_year[row])
            assert items.min_age[i] <= age
            assert items.max_age[i] < 0 or age - 1 <= items.max_age[i]
        if view.languages[row] and items.languages[i]:
            assert view.languages[row] & items.languages[i]
        for own in held:
            if items.starts[own] >= 0 and items.starts[i] >= 0:
                ends = [
                    e if e >= 0 else s + 2 * HOUR
                    for s, e in ((items.starts[k], items.ends[k]) for k in (own, i))
                ]
                assert items.starts[i] >= ends[0] or ends[1] <= items.starts[own]


def without_evidence(query: Query, code: ReasonCode, slots) -> Query:
    """The same resident, had they not given what is cited."""

    def dropped(matrix, column):
        dense = matrix.toarray()
        dense[0, column] = 0.0
        return csr(dense)

    ids = query.items.ids.tolist()
    if code is ReasonCode.OWN_INTEREST:
        column = WORDS["interest"].index(slots["interest"])
        return replace(query, interests=dropped(query.interests, column))
    if code is ReasonCode.OWN_OFFER:
        return replace(query, offers=dropped(query.offers, WORDS["offer"].index(slots["offer"])))
    if code is ReasonCode.OWN_GROUP:
        return replace(query, held=dropped(query.held, ids.index(slots["item"])))
    if code is ReasonCode.SIMILAR_TO_OWN:
        return replace(query, history=dropped(query.history, ids.index(slots["item"])))
    assert code is ReasonCode.IN_OWN_GRID
    return replace(query, grid=np.array([-1], np.int32))


PARTS = {
    ReasonCode.OWN_INTEREST: ("content",),
    ReasonCode.OWN_OFFER: ("content",),
    ReasonCode.OWN_GROUP: ("own_group",),
    ReasonCode.SIMILAR_TO_OWN: ("item_item", "spectral"),
    ReasonCode.IN_OWN_GRID: ("distance",),
}


@given(seed=seeds)
def test_reasons_are_faithful(seed):
    """Take away what is cited, and a part that may have said so scores the item lower."""
    view = world(seed)
    row = seed % view.n_residents
    query = ask(view, row)
    scorers = {s.name: s for s in MODEL.scorers}
    for r in feed_of(view, row):
        if r.reason.code in PARTS:
            names = [name for name in PARTS[r.reason.code] if r.parts[name] > 0]
            less = without_evidence(query, r.reason.code, r.reason.slots)
            at = np.array([r.row])
            assert any(
                scorers[name].score(less, at)[0, 0] < scorers[name].score(query, at)[0, 0]
                for name in names
            )


@given(seed=seeds)
def test_reasons_cite_only_the_residents_own(seed):
    view = world(seed)
    row = seed % view.n_residents
    query = ask(view, row)
    own_items = set(query.items.ids[query.history.indices]) | set(
        query.items.ids[query.held.indices]
    )
    for r in feed_of(view, row):
        if "item" in r.reason.slots:
            assert r.reason.slots["item"] in own_items
        assert r.reason.slots.get("bucket", "20-50") in {"20-50", "50-200", "200+"}


@given(seed=seeds, other=st.integers(0, 59))
def test_secrets_of_another_never_show(seed, other):
    """Two worlds that differ in another resident's S2 attributes give one feed, byte for byte."""
    view = world(seed)
    row = (other + 1 + seed % 58) % view.n_residents
    assert row != other
    needs, occupations = view.needs.toarray(), view.occupations.toarray()
    needs[other], occupations[other] = 1 - needs[other], 1 - occupations[other]
    flipped = replace(view, needs=csr(needs), occupations=csr(occupations))
    one, two = (trained(w) for w in (view, flipped))
    assert repr(feed_of(view, row, model=one)) == repr(feed_of(flipped, row, model=two))


def test_own_secrets_shape_the_own_list_but_are_not_told():
    """The positive control: needs count for the resident who has them, without being cited."""
    view = checkerboard()
    nothing = csr(np.zeros((view.n_residents, 2)))
    far = np.full(view.n_residents, 50_000, np.int32)  # the other colour is within reach, too
    view = replace(view, interests=nothing, offers=nothing, occupations=nothing, walk_limit=far)
    flipped = replace(view, needs=csr(1 - view.needs.toarray()))
    for one in (view, flipped):
        assert any(r.parts["content"] > 0 for r in feed_of(one, 0))
        told = {r.reason.code for r in feed_of(one, 0)}
        assert not told & {ReasonCode.OWN_INTEREST, ReasonCode.OWN_OFFER}
    assert not np.array_equal(MODEL.score(ask(view, 0)), MODEL.score(ask(flipped, 0)))
