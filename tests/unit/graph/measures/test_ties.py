"""Ties by layer: who is tied, and what makes none."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from graph.measures.ties import Alike, along_a_curve, metres, neighbours, tf_idf


def holding(*lists: list[int], width: int) -> csr_array:
    dense = np.zeros((len(lists), width), np.float32)
    for row, columns in enumerate(lists):
        dense[row, columns] = 1
    return csr_array(dense)


def test_an_attribute_that_most_hold_ties_nobody():
    held = holding(*[[0]] * 40, [0, 1], [0, 1], width=2)
    found = neighbours(held, Alike(most_held=0.05, spared=30))
    assert found[[40], [41]] == 1
    assert found[:40].nnz == 0


def test_in_a_small_place_a_common_attribute_still_ties():
    held = holding(*[[0]] * 10, [1], width=2)
    assert neighbours(held, Alike(most_held=0.05, spared=30, top=3))[:10].nnz == 30


def test_equals_are_taken_by_lot_so_that_nobody_becomes_a_hub():
    held = holding(*[[0]] * 300, width=1)
    found = neighbours(held, Alike(most_held=1.0, top=5))
    chosen = np.bincount(found.indices, minlength=300)
    assert np.diff(found.indptr).tolist() == [5] * 300
    assert chosen.max() < 20
    assert (chosen > 0).mean() > 0.9


def test_the_nearer_of_two_equals_is_tied():
    held = holding([0], [0], [0], width=1)
    places = np.array([[0, 0], [50, 0], [200, 0]], np.float32)
    found = neighbours(held, Alike(top=1, most_held=1.0, reach=100), plane=places)
    assert found.indices.tolist() == [1, 0, 1]


def test_a_row_without_attributes_changes_nobody_else():
    rng = np.random.default_rng(1)
    held = csr_array((rng.random((50, 12)) < 0.2).astype(np.float32))
    with_gap = csr_array(np.vstack([held.toarray(), np.zeros((1, 12), np.float32)]))
    one, other = neighbours(held), neighbours(with_gap)
    assert (one != other[:50, :50]).nnz == 0
    assert other.nnz == one.nnz


def test_rare_attributes_weigh_more():
    held = holding([0, 1], [0], [0], [0], [1], width=2)
    weights = tf_idf(held, most_held=1.0, spared=0).toarray()[0]
    assert weights[1] > weights[0] > 0


def test_the_curve_keeps_neighbours_together_and_puts_unknown_places_last():
    side = np.arange(16) * 100.0
    places = np.array([(x, y) for x in side for y in side], np.float32)
    places[7] = np.nan
    order = along_a_curve(places)
    assert order[-1] == 7
    steps = np.abs(np.diff(places[order[:-1]], axis=0)).sum(axis=1)
    assert np.median(steps) <= 200


def test_metres_agree_with_the_sphere():
    places = np.array([[31.30, 118.36], [31.31, 118.37]], np.float32)
    plane = metres(places)
    east = 0.01 * 111_195 * np.cos(np.radians(31.305))
    np.testing.assert_allclose(plane[1] - plane[0], [east, 1111.95], rtol=2e-3)
