from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.view import LANGUAGE_BIT, ItemTable
from recommender.base import Query, Reranker
from recommender.ranking import Blend, SocialReranker, Weights, eligible, explain
from recommender.ranking.blend import history_bucket, standardise
from recommender.ranking.eligibility import DEFAULT_WALK_M, DETOUR, TESTS
from tests.worlds import DAY, NOW, csr, stranger

HOUR = 3600


def only(**weights: float) -> Weights:
    return replace(Weights.none(), **weights)


def flags(n: int, *rows: int):
    out = np.zeros((1, n), np.float32)
    out[0, list(rows)] = 1.0
    return csr(out)


@pytest.fixture
def query() -> Query:
    """A 40-year-old at home, and five items that suit anybody."""
    items = ItemTable.of([f"i{n}" for n in range(5)])
    view = stranger(items)
    asked = Query.from_view(view, np.array([0]), now=NOW)
    return replace(
        asked,
        home=np.array([[31.2, 121.4]], np.float32),
        birth_year=np.array([1986], np.int16),
        languages=np.array([LANGUAGE_BIT["zh"]], np.uint8),
    )


def with_items(query: Query, **columns: object) -> Query:
    changed = {}
    for name, value in columns.items():
        array = getattr(query.items, name).copy()
        array[1] = value
        changed[name] = array
    return replace(query, items=replace(query.items, **changed))


def test_everything_passes_where_nothing_is_asked(query):
    rows = np.arange(5)
    assert eligible(query, rows).tolist() == rows.tolist()
    assert explain(query, 1) == ()


@pytest.mark.parametrize(
    ("columns", "failed"),
    [
        ({"open": False}, "open"),
        ({"starts": NOW - HOUR}, "time"),
        ({"ends": NOW - HOUR}, "time"),
        ({"seats_left": 0}, "seats"),
        ({"lat": 31.2 + 0.1, "lon": 121.4}, "reach"),
        ({"min_age": 60}, "age"),
        ({"max_age": 18}, "age"),
        ({"languages": LANGUAGE_BIT["en"]}, "language"),
    ],
)
def test_an_item_that_fails_is_named_with_the_test(query, columns, failed):
    changed = with_items(query, **columns)
    assert explain(changed, 1) == (failed,)
    assert eligible(changed, np.arange(5)).tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
    "columns",
    [
        {"starts": NOW + HOUR, "ends": NOW + 2 * HOUR},
        {"seats_left": 1},
        {"seats_left": -1},
        {"lat": 31.205, "lon": 121.4},
        {"min_age": 40},
        {"max_age": 39},
        {"languages": LANGUAGE_BIT["en"] | LANGUAGE_BIT["zh"]},
    ],
)
def test_an_item_that_just_passes(query, columns):
    assert explain(with_items(query, **columns), 1) == ()


def test_what_is_unknown_of_the_resident_keeps_nothing_away(query):
    unknown = replace(
        query,
        home=np.full((1, 2), np.nan, np.float32),
        birth_year=np.zeros(1, np.int16),
        languages=np.zeros(1, np.uint8),
    )
    far = with_items(unknown, lat=40.0, lon=100.0, min_age=60, languages=LANGUAGE_BIT["en"])
    assert explain(far, 1) == ()


def test_a_resident_may_walk_less_than_usual(query):
    metres = DEFAULT_WALK_M / DETOUR * 0.9
    near = with_items(query, lat=31.2 + metres / 111_195, lon=121.4)
    assert explain(near, 1) == ()
    assert explain(replace(near, walk_limit=np.array([500], np.int32)), 1) == ("reach",)


def test_own_dismissed_and_blocked_items_are_left_out(query):
    n = len(query.items)
    assert explain(replace(query, held=flags(n, 1)), 1) == ("held",)
    assert explain(replace(query, dismissed=flags(n, 1)), 1) == ("dismissed",)
    blocking = with_items(replace(query, blocked=flags(n, 3)), group=3)
    assert explain(blocking, 3) == ("blocked",)
    assert explain(blocking, 1) == ("blocked",)
    assert explain(blocking, 2) == ()


@pytest.mark.parametrize(
    ("start", "end", "clashes"),
    [(0, 2, True), (1, 3, True), (-1, 1, True), (2, 4, False), (-2, 0, False), (0, None, True)],
)
def test_two_things_at_once_clash(query, start, end, clashes):
    tomorrow = NOW + DAY
    starts, ends = np.full(5, -1), np.full(5, -1)
    starts[0], ends[0] = tomorrow, tomorrow + 2 * HOUR
    starts[1] = tomorrow + start * HOUR
    ends[1] = -1 if end is None else tomorrow + end * HOUR
    items = replace(query.items, starts=starts, ends=ends)
    changed = replace(query, items=items, held=flags(5, 0))
    assert ("clash" in explain(changed, 1)) is clashes
    assert "clash" not in explain(changed, 0)  # nothing clashes with itself


def test_every_test_takes_no_items(query):
    nothing = np.empty(0, np.int64)
    assert all(len(test(query, nothing)) == 0 for test in TESTS.values())


def test_standardised_rows_have_mean_0_and_spread_1(rng):
    scores = rng.normal(3, 5, (4, 50)).astype(np.float32)
    out = standardise(scores, 0.0)
    np.testing.assert_allclose(out.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(out.std(axis=1), 1, atol=1e-6)


def test_a_part_that_hardly_differs_stays_small():
    scores = np.array([[0.0, 0.001]], np.float32)
    assert np.abs(standardise(scores, 1.0)).max() < 0.001
    assert not standardise(np.zeros((1, 3), np.float32), 0.0).any()


def test_masked_entries_do_not_count():
    scores = np.array([[1.0, 2.0, 1000.0]], np.float32)
    mask = np.array([[False, False, True]])
    np.testing.assert_allclose(standardise(scores, 0.0, mask)[0, :2], [-1.0, 1.0])


def test_weights_go_by_length_of_history():
    assert history_bucket(np.array([0, 1, 3, 4, 99])).tolist() == [0, 1, 1, 2, 2]
    blend = Blend({"a": (1.0, 2.0, 3.0)})
    scores = np.array([[0.0, 1.0]] * 3, np.float32)
    out = blend.contributions({"a": scores}, np.array([0, 2, 9]))["a"]
    np.testing.assert_allclose(out[:, 1], [1.0, 2.0, 3.0])


def test_no_parts_or_no_candidates():
    assert Blend({}).contributions({}, np.array([0])) == {}
    nothing = np.zeros((1, 0), np.float32)
    assert Blend({"a": (1, 1, 1)}).contributions({"a": nothing}, np.array([0]))["a"].shape == (1, 0)


def test_without_repetition_the_order_is_by_score(query):
    reranker = SocialReranker(Weights.none())
    assert isinstance(reranker, Reranker)
    scores = np.array([1, 5, 3, 2, 4], np.float32)
    assert reranker.rerank(query, np.arange(5), scores, 3).tolist() == [1, 4, 2]


def test_more_of_one_group_costs_less_each_time(query):
    items = replace(query.items, group=np.array([0, 0, 0, 0, -1], np.int32))
    scores = np.array([4.0, 3.9, 3.8, 3.7, 3.0], np.float32)  # item 0 is the group itself
    changed, order = replace(query, items=items), [0, 1, 2, 3, 4]
    spread = float(scores.std())
    for cost, place in ((0.0, 4), (0.55, 3), (0.6, 2), (0.95, 1)):
        reranker = SocialReranker(only(group=cost / spread))
        expected = [k for k in order if k != 4]
        expected.insert(place, 4)
        assert reranker.rerank(changed, np.arange(5), scores, 5).tolist() == expected


def test_another_category_comes_before_more_of_the_same(query):
    items = replace(query.items, life_category=np.array([0, 0, 0, 1, -1], np.int8))
    scores = np.array([1.0, 0.99, 0.98, 0.97, -3.0], np.float32)
    changed = replace(query, items=items)
    reranker = SocialReranker(only(category=0.15))
    assert reranker.rerank(changed, np.arange(5), scores, 2).tolist() == [0, 3]


def test_ties_go_to_the_lower_row(query):
    reranker = SocialReranker()
    zeros = np.zeros(5, np.float32)
    assert reranker.rerank(query, np.array([4, 2, 0, 1, 3]), zeros, 2).tolist() == [2, 3]
    assert reranker.rerank(query, np.arange(5), zeros, 0).tolist() == []
