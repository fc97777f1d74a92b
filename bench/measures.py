"""Time social capital: `python -m bench.measures [--residents 100000] [--peer igraph|networkx]`.

A planted city with 10 ties per resident (a mean degree of 20), three in five of them inside circles
of 30 to 300. Our pass gives everybody's clustering, support, effective size and constraint; the
peer is asked for constraint alone. CPU seconds, medians, in turns; what both compute is compared.

igraph is GPL and no dependency: `pip install igraph` into the environment of the bench. networkx
holds a matrix of residents x residents, so ask it with some 3,000 residents.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import networkx as nx
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from graph.measures.cores import core_numbers
from graph.measures.social_capital import social_capital
from graph.measures.triangles import owners

T = TypeVar("T")

SEED = 2026
INSIDE = 0.6
TIES_EACH = 10


def city(n: int, rng: np.random.Generator) -> sp.csr_array:
    """Plant circles and tie their people, mostly among themselves."""
    sizes = rng.integers(30, 301, n // 30 + 1)
    ends = np.cumsum(sizes)
    one = rng.integers(0, n, n * TIES_EACH)
    circle = np.searchsorted(ends, one, side="right")
    last = np.minimum(ends[circle], n)
    first = ends[circle] - sizes[circle]
    near = first + (rng.random(len(one)) * (last - first)).astype(np.int64)
    other = np.where(rng.random(len(one)) < INSIDE, near, rng.integers(0, n, len(one)))
    weights = rng.integers(1, 5, len(one)).astype(np.float32)
    kept = one != other
    drawn = sp.coo_array((weights[kept], (one[kept], other[kept])), shape=(n, n)).tocsr()
    ties = drawn.maximum(drawn.T)
    columns, starts = ties.indices.astype(np.int32), ties.indptr.astype(np.int32)
    return sp.csr_array((ties.data, columns, starts), shape=(n, n))


def ours(ties: sp.csr_array) -> tuple[dict[str, float], NDArray[np.float64]]:
    """CPU seconds of the pass and of the cores, and everybody's constraint."""
    seconds: dict[str, float] = {}
    found = timed(seconds, "linli pass", lambda: social_capital(ties))
    timed(seconds, "linli cores", lambda: core_numbers(ties))
    return seconds, found.constraint


def igraph(ties: sp.csr_array) -> tuple[dict[str, float], NDArray[np.float64]]:
    """CPU seconds of making the graph and of its constraint, and the constraint."""
    library = importlib.import_module("igraph")
    seconds: dict[str, float] = {}
    row = owners(ties)
    once = row < ties.indices
    pairs = np.column_stack([row[once], ties.indices[once]])
    weights = ties.data[once].tolist()
    G = timed(seconds, "peer build", lambda: library.Graph(n=ties.shape[0], edges=pairs))
    constraint = timed(seconds, "peer constraint", lambda: G.constraint(weights=weights))
    return seconds, np.array(constraint)


def networkx(ties: sp.csr_array) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Ask networkx the same."""
    seconds: dict[str, float] = {}
    G = timed(seconds, "peer build", lambda: nx.from_scipy_sparse_array(ties))
    constraint = timed(seconds, "peer constraint", lambda: nx.constraint(G, weight="weight"))
    return seconds, np.array([constraint[node] for node in range(ties.shape[0])])


PEERS = {"igraph": igraph, "networkx": networkx}


def timed(seconds: dict[str, float], name: str, call: Callable[[], T]) -> T:
    """Note the CPU seconds of one call."""
    started = time.process_time()
    found = call()
    seconds[name] = time.process_time() - started
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, default=100_000)
    parser.add_argument("--peer", choices=PEERS, default="igraph")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ties = city(args.residents, np.random.default_rng(SEED))
    sys.stdout.write(f"{ties.shape[0]:,} residents, {ties.nnz // 2:,} ties\n")
    rounds = []
    with threadpool_limits(limits=1):
        for _ in range(args.rounds):
            seconds, constraint = ours(ties)
            if not rounds:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            more, theirs = PEERS[args.peer](ties)
            rounds.append(seconds | more)
    median = {name: float(np.median([one[name] for one in rounds])) for name in rounds[0]}
    for name, value in median.items():
        sys.stdout.write(f"{name:<16} {value:8.3f} CPU s\n")
    speed = median["peer constraint"] / median["linli pass"]
    built = (median["peer build"] + median["peer constraint"]) / median["linli pass"]
    furthest = np.nanmax(np.abs(constraint - theirs))
    sys.stdout.write(
        f"the pass is {speed:.1f} x as fast as the constraint of {args.peer} alone, {built:.1f} x "
        f"with its graph built\nconstraint differs by {furthest:.1e} at most; "
        f"peak memory {peak:.0f} MiB before the peer\n"
    )


if __name__ == "__main__":
    main()
