"""Fair to items and groups: roles and doing together first, attention where it is due.

Attention is what the places of a list get from who reads it from the top; it is amortised over
the lists of many residents, not made equal in each.

References
----------
A. Biega, K. Gummadi, G. Weikum, "Equity of attention: amortizing individual fairness in rankings",
SIGIR 2018. A. Singh, T. Joachims, "Fairness of exposure in rankings", KDD 2018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.model import ItemKind
from graph.view import ITEM_KINDS, ItemTable

__all__ = ["attention", "capacity", "dominance", "due", "helper", "merit", "provider"]

Rows = NDArray[np.int64]
_HELPER = ITEM_KINDS.index(ItemKind.HELPER_ROLE)


def helper(items: ItemTable, rows: Rows) -> NDArray[np.float32]:
    """1 for a helper role: who helps is somebody, and gets to know those helped."""
    out: NDArray[np.float32] = (items.kind[rows] == _HELPER).astype(np.float32)
    return out


def capacity(items: ItemTable, rows: Rows) -> NDArray[np.float32]:
    """-1 / seats left: the fewer seats, the fewer people need to see it; 0 without a limit."""
    left = items.seats_left[rows]
    return np.where(left > 0, -1.0 / np.maximum(left, 1), 0.0).astype(np.float32)


def attention(n: int) -> NDArray[np.float64]:
    """Attention of places 1 to n: 1 / log2(place + 1), as NDCG discounts them."""
    out: NDArray[np.float64] = 1.0 / np.log2(np.arange(n) + 2.0)
    return out


def merit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of one list's attention that each candidate is due: softmax of standardised scores.

    References
    ----------
    F. Diaz and others, "Evaluating stochastic rankings with expected exposure", CIKM 2020.
    """
    if not len(scores):
        return scores
    spread = float(scores.std()) or 1.0
    odds = np.exp((scores - scores.max()) / spread)
    out: NDArray[np.float64] = odds / odds.sum()
    return out


def provider(items: ItemTable, rows: Rows | None = None) -> Rows:
    """Item row of the group behind each of some items (all when left out), else the item's own."""
    rows = np.arange(len(items)) if rows is None else rows
    group = items.group[rows].astype(np.int64)
    return np.where((group >= 0) & (group < len(items)), group, rows)


def due(
    got: NDArray[np.float64], merits: NDArray[np.float64], behind: NDArray[np.int64]
) -> NDArray[np.float32]:
    r"""Attention that a provider is due over what it got, -1 to 1, for each item.

    .. math:: \log_2 \frac{M_g + \bar M}{A_g + \bar A}

    over providers g, both as shares; the means keep small numbers from deciding.

    Parameters
    ----------
    got, merits : NDArray[float64], (n_items,)
        Attention and merit, summed over lists.
    behind : NDArray[int64], (n_items,)
        The provider of each item.
    """
    providers, index = np.unique(behind, return_inverse=True)
    ratio = np.zeros(len(providers))
    if got.sum() > 0 and merits.sum() > 0:
        shares = [
            np.bincount(index, weights=part, minlength=len(providers)) / part.sum()
            for part in (merits, got)
        ]
        mean = 1.0 / len(providers)
        ratio = np.log2((shares[0] + mean) / (shares[1] + mean)).clip(-1.0, 1.0)
    out: NDArray[np.float32] = ratio[index].astype(np.float32)
    return out


def dominance(got: NDArray[np.float64]) -> NDArray[np.float32]:
    """How much of the attention an item takes already: 0 none to 1 the most, on a log scale."""
    most = float(got.max(initial=0.0))
    if most <= 0:
        return np.zeros(len(got), np.float32)
    mean = float(got.mean())
    out: NDArray[np.float32] = (np.log1p(got / mean) / np.log1p(most / mean)).astype(np.float32)
    return out
