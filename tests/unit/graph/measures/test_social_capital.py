"""Small networks whose social capital can be worked out by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from graph.measures.cores import core_numbers
from graph.measures.mixing import bonding_share, bridging_share, participation_coefficient
from graph.measures.social_capital import social_capital, ties_within
from graph.measures.triangles import triangles

NAN = np.nan


def network(*pairs: tuple[int, int], n: int) -> sp.csr_array:
    dense = np.zeros((n, n), np.float32)
    for one, other in pairs:
        dense[one, other] = dense[other, one] = 1
    return sp.csr_array(dense)


# 0-1-2 all know each other, 2 also knows 3, nobody knows 4
KITE = network((0, 1), (0, 2), (1, 2), (2, 3), n=5)


def test_a_kite_by_hand():
    found = social_capital(KITE)
    np.testing.assert_array_equal(found.degree, [2, 2, 3, 1, 0])
    np.testing.assert_allclose(found.clustering, [1, 1, 1 / 3, NAN, NAN])
    np.testing.assert_allclose(found.support, [1, 1, 2 / 3, 0, NAN])
    np.testing.assert_allclose(found.effective_size, [1, 1, 3 - 2 / 3, 1, NAN])
    # 0 puts half into 1, and half of half through 2 a third: (1/2 + 1/2 * 1/3), (1/2 + 1/2 * 1/2)
    first = (1 / 2 + 1 / 6) ** 2 + (1 / 2 + 1 / 4) ** 2
    third = 2 * (1 / 3 + 1 / 6) ** 2 + (1 / 3) ** 2
    np.testing.assert_allclose(found.constraint, [first, first, third, 1, NAN])
    np.testing.assert_array_equal(core_numbers(KITE), [2, 2, 2, 1, 0])


def test_the_club_of_zachary_is_that_of_networkx():
    G = nx.karate_club_graph()
    ties = sp.csr_array(nx.to_scipy_sparse_array(G, weight="weight"))
    found = social_capital(ties)
    more = found.degree >= 2
    for ours, theirs in (
        (found.clustering[more], np.array(list(nx.clustering(G).values()))[more]),
        (found.constraint, list(nx.constraint(G, G.nodes, weight="weight").values())),
        (found.effective_size, list(nx.effective_size(G, G.nodes, weight="weight").values())),
        (core_numbers(ties), list(nx.core_number(G).values())),
    ):
        np.testing.assert_allclose(ours, theirs)


def test_triangles_say_who_is_between():
    found = triangles(KITE)
    ends = [frozenset(pair) for pair in zip(found.one.tolist(), found.other.tolist(), strict=True)]
    assert dict(zip(ends, found.shared.tolist(), strict=True)) == {
        frozenset({0, 1}): 1,
        frozenset({0, 2}): 1,
        frozenset({1, 2}): 1,
        frozenset({2, 3}): 0,
    }
    through = dict(zip(ends, found.through.tolist(), strict=True))
    assert through[frozenset({0, 1})] == pytest.approx(1 / 3)
    assert through[frozenset({1, 2})] == pytest.approx(1 / 2)
    np.testing.assert_allclose(found.redundant, [2, 2, 2, 0, 0])


def test_a_bridge_holds_less_constraint_than_a_circle():
    G = nx.barbell_graph(5, 1)
    two_circles = sp.csr_array(nx.to_scipy_sparse_array(G, sorted(G), dtype=np.float32))
    found = social_capital(two_circles)
    bridge, inside = 5, 0
    assert found.constraint[bridge] < found.constraint[inside]
    assert found.effective_size[bridge] == 2
    assert found.support[bridge] == 0
    assert core_numbers(two_circles)[[bridge, inside]].tolist() == [2, 4]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_without_ties_nothing_is_said(n: int):
    none = sp.csr_array((n, n), dtype=np.float32)
    found = social_capital(none)
    assert found.degree.tolist() == core_numbers(none).tolist() == [0] * n
    for values in (found.clustering, found.support, found.effective_size, found.constraint):
        assert values.shape == (n,)
        assert np.isnan(values).all()
    labels = np.zeros(n, int)
    assert np.isnan(bridging_share(none, labels)).all()
    assert np.isnan(participation_coefficient(none, -np.ones(n, int))).all()


def spoilt(change: str) -> sp.csr_array:
    ties = KITE.copy()
    if change == "not square":
        return sp.csr_array(ties[:3])
    if change == "tied to oneself":
        return sp.csr_array(ties + sp.eye_array(5, dtype=np.float32))
    if change == "unsorted":
        columns = ties.indices.copy()
        columns[:2] = columns[1], columns[0]
        return sp.csr_array((ties.data, columns, ties.indptr), shape=ties.shape)
    if change == "one way":
        return sp.csr_array(sp.triu(ties))
    ties.data[0] = {"zero": 0, "negative": -1, "endless": np.inf, "nothing": NAN, "lopsided": 2}[
        change
    ]
    return ties


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("not square", "sorted"),
        ("unsorted", "sorted"),
        ("tied to oneself", "diagonal"),
        ("one way", "symmetric"),
        ("lopsided", "symmetric"),
        ("zero", "above 0"),
        ("negative", "above 0"),
        ("endless", "above 0"),
        ("nothing", "above 0"),
    ],
)
def test_what_are_no_ties_is_refused_with_what_to_do(change: str, said: str):
    with pytest.raises(ValueError, match=said):
        social_capital(spoilt(change))


def test_bridging_counts_weight_across_and_leaves_unknown_people_out():
    ties = network((0, 1), (0, 2), (0, 3), n=4)
    ties.data[ties.indices == 1] = 3
    labels = np.array([0, 0, 1, -1])
    np.testing.assert_allclose(bridging_share(ties, labels), [1 / 4, 0, 1, NAN])
    np.testing.assert_allclose(bonding_share(ties, labels), [3 / 4, 1, 0, NAN])


def test_participation_is_least_in_one_group_and_grows_with_the_groups():
    ties = network(*((0, friend) for friend in range(1, 5)), n=5)
    for labels, expected in (
        ([0, 1, 1, 1, 1], 0),
        ([0, 1, 1, 2, 2], 1 / 2),
        ([0, 1, 2, 3, 4], 3 / 4),
    ):
        assert participation_coefficient(ties, np.array(labels))[0] == pytest.approx(expected)


def test_a_tie_across_areas_supports_neither():
    labels = np.array([0, 0, 1, 1, -1])
    inside = ties_within(KITE, labels)
    np.testing.assert_array_equal(inside.toarray(), network((0, 1), (2, 3), n=5).toarray())
    np.testing.assert_array_equal(social_capital(inside).support, [0, 0, 0, 0, NAN])
