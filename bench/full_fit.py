"""Fit a whole city's model beside plain ALS: `python -m bench.full_fit [--residents N]`.

A made-up city: items drawn by Zipf's law, half of them from the resident's own one of 200 clusters.
The shipped parts are fitted as training does after its choice; ALS is that of the implicit library,
64 factors, 10 iterations, on the same matrix. Each runs in a process of its own with one thread.
Prints seconds, CPU seconds and peak memory of both, and the ratio of their CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp

from graph.view import View
from recommender.ranking.blend import Blend
from recommender.selection import PRIOR_WEIGHTS, Selection
from recommender.training import fit

SIZES = ("residents", "items", "interactions")
CLUSTERS = 200
SEED = 2026


def city(residents: int, items: int, draws: int) -> sp.csr_array:
    """Draw who did what; what was drawn twice counts once."""
    rng = np.random.default_rng(SEED)
    chance = 1.0 / np.arange(1, items + 1) ** 0.8
    own = np.arange(items) % CLUSTERS  # of every cluster some popular and many rare items
    who = rng.integers(0, residents, draws, dtype=np.int32)
    what = rng.choice(items, draws, p=chance / chance.sum()).astype(np.int32)
    for cluster in range(CLUSTERS):
        within = np.flatnonzero(own == cluster)
        share = chance[within] / chance[within].sum()
        local = np.flatnonzero((who % CLUSTERS == cluster) & (rng.random(draws) < 0.5))
        what[local] = rng.choice(within, len(local), p=share)
    matrix = sp.coo_array((np.ones(draws, np.float32), (who, what)), shape=(residents, items))
    out = matrix.tocsr()
    out.data[:] = 1.0
    return out


def linli(X: sp.csr_array) -> None:
    """Fit every part that is shipped by default."""
    fit(View.of(X), Selection(Blend(PRIOR_WEIGHTS)), seed=SEED)


def implicit_als(X: sp.csr_array) -> None:
    """Fit the peer."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        model = AlternatingLeastSquares(
            factors=64, iterations=10, num_threads=1, random_state=SEED, use_gpu=False
        )
        model.fit(sp.csr_matrix(X), show_progress=False)


FITS = {"linli": linli, "implicit ALS": implicit_als}


def measured(name: str, residents: int, items: int, draws: int) -> dict[str, float]:
    """Fit one of them in this process."""
    X = city(residents, items, draws)
    cpu, started = time.process_time(), time.perf_counter()
    FITS[name](X)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "interactions": X.nnz,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_gib": round(peak / 2 ** (30 if sys.platform == "darwin" else 20), 2),
    }


def main() -> None:
    """Print one line each, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--interactions", type=int, default=20_000_000)
    parser.add_argument("--only", choices=list(FITS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        sys.stdout.write(
            json.dumps(measured(args.only, args.residents, args.items, args.interactions))
        )
        return
    found = {}
    for name in FITS:
        words = [f"--{word}={getattr(args, word)}" for word in SIZES]
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "bench.full_fit", *words, f"--only={name}"],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found[name] = json.loads(done.stdout)
        sys.stdout.write(f"{name}: {done.stdout}\n")
        sys.stdout.flush()
    ratio = found["linli"]["cpu_seconds"] / found["implicit ALS"]["cpu_seconds"]
    sys.stdout.write(f"CPU seconds, Linli over ALS alone: {ratio:.2f}\n")


if __name__ == "__main__":
    main()
