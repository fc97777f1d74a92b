"""Who takes part, and which ties last."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.measures.triangles import owners

__all__ = ["PERSISTENCE_DAYS", "ties_persisting", "took_part"]

PERSISTENCE_DAYS = (30, 90, 180)

_DAY = 86_400


def took_part(
    attendance: sp.csr_array, counted: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """1 for residents who took part in one of the counted items, 0 for the others, NaN unknown.

    The mean over an area is a rate: the **volunteering rate** if helper roles and voluntary work
    are counted, the rate of **civic participation** if assemblies, compacts and committees are.

    Parameters
    ----------
    attendance : csr_array, (n, items)
        An entry above 0 is: took part. Build it for the period that the rate is about.
    counted : NDArray[bool], (items,)
        The items that the rate is about.
    known : NDArray[bool], (n,)
        Residents who authorised attendance for statistics: the others are unknown, not absent.

    Returns
    -------
    NDArray[float64], (n,)

    References
    ----------
    Chetty, R. et al. (2022). Social capital I. Nature 608: volunteering rate, civic organisations.
    """
    did = counted[attendance.indices] & (attendance.data > 0)
    times = np.bincount(owners(attendance), weights=did, minlength=attendance.shape[0])
    return np.where(known, (times > 0).astype(np.float64), np.nan)


def ties_persisting(
    formed: NDArray[np.integer],
    last_active: NDArray[np.integer],
    *,
    as_of: int,
    days: int,
) -> NDArray[np.float64]:
    """1 for ties still active that many days after they formed, 0 for lapsed ones, NaN too early.

    A tie is active as long as its ends do something together: it persists if they did so `days` or
    more after it formed. A younger tie that has not come so far yet is unknown and not lapsed, as
    leaving it in as 0 would make every growing neighbourhood look fickle. A tie that reached `days`
    reached them whatever happens later.

    Parameters
    ----------
    formed, last_active : NDArray[int], (ties,)
        Seconds since 1970: the first and the last time that the two took part together.
    as_of : int, keyword
        Seconds since 1970: up to when activity is known.
    days : int, keyword
        One of PERSISTENCE_DAYS, or any other number above 0.

    Returns
    -------
    NDArray[float64], (ties,)
        The mean over the ties of an area is their persistence.

    Raises
    ------
    ValueError
        If a tie was last active before it formed or after `as_of`.

    References
    ----------
    Burt, R. (2000). Decay functions. Social Networks 22: the share of ties that are still there.
    """
    if np.any(last_active < formed) or np.any(last_active > as_of):
        raise ValueError("a tie was last active before it formed or after as_of: check the times")
    due = formed + days * _DAY
    return np.where(due > as_of, np.nan, (last_active >= due).astype(np.float64))
