"""Weights of the parts, where the right ones are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from graph.view import View
from recommender.evaluation.splits import Cut
from recommender.selection import PRIOR_WEIGHTS, choose_weights, scorers_for
from recommender.validation import Pool, Validation
from tests.worlds import csr

MANY, FEW, ITEMS = 900, 150, 30


def asked(rng: np.random.Generator, *, helps_all: float = 0.0) -> tuple[Validation, Pool]:
    """Many with short histories whom popularity serves, a few with long ones whom item-item does.

    What serves one kind is noise to the other; ``content`` helps everybody as much as it is told.
    """
    n = MANY + FEW
    bucket = np.where(np.arange(n) < MANY, 1, 2)
    wanted = np.eye(ITEMS)[rng.integers(0, ITEMS, n)]
    noise = {name: rng.normal(size=(n, ITEMS)) for name in ("popular", "item_item", "content")}
    noise["popular"] += 2.5 * wanted * (bucket == 1)[:, None]
    noise["item_item"] += 2.5 * wanted * (bucket == 2)[:, None]
    noise["content"] += helps_all * wanted
    parts = {name: part.astype(np.float32) for name, part in noise.items()}
    pool = Pool(parts, dict.fromkeys(parts, 0.0), csr(wanted), np.zeros((n, ITEMS), bool))
    cut = Cut(View.of(csr(np.zeros((n, ITEMS)))), csr(wanted))
    return Validation(cut, np.arange(n), bucket), pool


def test_the_few_with_long_histories_are_not_left_with_what_the_many_want(rng):
    weights, worth = choose_weights(*asked(rng))
    assert weights["popular"][1] > 2 * weights["item_item"][1]
    assert weights["item_item"][2] > 2 * weights["popular"][2]
    assert worth["1-3"] > 0.4
    assert worth["4+"] > 0.4


def test_a_part_that_helps_is_blended_in_and_noise_is_not(rng):
    helped, _ = choose_weights(*asked(rng, helps_all=2.0))
    alone, _ = choose_weights(*asked(rng))
    assert min(helped["content"][1:]) >= 0.5
    assert sum(helped["content"][1:]) > 2 * sum(alone["content"][1:])


def test_priors_stand_where_nobody_can_be_asked_and_for_parts_that_say_nothing(rng):
    weights, worth = choose_weights(*asked(rng))
    assert worth["0"] == 0.0
    for part in ("item_item", "content", "near"):
        assert weights[part][0] == PRIOR_WEIGHTS[part][0]
    assert weights["near"] == PRIOR_WEIGHTS["near"]


def test_too_few_with_long_histories_go_with_all_who_have_one(rng):
    validation, pool = asked(rng)
    few = Validation(validation.cut, validation.rows, np.where(np.arange(MANY + FEW) < 50, 2, 1))
    weights, _ = choose_weights(few, pool)
    assert weights["popular"][2] == pytest.approx(weights["popular"][1], abs=0.5)
    assert weights["popular"][2] > weights["item_item"][2]


def test_beyond_three_million_interactions_parts_are_narrower_and_communities_left_out():
    made = {}
    for residents in (1000, 1001):
        scorers = scorers_for(View.of(csr(np.ones((residents, 3000), np.float32))), {})
        made[residents] = {scorer.name: scorer.config() for scorer in scorers}
    assert set(made[1000]) - set(made[1001]) == {"community"}
    for part in ("als", "spectral"):
        assert made[1001][part]["factors"] < made[1000][part]["factors"]
