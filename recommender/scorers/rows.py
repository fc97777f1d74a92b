"""What item-item weights are solved on: histories in balance, and subjects as rows beside them."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, empty_csr

__all__ = ["balanced", "tag_rows"]


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


def tag_rows(tags: CSR, *, weight: float) -> CSR:
    """Make one row of each tag, as if somebody had done all the items that carry it.

    Parameters
    ----------
    tags : csr_array, (n_items, n_tags)
    weight : float
        Squared length of each row, whatever its number of items; 0 makes no rows.

    Returns
    -------
    csr_array, (n_tags, n_items)
    """
    if weight <= 0.0:
        return empty_csr(0, tags.shape[0])
    squares: NDArray[np.float64] = np.asarray(tags.multiply(tags).sum(axis=0), np.float64)
    scale = np.sqrt(weight / np.maximum(squares.reshape(-1), 1e-12))
    return cast("CSR", (sp.diags_array(scale) @ tags.T).tocsr().astype(np.float32))
