"""How deep in the network a resident is: the k-core."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["core_numbers"]


def core_numbers(ties: sp.csr_array) -> NDArray[np.int64]:
    """Largest k such that the resident is in a set whose members each have k ties inside it.

    Peels: whoever has k ties or fewer left goes, with their ties, until only more than k are left.
    0 is somebody without ties; 1 hangs on by a thread, however many such threads there are.

    Parameters
    ----------
    ties : csr_array, (n, n)
        Symmetric, no entry twice, nobody tied to themselves. Weights do not count.

    Returns
    -------
    NDArray[int64], (n,)

    References
    ----------
    Seidman, S. (1983). Network structure and minimum degree. Social Networks 5.
    """
    left = np.diff(ties.indptr).astype(np.int64)
    core = np.zeros(len(left), np.int64)
    staying = np.arange(len(left))
    k = 0
    while len(staying):
        k = max(k, int(left[staying].min()))
        going = staying[left[staying] <= k]
        while len(going):
            core[going] = k
            left[going] = -1
            touched, times = np.unique(_neighbours(ties, going), return_counts=True)
            here = left[touched] >= 0
            touched, times = touched[here], times[here]
            left[touched] -= times
            going = touched[left[touched] <= k]
            left[going] = np.maximum(left[going], 0)
        staying = staying[left[staying] >= 0]
    return core


def _neighbours(ties: sp.csr_array, rows: NDArray[np.int64]) -> NDArray[np.integer]:
    """Return the neighbours of some residents, once per tie."""
    sizes = ties.indptr[rows + 1] - ties.indptr[rows]
    before = np.cumsum(sizes) - sizes
    at = np.repeat(ties.indptr[rows] - before, sizes) + np.arange(sizes.sum())
    neighbours: NDArray[np.integer] = ties.indices[at]
    return neighbours
