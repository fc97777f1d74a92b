"""Linli beside implicit, LensKit and RecTools: `python -m bench.recommender FOLDER [--cache DIR]`.

FOLDER is a data set as `linli evaluate` reads it. The others are installed with pip, once, with
pinned versions, into environments of their own under the cache folder. All get the same train
pairs, are asked about the same residents, and are judged by the same code. Prints each one's
Recall@10 and NDCG@10, Linli's over theirs, and CPU seconds. The others have the fixed settings of
`bench/peer_models.py`; Linli chooses its own on a cut of the train part, which is counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.evaluation.datasets import Dataset, read_dataset
from recommender.evaluation.metrics import ndcg_at, recall_at
from recommender.evaluation.report import evaluate

PINNED = {
    "implicit": ("implicit==0.7.2",),
    "LensKit": ("lenskit==2025.8.1", "scipy>=1.17"),
    "RecTools": ("rectools==0.19.0", "numpy<2"),
}
"""Of each library; each has an environment of its own, as they want different versions of others.

LensKit brings PyTorch, some 3 GB on Linux.
"""
MODELS = ("implicit ALS", "implicit BM25", "LensKit EASE", "RecTools BM25", "RecTools EASE")
MOST_DENSE = 12_000
"""Items up to which EASE is tried: its matrix is dense."""
K = 10


def say(line: str) -> None:
    """Print one line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def environment(cache: Path, library: str) -> Path:
    """Make the environment of one library unless it is there; return its Python."""
    place = cache / f"linli-bench-{library.lower()}"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready, pinned = place / "installed", "\n".join(PINNED[library])
    if not ready.is_file() or ready.read_text(encoding="utf-8") != pinned:
        sys.stderr.write(f"installing {', '.join(PINNED[library])} into {place}\n")
        venv.create(place, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", *PINNED[library]]
        subprocess.run(command, check=True)  # noqa: S603
        ready.write_text(pinned, encoding="utf-8")
    return python


def train_pairs(dataset: Dataset) -> sp.csr_array:
    """Train pairs alone: what a recommender of residents by items can be given."""
    items = dataset.train.items
    asked = items.open if dataset.task == "events" else np.ones(len(items), np.bool_)
    pairs = (dataset.train.interactions.sign() @ sp.diags_array(asked.astype(np.float32))).tocsr()
    pairs.eliminate_zeros()
    return pairs


def ask(
    python: Path, name: str, pairs: sp.csr_array, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], float]:
    """Fit one of the others in its environment; return (lists, CPU seconds of the fit)."""
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "MKL", "OMP")}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sp.save_npz(folder / "train.npz", sp.csr_matrix(pairs))
        np.save(folder / "rows.npy", rows)
        script = Path(__file__).with_name("peer_models.py")
        subprocess.run(  # noqa: S603
            [python, script, folder, name],
            check=True,
            env={**os.environ, **one_thread},
            stdout=subprocess.DEVNULL,
        )
        said = json.loads((folder / "said.json").read_text(encoding="utf-8"))
        return np.load(folder / "lists.npy"), float(said["fit_cpu_s"])


def judged(
    dataset: Dataset, rows: NDArray[np.int64], lists: NDArray[np.int64]
) -> tuple[float, float]:
    """Mean Recall and NDCG of lists of item rows, -1 where a list ends."""
    wanted, n_items = dataset.test[rows], dataset.train.n_items
    rank = np.full((len(rows), n_items + 1), n_items)
    for row, items in enumerate(lists):
        found = items[items >= 0]
        if dataset.candidates is not None:
            found = found[dataset.candidates[found]]
        rank[row, found] = np.arange(len(found))
    owner = np.repeat(np.arange(len(rows)), np.diff(wanted.indptr))
    ranks = rank[owner, wanted.indices]
    return float(recall_at(ranks, wanted, K).mean()), float(ndcg_at(ranks, wanted, K).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache")
    parser.add_argument("--seed", type=int, default=2026)
    arguments = parser.parse_args()
    dataset = read_dataset(arguments.folder)
    pairs = train_pairs(dataset)
    rows = np.flatnonzero(np.diff(dataset.test.indptr)).astype(np.int64)
    say(f"{dataset.name}: {len(rows)} residents asked about; ratios are Linli's over the other's")
    say(f"{'':14} {'Recall@10':>9} {'NDCG@10':>8} {'ratios':>12} {'fit CPU s':>10} {'ratio':>6}")
    ours = evaluate(dataset, seed=arguments.seed)
    recall, ndcg = (float(ours.quality[f"{name}@{K}"].mean()) for name in ("recall", "ndcg"))
    say(f"{'Linli':14} {recall:9.4f} {ndcg:8.4f} {'':12} {ours.fit_cpu_s:10.1f}")
    say(f"{'':14} (and {ours.cpu_s - ours.fit_cpu_s:.1f} CPU s to choose and to ask)")
    for name in MODELS:
        if name.endswith("EASE") and len(np.unique(pairs.indices)) > MOST_DENSE:
            say(f"{name:14} not run: more than {MOST_DENSE} items")
            continue
        python = environment(arguments.cache, name.split()[0])
        lists, fit_s = ask(python, name, pairs, rows)
        other_recall, other_ndcg = judged(dataset, rows, lists)
        ratios = f"{recall / max(other_recall, 1e-9):5.2f} {ndcg / max(other_ndcg, 1e-9):6.2f}"
        told = f"{name:14} {other_recall:9.4f} {other_ndcg:8.4f} {ratios:>12} {fit_s:10.1f}"
        say(f"{told} {ours.fit_cpu_s / max(fit_s, 1e-9):6.2f}")
    say("RecTools 0.19 applies the weights of EASE transposed: that is its figure, not EASE's.")


if __name__ == "__main__":
    main()
