"""How well items are placed that opened a moment ago: nobody did them before."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from graph.view import CSR, View
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.report import measure
from recommender.evaluation.splits import in_fold, without_cells
from recommender.selection import Progress, select
from recommender.training import fit

__all__ = ["evaluate_new_items", "without_items"]

_LENGTH = 10
"""Places in the list."""


def without_items(
    view: View, *, fold: int, folds: int, salt: int
) -> tuple[View, NDArray[np.bool_]]:
    """Take every interaction with one hashed fold of the items; return (view, which items)."""
    which = in_fold(view.n_items, fold=fold, folds=folds, salt=salt)
    return without_cells(view, which[view.interactions.indices]).view, which


def evaluate_new_items(
    dataset: Dataset,
    *,
    seed: int = 0,
    folds: int = 5,
    most: int | None = None,
    progress: Progress | None = None,
) -> dict[str, object]:
    """Rank the items of each fold as if they had just opened, among themselves.

    What is left to go by is what the item says of itself, where it is, and who runs it. Reported
    against a list in random order. The weights are chosen once, without the first fold's items.

    Parameters
    ----------
    dataset : Dataset
    seed : int
    folds : int
        One model is fitted for each; 5 take a fifth of the items each.
    most : int, optional
        Ask about this many folds only.
    progress : callable, optional
    """
    found: dict[str, list[NDArray[np.float64]]] = {"recall": [], "ndcg": [], "chance": []}
    selection = None
    for fold in range(folds if most is None else min(most, folds)):
        view, which = without_items(dataset.train, fold=fold, folds=folds, salt=seed + 23)
        selection = selection or select(view, seed=seed, progress=progress)
        model = fit(view, selection, seed=seed, progress=progress)
        asked = which if dataset.candidates is None else which & dataset.candidates
        wanted = _columns(dataset.test, asked)
        rows = np.flatnonzero(np.diff(wanted.indptr)).astype(np.int64)
        with threadpool_limits(limits=1):
            quality = measure(model, view, wanted, rows, candidates=asked, ks=(_LENGTH,))
        found["recall"].append(quality[f"recall@{_LENGTH}"])
        found["ndcg"].append(quality[f"ndcg@{_LENGTH}"])
        found["chance"].append(np.full(len(rows), min(1.0, _LENGTH / max(int(asked.sum()), 1))))
    recall, ndcg, chance = (np.concatenate(values) for values in found.values())
    n = max(len(recall), 1)
    return {
        "dataset": dataset.name,
        "users": len(recall),
        f"recall@{_LENGTH}": round(float(recall.sum() / n), 6),
        f"ndcg@{_LENGTH}": round(float(ndcg.sum() / n), 6),
        f"chance_recall@{_LENGTH}": round(float(chance.sum() / n), 6),
        "ratio": round(float(recall.sum() / max(chance.sum(), 1e-12)), 4),
        "gain_se": round(float((recall - chance).std() / n**0.5) if len(recall) else 0.0, 6),
    }


def _columns(matrix: CSR, keep: NDArray[np.bool_]) -> CSR:
    """Keep the entries of these columns; the shape stays."""
    kept = keep[matrix.indices]
    before = np.append(0, np.cumsum(kept))
    parts = (matrix.data[kept], matrix.indices[kept], before[matrix.indptr])
    return cast("CSR", sp.csr_array(parts, shape=matrix.shape))
