"""Known groups are found, in one piece, the same for a seed; the objectives are what they say."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from bench.planted import planted_graph
from graph.measures.agreement import adjusted_rand, known, mutual_information
from graph.measures.communities import (
    Objective,
    conductance,
    detect,
    levels,
    modularity,
    split_disconnected,
    worth,
)
from graph.measures.graph_files import read_graph, read_truth, write_graph
from graph.measures.resolution import chosen, resolutions, sweep
from tests.conftest import SHARED_DATA_ABSENT


def csr(G: nx.Graph) -> csr_array:
    found = csr_array(nx.to_scipy_sparse_array(G, dtype=np.float32))
    return csr_array(
        (found.data, found.indices.astype(np.int32), found.indptr.astype(np.int32)),
        shape=found.shape,
    )


def groups(labels: np.ndarray) -> list[set[int]]:
    return [set(np.flatnonzero(labels == label).tolist()) for label in range(labels.max() + 1)]


def stored(shared_data: Path, name: str) -> Path:
    path = shared_data / "graphs" / name / "graph.npz"
    if not path.is_file():
        pytest.skip(SHARED_DATA_ABSENT)
    return path


@pytest.mark.parametrize("mixing", [0.2, 0.4, 0.5])
def test_planted_groups_are_found_without_being_told_a_resolution(rng, mixing):
    graph, truth = planted_graph(rng, 10_000, mixing=mixing)
    assert adjusted_rand(truth, chosen(sweep(graph, rng=rng)).labels) >= 0.99


def test_modularity_joins_groups_that_cpm_keeps_apart():
    G = nx.ring_of_cliques(60, 5)
    graph, truth = csr(G), np.repeat(np.arange(60), 5).astype(np.int32)
    rng = np.random.default_rng(1)
    joined = detect(graph, resolution=1.0, rng=rng, objective=Objective.MODULARITY)
    assert modularity(graph, joined) > modularity(graph, truth)
    assert joined.max() + 1 < 40
    assert adjusted_rand(truth, detect(graph, resolution=0.5, rng=rng)) == 1.0


@pytest.mark.parametrize("objective", list(Objective))
def test_one_seed_gives_one_partition(objective):
    graph, _ = planted_graph(np.random.default_rng(3), 2_000, mixing=0.5)
    resolution = 1.0 if objective is Objective.MODULARITY else 0.01

    def labels(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return detect(graph, resolution=resolution, rng=rng, objective=objective)

    np.testing.assert_array_equal(labels(7), labels(7))


def test_modularity_equals_that_of_networkx_with_weights(rng):
    G = nx.les_miserables_graph()
    graph = csr(G)
    names = list(G)
    labels = rng.integers(0, 5, len(names)).astype(np.int32)
    named = [{names[row] for row in group} for group in groups(labels)]
    expected = nx.community.modularity(G, named)
    assert modularity(graph, labels) == pytest.approx(expected, abs=1e-6)


def test_modularity_is_at_least_that_of_networkx_louvain():
    G = nx.les_miserables_graph()
    found = detect(
        csr(G),
        resolution=1.0,
        rng=np.random.default_rng(1),
        objective=Objective.MODULARITY,
        starts=5,
    )
    peer = max(
        nx.community.modularity(G, nx.community.louvain_communities(G, seed=seed))
        for seed in range(5)
    )
    assert modularity(csr(G), found) >= peer - 1e-6


def test_cpm_counts_ties_inside_less_resolution_per_pair():
    graph = csr(nx.barbell_graph(4, 0))
    halves = np.repeat([0, 1], 4).astype(np.int32)
    assert worth(graph, halves, resolution=0.25) == pytest.approx(12 - 0.25 * 12)


def test_conductance_is_the_share_of_ties_that_leave():
    graph = csr(nx.barbell_graph(4, 0))
    halves = np.repeat([0, 1], 4).astype(np.int32)
    np.testing.assert_allclose(conductance(graph, halves), [1 / 13, 1 / 13])


def test_levels_lie_inside_one_another(rng):
    graph, truth = planted_graph(rng, 5_000, mixing=0.3)
    inner, outer = levels(graph, [0.01, 0.001], rng=rng)
    assert adjusted_rand(truth, inner) > 0.99
    assert outer.max() < inner.max()
    for group in range(inner.max() + 1):
        assert len(set(outer[inner == group].tolist())) == 1
    with pytest.raises(ValueError, match="fall"):
        levels(graph, [0.001, 0.01], rng=rng)


def test_karate_club_splits_as_it_did():
    G = nx.karate_club_graph()
    for _, _, tie in G.edges(data=True):
        tie["weight"] = 1.0
    graph = csr(G)
    labels = detect(
        graph, resolution=1.0, rng=np.random.default_rng(1), objective=Objective.MODULARITY
    )
    assert modularity(graph, labels) == pytest.approx(0.41979, abs=1e-4)  # the known optimum
    club = np.array([G.nodes[v]["club"] == "Officer" for v in G])
    sides = [club[labels == label].mean() for label in range(labels.max() + 1)]
    assert np.maximum(sides, 1 - np.array(sides)).min() > 0.8


def test_football_conferences_are_found(shared_data):
    path = stored(shared_data, "football")
    graph, truth = read_graph(path), read_truth(path, "truth")
    rng = np.random.default_rng(1)
    labels = detect(graph, resolution=1.0, rng=rng, objective=Objective.MODULARITY, starts=5)
    assert modularity(graph, labels) == pytest.approx(0.6046, abs=1e-4)
    assert mutual_information(*known(truth, labels)) > 0.88
    assert adjusted_rand(*known(truth, chosen(sweep(graph, rng=rng)).labels)) > 0.75


def test_lfr_graph_is_solved_without_being_told(shared_data):
    path = stored(shared_data, "lfr-10k-mu04")
    best = chosen(sweep(read_graph(path), rng=np.random.default_rng(1)))
    assert adjusted_rand(read_truth(path, "truth"), best.labels) >= 0.99


def test_resolutions_start_at_the_density_of_a_small_graph():
    graph = csr(nx.karate_club_graph())
    first, second, *_ = resolutions(graph)
    assert first == pytest.approx(graph.data.sum() / (34 * 33))
    assert second == 2 * first


@pytest.mark.parametrize("n", [0, 1, 7])
def test_graphs_without_ties_leave_everybody_alone(n):
    graph = csr_array((n, n), dtype=np.float32)
    for objective in Objective:
        rng = np.random.default_rng(1)
        labels = detect(graph, resolution=1.0, rng=rng, objective=objective)
        assert labels.tolist() == list(range(n))
    assert chosen(sweep(graph, rng=np.random.default_rng(1))).labels.size == n
    assert modularity(graph, labels) == 0.0


def test_ties_that_the_kernels_cannot_take_are_refused():
    pair = np.array([[0, 1], [1, 0]], np.float32)
    for wrong, why in (
        (csr_array(-pair), "above 0"),
        (csr_array(pair.astype(np.float64)), "float32"),
        (csr_array(pair + np.eye(2, dtype=np.float32)), "diagonal"),
        (csr_array(pair[:1]), "square"),
    ):
        with pytest.raises(ValueError, match=why):
            detect(wrong, resolution=1.0, rng=np.random.default_rng(1))


def test_a_community_in_two_pieces_becomes_two():
    graph = csr(nx.disjoint_union(nx.complete_graph(3), nx.complete_graph(3)))
    assert split_disconnected(graph, np.zeros(6, np.int32)).tolist() == [0, 0, 0, 1, 1, 1]


def test_a_written_graph_is_read_again_as_it_was(tmp_path, rng):
    graph, truth = planted_graph(rng, 500, mixing=0.3)
    graph.sort_indices()
    graph.data[:] = 0.5
    write_graph(tmp_path / "g.npz", graph, truth)
    again = read_graph(tmp_path / "g.npz")
    np.testing.assert_array_equal(again.toarray(), graph.toarray())
    np.testing.assert_array_equal(read_truth(tmp_path / "g.npz", "truth"), truth)
    with pytest.raises(ValueError, match="no array dorm"):
        read_truth(tmp_path / "g.npz", "dorm")
