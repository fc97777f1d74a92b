"""Small worlds whose right answers are known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from graph.model import ItemKind
from graph.view import CSR, ITEM_KINDS, ItemTable, View, empty_csr

NOW = 1_780_000_000
DAY = 86_400
PLACES = np.array([[31.20, 121.40], [31.30, 121.50]], np.float32)
"""Two neighbourhoods 14 km apart."""


def csr(dense: object) -> CSR:
    return sp.csr_array(np.asarray(dense, np.float32))


def wider(matrix: CSR, n_columns: int) -> CSR:
    parts = (matrix.data, matrix.indices, matrix.indptr)
    return sp.csr_array(parts, shape=(matrix.shape[0], n_columns))


def checkerboard(n_residents: int = 60, n_items: int = 40) -> View:
    """Even residents want even items, odd ones odd items; every fact says the same.

    Items 0 and 1 are the groups that organise the even and the odd items. Each resident did all
    items of their colour but a few, which are the right answer; lower items are more popular.
    """
    colour, side = np.arange(n_residents) % 2, np.arange(n_items) % 2
    same = colour[:, None] == side[None, :]
    gap = (np.arange(n_residents)[:, None] // 2 + np.arange(n_items)[None, :] // 2) % 5 == 0
    did = same & ~gap
    did[n_residents // 2 :, n_items // 2 :] = False
    by_side = np.eye(2, dtype=np.float32)[side]
    by_colour = np.eye(2, dtype=np.float32)[colour]
    items = replace(
        ItemTable.of(
            [f"item-{i}" for i in range(n_items)],
            n_interests=2,
            n_needs=2,
            n_occupations=2,
            n_offers=2,
        ),
        kind=np.where(
            np.arange(n_items) < 2,
            ITEM_KINDS.index(ItemKind.GROUP),
            ITEM_KINDS.index(ItemKind.ACTIVITY),
        ).astype(np.int8),
        group=np.where(np.arange(n_items) < 2, -1, side).astype(np.int32),
        life_category=(np.arange(n_items) % 7).astype(np.int8),
        opened=np.full(n_items, NOW - 30 * DAY),
        lat=PLACES[side, 0],
        lon=PLACES[side, 1],
        grid=side.astype(np.int32),
        tags=csr(by_side),
        needs=csr(by_side),
        occupations=csr(by_side),
        offers=csr(by_side),
    )
    view = View.of(csr(did * 2.0), items=items, as_of=NOW, home=PLACES[colour])
    held = np.zeros((n_residents, n_items), np.float32)
    held[np.arange(n_residents), colour] = 1.0
    tied = (colour[:, None] == colour[None, :]) & ~np.eye(n_residents, dtype=bool)
    return replace(
        view,
        times=np.full(view.interactions.nnz, NOW - DAY),
        grid=colour.astype(np.int32),
        interests=csr(by_colour),
        offers=csr(by_colour),
        occupations=csr(by_colour),
        needs=csr(by_colour),
        held=csr(held),
        ties=csr(tied * 0.5),
    )


def without_resident(view: View, row: int) -> View:
    """The same world had this resident never given anything."""
    keep = np.ones(view.n_residents, np.float32)
    keep[row] = 0.0
    owner = np.repeat(np.arange(view.n_residents), np.diff(view.interactions.indptr))

    def emptied(matrix: CSR) -> CSR:
        out = sp.csr_array(sp.diags_array(keep) @ matrix, dtype=np.float32)
        out.eliminate_zeros()
        return out

    names = ("interests", "offers", "occupations", "needs", "interactions", "held", "dismissed")
    home, grid = view.home.copy(), view.grid.copy()
    home[row], grid[row] = np.nan, -1
    return replace(
        view,
        home=home,
        grid=grid,
        times=view.times[owner != row],
        ties=emptied(emptied(view.ties).T.tocsr()).T.tocsr(),
        **{name: emptied(getattr(view, name)) for name in names},
    )


def with_new_items(table: ItemTable, n: int) -> ItemTable:
    """The table after n more items opened, copies of the first ones."""
    rows = np.concatenate([np.arange(len(table)), np.arange(n)])
    ids = np.array([*table.ids, *(f"new-{i}" for i in range(n))])
    return replace(table.take(rows), ids=ids)


def stranger(items: ItemTable, row: int = 0) -> View:
    """One resident of whom nothing is known."""
    n = len(items)
    return replace(View.of(empty_csr(row + 1, n), items=items), as_of=NOW)
