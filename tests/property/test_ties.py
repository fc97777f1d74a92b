"""What holds of ties on any residents: the same as everybody paired with everybody."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from graph.measures.ties import Alike, along_a_curve, as_ties, neighbours, tf_idf, together

Places = np.ndarray


@st.composite
def residents(draw: st.DrawFn) -> tuple[csr_array, Places]:
    n, attributes = draw(st.integers(1, 40)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    held = (rng.random((n, attributes)) < 0.3) * rng.choice([0.25, 0.5, 1.0], (n, attributes))
    places = (rng.integers(0, 6, (n, 2)) * 100).astype(np.float32)
    places[rng.random(n) < 0.2] = np.nan
    return csr_array(held.astype(np.float32)), places


@st.composite
def ways(draw: st.DrawFn) -> Alike:
    return Alike(
        top=draw(st.integers(1, 6)),
        most_held=draw(st.sampled_from([0.3, 1.0])),
        spared=draw(st.integers(0, 8)),
        reach=draw(st.sampled_from([np.inf, 150.0])),
        block=draw(st.sampled_from([7, 40])),
        margin=draw(st.integers(0, 5)),
    )


def all_pairs(held: csr_array, places: Places, how: Alike) -> np.ndarray:
    """Pair everybody with everybody whom their block may see."""
    X = held.toarray().astype(np.float64)
    df, holding = (X > 0).sum(axis=0), int((X > 0).any(axis=1).sum())
    idf = np.log((holding + 1) / np.maximum(df, 1))
    idf[(df > how.most_held * holding) & (df >= how.spared)] = 0
    X *= idf
    X /= np.maximum(np.sqrt((X**2).sum(axis=1)), 1e-300)[:, None]
    alike = X @ X.T
    if how.reach < np.inf:
        apart = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
        alike *= np.exp(-np.where(np.isnan(apart), how.reach, apart) / how.reach)
    place = np.argsort(along_a_curve(places))
    start = place // how.block * how.block
    seen = (place[None] >= start[:, None] - how.margin) & (
        place[None] < start[:, None] + how.block + how.margin
    )
    alike[~seen] = 0
    np.fill_diagonal(alike, 0)
    return alike


@given(residents(), ways())
def test_neighbours_are_the_most_alike_of_all_pairs(drawn, how):
    held, places = drawn
    alike = all_pairs(held, places, how)
    found = neighbours(held, how, plane=places).toarray()
    for row, kept in zip(alike, found, strict=True):
        best = np.sort(row)[::-1][: how.top]
        best = best[best > 1e-6]
        chosen = np.sort(row[kept > 0])[::-1]
        np.testing.assert_allclose(chosen[: len(best)], best, rtol=1e-4)
        if len(best):
            assert abs(kept.sum() - 1) < 1e-5
            np.testing.assert_allclose(kept[kept > 0], row[kept > 0] / chosen.sum(), rtol=1e-3)


@given(residents(), ways())
def test_ties_are_symmetric_and_nobody_is_tied_to_themselves(drawn, how):
    held, places = drawn
    ties = as_ties(neighbours(held, how, plane=places))
    assert abs(ties - ties.T).max() == 0
    assert not ties.diagonal().any()
    assert ties.data.min(initial=1) > 0
    assert ties.indices.dtype == np.int32


@given(residents(), ways(), st.floats(0, 3), st.floats(0, 3))
def test_layers_add_up(drawn, how, first, second):
    held, places = drawn
    one = as_ties(neighbours(held, how))
    other = as_ties(neighbours(held, how, plane=places))
    expected = first * one.toarray() + second * other.toarray()
    np.testing.assert_allclose(together([one, other], [first, second]).toarray(), expected, 1e-5)


@given(residents())
def test_weights_of_a_resident_have_length_one_or_are_none(drawn):
    held, _ = drawn
    X = tf_idf(held, most_held=0.5, spared=3)
    lengths = np.sqrt((X.toarray().astype(np.float64) ** 2).sum(axis=1))
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))
