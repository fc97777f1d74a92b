"""One place by lot: as often as stated, the same all day, and enough to learn from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from recommender.evaluation.experiments import mean_had_it_been_shown
from recommender.ranking.exploration import NEXT, explored, lot

MODEL = "0123456789ab"
NOON = 1_780_272_000
N, WEIGHT = 10, 0.3
PLACES = np.arange(100, 130)


def last_place(row: int, *, now: int = NOON, model: str = MODEL) -> tuple[int, float]:
    taken, chances = explored(PLACES, N, weight=WEIGHT, drawn=lot(row, now, model))
    return int(taken[-1]), float(chances[-1])


def test_everything_stands_at_its_place_as_often_as_stated():
    residents = 20_000
    found = [last_place(row) for row in range(residents)]
    stated = dict(found)
    assert stated.keys() == {109, *range(110, 110 + NEXT)}
    assert sum(stated.values()) == pytest.approx(1.0)
    items = sorted(stated)
    counts = [sum(item == each for each, _ in found) for item in items]
    expected = [stated[item] * residents for item in items]
    assert stats.chisquare(counts, expected).pvalue > 0.01
    # The control: propensities that are a twentieth off would be found out.
    wrong = np.array(expected) * np.where(np.array(items) == 109, 0.95, 1.0)
    assert stats.chisquare(counts, wrong / wrong.sum() * residents).pvalue < 0.01


def test_lots_of_residents_days_and_models_are_unrelated():
    rows = range(4_000)
    today = np.array([lot(row, NOON, MODEL) for row in rows])
    tomorrow = np.array([lot(row, NOON + 86_400, MODEL) for row in rows])
    retrained = np.array([lot(row, NOON, "ffeeddccbbaa") for row in rows])
    for other in (tomorrow, retrained, np.roll(today, 1)):
        assert abs(np.corrcoef(today, other)[0, 1]) < 0.05
    assert stats.kstest(today, "uniform").pvalue > 0.01


def test_a_reload_changes_nothing():
    assert all(last_place(row) == last_place(row, now=NOON + 3600) for row in range(500))
    assert any(last_place(row) != last_place(row, now=NOON + 86_400) for row in range(500))


@pytest.mark.parametrize(
    ("places", "n", "weight"),
    [(PLACES, N, 0.0), (PLACES[:N], N, 0.5), (PLACES[:3], N, 0.5), (PLACES, 4, 0.5)],
    ids=["weight 0", "nothing behind", "short", "few places"],
)
def test_nothing_is_given_away(places: NDArray[np.int64], n: int, weight: float):
    taken, chances = explored(places, n, weight=weight, drawn=0.0)
    np.testing.assert_array_equal(taken, places[:n])
    np.testing.assert_array_equal(chances, 1.0)


def test_only_the_last_place_and_only_the_next_few():
    for drawn in np.linspace(0, 1, 200, endpoint=False):
        taken, chances = explored(PLACES, N, weight=1.0, drawn=float(drawn))
        np.testing.assert_array_equal(taken[:-1], PLACES[: N - 1])
        assert taken[-1] in PLACES[N : N + NEXT]
        assert chances.tolist() == [1.0] * (N - 1) + [1 / NEXT]


def test_what_was_given_by_lot_tells_how_something_does_with_everybody(rng: np.random.Generator):
    """Of two kinds of residents the fans see an item anyway; the others only by lot."""
    residents = 60_000
    fans = rng.random(residents) < 0.3
    likes = np.where(fans, 0.5, 0.1)
    truth = float(likes.mean())
    order = np.arange(N + NEXT)
    wanted = order[N - 1]
    rest = np.append(np.delete(order, N - 1), wanted)  # it stands behind the list for the others
    seen, chances = [], []
    for row in range(residents):
        taken, p = explored(
            order if fans[row] else rest, N, weight=0.4, drawn=lot(row, NOON, MODEL)
        )
        seen.append(taken[-1] == wanted)
        chances.append(p[-1])
    shown = np.array(seen)
    taps = (rng.random(residents) < likes)[shown]
    by_lot = mean_had_it_been_shown(taps, np.array(chances)[shown], level=0.999)
    assert by_lot.low < truth < by_lot.high
    assert by_lot.high - by_lot.low < 0.06
    naive = mean_had_it_been_shown(taps, np.ones(shown.sum()))
    assert naive.low > truth + 0.1  # the control: counting taps alone flatters it
