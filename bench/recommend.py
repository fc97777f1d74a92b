"""Time one feed: `python -m bench.recommend [--items 20000] [--residents 20000]`.

Prints the median of the pipeline, one BLAS thread, and of the plain way: every part scores every
item, every test looks at every item, everything is sorted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from graph.model import ItemId, RecId
from graph.view import ItemTable, View
from recommender.base import Query
from recommender.fitted import FittedModel
from recommender.pipeline import Recommender
from recommender.ranking import Weights
from recommender.ranking.blend import Blend
from recommender.ranking.eligibility import TESTS
from recommender.selection import PRIOR_WEIGHTS, Selection
from recommender.training import fit, with_reranker

CITY_DEGREES = 0.2
"""Side of the city: about 20 km, so that some 500 of 20,000 items are within 2 km."""


def city(n_residents: int, n_items: int, rng: np.random.Generator) -> View:
    """Make a city whose residents do things near home, 15 each."""
    n_tags = 60
    place = rng.random((n_items, 2)) * CITY_DEGREES + (31.1, 121.3)
    home = rng.random((n_residents, 2)) * CITY_DEGREES + (31.1, 121.3)
    cells = np.floor(place / 0.02).astype(int)
    order = np.lexsort((cells[:, 1], cells[:, 0]))
    rank = (rng.random((n_residents, 15)) ** 2 * 800).astype(int)
    start = np.searchsorted(place[order][:, 0], home[:, 0])
    items = order[(start[:, None] + rank) % n_items]
    rows = np.repeat(np.arange(n_residents), 15)
    pairs = (np.full(len(rows), 2.0, np.float32), (rows, items.reshape(-1)))
    X = sp.coo_array(pairs, shape=(n_residents, n_items)).tocsr()
    tags = sp.csr_array(
        (np.ones(n_items, np.float32), (np.arange(n_items), rng.integers(0, n_tags, n_items))),
        shape=(n_items, n_tags),
    )
    now = 1_780_000_000
    table = replace(
        ItemTable.of([f"item-{i}" for i in range(n_items)], n_interests=n_tags),
        tags=tags,
        lat=place[:, 0].astype(np.float32),
        lon=place[:, 1].astype(np.float32),
        starts=now + rng.integers(3600, 86_400 * 30, n_items),
        opened=now - rng.integers(0, 86_400 * 90, n_items),
        group=np.where(rng.random(n_items) < 0.7, rng.integers(0, n_items, n_items), -1).astype(
            np.int32
        ),
        life_category=rng.integers(0, 7, n_items).astype(np.int8),
    )
    view = View.of(X, items=table, home=home.astype(np.float32), as_of=now)
    likes = sp.random_array((n_residents, n_tags), density=0.05, rng=rng, dtype=np.float32)
    ties = sp.random_array((n_residents, n_residents), density=8 / n_residents, rng=rng)
    return replace(
        view,
        interests=sp.csr_array(likes),
        ties=sp.csr_array(ties + ties.T, dtype=np.float32),
        walk_limit=np.full(n_residents, 2_300, np.int32),
    )


def plain(model: FittedModel, query: Query) -> list[str]:
    """Rank without candidates: everything against everything."""
    rows = np.arange(len(query.items), dtype=np.int64)
    passes = np.logical_and.reduce([test(query, rows) for test in TESTS.values()])
    scores = np.where(passes, model.score(query)[0], -np.inf)
    return [str(query.items.ids[row]) for row in np.argsort(-scores)[:20]]


def median_ms(call: Callable[[Query], object], queries: list[Query]) -> tuple[float, float]:
    """Medians (wall, CPU) of one call per query, after a warm-up."""
    call(queries[0])
    times = []
    for query in queries:
        started = time.perf_counter(), time.thread_time()
        call(query)
        times.append((time.perf_counter() - started[0], time.thread_time() - started[1]))
    wall, cpu = np.median(np.array(times), axis=0) * 1000
    return float(wall), float(cpu)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--residents", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=200)
    args = parser.parse_args()
    rng = np.random.default_rng(2026)
    with threadpool_limits(limits=1):
        view = city(args.residents, args.items, rng)
        model = fit(view, Selection(Blend(PRIOR_WEIGHTS)), seed=0)
        model = with_reranker(model, view, Weights())
        rows = rng.integers(0, args.residents, args.requests)
        queries = [Query.from_view(view, rows[at : at + 1]) for at in range(args.requests)]
        served = Recommender(model)
        reach = np.mean([len(served.source.candidates(query)) for query in queries])

        def ask(query: Query) -> object:
            return served.recommend(query, mint=lambda item, reason: RecId(ItemId(item)), n=20)

        fast, slow = median_ms(ask, queries), median_ms(lambda q: plain(model, q), queries)
    sys.stdout.write(
        f"items {args.items}, candidates within reach {reach:.0f}\n"
        f"pipeline p50 {fast[0]:.2f} ms (CPU {fast[1]:.2f})\n"
        f"plain p50 {slow[0]:.2f} ms (CPU {slow[1]:.2f})\n"
        f"ratio of CPU {slow[1] / fast[1]:.1f}\n"
    )


if __name__ == "__main__":
    main()
