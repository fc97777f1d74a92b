"""What a resident's ties hold: clustering, support, effective size, constraint, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.measures.triangles import Triangles, owners, triangles

__all__ = ["SocialCapital", "social_capital", "ties_within"]


@dataclass(frozen=True, slots=True, eq=False)
class SocialCapital:
    """Measures per resident, (n,), float64; NaN where a measure says nothing (too few ties)."""

    degree: NDArray[np.int64]
    """Number of ties, k."""
    clustering: NDArray[np.float64]
    """t / (k (k - 1) / 2), t triangles: do my friends know each other? Needs two ties."""
    support: NDArray[np.float64]
    """Share of my ties whose ends have a friend in common. Needs one tie."""
    effective_size: NDArray[np.float64]
    """Ties less what they repeat of each other; k - 2t / k if all weights are 1. Needs one tie."""
    constraint: NDArray[np.float64]
    """Towards 0: many separate circles; towards 1 and above: one circle. Needs one tie."""


def social_capital(ties: sp.csr_array) -> SocialCapital:
    """Measure everybody's ties, in one pass over the triangles.

    With w_ij the weight of a tie, s_i the sum and m_i the largest of the weights of i, and
    p_ij = w_ij / s_i:

    * effective size of i: sum over j of 1 - sum over q of p_iq w_jq / m_j, q known to both;
    * constraint of i: sum over j of (p_ij + sum over q of p_iq p_qj) squared, j and q friends of i.

    Clustering and support look at who is tied, not at weights.

    Parameters
    ----------
    ties : csr_array, (n, n)
        Symmetric, weights above 0, columns sorted, no entry twice, nobody tied to themselves.
        Ties that their ends did not authorise for the purpose at hand are absent.

    Returns
    -------
    SocialCapital

    Raises
    ------
    ValueError
        If the ties are not as said.

    References
    ----------
    Clustering: Watts, D., Strogatz, S. (1998). Collective dynamics of small-world networks.
    Nature 393. Support: Chetty, R. et al. (2022). Social capital I. Nature 608. Effective size and
    constraint: Burt, R. (1992). Structural Holes. k - 2t / k: Borgatti, S. (1997). Structural
    holes: unpacking Burt's redundancy measures. Connections 20.
    """
    found = triangles(ties)
    degree = np.diff(ties.indptr).astype(np.int64)
    strength = ties.sum(axis=1, dtype=np.float64)
    per_pair = _of_residents(found, found.shared)
    supported = _of_residents(found, found.shared > 0)
    invested = _of_residents(found, (found.weight + found.through) ** 2)
    return SocialCapital(
        degree=degree,
        clustering=_over(per_pair, degree * (degree - 1)),
        support=_over(supported, degree),
        effective_size=degree - _over(found.redundant, strength),
        constraint=_over(invested, strength**2),
    )


def ties_within(ties: sp.csr_array, labels: NDArray[np.integer]) -> sp.csr_array:
    """Ties whose ends have the same label: `social_capital` of them measures each area by itself.

    Chetty's support ratio and clustering of an area count its own people only. Areas do not touch,
    so one pass measures all of them.

    Parameters
    ----------
    ties : csr_array, (n, n)
    labels : NDArray[int], (n,)
        Grid, group or community of each resident; below 0 is none.

    Returns
    -------
    csr_array, (n, n)
    """
    row = owners(ties)
    inside = (labels[row] == labels[ties.indices]) & (labels[row] >= 0)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(row[inside], minlength=ties.shape[0]))))
    return sp.csr_array((ties.data[inside], ties.indices[inside], indptr), shape=ties.shape)


def _of_residents(found: Triangles, of_tie: NDArray[np.generic]) -> NDArray[np.number]:
    """Add up what is known of ties at both of their ends."""
    n = len(found.redundant)
    at_one = np.bincount(found.one, weights=of_tie, minlength=n)
    return at_one + np.bincount(found.other, weights=of_tie, minlength=n)


def _over(part: NDArray[np.number], whole: NDArray[np.number]) -> NDArray[np.float64]:
    """Divide, NaN where there is nothing to divide by."""
    out = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out
