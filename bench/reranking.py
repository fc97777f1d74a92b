"""What each aim of re-ranking costs and gains: `python -m bench.reranking FOLDER [--home HOME]`.

FOLDER is a published data set, such as ``meetup-dc/events``, whose test part is asked about; HOME a
home that was made by ``linli demo --no-serve``, of whose residents a fifth of each history is
hidden. A model is trained, its scores are kept, and the lists are made anew for every weight alone
and for all of them. Costs are paired with the plain order of the scores, with standard errors.
A published data set has no ties: two residents who took part together in two or more small items
of the train part count as tied.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from api.wiring import load_config, open_floors
from graph.gate import training_view
from graph.snapshot import current_snapshot, open_snapshot
from graph.view import CSR, View
from recommender.base import Query
from recommender.evaluation.datasets import read_dataset
from recommender.evaluation.metrics import coverage, gini
from recommender.evaluation.splits import cell_hash, validation_cut
from recommender.exposure import expected_exposure
from recommender.fitted import FittedModel
from recommender.ranking import SocialReranker, Weights
from recommender.ranking.bridging import mutual_ties, tied
from recommender.ranking.fairness import attention, helper, provider
from recommender.scorers.popular import TOOK_PART
from recommender.training import train

SEED = 2026
PLACES, TOP = 20, 10
SMALL = 30
"""People of an item through which residents get to know each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One resident, the candidates with their scores, and what was hidden."""

    query: Query
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    hidden: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A view, what was hidden from it, and what can be asked for."""

    name: str
    view: View
    hidden: CSR
    candidates: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """What one setting showed to everybody."""

    recall: NDArray[np.float64]
    ndcg: NDArray[np.float64]
    shown: NDArray[np.int64]
    """(residents, PLACES) item rows."""


def published(folder: Path) -> Trial:
    """Read a data set, with ties from doing small things together."""
    dataset = read_dataset(folder)
    X = dataset.train.interactions.sign()
    X.data[np.bincount(X.indices, minlength=X.shape[1])[X.indices] > SMALL] = 0.0
    X.eliminate_zeros()
    together = (X @ X.T).tocsr()
    together.setdiag(0.0)
    together.data = (together.data >= 2).astype(np.float32)
    together.eliminate_zeros()
    done = dataset.train.interactions
    sure = done * np.float32(TOOK_PART / done.data.min())  # whoever is in the data took part
    view = replace(dataset.train, interactions=sure, ties=sp.csr_array(together))
    asked = dataset.candidates
    every = np.ones(view.n_items, np.bool_)
    return Trial(dataset.name, view, dataset.test, every if asked is None else asked)


def demo_city(home: Path) -> Trial:
    """Open a demo home as training does, and hide a fifth of each history."""
    with open_floors(load_config(home=home)) as floors:
        folder = floors.home.snapshots
        snapshot = open_snapshot(folder, current_snapshot(folder))
        view = training_view(floors.gate, floors.ledger, floors.site.actor, snapshot)
        cut = validation_cut(view, share=0.2, cold=0.1, salt=SEED + 5)
        return Trial("demo city", cut.view, cut.hidden, np.ones(view.n_items, np.bool_))


def ask(trial: Trial, model: FittedModel, most: int) -> list[Asked]:
    """Score all candidates but the own ones for some residents."""
    rows = np.flatnonzero(np.diff(trial.hidden.indptr)).astype(np.int64)
    rows = np.sort(rows[np.argsort(cell_hash(rows, 0, SEED), kind="stable")][:most])
    out = []
    for row in rows:
        query = Query.from_view(trial.view, np.array([row]))
        mask = (query.history.toarray() > 0) | ~trial.candidates
        scores = model.score(query, mask=mask)[0]
        free = np.flatnonzero(~mask[0])
        wanted = frozenset(trial.hidden[[row]].indices.tolist())
        out.append(Asked(query, free, scores[free].astype(np.float32), wanted))
    return out


def make_lists(asked: list[Asked], reranker: SocialReranker) -> Lists:
    """Make everybody's list, and see what was found again among the first TOP."""
    recall, ndcg, shown = [], [], []
    discount = attention(TOP)
    for one in asked:
        listed = one.rows[reranker.rerank(one.query, one.rows, one.scores, PLACES)]
        hits = np.array([item in one.hidden for item in listed[:TOP].tolist()])
        recall.append(hits.sum() / len(one.hidden))
        ndcg.append(discount[: len(hits)][hits].sum() / discount[: len(one.hidden)].sum())
        shown.append(listed)
    return Lists(np.array(recall), np.array(ndcg), np.array(shown))


def paired(now: NDArray[np.float64], before: NDArray[np.float64]) -> str:
    """Relative difference of two means in per cent, with its standard error."""
    gain = (now - before) / max(before.mean(), 1e-12) * 100
    return f"{gain.mean():+.1f} ± {gain.std() / len(gain) ** 0.5:.1f}"


def figures(
    lists: Lists, plain: Lists, asked: list[Asked], knows: SocialReranker
) -> Mapping[str, str]:
    """Cost and gains of one setting."""
    items = asked[0].query.items
    shown = lists.shown
    seen = np.tile(attention(PLACES), (len(shown), 1))
    behind = provider(items)
    people = np.bincount(behind, weights=knows.tables_["people"], minlength=len(items))
    sizes = people[np.unique(behind)]
    small = people[behind] <= np.median(sizes)
    others = [tied(knows.ties_, one.query) for one in asked]
    mutual = np.array(
        [mutual_ties(knows.took_part_, o, row) for o, row in zip(others, shown, strict=True)]
    )
    lonely = np.array([len(o) <= 1 for o in others])
    circle = items.participatory[shown] & (knows.tables_["people"][shown] <= SMALL)
    left = items.seats_left[shown]
    categories = [len(set(row[row >= 0].tolist())) for row in items.life_category[shown]]
    return {
        "recall@10, %": paired(lists.recall, plain.recall),
        "ndcg@10, %": paired(lists.ndcg, plain.ndcg),
        "coverage": f"{coverage(shown, len(items)):.3f}",
        "gini": f"{gini(shown, len(items)):.3f}",
        "small groups": f"{(seen * small[shown]).sum() / seen.sum():.3f}",
        "bridging": f"{((mutual >= 1) & (mutual <= 4)).mean():.3f}",
        "circles, few ties": f"{circle[lonely].mean():.3f}" if lonely.any() else "0",
        "participatory": f"{items.participatory[shown].mean():.3f}",
        "helper": f"{helper(items, shown.reshape(-1)).mean():.3f}",
        "nearly full": f"{((left > 0) & (left <= 3)).mean():.3f}",
        "categories": f"{np.mean(categories):.2f}",
    }


def settings(chosen: Weights) -> Iterator[tuple[str, Weights]]:
    """Yield each weight alone, and all of them."""
    for name, weight in chosen.table().items():
        yield f"{name} {weight:g}", replace(Weights.none(), **{name: weight})
    yield "all", chosen


def run(trial: Trial, chosen: Weights, most: int) -> None:
    """Train, make the lists of every setting, and print a table."""
    model = train(trial.view, seed=SEED, weights=Weights.none())
    asked = ask(trial, model, most)
    exposure = expected_exposure(model, trial.view, seed=SEED)
    every = replace(Weights.none(), bridging=1.0)  # fitted with ties, to look things up
    knows = SocialReranker(every).fit(trial.view)
    plain = make_lists(asked, SocialReranker(Weights.none()))
    rows, mute = [("plain order", figures(plain, plain, asked, knows))], []
    for name, weights in settings(chosen):
        reranker = SocialReranker(weights).fit(trial.view).fit_attention(trial.view, *exposure)
        lists = make_lists(asked, reranker)
        if np.array_equal(lists.shown, plain.shown):
            mute.append(name)
        else:
            rows.append((name, figures(lists, plain, asked, knows)))
    sys.stdout.write(
        f"\n{trial.name}: {len(asked)} residents, recall@10 {plain.recall.mean():.4f}, "
        f"ndcg@10 {plain.ndcg.mean():.4f} in the plain order\n\n"
    )
    heads = [head for head in rows[0][1] if any(float(f[head].split()[0]) for _, f in rows)]
    sys.stdout.write("| weight | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1) + "\n")
    for name, found in rows:
        sys.stdout.write(f"| {name} | " + " | ".join(found[head] for head in heads) + " |\n")
    if mute:
        sys.stdout.write(f"\nChange nothing here: {', '.join(mute)}.\n")


def main() -> None:
    """Print one table per data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--weights", default="", help="what differs from the defaults")
    parser.add_argument("--most", type=int, default=2_000, help="residents asked about at most")
    args = parser.parse_args()
    with threadpool_limits(limits=1):
        for folder in args.folders:
            run(published(folder), Weights.parse(args.weights), args.most)
        if args.home is not None:
            run(demo_city(args.home), Weights.parse(args.weights), args.most)


if __name__ == "__main__":
    main()
