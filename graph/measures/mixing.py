"""Whom ties reach: bridging and bonding, and how evenly ties spread over groups."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.measures.triangles import owners

__all__ = ["bonding_share", "bridging_share", "participation_coefficient"]


def bridging_share(ties: sp.csr_array, labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of the weight of a resident's ties that goes to people with another label.

    Labels are communities, grids, or a class of people such as an age band. A tie to somebody whose
    label is unknown counts on neither side.

    Parameters
    ----------
    ties : csr_array, (n, n)
        Weights above 0; give ties of weight 1 to count heads.
    labels : NDArray[int], (n,)
        Below 0 is unknown or not authorised.

    Returns
    -------
    NDArray[float64], (n,)
        0 to 1; NaN for a resident without a label or without a tie to anybody who has one.

    References
    ----------
    Putnam, R. (2000). Bowling Alone, chapter 1: bridging and bonding; the share is Linli's reading.
    """
    row = owners(ties)
    other = labels[ties.indices]
    known = (labels[row] >= 0) & (other >= 0)
    n = ties.shape[0]
    total = np.bincount(row, weights=ties.data * known, minlength=n)
    across = np.bincount(row, weights=ties.data * (known & (labels[row] != other)), minlength=n)
    share = np.full(n, np.nan)
    np.divide(across, total, out=share, where=total > 0)
    return share


def bonding_share(ties: sp.csr_array, labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of the weight of a resident's ties that stays within the label: 1 - bridging share.

    Parameters
    ----------
    ties : csr_array, (n, n)
    labels : NDArray[int], (n,)
        As for `bridging_share`.

    Returns
    -------
    NDArray[float64], (n,)

    References
    ----------
    Putnam, R. (2000). Bowling Alone, chapter 1.
    """
    return 1.0 - bridging_share(ties, labels)


def participation_coefficient(
    ties: sp.csr_array, labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    """1 - sum over labels c of (k_ic / k_i) squared, k_ic the weight of ties to people labelled c.

    0: all ties lead to one group; towards 1: spread evenly over many. Ties to people without a
    label are left out of k_i too. A resident's own label does not matter.

    Parameters
    ----------
    ties : csr_array, (n, n)
        Weights above 0; give ties of weight 1 to count heads.
    labels : NDArray[int], (n,)
        Below 0 is unknown or not authorised.

    Returns
    -------
    NDArray[float64], (n,)
        NaN for a resident without a tie to anybody who has a label.

    References
    ----------
    Guimera, R., Amaral, L. (2005). Functional cartography of complex metabolic networks.
    Nature 433.
    """
    n = ties.shape[0]
    known = np.flatnonzero(labels >= 0)
    width = int(labels[known].max()) + 1 if len(known) else 1
    member = sp.csr_array((np.ones(len(known)), (known, labels[known])), shape=(n, width))
    to_label = (ties.astype(np.float64) @ member).tocsr()
    row = owners(to_label)
    total = np.bincount(row, weights=to_label.data, minlength=n)
    squares = np.bincount(row, weights=to_label.data**2, minlength=n)
    concentration = np.full(n, np.nan)
    np.divide(squares, total**2, out=concentration, where=total > 0)
    return 1.0 - concentration
