"""Graphs that go out and come back."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from graph.measures.communities import checked
from graph.measures.networks import (
    between,
    from_networkx,
    mermaid,
    placed,
    to_networkx,
    write,
)


@pytest.fixture
def karate() -> csr_array:
    return from_networkx(nx.karate_club_graph())[0]


def test_a_graph_comes_back_as_it_went(karate):
    back, nodes = from_networkx(to_networkx(karate))
    assert nodes == list(range(34))
    assert (back != karate).nnz == 0
    assert checked(back) is back


def test_what_is_no_simple_graph_is_refused():
    for G in (nx.DiGraph([(0, 1)]), nx.MultiGraph([(0, 1)])):
        with pytest.raises(ValueError, match="no direction"):
            from_networkx(G)


def test_loops_are_left_out_and_a_graph_without_ties_is_read():
    graph, nodes = from_networkx(nx.Graph([("a", "a"), ("a", "b")]))
    assert graph.toarray().tolist() == [[0, 1], [1, 0]]
    assert nodes == ["a", "b"]
    assert from_networkx(nx.empty_graph(3))[0].nnz == 0


def test_ties_between_groups_add_up_and_nobody_of_no_group_counts(karate):
    members = (np.arange(34) % 3).astype(np.int32)
    members[33] = -1
    found = between(karate, members).toarray()
    dense = karate.toarray()
    assert found[0, 1] == dense[np.ix_(members == 0, members == 1)].sum()
    assert not found.diagonal().any()


def test_tied_vertices_stand_near_each_other_and_always_there():
    two = from_networkx(nx.disjoint_union(nx.complete_graph(6), nx.complete_graph(6)))[0]
    places = placed(two, seed=1)
    assert places.min() == 0
    assert places.max() == 1
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert apart[:6, :6].mean() < apart[:6, 6:].mean()
    np.testing.assert_array_equal(places, placed(two, seed=1))
    assert placed(csr_array((1, 1)), seed=1).tolist() == [[0.5, 0.5]]


def test_files_can_be_read_again(karate, tmp_path):
    G = to_networkx(karate, label=[f"圈{n}" for n in range(34)])
    write(G, tmp_path / "a.graphml")
    write(G, tmp_path / "a.gexf")
    write(G, tmp_path / "a.mmd")
    for back in (nx.read_graphml(tmp_path / "a.graphml"), nx.read_gexf(tmp_path / "a.gexf")):
        assert back.number_of_edges() == G.number_of_edges()
        assert {data["label"] for _, data in back.nodes(data=True)} >= {"圈3"}
    assert (tmp_path / "a.mmd").read_text(encoding="utf-8").count("---|") == G.number_of_edges()
    with pytest.raises(ValueError, match=r"\.graphml"):
        write(G, tmp_path / "a.png")


def test_a_label_cannot_break_out_of_a_chart():
    G = nx.Graph()
    G.add_node(0, label='a"] --> b')
    assert '"]' not in mermaid(G).split("\n")[1].removesuffix('"]')
