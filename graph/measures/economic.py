"""Ties across economic lines: connectedness, and whether circles or choices hold it back.

Nobody's income is known here. The proxy for economic status is the class of the occupation and the
level of education, each only if the resident authorised it for statistics: **callers read both
through a grant with purpose statistics, and give NaN or -1 for everybody else.** What comes out per
resident is for `graph.measures.aggregate.summarise`, which hides what fewer than 20 people stand
behind; it is never shown for one person.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.measures.triangles import owners

__all__ = [
    "HIGH",
    "LOW",
    "UNKNOWN",
    "economic_connectedness",
    "economic_status",
    "exposure",
    "friending_bias",
    "ties_in_groups",
]

UNKNOWN, LOW, HIGH = -1, 0, 1

_ARCS_AT_ONCE = 1 << 18


def economic_status(
    occupation_class: NDArray[np.floating], education: NDArray[np.floating]
) -> NDArray[np.int8]:
    """Tell who is in the upper half, from occupation class and education.

    Each proxy becomes a rank between 0 and 1 among those who have it (equal values share the middle
    of their ranks), a resident's rank is the mean of the known ones, and above the median is high.

    Parameters
    ----------
    occupation_class, education : NDArray[float], (n,)
        Higher is better off, such as the skill level of an ISCO-08 class (1-4) and the ISCED level
        (0-8). NaN is unknown or not authorised for statistics.

    Returns
    -------
    NDArray[int8], (n,)
        HIGH, LOW or UNKNOWN. Coarse classes leave somewhat less than half of the people high.

    References
    ----------
    Chetty, R. et al. (2022). Social capital I. Nature 608: a composite index, split at its median.
    """
    ranks = np.stack([_rank(occupation_class), _rank(education)])
    known = ~np.isnan(ranks)
    count = known.sum(axis=0)
    total = np.where(known, ranks, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    status = np.full(len(count), UNKNOWN, np.int8)
    some = count > 0
    if some.any():
        status[some] = np.where(mean[some] > np.median(mean[some]), HIGH, LOW)
    return status


def economic_connectedness(ties: sp.csr_array, status: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of high-status people among a low-status resident's friends, over that among all.

    1 is as many as chance would give, 0 none. (In the source the divisor is .5, as half are high by
    construction; here it is the share of high among all residents whose status is known.)

    Parameters
    ----------
    ties : csr_array, (n, n)
        Who is tied to whom; friends count once, whatever the weight.
    status : NDArray[int], (n,)
        HIGH, LOW, or UNKNOWN, also for those who did not authorise statistics.

    Returns
    -------
    NDArray[float64], (n,)
        NaN for everybody but low-status residents with a friend whose status is known. The mean
        over an area is its economic connectedness.

    References
    ----------
    Chetty, R. et al. (2022). Social capital I: measurement and associations with economic mobility.
    Nature 608.
    """
    row, other = owners(ties), status[ties.indices]
    n = ties.shape[0]
    high = np.bincount(row, weights=other == HIGH, minlength=n)
    known = np.bincount(row, weights=other != UNKNOWN, minlength=n)
    return _of_low(high, known, status)


def exposure(membership: sp.csr_array, status: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean share of high-status members in a low-status resident's groups, over that among all.

    What economic connectedness would be if people befriended their fellow members by lot.

    Parameters
    ----------
    membership : csr_array, (n, groups)
        Any entry is a membership; groups, activities, buildings.
    status : NDArray[int], (n,)
        HIGH, LOW or UNKNOWN.

    Returns
    -------
    NDArray[float64], (n,)
        NaN for everybody but low-status residents in a group.

    References
    ----------
    Chetty, R. et al. (2022). Social capital II: determinants of economic connectedness. Nature 608.
    """
    row, group = owners(membership), membership.indices
    width = membership.shape[1]
    high = np.bincount(group, weights=status[row] == HIGH, minlength=width)
    known = np.bincount(group, weights=status[row] != UNKNOWN, minlength=width)
    share = np.divide(high, known, out=np.zeros(width), where=known > 0)
    n = len(status)
    total = np.bincount(row, weights=share[group], minlength=n)
    counted = np.bincount(row, weights=known[group] > 0, minlength=n)
    return _of_low(total, counted, status)


def ties_in_groups(ties: sp.csr_array, membership: sp.csr_array) -> sp.csr_array:
    """Ties whose ends share a group: those that friending bias is about.

    Parameters
    ----------
    ties : csr_array, (n, n)
    membership : csr_array, (n, groups)
        Any entry is a membership.

    Returns
    -------
    csr_array, (n, n)
    """
    row = owners(ties)
    member = membership.astype(bool)
    together = np.zeros(ties.nnz, np.bool_)
    for start in range(0, ties.nnz, _ARCS_AT_ONCE):
        some = slice(start, start + _ARCS_AT_ONCE)
        common = member[row[some]].multiply(member[ties.indices[some]])
        together[some] = common.sum(axis=1) > 0
    indptr = np.concatenate(([0], np.cumsum(np.bincount(row[together], minlength=ties.shape[0]))))
    return sp.csr_array((ties.data[together], ties.indices[together], indptr), shape=ties.shape)


def friending_bias(
    befriended: NDArray[np.floating], exposed: NDArray[np.floating]
) -> NDArray[np.float64]:
    """1 - befriended / exposed: how far friendships fall short of what the groups would allow.

    0: friends are as mixed as the groups; 1: no friends across the line; below 0: more than by lot.

    Parameters
    ----------
    befriended : NDArray[float], any shape
        `economic_connectedness` of `ties_in_groups`: per resident, or, less noisy, its mean per
        area.
    exposed : NDArray[float], same shape
        `exposure`, per resident or its mean per area.

    Returns
    -------
    NDArray[float64], same shape
        NaN where nobody is exposed or either is unknown.

    References
    ----------
    Chetty, R. et al. (2022). Social capital II: determinants of economic connectedness. Nature 608.
    """
    ratio = np.full(np.shape(exposed), np.nan)
    np.divide(befriended, exposed, out=ratio, where=np.asarray(exposed) > 0)
    return 1.0 - ratio


def _of_low(
    total: NDArray[np.number], counted: NDArray[np.number], status: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Divide for low-status residents, relative to the share of high among all who are known."""
    high, known = np.sum(status == HIGH), np.sum(status != UNKNOWN)
    out = np.full(len(status), np.nan)
    if high:
        whole = counted * (high / known)
        np.divide(total, whole, out=out, where=(status == LOW) & (counted > 0))
    return out


def _rank(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Middle rank of each value among the known ones, between 0 and 1."""
    out = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    _, which, count = np.unique(values[known], return_inverse=True, return_counts=True)
    middle = (np.cumsum(count) - count / 2) / max(int(known.sum()), 1)
    out[known] = middle[which]
    return out
