"""How well the shipped model does: the warm test, and the test of residents without a history."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from graph.view import CSR, View
from recommender.base import Query, Scorer
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.metrics import coverage, gini, hit_ranks, ndcg_at, recall_at, top_k
from recommender.evaluation.splits import cold_cut
from recommender.fitted import FittedModel
from recommender.ranking.blend import HISTORY_BUCKETS, history_bucket
from recommender.scorers import PopularScorer
from recommender.selection import Progress, select
from recommender.training import fit, train

__all__ = ["Quality", "evaluate", "evaluate_cold", "measure", "spread"]

Quality = dict[str, NDArray[np.float64]]
"""Metric name -> value of each resident with a test item."""

_BATCH_CELLS = 1_000_000


def measure(
    model: FittedModel | Scorer,
    view: View,
    test: CSR,
    rows: NDArray[np.int64],
    *,
    candidates: NDArray[np.bool_] | None = None,
    ks: tuple[int, ...] = (10, 20),
) -> Quality:
    """Rank all candidates for each resident, train items masked.

    Parameters
    ----------
    model : FittedModel or Scorer
    view : View
        What the residents' queries are made from.
    test : csr_array, (n_residents, n_items)
    rows : NDArray[int64]
        Residents with at least one test item.
    candidates : NDArray[bool], (n_items,), optional
        All items when left out.
    ks : tuple of int
        Lengths of the list.
    """
    out: dict[str, list[NDArray[np.float64]]] = {f"{m}@{k}": [] for k in ks for m in _METRICS}
    step = max(1, _BATCH_CELLS // max(view.n_items, 1))
    for at in range(0, len(rows), step):
        query = Query.from_view(view, rows[at : at + step])
        mask = query.history.toarray() > 0
        if candidates is not None:
            mask |= ~candidates
        wanted = test[query.rows]
        ranks = hit_ranks(_scores(model, query, mask), wanted, mask)
        for k in ks:
            for name, metric in _METRICS.items():
                out[f"{name}@{k}"].append(metric(ranks, wanted, k))
    return {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in out.items()}


_METRICS = {"recall": recall_at, "ndcg": ndcg_at}


def _scores(
    model: FittedModel | Scorer, query: Query, mask: NDArray[np.bool_]
) -> NDArray[np.floating]:
    if isinstance(model, FittedModel):
        return model.score(query, mask=mask)
    return model.score(query)


def evaluate(
    dataset: Dataset, *, seed: int = 0, progress: Progress | None = None
) -> dict[str, object]:
    """Train with shipped defaults on the train part and report on the whole test part.

    Returns
    -------
    dict
        Exactly ``dataset, task, model, recall@10, ndcg@10, recall@20, ndcg@20, users, fit_s,
        select_s, cpu_s, peak_rss_mib, by_history``.
    """
    cpu, started = time.process_time(), time.perf_counter()
    with threadpool_limits(limits=1):
        selection = select(dataset.train, seed=seed, progress=progress)
        selected = time.perf_counter()
        model = fit(dataset.train, selection, seed=seed, progress=progress)
        fitted = time.perf_counter()
        rows = np.flatnonzero(np.diff(dataset.test.indptr)).astype(np.int64)
        quality = measure(model, dataset.train, dataset.test, rows, candidates=dataset.candidates)
    bucket = history_bucket(np.diff(dataset.train.interactions.indptr)[rows].astype(np.int64))
    names = ("recall@10", "ndcg@10", "recall@20", "ndcg@20")
    return {
        "dataset": dataset.name,
        "task": dataset.task,
        "model": "+".join(scorer.name for scorer in model.scorers),
        **{name: _mean(quality[name]) for name in names},
        "users": len(rows),
        "fit_s": round(fitted - selected, 2),
        "select_s": round(selected - started, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "peak_rss_mib": round(_peak_rss_mib()),
        "by_history": {
            label: {
                "recall@10": _mean(quality["recall@10"][bucket == code]),
                "ndcg@10": _mean(quality["ndcg@10"][bucket == code]),
                "users": int((bucket == code).sum()),
            }
            for code, label in enumerate(HISTORY_BUCKETS)
        },
    }


def evaluate_cold(
    dataset: Dataset,
    *,
    seed: int = 0,
    folds: int = 5,
    most: int | None = None,
    progress: Progress | None = None,
) -> dict[str, object]:
    """Take the whole train history from each hashed fold of residents in turn, and ask about them.

    Reported against popularity in the same cut, for the shipped model (1) from home alone and (2)
    from home and declared interests, as a newcomer ticks them at sign-up. Where a data set has no
    declarations they are simulated: at most five subjects, the most frequent ones of the removed
    train history, never of the test items. Residents who are trained on declare nothing.

    Parameters
    ----------
    dataset : Dataset
    seed : int
    folds : int
        One model is trained for each; 5 take a fifth of the residents each.
    most : int, optional
        Ask about this many folds only.
    progress : callable, optional
    """
    found: dict[str, list[Quality]] = {"popular": [], "home": [], "declared": []}
    rows = np.flatnonzero(np.diff(dataset.test.indptr) > 0).astype(np.int64)
    for fold in range(folds if most is None else min(most, folds)):
        view, lost = cold_cut(dataset.train, fold=fold, folds=folds, salt=seed + 17)
        model = train(view, seed=seed, progress=progress)
        asked: Mapping[str, tuple[FittedModel | Scorer, View]] = {
            "popular": (PopularScorer().fit(view, seed=seed), view),
            "home": (model, view),
            "declared": (model, replace(view, interests=_declared(dataset.train, lost))),
        }
        with threadpool_limits(limits=1):
            for name, (scorer, seen) in asked.items():
                found[name].append(
                    measure(
                        scorer,
                        seen,
                        dataset.test,
                        rows[lost[rows]],
                        candidates=dataset.candidates,
                        ks=(10,),
                    )
                )
    out: dict[str, object] = {
        "dataset": dataset.name,
        "users": sum(len(quality["recall@10"]) for quality in found["popular"]),
        "declared": "simulated: at most 5 subjects of the removed train history",
    }
    base = np.concatenate([q["recall@10"] for q in found["popular"]])
    for name, qualities in found.items():
        recall = np.concatenate([q["recall@10"] for q in qualities])
        ndcg = np.concatenate([q["ndcg@10"] for q in qualities])
        gain_se = float((recall - base).std() / max(len(base), 1) ** 0.5)
        out[f"{name}_recall@10"], out[f"{name}_ndcg@10"] = _mean(recall), _mean(ndcg)
        if name != "popular":
            out[f"{name}_ratio"] = round(float(recall.mean() / max(base.mean(), 1e-12)), 4)
            out[f"{name}_gain_se"] = round(gain_se, 6)
    return out


def _declared(view: View, who: NDArray[np.bool_], most: int = 5) -> CSR:
    """Most frequent subjects of what these residents did, as declared interests of weight 1."""
    ones = view.interactions.sign()
    counts = (sp.diags_array(who.astype(np.float32)) @ (ones @ view.items.tags)).tocsr()
    counts.eliminate_zeros()
    owner = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    order = np.lexsort((counts.indices, -counts.data, owner))
    kept = order[np.arange(len(order)) - counts.indptr[owner[order]] < most]
    cells = (np.ones(len(kept), np.float32), (owner[kept], counts.indices[kept]))
    return sp.coo_array(cells, shape=counts.shape).tocsr()


def spread(
    model: FittedModel, view: View, rows: NDArray[np.int64], *, k: int = 10
) -> dict[str, float]:
    """Coverage and Gini of the top-k lists of some residents."""
    query = Query.from_view(view, rows)
    mask = query.history.toarray() > 0
    lists = top_k(model.score(query, mask=mask), k, mask)
    return {"coverage": coverage(lists, view.n_items), "gini": gini(lists, view.n_items)}


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()), 6) if len(values) else 0.0


def _peak_rss_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
