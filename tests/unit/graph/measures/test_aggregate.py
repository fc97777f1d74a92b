"""Figures of groups, grids and the city, and what they hide."""

from __future__ import annotations

import numpy as np
import pytest

from graph.measures.aggregate import LEAST_PEOPLE, summarise

NAN = np.nan


def city(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return labels.astype(float), labels


def test_the_threshold_is_twenty_people():
    assert LEAST_PEOPLE == 20
    found = summarise(*city(20, 19, 40, 19), 4)
    np.testing.assert_array_equal(found.mean, [0, NAN, 2, NAN])
    assert found.people.tolist() == [20, 0, 40, 0]


def test_only_known_values_stand_behind_a_mean():
    values, labels = city(30, 30)
    values[:11] = NAN
    values[-5:] = NAN
    found = summarise(values, labels, 2, least=1)
    assert found.people.tolist() == [19, 25]
    assert np.isnan(summarise(values, labels, 2).mean).all()


def test_residents_without_a_label_count_nowhere():
    values, labels = city(25, 25)
    labels[:25] = -1
    found = summarise(values, labels, 2)
    np.testing.assert_array_equal(found.mean, [NAN, 1])


def given_away(people: np.ndarray, least: int) -> bool:
    """Whether the whole less what is shown stands for somebody, but for fewer than the least."""
    return 0 < 75 - people.sum() < least


def test_a_hidden_figure_cannot_be_had_by_taking_the_shown_ones_from_the_whole():
    values, labels = city(5, 30, 40)
    found = summarise(values, labels, 3)
    assert found.people.tolist() == [0, 0, 40]
    assert not given_away(found.people, 20)
    # positive control: hiding the small one alone, as a plain threshold does, gives it away
    plain = np.bincount(labels)
    assert given_away(np.where(plain < 20, 0, plain), 20)


def test_labels_that_nobody_has_need_no_cover():
    found = summarise(*city(0, 30, 40), 4)
    np.testing.assert_array_equal(found.mean, [NAN, 1, 2, NAN])
    assert found.people.tolist() == [0, 30, 40, 0]


@pytest.mark.parametrize("sizes", [(), (0,), (3,), (3, 4)])
def test_nothing_is_shown_of_a_hamlet(sizes: tuple[int, ...]):
    found = summarise(*city(*sizes), len(sizes))
    assert np.isnan(found.mean).all()
    assert found.people.sum() == 0
