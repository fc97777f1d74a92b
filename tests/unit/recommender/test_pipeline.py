from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graph.model import ItemId, ItemKind, RecId
from graph.view import ItemTable
from recommender.base import CandidateSource, Query, Reason, ReasonCode
from recommender.candidates import NearbyItems
from recommender.fitted import FittedModel
from recommender.pipeline import Recommender, is_personal
from recommender.ranking import Weights, eligible
from recommender.ranking.blend import Blend
from recommender.reasons import GENERAL, Reasons
from recommender.selection import PRIOR_WEIGHTS, Selection
from recommender.training import fit
from tests.worlds import NOW, checkerboard, csr, stranger


@pytest.fixture(scope="module")
def view():
    return checkerboard()


@pytest.fixture(scope="module")
def model(view):
    return fit(view, Selection(Blend(PRIOR_WEIGHTS)), seed=0)


@pytest.fixture
def mint() -> Callable[[ItemId, Reason], RecId]:
    return lambda item, reason: RecId(f"rec-{item}")


@pytest.fixture
def recommender(model) -> Recommender:
    return Recommender(model, words={"interest": ("even", "odd"), "offer": ("even", "odd")})


def ask(view, row: int) -> Query:
    return Query.from_view(view, np.array([row]))


def test_a_resident_gets_things_of_their_colour(view, recommender, mint):
    for row in range(6):
        feed = recommender.recommend(ask(view, row), mint=mint, n=5)
        assert [r.row % 2 for r in feed] == [row % 2] * 5
        assert [r.rank for r in feed] == [1, 2, 3, 4, 5]
        assert [r.rec_id for r in feed] == [f"rec-{r.item}" for r in feed]
        assert {r.propensity for r in feed} == {1.0}


def test_a_place_left_to_the_lot_says_how_likely_it_was(view, recommender, mint):
    plain = recommender.recommend(ask(view, 0), mint=mint, n=6)
    given = recommender.recommend(ask(view, 0), mint=mint, n=6, explore=1.0)
    assert [r.row for r in given[:-1]] == [r.row for r in plain[:-1]]
    assert [r.propensity for r in given[:-1]] == [1.0] * 5
    assert given[-1].row not in [r.row for r in plain]
    assert 0.0 < given[-1].propensity < 1.0
    assert given == recommender.recommend(ask(view, 0), mint=mint, n=6, explore=1.0)
    kept = recommender.recommend(ask(view, 0), mint=mint, n=6, explore=1e-9)
    assert [r.row for r in kept] == [r.row for r in plain]
    assert kept[-1].propensity == 1.0 - 1e-9


def test_parts_add_up_to_the_score(view, recommender, mint):
    for each in recommender.recommend(ask(view, 0), mint=mint):
        assert sum(each.parts.values()) == pytest.approx(each.score, abs=1e-12)
        assert set(each.parts) == set(PRIOR_WEIGHTS)
        assert set(each.gains) < set(Weights().table())


def test_only_the_kinds_asked_for(view, recommender, mint):
    query = replace(ask(view, 0), held=csr(np.zeros((1, view.n_items))))
    feed = recommender.recommend(query, mint=mint, kinds=frozenset({ItemKind.GROUP}))
    assert [r.item for r in feed] == ["item-0"]
    assert recommender.recommend(query, mint=mint, kinds=frozenset()) == ()


def test_the_gate_has_the_last_word_and_the_list_stays_full(view, recommender, mint):
    query = ask(view, 0)
    before = recommender.recommend(query, mint=mint, n=4)
    asked = []

    def check(rows):
        asked.append(rows)
        return rows != before[0].row

    after = recommender.recommend(query, mint=mint, n=4, last_check=check)
    assert len(asked) == 1
    assert before[0].item not in [r.item for r in after]
    assert len(after) == 4
    assert recommender.recommend(query, mint=mint, last_check=lambda rows: rows < 0) == ()


def test_nobody_in_particular_gets_what_is_popular_or_new(view, recommender, mint):
    query = replace(ask(stranger(view.items, row=90), 90), now=NOW)
    assert not is_personal(query)
    feed = recommender.recommend(query, mint=mint, n=10)
    assert len(feed) == 10
    assert {r.reason.code for r in feed} <= {ReasonCode.POPULAR, ReasonCode.GENERAL}
    assert ReasonCode.POPULAR in {r.reason.code for r in feed}


def test_a_home_alone_is_something_personal(view, recommender, mint):
    query = replace(ask(stranger(view.items, row=90), 90), home=view.home[[1]])
    assert is_personal(query)
    assert {r.row % 2 for r in recommender.recommend(query, mint=mint, n=5)} == {1}


def test_nothing_to_recommend(view, recommender, mint):
    closed = replace(view.items, open=np.zeros(view.n_items, np.bool_))
    assert recommender.recommend(replace(ask(view, 0), items=closed), mint=mint) == ()
    assert recommender.recommend(ask(view, 0), mint=mint, n=0) == ()


def reason(model: FittedModel, query: Query, item: int, words=None, **parts: float) -> Reason:
    """Of one item among all, had the parts given this much more for it."""
    rows = np.arange(len(query.items))
    real = model.contributions(query, rows)
    given = {name: part + parts.get(name, -100.0) for name, part in real.items()}
    return Reasons(model, query, rows, given, words or {}).of(item)


def test_codes_of_words_are_told_not_columns(view, model):
    nothing_held = csr(np.zeros((1, view.n_items)))
    query = replace(ask(view, 1), held=nothing_held)
    words = {"interest": ("even", "odd"), "offer": ("even", "odd")}
    told = reason(model, query, 3, words, content=100.0)
    assert (told.code, told.slots) == (ReasonCode.OWN_INTEREST, {"interest": "odd"})


def test_a_part_that_speaks_against_is_never_cited(view, model):
    assert reason(model, ask(view, 1), 3, content=-50.0, own_group=-50.0) is GENERAL


def test_the_strongest_citable_part_is_told(view, model):
    parts = {"social": 900.0, "near": 800.0, "content": 100.0, "own_group": 200.0}
    query = ask(view, 1)
    joined = np.zeros(query.history.shape, np.float32)  # past doings tell of the group, too
    joined[0, int(view.items.group[3])] = 2.0  # a membership that may be used
    member = replace(query, history=csr(joined))
    assert reason(model, member, 3, **parts).code is ReasonCode.OWN_GROUP
    assert reason(model, query, 3, **parts).code is ReasonCode.OWN_INTEREST
    assert reason(model, member, 3, social=900.0) is GENERAL


def test_what_every_candidate_shares_is_no_reason(view, model):
    """Where all lie in the own grid, each would stand where it stands without it."""
    rows = np.arange(view.n_items)
    everywhere, half = np.ones_like(view.items.grid), np.where(rows % 4 == 1, 1, 7).astype(np.int32)
    for grid, cited in ((half, rows[1::4].tolist()), (everywhere, [])):
        query = replace(ask(view, 1), items=replace(view.items, grid=grid))
        parts = {"distance": model.contributions(query, rows)["distance"]}
        assert (parts["distance"][0, 1::4] > 0).all()  # near home, so that it speaks for them
        reasons = Reasons(model, query, rows, parts, {})
        told = [at for at in rows.tolist() if reasons.of(at).code is ReasonCode.IN_OWN_GRID]
        assert told == cited


def scattered(n: int, rng) -> ItemTable:
    lat = (31.2 + rng.normal(0, 0.05, n)).astype(np.float32)
    lon = (121.4 + rng.normal(0, 0.05, n)).astype(np.float32)
    lat[::7] = np.nan
    return replace(ItemTable.of([f"i{k}" for k in range(n)]), lat=lat, lon=lon)


@pytest.mark.parametrize("walk", [-1, 300, 2_000, 50_000])
def test_nearby_items_are_all_that_can_be_eligible(rng, walk):
    source = NearbyItems()
    assert isinstance(source, CandidateSource)
    view = stranger(scattered(2_000, rng))
    for _ in range(20):
        home = np.array([[31.2, 121.4]], np.float32) + rng.normal(0, 0.05, (1, 2))
        query = replace(
            ask(view, 0),
            home=home.astype(np.float32),
            walk_limit=np.array([walk], np.int32),
        )
        found = source.candidates(query)
        assert (np.diff(found) > 0).all()
        everything = np.arange(view.n_items)
        assert np.array_equal(eligible(query, found), eligible(query, everything))
    assert len(source.candidates(ask(view, 0))) == view.n_items  # no home: nothing is too far
