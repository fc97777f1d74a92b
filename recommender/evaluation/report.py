"""How well the shipped model does: the warm test, and the test of residents without a history."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from graph.errors import NotFound
from graph.view import CSR, View
from recommender.base import Query, Scorer
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.metrics import coverage, gini, hit_ranks, ndcg_at, recall_at, top_k
from recommender.evaluation.splits import cold_cut
from recommender.fitted import FittedModel
from recommender.ranking.blend import HISTORY_BUCKETS, history_bucket
from recommender.scorers import SCORERS, PopularScorer
from recommender.selection import Progress, Selection, scorers_for, select
from recommender.training import fit, train

__all__ = [
    "BLEND",
    "Quality",
    "Trial",
    "compare",
    "evaluate",
    "evaluate_cold",
    "measure",
    "spread",
]

BLEND = "blend"
"""Name of the shipped model: all parts, with chosen weights."""

Quality = dict[str, NDArray[np.float64]]
"""Metric name -> value of each resident with a test item."""

_BATCH_CELLS = 1_000_000
_SOME = 200


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


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One model, fitted on the train part and asked about the test part."""

    dataset: Dataset
    model: str
    fitted: FittedModel | Scorer
    selection: Selection
    quality: Quality
    rows: NDArray[np.int64]
    """Residents with a test item, aligned with the values of ``quality``."""
    fit_s: float
    select_s: float
    fit_cpu_s: float
    cpu_s: float
    """CPU seconds of choosing, fitting and asking."""

    def report(self) -> dict[str, object]:
        """Tell what came out, in one JSON object.

        Returns
        -------
        dict
            Exactly ``dataset, task, model, recall@10, ndcg@10, recall@20, ndcg@20, stderr, users,
            fit_s, select_s, cpu_s, peak_rss_mib, by_history``. ``stderr`` holds the standard error
            of each metric over residents.
        """
        return {
            "dataset": self.dataset.name,
            "task": self.dataset.task,
            "model": self.model,
            **_told(self.quality),
            "users": len(self.rows),
            "fit_s": round(self.fit_s, 2),
            "select_s": round(self.select_s, 2),
            "cpu_s": round(self.cpu_s, 2),
            "peak_rss_mib": round(_peak_rss_mib()),
            "by_history": self.by_history(),
        }

    def by_history(self) -> dict[str, dict[str, object]]:
        """Tell how well residents with few items are served, and those with many."""
        lengths = np.diff(self.dataset.train.interactions.indptr)[self.rows].astype(np.int64)
        bucket = history_bucket(lengths)
        out: dict[str, dict[str, object]] = {}
        for code, label in enumerate(HISTORY_BUCKETS):
            own = {f"{m}@10": self.quality[f"{m}@10"][bucket == code] for m in _METRICS}
            out[label] = {**_told(own), "users": int((bucket == code).sum())}
        return out

    def chosen(self) -> dict[str, object]:
        """Tell what selection chose: weights by length of history, and hyper-parameters."""
        weights = {name: list(w) for name, w in self.selection.blend.weights.items() if any(w)}
        configs = {name: dict(config) for name, config in self.selection.configs.items()}
        return {"weights": weights, "settings": configs, **self.selection.chosen}

    def says_nothing(self) -> bool:
        """Tell whether it has all items alike, so that its figures are those of the items' order.

        Looked at for a few hundred of the residents.
        """
        rows = self.rows[:: 1 + len(self.rows) // _SOME]
        query = Query.from_view(self.dataset.train, rows)
        mask = query.history.toarray() > 0
        return not np.ptp(_scores(self.fitted, query, mask), axis=1).any()

    def by_item_history(self) -> dict[str, dict[str, object]]:
        """Tell how well the model finds items nobody took up before, and the others.

        Each is asked about alone, ranked among all candidates.
        """
        known = np.bincount(
            self.dataset.train.interactions.indices, minlength=self.dataset.train.n_items
        )
        out: dict[str, dict[str, object]] = {}
        for label, asked in (("new", known == 0), ("known", known > 0)):
            test = (self.dataset.test @ sp.diags_array(asked.astype(np.float32))).tocsr()
            test.eliminate_zeros()
            rows = np.flatnonzero(np.diff(test.indptr)).astype(np.int64)
            found = measure(
                self.fitted,
                self.dataset.train,
                test,
                rows,
                candidates=self.dataset.candidates,
                ks=(10,),
            )
            out[label] = {**_told(found), "users": len(rows)}
        return out


def evaluate(
    dataset: Dataset, *, model: str = BLEND, seed: int = 0, progress: Progress | None = None
) -> Trial:
    """Train on the train part, with what is chosen on a cut of it, and ask about the test part.

    Parameters
    ----------
    dataset : Dataset
    model : str
        The shipped blend, or the name of one part, with the hyper-parameters it has in the blend.
    seed : int
    progress : callable, optional

    Raises
    ------
    NotFound
        No part is called so.
    """
    return next(_trials(dataset, [model], seed=seed, progress=progress))


def compare(
    dataset: Dataset, *, seed: int = 0, progress: Progress | None = None
) -> Iterator[Trial]:
    """Evaluate the blend and every part, all chosen once."""
    return _trials(dataset, [BLEND, *SCORERS], seed=seed, progress=progress)


def _trials(
    dataset: Dataset, models: Sequence[str], *, seed: int, progress: Progress | None
) -> Iterator[Trial]:
    for name in models:
        if name not in {BLEND, *SCORERS}:
            raise NotFound(f"there is no model {name!r}; there are {', '.join((BLEND, *SCORERS))}")
    cpu, started = time.process_time(), time.perf_counter()
    with threadpool_limits(limits=1):
        selection = select(dataset.train, seed=seed, progress=progress)
    choosing, select_s = time.process_time() - cpu, time.perf_counter() - started
    for name in models:
        cpu, started = time.process_time(), time.perf_counter()
        with threadpool_limits(limits=1):
            fitted = _fitted(dataset.train, name, selection, seed=seed)
            fit_s, fit_cpu_s = time.perf_counter() - started, time.process_time() - cpu
            if progress is not None:
                progress(models.index(name), len(models), f"asking {name}")
            rows = np.flatnonzero(np.diff(dataset.test.indptr)).astype(np.int64)
            quality = measure(
                fitted, dataset.train, dataset.test, rows, candidates=dataset.candidates
            )
        yield Trial(
            dataset=dataset,
            model=name,
            fitted=fitted,
            selection=selection,
            quality=quality,
            rows=rows,
            fit_s=fit_s,
            select_s=select_s,
            fit_cpu_s=fit_cpu_s,
            cpu_s=choosing + time.process_time() - cpu,
        )


def _fitted(view: View, name: str, selection: Selection, *, seed: int) -> FittedModel | Scorer:
    if name == BLEND:
        return fit(view, selection, seed=seed)
    config = selection.configs.get(name, {})
    made = {scorer.name: scorer for scorer in scorers_for(view, selection.configs)}
    scorer = made[name] if name in made else SCORERS[name](**config)
    return scorer.fit(view, seed=seed)


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


def _told(quality: Quality) -> dict[str, object]:
    """Means over residents, and beside them their standard errors."""
    errors = {
        name: round(float(values.std() / max(len(values), 1) ** 0.5), 6) if len(values) else 0.0
        for name, values in quality.items()
    }
    return {**{name: _mean(values) for name, values in quality.items()}, "stderr": errors}


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()), 6) if len(values) else 0.0


def _peak_rss_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
