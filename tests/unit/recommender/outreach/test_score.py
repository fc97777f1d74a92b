"""The score adds up, and says when it knows too little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.model import DataCategory
from graph.schema import PURPOSE_CATEGORIES, Purpose
from recommender.outreach.calibration import calibrate
from recommender.outreach.evidence import UNKNOWN, Evidence
from recommender.outreach.points import CATEGORY_OF, FACTORS, Factor, points_of
from recommender.outreach.score import score


def known(n: int, **columns: object) -> Evidence:
    """Evidence of n residents of whom only these columns are known."""
    shapes = {"ties": (n, 4)}
    arrays = {k: np.broadcast_to(np.array(v), shapes.get(k, (n,))) for k, v in columns.items()}
    return replace(Evidence.empty(n), **arrays)


def column(evidence: Evidence, factor: Factor) -> list[float]:
    return points_of(evidence).given[:, FACTORS.index(factor)].tolist()


def test_nothing_known_is_not_enough_and_gives_no_points():
    found = score(Evidence.empty(3))
    assert not found.enough.any()
    assert not found.points.known.any()
    assert not found.points.given.any()


def test_age_and_how_one_lives_alone_do_not_make_anybody_isolated():
    found = score(known(2, age=[80, 80], alone=[1, 1], last_seen=[UNKNOWN, 300]))
    assert found.enough.tolist() == [False, True]


def test_a_questionnaire_is_enough_by_itself():
    found = score(known(2, lsns=[5, 25], answered=0))
    assert found.enough.all()
    assert found.probability[0] > 0.5 > found.probability[1]


def test_points_of_a_resident_add_up_to_the_log_odds():
    evidence = known(4, age=[80, 80, 30, 30], alone=[1, 0, 1, 0], last_seen=[300, 3, 300, 3])
    found = score(evidence)
    at = np.log(found.probability / (1 - found.probability))
    expected = found.calibration.level + found.calibration.slope * np.log(2) / 10 * (
        found.points.given.sum(axis=1)
    )
    assert at == pytest.approx(expected)


def test_ten_points_double_the_odds_before_calibration():
    both = known(2, alone=[1, 0], last_seen=10)
    points = points_of(both).given.sum(axis=1)
    assert points[0] - points[1] == 12.0


def test_having_no_ties_means_little_where_hardly_any_are_known():
    few = np.zeros((100, 4), np.int64)
    few[0, 1] = 5
    many = np.full((100, 4), 2)
    many[0] = 0
    assert abs(column(known(100, ties=few), Factor.OTHERS)[1]) < 1
    assert column(known(100, ties=many), Factor.OTHERS)[0] > 8
    assert column(known(100, ties=many), Factor.KIN)[0] > 3


def test_an_old_answer_counts_less():
    fresh, old = column(known(2, lsns=6, answered=[0, 730]), Factor.LSNS)
    assert old == pytest.approx(fresh / 2)


def test_water_counts_only_where_it_may_be_looked_at():
    assert column(known(3, silent=[UNKNOWN, 0, 9]), Factor.SILENT) == [0.0, 0.0, 4.0]


def test_what_is_unknown_widens_the_interval():
    evidence = known(2, alone=1, last_seen=100, age=[70, UNKNOWN])
    found = score(evidence)
    low, high = (np.log(p / (1 - p)) for p in (found.low, found.high))
    width = high - low
    assert width[1] > width[0]
    assert ((found.low <= found.probability) & (found.probability <= found.high)).all()


def test_every_factor_rests_on_a_category_that_care_visits_may_use():
    assert set(CATEGORY_OF) == set(Factor)
    assert set(CATEGORY_OF.values()) <= PURPOSE_CATEGORIES[Purpose.CARE_VISIT]
    assert DataCategory.HEALTH not in CATEGORY_OF.values()


@given(
    low=st.integers(0, 30),
    more=st.integers(0, 30),
    answers=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60),
)
def test_fewer_points_on_lsns_never_lower_the_probability(low, more, answers):
    better = min(30, low + more)
    lsns = np.array([low, better, *(total for total, _ in answers)])
    alone = np.array([1, 1, *(int(flag) for _, flag in answers)])
    found = score(known(len(lsns), lsns=lsns, alone=alone, last_seen=100, answered=0))
    assert found.probability[0] >= found.probability[1] - 1e-12
    assert found.calibration.slope >= 0


def test_calibration_without_answers_is_the_published_share():
    evidence = known(3, alone=[0, 1, 1], last_seen=50)
    found = calibrate(evidence, points_of(evidence))
    assert found.answers == 0
    assert 1 / (1 + np.exp(-found.level)) == pytest.approx(0.13)


def test_calibration_follows_the_answers(rng):
    n = 4_000
    alone = rng.integers(0, 2, n)
    evidence = known(n, alone=alone, last_seen=50)
    points = points_of(evidence).before_survey
    truth = rng.random(n) < 1 / (1 + np.exp(-(-1.0 + 1.3 * np.log(2) / 10 * points)))
    answered = replace(evidence, lsns=np.where(truth, 5, 20))
    found = calibrate(answered, points_of(answered))
    assert found.at_risk == truth.sum()
    assert found.level == pytest.approx(-1.0, abs=0.1)
    assert found.slope == pytest.approx(1.3, abs=0.15)
    assert found.error(points).max() < 0.15


def test_answers_that_contradict_the_points_end_at_a_slope_of_zero():
    n = 4_000
    alone = np.arange(n) % 2
    evidence = known(n, alone=alone, last_seen=50)
    against = replace(evidence, lsns=np.where(alone == 1, 25, 5))
    assert calibrate(against, points_of(against)).slope == 0.0
