"""Views: their default form, taking items out of a table, and the digest of all cells."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import scipy.sparse as sp

from graph.view import NO_TIME, ItemTable, View, empty_csr, fingerprint
from tests.worlds import checkerboard, csr


def test_a_view_of_interactions_alone_knows_nothing_else():
    view = View.of(sp.csr_array(np.array([[0, 2.0, 0], [1.0, 0, 3.0]])))
    assert (view.n_residents, view.n_items) == (2, 3)
    assert view.interactions.dtype == np.float32
    assert view.items.ids.tolist() == ["0", "1", "2"]
    assert view.active.all()
    assert view.times.tolist() == [NO_TIME] * 3
    assert np.isnan(view.home).all()
    assert (view.grid == -1).all()
    assert (view.walk_limit == -1).all()
    for name in ("interests", "offers", "occupations", "needs", "ties", "held", "dismissed"):
        assert getattr(view, name).nnz == 0
        assert getattr(view, name).dtype == np.float32
    assert view.ties.shape == (2, 2)
    assert view.held.shape == view.blocked.shape == view.dismissed.shape == (2, 3)


def test_a_view_sorts_indices_and_adds_up_doubles():
    matrix = sp.csr_array((np.ones(3), np.array([2, 0, 2]), np.array([0, 3])), shape=(1, 3))
    view = View.of(matrix)
    assert view.interactions.indices.tolist() == [0, 2]
    assert view.interactions.data.tolist() == [1.0, 2.0]


def test_vocabularies_follow_the_items():
    items = ItemTable.of(["a"], n_interests=2, n_needs=3, n_occupations=4, n_offers=5)
    view = View.of(empty_csr(7, 1), items=items)
    widths = [getattr(view, n).shape for n in ("interests", "needs", "occupations", "offers")]
    assert widths == [(7, 2), (7, 3), (7, 4), (7, 5)]


def test_no_items_at_all():
    view = View.of(empty_csr(0, 0))
    assert (view.n_residents, view.n_items, len(ItemTable.of([]))) == (0, 0, 0)
    assert fingerprint(view) == fingerprint(View.of(empty_csr(0, 0)))


def test_taking_rows_takes_every_column():
    table = checkerboard(n_residents=4, n_items=6).items
    rows = np.array([5, 0, 2])
    taken = table.take(rows)
    assert len(taken) == 3
    for field in fields(ItemTable):
        before, after = getattr(table, field.name), getattr(taken, field.name)
        if sp.issparse(before):
            before, after = before.toarray(), after.toarray()
        if field.name != "group":
            np.testing.assert_array_equal(after, before[rows], err_msg=field.name)


def test_a_group_is_named_by_its_row_in_the_taken_table():
    table = replace(ItemTable.of(list("abcd")), group=np.array([-1, 0, 0, 1], np.int32))
    assert table.take(np.array([3, 1, 0])).group.tolist() == [1, 2, -1]
    assert table.take(np.array([1, 3])).group.tolist() == [-1, 0]
    twice = table.take(np.array([0, 1, 2, 3, 0, 1]))
    assert twice.group.tolist() == [-1, 0, 0, 1, -1, 0]


def cells(view: View):
    """Every way to alter one cell of a view."""
    for field in fields(View):
        value = getattr(view, field.name)
        if field.name == "as_of":
            yield "as_of", replace(view, as_of=value + 1)
        elif isinstance(value, np.ndarray):
            other = np.array(value)
            other[-1] = ~other[-1] if other.dtype == bool else 7
            yield field.name, replace(view, **{field.name: other})
        elif sp.issparse(value):
            dense = value.toarray()
            dense[-1, 0] += 0.25
            yield field.name, replace(view, **{field.name: csr(dense)})
    for field in fields(ItemTable):
        value = getattr(view.items, field.name)
        if sp.issparse(value):
            dense = value.toarray()
            dense[-1, 0] += 0.25
            other = csr(dense)
        else:
            other = np.array(value)
            other[-1] = ~other[-1] if other.dtype == bool else 7
        yield f"items.{field.name}", replace(view, items=replace(view.items, **{field.name: other}))


BOARD = checkerboard(n_residents=6, n_items=4)


@pytest.mark.parametrize(("name", "altered"), list(cells(BOARD)), ids=[n for n, _ in cells(BOARD)])
def test_any_cell_changes_the_fingerprint(name, altered):
    assert fingerprint(altered) != fingerprint(BOARD)


def test_equal_cells_have_one_fingerprint_wherever_they_come_from(tmp_path):
    again = checkerboard(n_residents=6, n_items=4)
    assert fingerprint(again) == fingerprint(BOARD)
    np.save(tmp_path / "home.npy", BOARD.home)
    mapped = np.load(tmp_path / "home.npy", mmap_mode="r")
    assert fingerprint(replace(again, home=mapped)) == fingerprint(BOARD)
    slanted = np.asfortranarray(BOARD.home)
    assert fingerprint(replace(again, home=slanted)) == fingerprint(BOARD)


def test_the_width_of_numbers_inside_a_matrix_is_no_cell():
    """Whether scipy counts with 32 or 64 bits depends on how a matrix came to be."""
    wide = sp.csr_array(BOARD.ties)
    wide.indptr, wide.indices = wide.indptr.astype(np.int64), wide.indices.astype(np.int64)
    assert fingerprint(replace(BOARD, ties=wide)) == fingerprint(BOARD)


def test_the_shape_counts_even_where_nothing_is():
    assert fingerprint(View.of(empty_csr(3, 2))) != fingerprint(View.of(empty_csr(3, 1)))
    one, other = empty_csr(6, 4), empty_csr(6, 5)
    assert fingerprint(replace(BOARD, blocked=one)) != fingerprint(replace(BOARD, blocked=other))
