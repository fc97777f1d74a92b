"""Parts that judge events, against the plain way of computing them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.view import ItemTable, View
from recommender.base import Query
from recommender.scorers import (
    ALSScorer,
    GroupALSScorer,
    GroupItemScorer,
    HabitScorer,
    ItemItemScorer,
    SoonScorer,
    TurnScorer,
    VenueScorer,
)
from recommender.scorers.matrix import distance_km
from recommender.scorers.organiser import by_group, organisers
from tests.worlds import DAY, NOW, csr

N, M = 30, 50


@pytest.fixture(scope="module")
def view() -> View:
    """Random events and groups; the last five items are the groups, of which one is idle."""
    rng = np.random.default_rng(4)
    group = np.where(rng.random(M) < 0.1, -1, rng.integers(M - 5, M - 1, M))
    group[M - 5 :] = -1
    starts = NOW + rng.integers(-5, 60, M) * DAY + rng.integers(0, 24, M) * 3600
    starts[rng.random(M) < 0.1] = -1
    starts[M - 5 :] = -1
    places = np.array([[31.2, 121.4], [31.21, 121.41], [31.3, 121.5], [np.nan, np.nan]])
    place = places[rng.integers(0, 4, M)].astype(np.float32)
    did = np.where(rng.random((N, M)) < 0.15, rng.choice([0.2, 2.0, 3.0], (N, M)), 0.0)
    items = replace(
        ItemTable.of([f"item-{i}" for i in range(M)]),
        group=group.astype(np.int32),
        starts=starts,
        lat=place[:, 0],
        lon=place[:, 1],
    )
    return View.of(csr(did), items=items, as_of=NOW)


@pytest.fixture(scope="module")
def query(view) -> Query:
    return Query.from_view(view, np.arange(N))


def own(view: View, row: int) -> dict[int, float]:
    matrix = view.interactions[[row]]
    return dict(zip(matrix.indices.tolist(), matrix.data.tolist(), strict=True))


def test_soon(view, query):
    scores = SoonScorer(scale_days=10).score(query)
    for item, start in enumerate(view.items.starts):
        days = (start - NOW) / DAY
        expected = np.log(11 / (1 + days)) if days > 0 else 0.0
        np.testing.assert_allclose(scores[:, item], expected, rtol=1e-5)


def test_turn(view, query):
    scores = TurnScorer().score(query)[0]
    items = view.items
    for item in range(M):
        ahead = [
            i for i in range(M) if items.group[i] == items.group[item] and items.starts[i] > NOW
        ]
        ahead.sort(key=lambda i: (items.starts[i], i))
        expected = 0.0
        if items.group[item] >= 0 and item in ahead:
            expected = -np.log(ahead.index(item) + 1) - np.log(len(ahead))
        assert scores[item] == pytest.approx(expected, abs=1e-5)


def test_habit(view, query):
    scores = HabitScorer(width_hours=3.0, prior=1.5).score(query)
    starts = view.items.starts
    for row in range(N):
        past = [(starts[i] // 3600, c) for i, c in own(view, row).items() if starts[i] >= 0]
        for item in range(M):
            alike = 0.0
            for hour, c in past if starts[item] >= 0 else []:
                apart = abs(hour - starts[item] // 3600) % 168
                alike += c * np.exp(-((min(apart, 168 - apart) / 3.0) ** 2))
            expected = alike / (sum(c for _, c in past) + 1.5)
            assert scores[row, item] == pytest.approx(expected, abs=1e-5)


def test_venue(view, query):
    scores = VenueScorer(bandwidth_km=2.0, prior=1.0).score(query)
    lat, lon = view.items.lat, view.items.lon
    for row in range(N):
        past = [(i, c) for i, c in own(view, row).items() if np.isfinite(lat[i])]
        for item in range(M):
            said = 0.0
            for i, c in past if np.isfinite(lat[item]) else []:
                d = float(distance_km(float(lat[i]), float(lon[i]), lat[[item]], lon[[item]])[0])
                said += c / (1 + (d / 2.0) ** 2)
            expected = said / (sum(c for _, c in past) + 1.0)
            assert scores[row, item] == pytest.approx(expected, abs=1e-4)


def same_venue(view: View, own: int, item: int) -> bool:
    """NaN equals nothing, so an item without a venue is nowhere."""
    items = view.items
    return bool(items.lat[own] == items.lat[item] and items.lon[own] == items.lon[item])


def same_hour(view: View, own: int, item: int) -> bool:
    first, second = (int(view.items.starts[i]) for i in (own, item))
    apart = (first // 3600 - second // 3600) % 168
    return min(first, second) >= 0 and min(apart, 168 - apart) <= 1


@pytest.mark.parametrize(
    ("scorer", "alike"), [(VenueScorer(), same_venue), (HabitScorer(), same_hour)]
)
def test_what_is_cited_is_what_one_took_part_in(view, scorer, alike):
    """And a citation is there whenever something can be cited; a view alone cannot."""
    cited = 0
    for row in range(N):
        query = Query.from_view(view, np.array([row]))
        for item in range(M):
            usable = {
                f"item-{i}"
                for i, c in own(view, row).items()
                if c >= 2.0 and i != item and alike(view, i, item)
            }
            evidence = scorer.evidence(query, item)
            assert (evidence is not None) == bool(usable)
            if evidence is not None:
                assert evidence.slots["item"] in usable
                cited += 1
    assert 50 < cited < N * M


def test_histories_of_groups(view):
    organiser = organisers(view.items)
    found = by_group(view.interactions, organiser).toarray()
    expected = np.zeros((N, M))
    for row in range(N):
        for item, c in own(view, row).items():
            group = int(view.items.group[item])
            if group < 0 and item in view.items.group:
                group = item  # a group that organises something
            if group >= 0:
                expected[row, group] += c
    np.testing.assert_allclose(found, np.minimum(expected / 2.0, 1.0), rtol=1e-6)
    assert not found[:, M - 1].any()


@pytest.mark.parametrize(
    ("scorer", "inner"),
    [
        (GroupItemScorer(regularization=3.0), ItemItemScorer(regularization=3.0)),
        (GroupALSScorer(factors=3), ALSScorer(factors=3)),
    ],
)
def test_an_event_is_judged_as_its_group(view, query, scorer, inner):
    organiser = organisers(view.items)
    groups = View.of(by_group(view.interactions, organiser), items=view.items)
    expected = inner.fit(groups, seed=3).score(Query.from_view(groups, np.arange(N)))
    scores = scorer.fit(view, seed=3).score(query)
    for item, group in enumerate(organiser):
        of_group = expected[:, group] if group >= 0 else np.zeros(N)
        np.testing.assert_allclose(scores[:, item], of_group, atol=1e-5)
    assert scores.any()
