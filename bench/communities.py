"""Find known groups: `python -m bench.communities [--nodes 10000 100000] [--graphs FOLDER]`.

Planted graphs (`bench.planted`) and the .npz graphs of a folder, each engine in a process of its
own, turn by turn. igraph is GPL and never a dependency: `--peers PYTHON` names the interpreter of
an environment that has it, networkx and scipy. Peers are given the resolution; `linli sweep` is
not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bench.planted import planted_graph
from graph.measures.agreement import adjusted_rand, known, mutual_information
from graph.measures.communities import modularity, split_disconnected
from graph.measures.graph_files import read_graph, read_truth

__all__ = ["measure"]

ROOT = Path(__file__).parents[1]
WORKER = ROOT / "bench" / "community_worker.py"
RESOLUTION = 0.005
"""What peers are told; it is right for the planted graphs."""
NETWORKX_MOST = 100_000
"""Vertices up to which networkx is waited for."""

Named = tuple[str, csr_array, NDArray[np.int32] | None]


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def planted(nodes: Sequence[int], mixing: float) -> Iterator[Named]:
    """Make graphs whose groups are known exactly."""
    for n in nodes:
        graph, truth = planted_graph(np.random.default_rng(1), n, mixing=mixing)
        yield f"planted {n:,} mixing {mixing}", graph, truth


def stored(folder: Path) -> Iterator[Named]:
    """Read real graphs, smallest first; those in another format are passed over aloud."""
    for path in sorted(folder.glob("*/graph.npz"), key=lambda path: path.stat().st_size):
        try:
            graph = read_graph(path)
        except ValueError as error:
            sys.stderr.write(f"{path.parent.name}: {error}\n")
            continue
        with np.load(path) as arrays:
            has_truth = "truth" in arrays
        yield path.parent.name, graph, read_truth(path, "truth") if has_truth else None


def measure(
    engine: str, graph: csr_array, truth: NDArray[np.int32] | None, *, python: str, seed: int
) -> dict[str, float]:
    """Run one engine once, in a process of its own, and judge its labels."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("data", "indices", "indptr"):
            np.save(Path(folder) / f"{part}.npy", getattr(graph, part))
        done = subprocess.run(  # noqa: S603 (our own worker; the interpreter is the caller's)
            [python, str(WORKER), engine, folder, str(RESOLUTION), str(seed)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{engine}: {done.stderr[-500:]}")
        labels = np.load(Path(folder) / "labels.npy")
    pieces = split_disconnected(graph, labels)
    figures = {
        "n": graph.shape[0],
        "m": graph.nnz // 2,
        "communities": int(labels.max()) + 1,
        "modularity": modularity(graph, labels),
        "disconnected": int(pieces.max()) - int(labels.max()),
    }
    if truth is not None:
        figures["nmi"] = mutual_information(*known(truth, labels))
        figures["ari"] = adjusted_rand(*known(truth, labels))
    return figures | json.loads(done.stdout)


def compare(named: Named, engines: dict[str, str], runs: int) -> dict[str, dict[str, float]]:
    """Return the medians of each engine; engines take turns, so that a busy machine slows all."""
    name, graph, truth = named
    say(f"\n{name}: n {graph.shape[0]:,}, m {graph.nnz // 2:,}")
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in range(runs):
        for engine, python in engines.items():
            if engine.startswith("networkx") and graph.shape[0] > NETWORKX_MOST:
                continue
            figures = measure(engine, graph, truth, python=python, seed=seed)
            rows.setdefault(engine, []).append(figures)
    medians = {
        engine: {key: float(median(row[key] for row in found)) for key in found[0]}
        for engine, found in rows.items()
    }
    for engine, figures in medians.items():
        shown = {key: f"{value:.4g}" for key, value in figures.items() if key not in ("n", "m")}
        say(f"  {engine:18}" + "  ".join(f"{key} {value}" for key, value in shown.items()))
    for ours, peer, key in (
        ("linli cpm", "igraph cpm", "cpu_s"),
        ("linli cpm", "igraph cpm", "bytes_per_edge"),
        ("linli cpm", "networkx louvain", "cpu_s"),
        ("linli modularity", "igraph modularity", "modularity"),
    ):
        if ours in medians and peer in medians:
            ratio = medians[ours][key] / medians[peer][key]
            say(f"  {key}: {ours} / {peer} = {ratio:.4f}")
    return medians


def main() -> None:
    """Compare the engines on every graph asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--mixing", type=float, default=0.4)
    parser.add_argument("--graphs", type=Path, help="folder of <name>/graph.npz")
    parser.add_argument("--peers", help="interpreter of an environment with igraph and networkx")
    parser.add_argument("--engines", nargs="*", help="only these, such as 'linli cpm'")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the medians once more, as JSON")
    asked = parser.parse_args()
    engines = dict.fromkeys(("linli cpm", "linli sweep", "linli modularity"), sys.executable)
    if asked.peers:
        peers = ("igraph cpm", "igraph modularity", "networkx louvain")
        engines |= dict.fromkeys(peers, asked.peers)
    if asked.engines:
        engines = {name: python for name, python in engines.items() if name in asked.engines}
    graphs = [*planted(asked.nodes, asked.mixing)]
    if asked.graphs:
        graphs += stored(asked.graphs)
    answer = {named[0]: compare(named, engines, asked.runs) for named in graphs}
    if asked.json:
        say(json.dumps(answer))


if __name__ == "__main__":
    main()
