"""Item-item weights in closed form: EASE for few items, a pruned cosine for many."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR

__all__ = ["ease", "pruned_cosine"]


def ease(X: CSR, regularization: float) -> NDArray[np.float32]:
    r"""Solve the linear autoencoder with zero diagonal.

    .. math:: B = I - P \cdot \mathrm{diag}(1 / P_{jj}), \quad P = (X^T X + \lambda I)^{-1}

    Parameters
    ----------
    X : csr_array, (n_residents, n_items), float32
    regularization : float
        :math:`\lambda > 0`.

    Returns
    -------
    NDArray[float32], (n_items, n_items)
        Row i holds what item i speaks for.

    References
    ----------
    H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
    """
    wide = X.astype(np.float64)
    G = (wide.T @ wide).toarray(order="F")
    G[np.diag_indices_from(G)] += regularization
    factor, info = scipy.linalg.lapack.dpotrf(G, lower=0, overwrite_a=1, clean=0)
    if info == 0:
        inverse, info = scipy.linalg.lapack.dpotri(factor, lower=0, overwrite_c=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"gram matrix is not positive definite (info {info})")
    for row in range(len(inverse)):  # only the upper triangle was filled
        inverse[row + 1 :, row] = inverse[row, row + 1 :]
    weights = (inverse / -np.diag(inverse)[None, :]).astype(np.float32)
    np.fill_diagonal(weights, 0.0)
    return np.ascontiguousarray(weights)


def pruned_cosine(X: CSR, *, exponent: float, neighbours: int, block: int = 1024) -> CSR:
    r"""Weigh item pairs by a cosine whose popularity exponent is free; keep the strongest.

    .. math:: S = D_i^{-b}\, R^T R\, D_i^{b-1}, \quad R = D_u^{-1/2} X

    with the zero diagonal of EASE; ``b = 0.5`` is the symmetric one.

    Parameters
    ----------
    X : csr_array, (n_residents, n_items), float32
    exponent : float
        b, 0 to 1; smaller favours popular items.
    neighbours : int
        Kept per item.
    block : int
        Items computed at a time.

    References
    ----------
    F. Aiolli, "Efficient Top-N Recommendation for Very Large Scale Binary Rated Datasets",
    RecSys 2013 (the free exponent).
    """
    n = X.shape[1]
    wide = X.astype(np.float64)
    residents = np.maximum(np.asarray(wide.sum(axis=1)).reshape(-1), 1e-12)
    items = np.maximum(np.asarray(wide.sum(axis=0)).reshape(-1), 1e-12)
    left = sp.diags_array(items**-exponent) @ (sp.diags_array(1.0 / residents) @ wide).T
    right = (wide @ sp.diags_array(items ** (exponent - 1.0))).tocsr()
    left = left.tocsr()
    blocks = [
        _strongest(cast("CSR", (left[at : at + block] @ right).tocsr()), at, neighbours)
        for at in range(0, n, block)
    ]
    if not blocks:
        return cast("CSR", sp.csr_array((n, n), dtype=np.float32))
    return cast("CSR", sp.vstack(blocks, format="csr", dtype=np.float32))


def _strongest(rows: CSR, at: int, neighbours: int) -> CSR:
    """Keep the strongest entries of each row, without the diagonal; ties by lower column."""
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    off = rows.indices != owner + at
    owner, columns, data = owner[off], rows.indices[off], rows.data[off]
    order = np.lexsort((columns, -data, owner))
    owner, columns, data = owner[order], columns[order], data[order]
    starts = np.searchsorted(owner, np.arange(rows.shape[0]))
    keep = np.arange(len(owner)) - starts[owner] < neighbours
    kept = sp.csr_array((data[keep], (owner[keep], columns[keep])), shape=rows.shape)
    kept.sort_indices()
    return cast("CSR", kept)
