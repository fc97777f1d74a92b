"""Ties across economic lines, on people whose status is set by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import graph.measures.economic as economic
from graph.measures.economic import (
    HIGH,
    LOW,
    UNKNOWN,
    economic_connectedness,
    economic_status,
    exposure,
    friending_bias,
    ties_in_groups,
)

NAN = np.nan


def symmetric(n: int, *pairs: tuple[int, int]) -> sp.csr_array:
    dense = np.zeros((n, n), np.float32)
    for one, other in pairs:
        dense[one, other] = dense[other, one] = 1
    return sp.csr_array(dense)


# 0 and 1 low, 2 and 3 high, 4 unknown
STATUS = np.array([LOW, LOW, HIGH, HIGH, UNKNOWN], np.int8)
TIES = symmetric(5, (0, 1), (0, 2), (0, 4), (1, 2), (1, 3))
GROUPS = sp.csr_array(np.array([[1, 0], [1, 1], [1, 0], [0, 1], [0, 1]], np.float32))


def test_connectedness_is_the_share_of_high_friends_over_that_of_chance():
    # half are high: 0 has one of two known friends, 1 has two of three
    found = economic_connectedness(TIES, STATUS)
    np.testing.assert_allclose(found, [1, 4 / 3, NAN, NAN, NAN])


def test_friends_count_once_whatever_the_weight():
    heavy = TIES.copy()
    heavy.data *= 1 + np.arange(heavy.nnz)
    np.testing.assert_array_equal(
        economic_connectedness(heavy, STATUS), economic_connectedness(TIES, STATUS)
    )


def test_chance_is_what_the_share_of_high_people_gives():
    status = np.array([LOW, LOW, HIGH, LOW])
    ties = symmetric(4, (0, 1), (0, 2))
    np.testing.assert_allclose(economic_connectedness(ties, status)[:2], [(1 / 2) / (1 / 4), 0])


def test_exposure_is_the_mean_over_the_groups_of_their_known_members():
    # group 0: low, low, high; group 1: low, high, unknown
    found = exposure(GROUPS, STATUS)
    np.testing.assert_allclose(found, [(1 / 3) / 0.5, (1 / 3 + 1 / 2) / 2 / 0.5, NAN, NAN, NAN])


def test_bias_is_none_for_friends_of_all_members_and_whole_for_friends_of_ones_own_kind():
    everybody = sp.csr_array(np.ones((40, 1), np.float32))
    status = np.array([LOW, HIGH] * 20)
    all_but_oneself = symmetric(40, *((i, j) for i in range(40) for j in range(i)))
    exposed = exposure(everybody, status)
    befriended = economic_connectedness(ties_in_groups(all_but_oneself, everybody), status)
    # nobody is among their own 39 friends, so a little more than half of those are high
    np.testing.assert_allclose(friending_bias(befriended, exposed)[::2], 1 - (20 / 39) / 0.5)
    among_low = symmetric(40, *((i, j) for i in range(0, 40, 2) for j in range(0, i, 2)))
    befriended = economic_connectedness(ties_in_groups(among_low, everybody), status)
    np.testing.assert_allclose(friending_bias(befriended, exposed)[::2], 1)


def test_connectedness_is_exposure_less_bias():
    exposed = exposure(GROUPS, STATUS)
    inside = ties_in_groups(TIES, GROUPS)
    befriended = economic_connectedness(inside, STATUS)
    bias = friending_bias(befriended, exposed)
    np.testing.assert_allclose((exposed * (1 - bias))[:2], befriended[:2])


@pytest.mark.parametrize("at_once", [1, 3, 1 << 18])
def test_ties_in_groups_are_those_whose_ends_share_one(at_once: int, monkeypatch):
    monkeypatch.setattr(economic, "_ARCS_AT_ONCE", at_once)
    inside = ties_in_groups(TIES, GROUPS)
    np.testing.assert_array_equal(
        inside.toarray(), symmetric(5, (0, 1), (0, 2), (1, 2), (1, 3)).toarray()
    )


def test_nobody_exposed_has_no_bias():
    bias = friending_bias(np.array([0.5, 0.5, NAN]), np.array([0.0, NAN, 1.0]))
    assert np.isnan(bias).all()


def test_status_is_above_the_median_of_the_ranks_that_are_known():
    occupation = np.array([1, 2, 3, 4, NAN, NAN, 1, 4])
    education = np.array([0, 3, 5, 8, 8, NAN, NAN, NAN])
    assert economic_status(occupation, education).tolist() == [
        LOW, LOW, LOW, HIGH, HIGH, UNKNOWN, LOW, HIGH,
    ]  # fmt: skip


def test_status_depends_on_ranks_and_not_on_units():
    rng = np.random.default_rng(1)
    occupation, education = rng.integers(1, 5, 50).astype(float), rng.integers(0, 9, 50) + 0.0
    np.testing.assert_array_equal(
        economic_status(occupation, education), economic_status(occupation**3, 100 + education)
    )


def test_without_authorisations_nothing_is_computed():
    nobody = np.full(5, NAN)
    status = economic_status(nobody, nobody)
    assert status.tolist() == [UNKNOWN] * 5
    assert np.isnan(economic_connectedness(TIES, status)).all()
    assert np.isnan(exposure(GROUPS, status)).all()


def test_who_withdraws_counts_neither_as_low_nor_as_a_friend():
    withdrawn = STATUS.copy()
    withdrawn[2] = UNKNOWN
    without = sp.csr_array(TIES.copy())
    without.data[(without.indices == 2)] = 0
    without.eliminate_zeros()
    np.testing.assert_array_equal(
        economic_connectedness(TIES, withdrawn), economic_connectedness(without, withdrawn)
    )


@pytest.mark.parametrize("n", [0, 2])
def test_a_city_without_ties_or_groups(n: int):
    none = sp.csr_array((n, n), dtype=np.float32)
    status = np.full(n, LOW)
    assert np.isnan(economic_connectedness(none, status)).all()
    assert np.isnan(exposure(sp.csr_array((n, 3), dtype=np.float32), status)).all()
    assert ties_in_groups(none, sp.csr_array((n, 3), dtype=np.float32)).nnz == 0
    assert economic_status(np.full(n, NAN), np.full(n, NAN)).shape == (n,)
