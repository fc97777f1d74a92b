"""What item-item weights are solved on: histories in balance, beside them subjects and places."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, ItemTable, empty_csr

__all__ = ["balanced", "places_of", "shared_rows"]


def balanced(X: CSR, exponent: float) -> CSR:
    r"""Weigh the rows of a gram matrix by :math:`(n / \bar n)^{-e}`, n being their entries.

    Those who do everything say little of what goes together.

    Parameters
    ----------
    X : csr_array, (n_residents, n_items), float32
    exponent : float
        e, 0 to 1; 0 leaves all rows alike.

    Returns
    -------
    csr_array, (n_residents, n_items)
        Rows times the square root of their weight.
    """
    lengths = np.diff(X.indptr)
    if not X.nnz:
        return X
    relative = np.maximum(lengths, 1) / lengths[lengths > 0].mean()
    weight = np.repeat(relative ** (-exponent / 2.0), lengths)
    parts = ((X.data * weight).astype(np.float32), X.indices, X.indptr)
    return cast("CSR", sp.csr_array(parts, shape=X.shape))


def shared_rows(items: ItemTable, *, weight: float) -> CSR:
    """Make one row of each tag and of each place, as if somebody had done all items that share it.

    Parameters
    ----------
    items : ItemTable
    weight : float
        Squared length of each row, whatever its number of items; 0 makes no rows.

    Returns
    -------
    csr_array, (n_tags + n_places, n_items)
    """
    if weight <= 0.0:
        return empty_csr(0, len(items))
    places, place = places_of(items)
    placed = np.flatnonzero(place >= 0)
    at = (np.ones(len(placed), np.float32), (place[placed], placed))
    there = sp.coo_array(at, shape=(len(places), len(items)))
    shared = sp.vstack([items.tags.T, there], format="csr")
    squares: NDArray[np.float64] = np.asarray(shared.multiply(shared).sum(axis=1), np.float64)
    scale = np.sqrt(weight / np.maximum(squares.reshape(-1), 1e-12))
    return cast("CSR", (sp.diags_array(scale) @ shared).tocsr().astype(np.float32))


def places_of(items: ItemTable) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return (distinct places as lat and lon, place of each item); -1 for items without one."""
    placed = np.isfinite(items.lat) & np.isfinite(items.lon)
    places, index = np.unique(
        np.stack([items.lat[placed], items.lon[placed]], axis=1), axis=0, return_inverse=True
    )
    place = np.full(len(items), -1, np.int64)
    place[placed] = index.reshape(-1)
    return places, place
