"""On any graph the measures equal networkx, or the formula written out; and they know no names."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import graph.measures.triangles as one_pass
from graph.measures.aggregate import summarise
from graph.measures.cores import core_numbers
from graph.measures.mixing import bonding_share, bridging_share, participation_coefficient
from graph.measures.social_capital import SocialCapital, social_capital, ties_within


@st.composite
def graphs(draw: st.DrawFn) -> sp.csr_array:
    """Ties of up to 24 residents: none, few or all of them; heads or weights; some are isolated."""
    n = draw(st.integers(0, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.integers(1, 9, (n, n)) / 4 if draw(st.booleans()) else np.ones((n, n))
    upper = np.triu(weights * (rng.random((n, n)) < draw(st.sampled_from([0.1, 0.3, 0.7, 1]))), 1)
    alone = rng.random(n) < 0.15
    upper[alone] = upper[:, alone] = 0
    return sp.csr_array((upper + upper.T).astype(np.float32))


def labels_of(ties: sp.csr_array, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1, 4, ties.shape[0])


seeds = st.integers(0, 2**32 - 1)


def network(ties: sp.csr_array) -> nx.Graph:
    return nx.from_scipy_sparse_array(ties)


def of_all(measure: dict[int, float]) -> np.ndarray:
    return np.array([measure[node] for node in range(len(measure))], float)


def table(found: SocialCapital) -> np.ndarray:
    return np.array(
        [found.degree, found.clustering, found.support, found.effective_size, found.constraint]
    )


@given(graphs())
def test_clustering_is_that_of_networkx_where_there_are_two_ties(ties):
    found = social_capital(ties)
    two = found.degree >= 2
    np.testing.assert_allclose(
        found.clustering[two], of_all(nx.clustering(network(ties)))[two], rtol=1e-12
    )
    assert np.isnan(found.clustering[~two]).all()


@given(graphs())
def test_constraint_is_that_of_networkx(ties):
    G = network(ties)
    expected = of_all(nx.constraint(G, G.nodes, weight="weight"))
    np.testing.assert_allclose(social_capital(ties).constraint, expected, rtol=1e-9)


@given(graphs())
def test_effective_size_is_that_of_networkx_with_and_without_weights(ties):
    # nodes are named, as without them networkx 3.6.1 divides by the other end's largest weight
    G = network(ties)
    expected = of_all(nx.effective_size(G, G.nodes, weight="weight"))
    np.testing.assert_allclose(social_capital(ties).effective_size, expected, rtol=1e-9, atol=1e-12)
    expected = of_all(nx.effective_size(G, G.nodes))
    np.testing.assert_allclose(
        social_capital(ties.sign()).effective_size, expected, rtol=1e-9, atol=1e-12
    )


@given(graphs())
def test_support_is_the_share_of_ties_with_a_common_friend(ties):
    G = network(ties)
    for resident, support in enumerate(social_capital(ties).support):
        supported = [bool(set(G[resident]) & set(G[friend])) for friend in G[resident]]
        assert np.isnan(support) if not supported else support == pytest.approx(np.mean(supported))


@given(graphs())
def test_core_numbers_are_those_of_networkx(ties):
    np.testing.assert_array_equal(core_numbers(ties), of_all(nx.core_number(network(ties))))


@given(graphs(), seeds)
def test_shares_are_the_formulas_written_out(ties, seed):
    labels = labels_of(ties, seed)
    bridging, spread = bridging_share(ties, labels), participation_coefficient(ties, labels)
    for i, weights in enumerate(ties.toarray().astype(float)):
        known = labels >= 0
        total = weights[known].sum()
        if total == 0:
            assert np.isnan(spread[i])
            assert np.isnan(bridging[i])
            continue
        shares = [weights[labels == label].sum() / total for label in range(4)]
        assert spread[i] == pytest.approx(1 - sum(share**2 for share in shares))
        if labels[i] < 0:
            assert np.isnan(bridging[i])
        else:
            assert bridging[i] == pytest.approx(1 - shares[labels[i]])
    np.testing.assert_allclose(
        bonding_share(ties, labels) + bridging, np.where(bridging >= 0, 1, bridging)
    )


@given(graphs(), seeds)
def test_numbering_residents_otherwise_changes_nothing(ties, seed):
    order = np.random.default_rng(seed).permutation(ties.shape[0])
    turned = sp.csr_array(ties[order][:, order])
    turned.sort_indices()
    np.testing.assert_allclose(
        table(social_capital(turned)), table(social_capital(ties))[:, order], rtol=1e-12, atol=1e-12
    )


@given(graphs(), st.integers(1, 9))
def test_the_size_of_a_block_changes_nothing(ties, pairs):
    expected = table(social_capital(ties))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_pass, "_PAIRS_AT_ONCE", pairs)
        np.testing.assert_allclose(table(social_capital(ties)), expected, rtol=1e-12, atol=1e-12)


@given(graphs(), seeds)
def test_areas_in_one_pass_are_areas_one_by_one(ties, seed):
    labels = labels_of(ties, seed)
    together = table(social_capital(ties_within(ties, labels)))
    for label in range(4):
        here = np.flatnonzero(labels == label)
        alone = table(social_capital(sp.csr_array(ties[here][:, here])))
        np.testing.assert_allclose(together[:, here], alone, rtol=1e-12, atol=1e-12)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(1, 25), seeds)
def test_neither_a_figure_nor_a_difference_of_figures_stands_for_fewer_than_the_least(
    sizes, least, seed
):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(seed).random(len(labels))
    found = summarise(values, labels, len(sizes), least=least)
    shown = ~np.isnan(found.mean)
    assert (found.people[~shown] == 0).all()
    assert (found.people[shown] >= least).all()
    rest = len(labels) - found.people.sum()
    assert rest == 0 or rest >= least or not shown.any()
    for label in np.flatnonzero(shown):
        assert found.mean[label] == pytest.approx(values[labels == label].mean())
