"""What holds of communities on any graph: connected, never worse than the trivial partitions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from graph.measures.communities import Objective, detect, levels, split_disconnected, worth
from graph.measures.tracking import update

Ties = list[tuple[int, int, float]]


@st.composite
def graphs(draw: st.DrawFn, n: int | None = None) -> csr_array:
    n = draw(st.integers(1, 30)) if n is None else n
    vertex = st.integers(0, n - 1)
    weight = st.floats(0.125, 8, width=16)
    ties: Ties = draw(st.lists(st.tuples(vertex, vertex, weight), max_size=90))
    dense = np.zeros((n, n), np.float32)
    for one, other, tie in ties:
        if one != other:
            dense[one, other] = dense[other, one] = tie
    return csr_array(dense)


@st.composite
def two_nights(draw: st.DrawFn) -> tuple[csr_array, csr_array]:
    n = draw(st.integers(1, 20))
    return draw(graphs(n)), draw(graphs(n))


def assert_connected(graph: csr_array, labels: np.ndarray) -> None:
    np.testing.assert_array_equal(split_disconnected(graph, labels), labels)


@given(graphs(), st.floats(0.01, 4), st.sampled_from(list(Objective)), st.integers(0, 9))
def test_communities_are_connected_and_beat_the_trivial_partitions(
    graph, resolution, objective, seed
):
    n = graph.shape[0]
    rng = np.random.default_rng(seed)
    labels = detect(graph, resolution=resolution, rng=rng, objective=objective)
    assert_connected(graph, labels)
    assert sorted(set(labels.tolist())) == list(range(labels.max() + 1))
    found = worth(graph, labels, resolution=resolution, objective=objective)
    for trivial in (np.arange(n, dtype=np.int32), np.zeros(n, np.int32)):
        value = worth(graph, trivial, resolution=resolution, objective=objective)
        assert found >= value - 1e-5 * (1 + abs(value))


@given(two_nights(), st.floats(0.05, 2))
def test_an_update_is_connected_and_never_below_everybody_alone(nights, resolution):
    before, after = nights
    rng = np.random.default_rng(1)
    old = detect(before, resolution=resolution, rng=rng)
    changes = csr_array(after - before)
    changes.eliminate_zeros()
    new = update(after, changes, old, resolution=resolution, rng=rng).labels
    assert_connected(after, new)
    alone = np.arange(after.shape[0], dtype=np.int32)
    assert (
        worth(after, new, resolution=resolution)
        >= worth(after, alone, resolution=resolution) - 1e-5
    )


@given(graphs(), st.floats(0.2, 2))
def test_levels_are_nested_and_connected(graph, resolution):
    found = levels(graph, [resolution, resolution / 4], rng=np.random.default_rng(1))
    inner, outer = found
    pairs = set(zip(inner.tolist(), outer.tolist(), strict=True))
    assert len(pairs) == inner.max() + 1
    assert_connected(graph, outer)
