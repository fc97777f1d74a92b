"""One engine on one graph in a process of its own.

`python bench/community_worker.py ENGINE FOLDER RESOLUTION SEED`: the folder holds indptr.npy,
indices.npy and data.npy of a symmetric CSR and gets labels.npy; a line of JSON says what it took.
Peers may live in another environment: nothing of Linli is imported for them.
CPU seconds and peak memory are those of conversion and detection, without reading the file and
without compiling (a small graph is run first).
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Engine = Callable[[csr_array, float, int], NDArray[np.int32]]


def linli_cpm(graph: csr_array, resolution: float, seed: int) -> NDArray[np.int32]:
    """Detect at the resolution given."""
    from graph.measures.communities import detect

    return detect(graph, resolution=resolution, rng=np.random.default_rng(seed))


def linli_sweep(graph: csr_array, resolution: float, seed: int) -> NDArray[np.int32]:
    """Choose the resolution without being told."""
    from graph.measures.resolution import chosen, sweep

    return chosen(sweep(graph, rng=np.random.default_rng(seed))).labels


def linli_modularity(graph: csr_array, resolution: float, seed: int) -> NDArray[np.int32]:
    """Take the best of as many starts as the command does."""
    from graph.measures.communities import Objective, affordable_starts, detect

    rng, starts = np.random.default_rng(seed), affordable_starts(graph)
    return detect(graph, resolution=1.0, rng=rng, objective=Objective.MODULARITY, starts=starts)


def igraph_leiden(graph: csr_array, seed: int, **options: object) -> NDArray[np.int32]:
    """Convert, then two iterations of Leiden (the default of igraph)."""
    import igraph

    rows = np.repeat(np.arange(graph.shape[0], dtype=np.int32), np.diff(graph.indptr))
    once = rows < graph.indices
    ties = np.column_stack([rows[once], graph.indices[once]])
    peer = igraph.Graph(n=graph.shape[0], edges=ties)
    random.seed(seed)
    return np.array(peer.community_leiden(n_iterations=2, **options).membership, np.int32)


def igraph_cpm(graph: csr_array, resolution: float, seed: int) -> NDArray[np.int32]:
    """Detect at the resolution given."""
    return igraph_leiden(graph, seed, objective_function="CPM", resolution=resolution)


def igraph_modularity(graph: csr_array, resolution: float, seed: int) -> NDArray[np.int32]:
    """Detect at resolution 1."""
    return igraph_leiden(graph, seed, objective_function="modularity")


def networkx_louvain(graph: csr_array, resolution: float, seed: int) -> NDArray[np.int32]:
    """Convert, then the pure Python Louvain."""
    import networkx as nx

    labels = np.empty(graph.shape[0], np.int32)
    groups = nx.community.louvain_communities(nx.from_scipy_sparse_array(graph), seed=seed)
    for label, group in enumerate(groups):
        labels[list(group)] = label
    return labels


ENGINES: dict[str, Engine] = {
    "linli cpm": linli_cpm,
    "linli sweep": linli_sweep,
    "linli modularity": linli_modularity,
    "igraph cpm": igraph_cpm,
    "igraph modularity": igraph_modularity,
    "networkx louvain": networkx_louvain,
}


def memory(name: str) -> float:
    """Return a line of /proc/self/status in MiB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def ring(n: int) -> csr_array:
    """Return a small graph to compile on."""
    rows = np.arange(n, dtype=np.int32)
    one, other = np.concatenate([rows, (rows + 1) % n]), np.concatenate([(rows + 1) % n, rows])
    return csr_array((np.ones(2 * n, np.float32), (one, other)), shape=(n, n))


def main(name: str, folder: Path, resolution: float, seed: int) -> None:
    """Run one engine and write down its labels."""
    arrays = [np.load(folder / f"{part}.npy") for part in ("data", "indices", "indptr")]
    n = arrays[2].size - 1
    graph = csr_array(tuple(arrays), shape=(n, n))
    engine = ENGINES[name]
    engine(ring(50), 0.5, seed)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before, cpu, started = memory("VmRSS"), time.process_time(), time.perf_counter()
    labels = engine(graph, resolution, seed)
    figures = {
        "seconds": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "peak_rss_mib": memory("VmHWM"),
        "bytes_per_edge": (memory("VmHWM") - before) * 2**20 / max(graph.nnz // 2, 1),
    }
    np.save(folder / "labels.npy", labels)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
