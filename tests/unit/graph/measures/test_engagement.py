"""Rates of taking part, and ties that last."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graph.measures.aggregate import summarise
from graph.measures.engagement import PERSISTENCE_DAYS, ties_persisting, took_part

NAN = np.nan
DAY = 86_400
NOW = 1_780_000_000


def test_volunteering_is_having_taken_part_in_a_counted_item():
    attendance = sp.csr_array(np.array([[2, 0, 1], [0, 2, 0], [0, 0, 0], [1, 1, 1]], np.float32))
    voluntary = np.array([True, False, False])
    known = np.array([True, True, True, False])
    np.testing.assert_array_equal(took_part(attendance, voluntary, known), [1, 0, 0, NAN])


def test_an_entry_of_zero_is_no_attendance():
    attendance = sp.csr_array(([0.0, 1.0], ([0, 1], [0, 0])), shape=(2, 1))
    everybody = np.ones(2, bool)
    np.testing.assert_array_equal(took_part(attendance, np.array([True]), everybody), [0, 1])


def test_who_did_not_authorise_is_not_counted_as_absent():
    attendance = sp.csr_array(np.eye(60, 1, dtype=np.float32))
    known = np.arange(60) < 25
    did = took_part(attendance, np.array([True]), known)
    found = summarise(did, np.zeros(60, int), 1)
    assert found.people.tolist() == [25]
    assert found.mean.tolist() == [1 / 25]


@pytest.mark.parametrize("days", PERSISTENCE_DAYS)
def test_a_tie_persists_if_it_is_active_that_long_after_it_formed(days: int):
    age = np.array([days, days, days - 1, 400, 400]) * DAY
    lasted = np.array([days, days - 1, days - 1, 400, 0]) * DAY
    formed = NOW - age
    found = ties_persisting(formed, formed + lasted, as_of=NOW, days=days)
    np.testing.assert_array_equal(found, [1, 0, NAN, 1, 0])


def test_longer_persistence_is_never_more_frequent_among_the_same_ties():
    rng = np.random.default_rng(3)
    formed = NOW - rng.integers(180, 700, 500) * DAY
    last = formed + (rng.random(500) * (NOW - formed)).astype(int)
    rates = [
        ties_persisting(formed, last, as_of=NOW, days=days).mean() for days in PERSISTENCE_DAYS
    ]
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < rates[0] < 1


@pytest.mark.parametrize(("formed", "last"), [(NOW, NOW - 1), (NOW - 5, NOW + 1)])
def test_impossible_times_are_refused(formed: int, last: int):
    with pytest.raises(ValueError, match="check the times"):
        ties_persisting(np.array([formed]), np.array([last]), as_of=NOW, days=30)


def test_no_ties_have_no_persistence():
    nothing = np.zeros(0, int)
    assert ties_persisting(nothing, nothing, as_of=NOW, days=30).shape == (0,)
