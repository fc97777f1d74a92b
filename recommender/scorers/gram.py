"""Item-item weights in closed form."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from graph.view import CSR

__all__ = ["ease"]


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
