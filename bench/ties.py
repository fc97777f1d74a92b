"""Time ties of a city: `python -m bench.ties [--residents 1000000] [--attributes 2000]`.

Residents hold 14 attributes in the mean, popular ones by Zipf's law. Ours finds the ten most alike
of each by TF-IDF cosine, without and with distance. The peer multiplies the same weights in blocks
(sparse_dot_topn if it is installed, else scipy), on `--peer-blocks` of them, told for all. CPU
seconds, and the memory of the whole process, input included; each engine in one of its own.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median

import numpy as np
import scipy.sparse as sp

from graph.measures.ties import Alike, neighbours, tf_idf

Figures = tuple[float, float, float]

SEED = 2026
EACH = 13.8
BLOCK = 20_000
TOP = 10
HOMES_PER_KM2 = 10_000.0


@dataclass(frozen=True, slots=True)
class Asked:
    """How large the city is."""

    residents: int
    attributes: int
    peer_blocks: int


def city(asked: Asked) -> tuple[sp.csr_array, np.ndarray]:
    """Draw attributes, and homes spread evenly over a square."""
    rng = np.random.default_rng(SEED)
    n, k = asked.residents, asked.attributes
    popular = 1.0 / np.arange(1, k + 1) ** 0.9
    drawn = int(n * EACH)
    columns = np.searchsorted(np.cumsum(popular / popular.sum()), rng.random(drawn))
    rows = rng.integers(0, n, drawn)
    pairs = (np.ones(drawn, np.float32), (rows, np.minimum(columns, k - 1).astype(np.int32)))
    held = sp.csr_array(sp.coo_array(pairs, shape=(n, k)))
    held.data[:] = 1.0
    side = 1000 * np.sqrt(n / HOMES_PER_KM2)
    return held, (rng.random((n, 2)) * side).astype(np.float32)


def ours(asked: Asked, reach: float) -> Figures:
    """Find the neighbours; without distance the reach is infinite."""
    held, plane = city(asked)
    neighbours(held[:100], Alike(reach=reach), plane=plane[:100])  # compiles
    began = time.process_time()
    found = neighbours(held, Alike(top=TOP, reach=reach), plane=plane)
    return report(began, found.nnz, 1.0)


def peer(asked: Asked, reach: float) -> Figures:
    """Multiply blocks, and take the best of each row; distance is not asked for."""
    held, _ = city(asked)
    X = tf_idf(held, most_held=0.05, spared=30)
    starts = range(0, asked.residents, BLOCK)
    starts = starts[: asked.peer_blocks] if asked.peer_blocks else starts
    began, ties = time.process_time(), 0
    for start in starts:
        block = X[start : start + BLOCK]
        ties += best(block)
    share = len(range(0, asked.residents, BLOCK)) / len(starts)
    return report(began, ties, share)


def best(block: sp.csr_array) -> int:
    """Count the ties of the peer: the ten best and oneself."""
    if importlib.util.find_spec("sparse_dot_topn"):
        library = importlib.import_module("sparse_dot_topn")
        matrix = sp.csr_matrix(block)
        return int(library.sp_matmul_topn(matrix, matrix.T.tocsr(), top_n=TOP + 1).nnz)
    kept = 0
    for at in range(0, block.shape[0], 1000):
        likeness = (block[at : at + 1000] @ block.T).tocsr()
        for row in range(likeness.shape[0]):
            values = likeness.data[likeness.indptr[row] : likeness.indptr[row + 1]]
            last = max(len(values) - TOP - 1, 0)
            kept += len(np.argpartition(values, last)[last:]) if len(values) else 0
    return kept


def report(began: float, ties: int, share: float) -> Figures:
    """Tell for all blocks: CPU seconds and ties; and the MiB that the process held at most."""
    return (time.process_time() - began) * share, ties * share, peak_mib()


def peak_mib() -> float:
    """Return the most memory this process had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def answer(pipe: Connection, engine: str, asked: Asked) -> None:
    """Run one engine, in a process of its own."""
    runs = {"linli": (ours, np.inf), "linli, 500 m": (ours, 500.0), "peer": (peer, np.inf)}
    run, reach = runs[engine]
    pipe.send(run(asked, reach))


def measured(engine: str, asked: Asked) -> Figures:
    """Start the process and wait for its figures."""
    mine, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=answer, args=(theirs, engine, asked)
    )
    process.start()
    theirs.close()
    found: Figures = mine.recv()
    process.join()
    return found


def main() -> None:
    """Print one line per engine, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, default=100_000)
    parser.add_argument("--attributes", type=int, default=2_000)
    parser.add_argument("--peer-blocks", type=int, default=2, help="0 for all of them")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    asked = Asked(args.residents, args.attributes, args.peer_blocks)
    named = "sparse_dot_topn" if importlib.util.find_spec("sparse_dot_topn") else "scipy"
    rows: dict[str, list[Figures]] = {}
    for _ in range(args.runs):
        for engine in ("linli", "linli, 500 m", "peer"):
            rows.setdefault(engine, []).append(measured(engine, asked))
    for engine, found in rows.items():
        cpu, ties, mib = (median(column) for column in zip(*found, strict=True))
        name = f"{engine} ({named})" if engine == "peer" else engine
        sys.stdout.write(f"{name:24} {cpu:8.1f} CPU s {ties:12,.0f} ties {mib:8.0f} MiB\n")
    ours_cpu, peer_cpu = (median(row[0] for row in rows[name]) for name in ("linli", "peer"))
    sys.stdout.write(f"linli / peer = {ours_cpu / peer_cpu:.2f} CPU\n")


if __name__ == "__main__":
    main()
