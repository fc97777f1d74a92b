"""Ranking metrics as LightGCN's tables have them: full ranking, train items masked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.view import CSR

__all__ = ["coverage", "gini", "hit_ranks", "ndcg_at", "recall_at", "top_k"]


def hit_ranks(
    scores: NDArray[np.floating], wanted: CSR, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Rank of every wanted item among the unmasked ones, from 0; ties by item row.

    Parameters
    ----------
    scores : NDArray, (b, n_items)
    wanted : csr_array, (b, n_items)
        Entries are the items asked for.
    mask : NDArray[bool], (b, n_items), optional
        Items that are no candidates (the train items); a wanted one among them ranks last.

    Returns
    -------
    NDArray[int64], (wanted.nnz,)
        Aligned with ``wanted.indices``.
    """
    seen = scores if mask is None else np.where(mask, -np.inf, scores)
    owner = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
    out = np.empty(len(owner), np.int64)
    step = max(1, 4_000_000 // max(scores.shape[1], 1))
    columns = np.arange(scores.shape[1])
    for at in range(0, len(owner), step):
        rows, items = owner[at : at + step], wanted.indices[at : at + step]
        all_of_row = seen[rows]
        own = all_of_row[np.arange(len(rows)), items][:, None]
        ahead = (all_of_row > own) | ((all_of_row == own) & (columns < items[:, None]))
        out[at : at + step] = np.where(np.isneginf(own[:, 0]), len(columns), ahead.sum(axis=1))
    return out


def recall_at(ranks: NDArray[np.int64], wanted: CSR, k: int) -> NDArray[np.float64]:
    """Hits in the first k over the number of wanted items, per resident."""
    counts = np.diff(wanted.indptr)
    owner = np.repeat(np.arange(wanted.shape[0]), counts)
    hits = np.bincount(owner, weights=ranks < k, minlength=wanted.shape[0])
    out: NDArray[np.float64] = hits / np.maximum(counts, 1)
    return out


def ndcg_at(ranks: NDArray[np.int64], wanted: CSR, k: int) -> NDArray[np.float64]:
    """Discounted gain in the first k over the best possible, per resident.

    The best possible has ``min(k, wanted)`` hits in front.
    """
    counts = np.diff(wanted.indptr)
    owner = np.repeat(np.arange(wanted.shape[0]), counts)
    gain = np.where(ranks < k, 1.0 / np.log2(ranks + 2.0), 0.0)
    dcg = np.bincount(owner, weights=gain, minlength=wanted.shape[0])
    ideal = np.cumsum(1.0 / np.log2(np.arange(k) + 2.0))
    out: NDArray[np.float64] = dcg / ideal[np.clip(counts, 1, k) - 1]
    return out


def top_k(
    scores: NDArray[np.floating], k: int, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Best k items of each row, best first, ties by item row, (b, min(k, n_items))."""
    seen = scores if mask is None else np.where(mask, -np.inf, scores)
    return np.argsort(-seen, axis=1, kind="stable")[:, :k].astype(np.int64)


def coverage(lists: NDArray[np.int64], n_items: int) -> float:
    """Share of the items that stand in at least one list."""
    return len(np.unique(lists)) / max(n_items, 1)


def gini(lists: NDArray[np.int64], n_items: int) -> float:
    """How unequally the places are spread over items: 0 equal, towards 1 all for one."""
    counts = np.sort(np.bincount(lists.reshape(-1), minlength=n_items)).astype(np.float64)
    total = counts.sum()
    if total == 0:
        return 0.0
    ranks = np.arange(1, len(counts) + 1)
    return float((2 * ranks - len(counts) - 1) @ counts / (len(counts) * total))
