"""A city in which it is known who is isolated keeps to its recipe and tells less than is true."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from graph.synthetic.isolation import (
    AT_RISK,
    LAYERS,
    UNKNOWN,
    IsolationCity,
    draw_recipe,
    make_isolation_city,
)

N = 1_500
RECIPE = replace(draw_recipe(np.random.default_rng(1)), prevalence=0.15, explained=0.3)


@pytest.fixture(scope="module")
def city() -> IsolationCity:
    return make_isolation_city(1, RECIPE, n=N)


def odds(isolated: np.ndarray, who: np.ndarray) -> float:
    inside, outside = isolated[who].mean(), isolated[~who].mean()
    return float(inside / (1 - inside) / (outside / (1 - outside)))


def test_same_seed_same_city(city):
    again = make_isolation_city(1, RECIPE, n=N)
    for part in ("register", "truth", "told"):
        one, other = getattr(city, part), getattr(again, part)
        for field in fields(one):
            if field.name != "ties":
                assert np.array_equal(getattr(one, field.name), getattr(other, field.name))
    for layer in LAYERS:
        assert (city.told.ties[layer] != again.told.ties[layer]).nnz == 0


def test_isolation_is_as_frequent_as_drawn_and_follows_what_is_published(city):
    isolated, register = city.truth.isolated, city.register
    assert isolated.mean() == pytest.approx(0.15, abs=0.01)
    assert np.array_equal(isolated, city.truth.lsns < AT_RISK)
    assert 1.7 < odds(isolated, register.alone) < 4
    assert 1.3 < odds(isolated, register.age >= 65) < 4
    assert (isolated & ~register.alone).sum() > (isolated & register.alone).sum()


@pytest.mark.parametrize("explained", [0.2, 0.45])
def test_what_is_told_explains_exactly_the_drawn_share(explained):
    city = make_isolation_city(2, replace(RECIPE, explained=explained), n=N)
    told, who = city.told, city.told.shares_ties
    degree = [np.log1p(told.ties[layer].sum(axis=1)) for layer in LAYERS]
    columns = [told.age >= 65, told.age >= 75, told.alone == 1, *degree]
    columns += [np.log1p(np.maximum(v, 0)) for v in (told.recent, told.last_seen)]
    X = np.column_stack([np.ones(len(who)), *columns]).astype(float)[who]
    y = city.truth.lsns[who].astype(float)
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    assert 1 - rest.var() / y.var() == pytest.approx(explained, abs=0.02)


def test_who_authorises_nothing_tells_nothing(city):
    told, silent = city.told, ~city.told.authorised
    assert silent.any()
    for name in ("age", "alone", "last_seen", "recent", "earlier", "lsns", "ucla", "silent"):
        assert (getattr(told, name)[silent] == UNKNOWN).all(), name
    assert not told.shares_ties[silent].any()
    for layer in LAYERS:
        assert told.ties[layer][~told.shares_ties].nnz == 0
        assert told.ties[layer][:, ~told.shares_ties].nnz == 0


def test_the_isolated_answer_less_and_err_as_questionnaires_do(city):
    told, truth = city.told, city.truth
    answered = told.lsns >= 0
    assert answered[truth.isolated].mean() < answered[~truth.isolated].mean()
    agreement = np.corrcoef(told.lsns[answered], truth.lsns[answered])[0, 1]
    assert 0.85 < agreement < 0.97
    lonely = told.ucla >= 0
    assert -0.5 < np.corrcoef(told.ucla[lonely], truth.lsns[lonely])[0, 1] < -0.15


def test_new_isolation_is_known_for_90_days_and_announces_itself():
    certain = replace(RECIPE, onset=0.6, reach=0.9)
    city = make_isolation_city(3, certain, n=N)
    soon = np.isfinite(city.truth.onset)
    assert not (soon & city.truth.isolated).any()
    assert city.truth.onset[soon].max() <= 90
    told = city.told.recent >= 0
    others = told & ~soon & ~city.truth.isolated
    drop = city.told.recent / np.maximum(city.told.earlier * 90 / 275, 1)
    assert drop[told & soon].mean() < drop[others].mean()
