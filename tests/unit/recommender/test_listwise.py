from __future__ import annotations

import numpy as np
import pytest

from graph.view import CSR
from recommender.ranking.listwise import learn_weights
from tests.worlds import csr

N, WIDTH = 400, 30


@pytest.fixture(scope="module")
def world() -> tuple[dict[str, np.ndarray], CSR, np.ndarray]:
    """Residents who choose one candidate by known weights; a third part says nothing of it."""
    rng = np.random.default_rng(5)
    parts = {n: rng.normal(size=(N, WIDTH)).astype(np.float32) for n in ("a", "b", "noise")}
    parts["against"] = -parts["a"] + rng.normal(size=(N, WIDTH)).astype(np.float32)
    mask = rng.random((N, WIDTH)) < 0.3
    taste = 2.0 * parts["a"] + 1.0 * parts["b"] + rng.gumbel(size=(N, WIDTH))
    chosen = np.where(mask, -np.inf, taste).argmax(axis=1)
    hidden = np.zeros((N, WIDTH))
    hidden[np.arange(N), chosen] = 1.0
    return parts, csr(hidden), mask


def test_the_weights_that_people_chose_by_are_found(world):
    weights = learn_weights(*world, ridge=0.01)
    assert weights["a"] == pytest.approx(2.0, abs=0.3)
    assert weights["b"] == pytest.approx(1.0, abs=0.2)
    assert weights["noise"] < 0.2
    assert weights["against"] < 0.2


def test_they_are_the_most_likely_ones_by_the_plain_formula(world):
    parts, hidden, mask = world
    found = learn_weights(parts, hidden, mask, ridge=2.0)

    def unlikely(weights: dict[str, float]) -> float:
        total = sum(2.0 / 2 * w * w for w in weights.values())
        for row in range(N):
            score = sum(w * parts[name][row].astype(float) for name, w in weights.items())
            item = int(hidden[[row]].indices[0])
            total -= score[item] - np.log(np.exp(score[~mask[row]]).sum())
        return float(total)

    least = unlikely(found)
    for name in parts:
        for step in (-0.05, 0.05):
            if found[name] + step >= 0:
                assert unlikely({**found, name: found[name] + step}) > least


def test_never_below_zero_and_the_same_again(world):
    weights = learn_weights(*world)
    assert min(weights.values()) >= 0.0
    assert learn_weights(*world) == weights


def test_a_stronger_ridge_makes_smaller_weights(world):
    assert learn_weights(*world, ridge=500.0)["a"] < learn_weights(*world)["a"]


def test_what_is_no_candidate_counts_neither_as_chosen_nor_as_left(world):
    parts, hidden, mask = world
    loud = {name: np.where(mask, np.float32(1e3), part) for name, part in parts.items()}
    assert learn_weights(loud, hidden, mask) == learn_weights(parts, hidden, mask)
    unasked = hidden.toarray()
    unasked[mask] = 1.0
    assert learn_weights(parts, csr(unasked), mask) == learn_weights(parts, hidden, mask)
