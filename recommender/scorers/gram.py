"""Item-item weights in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR

if TYPE_CHECKING:
    Wide = sp.csr_array[np.float64, tuple[int, int]]

__all__ = ["ease"]


def ease(X: CSR, regularization: float) -> NDArray[np.float32]:
    r"""Solve the linear autoencoder with zero diagonal.

    .. math:: B = I - P \cdot \mathrm{diag}(1 / P_{jj}), \quad P = (X^T X + \lambda I)^{-1}

    A row with one entry only adds to the diagonal. Where fewer rows than columns are left, the
    smaller system of the rows is solved (the matrix inversion lemma): the same weights, for a
    fraction of the work.

    Parameters
    ----------
    X : csr_array, (n_rows, n_items), float32
        Rows are residents, or whatever else says which items go together.
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
    several = np.diff(wide.indptr) > 1
    alone, together = wide[~several], wide[several]
    if not together.nnz:
        return np.zeros((X.shape[1], X.shape[1]), np.float32)
    diagonal = regularization + np.bincount(
        alone.indices, weights=alone.data**2, minlength=X.shape[1]
    ).astype(np.float64)
    if together.shape[0] < together.shape[1]:
        inverse = _inverse_by_rows(together, diagonal)
    else:
        inverse = _inverse(together, diagonal)
    weights = (inverse / -np.diag(inverse)[None, :]).astype(np.float32)
    np.fill_diagonal(weights, 0.0)
    return np.ascontiguousarray(weights)


def _inverse(X: Wide, diagonal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert :math:`X^T X + D`."""
    G = np.asfortranarray((X.T @ X).toarray())
    G[np.diag_indices_from(G)] += diagonal
    return _inverted(G)


def _inverse_by_rows(X: Wide, diagonal: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Invert the same as :math:`D^{-1} - Z^T (I + X Z^T)^{-1} Z`, where :math:`Z = X D^{-1}`."""
    scaled = (X @ sp.diags_array(1.0 / diagonal)).tocsr()
    G = np.asfortranarray((X @ scaled.T).toarray())
    G[np.diag_indices_from(G)] += 1.0
    inverse = -np.asarray(scaled.T @ (_inverted(G) @ scaled), np.float64)
    inverse[np.diag_indices_from(inverse)] += 1.0 / diagonal
    return inverse


def _inverted(G: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert a positive definite matrix of column-major order, in place."""
    factor, info = scipy.linalg.lapack.dpotrf(G, lower=0, overwrite_a=1, clean=0)
    if info == 0:
        inverse, info = scipy.linalg.lapack.dpotri(factor, lower=0, overwrite_c=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"gram matrix is not positive definite (info {info})")
    for row in range(len(inverse)):  # only the upper triangle was filled
        inverse[row + 1 :, row] = inverse[row, row + 1 :]
    return np.asarray(inverse, np.float64)
