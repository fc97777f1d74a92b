"""Lists are fair at every length, and plans keep to minutes and seats."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import DataError
from recommender.outreach.actions import GAIN, MINUTES, Action, Capacity, Option, plan_actions
from recommender.outreach.backtest import (
    area_under_curve,
    recall_by_group,
    recall_in,
    rule_recall,
)
from recommender.outreach.evidence import Evidence
from recommender.outreach.forecast import onset_risk
from recommender.outreach.ordering import fair_order
from recommender.outreach.score import score


def test_without_groups_the_most_probable_come_first():
    assert fair_order(np.array([0.1, 0.7, 0.3, 0.7])).tolist() == [1, 3, 2, 0]


def test_nobody_is_an_empty_order():
    assert len(fair_order(np.empty(0), np.empty(0, np.int64))) == 0


def test_every_beginning_finds_about_the_same_share_of_each_group(rng):
    groups = np.repeat([0, 1, 2], 200)
    probability = rng.beta(1, 6, 600) * np.array([1.0, 0.3, 0.6])[groups]
    order = fair_order(probability, groups)
    assert sorted(order.tolist()) == list(range(600))
    for places in (60, 120, 300):
        share = [
            probability[order[:places]][groups[order[:places]] == g].sum()
            / probability[groups == g].sum()
            for g in range(3)
        ]
        assert max(share) - min(share) < 0.05
    plain = fair_order(probability)[:60]
    assert (groups[plain] == 1).sum() < (groups[order[:60]] == 1).sum()


def test_inside_a_group_the_most_probable_come_first(rng):
    groups, probability = rng.integers(0, 3, 300), rng.random(300)
    order = fair_order(probability, groups)
    for group in range(3):
        inside = probability[order[groups[order] == group]]
        assert (np.diff(inside) <= 0).all()


def test_small_groups_share_one_queue():
    probability = np.array([0.5, 0.4, 0.9, 0.8])
    assert fair_order(probability, np.array([0, 1, 2, 3])).tolist() == [2, 3, 0, 1]


def test_rule_is_given_what_it_would_find_on_average():
    truth = np.array([True, False, True, False, False, True])
    rule = np.array([True, True, True, True, False, False])
    everybody = np.ones(6, bool)
    assert rule_recall(rule, truth, 2, others=everybody) == pytest.approx(1 / 3)
    assert rule_recall(rule, truth, 4, others=everybody) == pytest.approx(2 / 3)
    assert rule_recall(rule, truth, 5, others=everybody) == pytest.approx(2.5 / 3)
    assert recall_in(np.array([0, 2, 1]), truth, 2) == pytest.approx(2 / 3)


def test_groups_are_counted_apart():
    found, truth = np.array([True, False, True]), np.array([True, True, False])
    one, other = recall_by_group(found, truth, np.array(["a", "b", "b"]))
    assert (one.group, one.found, one.there) == ("a", 1, 1)
    assert (other.group, other.found, other.there) == ("b", 0, 1)


def test_area_under_curve_counts_pairs():
    risk, truth = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, False, True, False])
    assert area_under_curve(risk, truth) == pytest.approx(3.5 / 4)


def test_who_takes_part_less_than_before_is_likelier_to_become_isolated():
    evidence = Evidence.empty(2)
    evidence = type(evidence)(
        **{
            **{f: getattr(evidence, f) for f in Evidence.__slots__},
            "alone": np.array([0, 0]),
            "last_seen": np.array([80, 5]),
            "recent": np.array([1, 6]),
            "earlier": np.array([20, 20]),
        }
    )
    scores = score(evidence)
    soon, later = (onset_risk(evidence, scores, days=days) for days in (30, 90))
    assert soon[0] > soon[1]
    assert (later > soon).all()


ITEMS = ("circle", "role", "caller")
OPTIONS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([Action.GROUP, Action.HELPER_ROLE, Action.CALL_BUDDY]),
        st.sampled_from(ITEMS),
    ),
    max_size=5,
)


@given(options=OPTIONS, minutes=st.integers(0, 200), seats=st.integers(0, 2))
def test_the_plan_is_the_best_there_is_within_minutes_and_seats(options, minutes, seats):
    given_options = [Option(*each) for each in options] + [Option(0, Action.VISIT)]
    p, width = np.array([0.8, 0.6, 0.4, 0.2]), np.full(4, 0.3)
    capacity = Capacity(minutes, dict.fromkeys(ITEMS, seats))
    plan = plan_actions(given_options, probability=p, width=width, capacity=capacity)

    def worth(chosen: list[Option]) -> float | None:
        taken = [o.item for o in chosen if o.action is not Action.VISIT]
        if (
            len({o.resident for o in chosen}) < len(chosen)
            or sum(MINUTES[o.action] for o in chosen) > minutes
            or any(taken.count(item) > seats for item in ITEMS)
        ):
            return None
        return sum(
            p[o.resident] * (GAIN[o.action] + 0.15 * (o.action is Action.VISIT)) for o in chosen
        )

    every = (
        [o for o, take in zip(given_options, taken, strict=True) if take]
        for taken in product((False, True), repeat=len(given_options))
    )
    best = max(w for w in map(worth, every) if w is not None)
    assert worth(list(plan.chosen.values())) == pytest.approx(plan.gain)
    assert plan.gain == pytest.approx(best, abs=1e-6)
    assert plan.minutes <= minutes


def test_nothing_to_choose_from_is_an_empty_plan():
    plan = plan_actions([], probability=np.empty(0), width=np.empty(0), capacity=Capacity(100, {}))
    assert (plan.chosen, plan.minutes) == ({}, 0)


def test_fewer_than_no_minutes_are_refused():
    with pytest.raises(DataError, match="minutes"):
        plan_actions([], probability=np.empty(0), width=np.empty(0), capacity=Capacity(-1, {}))
