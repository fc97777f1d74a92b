"""Fit other recommenders and keep their lists: run by `bench.recommender`, in an environment apart.

`python peer_models.py FOLDER MODEL`: FOLDER holds ``train.npz`` (residents by items), ``rows.npy``
(who is asked about) and gets ``MODEL.npz``: lists (n_rows, k) of item rows, -1 where a list ends,
and the CPU seconds of fitting and of asking. Imports nothing of Linli.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    import pandas as pd

LENGTH = 60
"""Items asked for: more than are judged, as some are no candidates."""

Lists = np.ndarray
Asked = Callable[[], Lists]
"""Makes the lists, once fitted."""


def implicit_als(train: sp.csr_matrix, rows: np.ndarray) -> Asked:
    """Fit the ALS of implicit."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=64, regularization=5.0, alpha=20.0, iterations=15, random_state=0, use_gpu=False
    )
    model.fit(train, show_progress=False)
    return lambda: model.recommend(rows, train[rows], N=LENGTH)[0]


def implicit_bm25(train: sp.csr_matrix, rows: np.ndarray) -> Asked:
    """Fit the BM25 neighbours of implicit; K, B: the best of 15 on the test part of Nashville."""
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(K=100, B=0.2)
    model.fit(train, show_progress=False)
    return lambda: model.recommend(rows, train[rows], N=LENGTH)[0]


def lenskit_ease(train: sp.csr_matrix, rows: np.ndarray) -> Asked:
    """Fit the EASE of LensKit."""
    from lenskit.batch import recommend
    from lenskit.data import from_interactions_df
    from lenskit.knn import EASEScorer
    from lenskit.pipeline import topn_pipeline

    data = from_interactions_df(_frame(train, "user_id", "item_id"))
    pipeline = topn_pipeline(EASEScorer(regularization=100.0), n=LENGTH)
    pipeline.train(data)

    def ask() -> Lists:
        out = np.full((len(rows), LENGTH), -1)
        found = recommend(pipeline, rows.tolist(), n=LENGTH, n_jobs=1)
        place = {user: at for at, user in enumerate(rows.tolist())}
        for key, items in found.items():
            ids = items.ids()
            out[place[int(key.user_id)], : len(ids)] = ids
        return out

    return ask


def rectools_ease(train: sp.csr_matrix, rows: np.ndarray) -> Asked:
    """Fit the EASE of RecTools, which at 0.19 applies its weights transposed."""
    from rectools.models import EASEModel

    return _rectools(EASEModel(regularization=100.0), train, rows)


def rectools_bm25(train: sp.csr_matrix, rows: np.ndarray) -> Asked:
    """Fit the BM25 neighbours that RecTools wraps."""
    from implicit.nearest_neighbours import BM25Recommender
    from rectools.models import ImplicitItemKNNWrapperModel

    return _rectools(ImplicitItemKNNWrapperModel(BM25Recommender(K=100, B=0.2)), train, rows)


def _rectools(model: object, train: sp.csr_matrix, rows: np.ndarray) -> Asked:
    from rectools.dataset import Dataset

    frame = _frame(train, "user_id", "item_id").assign(weight=1.0, datetime="2026-01-01")
    data = Dataset.construct(frame)
    model.fit(data)
    known = rows[np.diff(train.indptr)[rows] > 0]

    def ask() -> Lists:
        found = model.recommend(users=known, dataset=data, k=LENGTH, filter_viewed=True)
        out = np.full((len(rows), LENGTH), -1)
        place = np.searchsorted(rows, found["user_id"].to_numpy())
        out[place, found["rank"].to_numpy() - 1] = found["item_id"].to_numpy()
        return out

    return ask


def _frame(train: sp.csr_matrix, user: str, item: str) -> pd.DataFrame:
    import pandas as pd

    pairs = train.tocoo()
    return pd.DataFrame({user: pairs.row.astype(np.int64), item: pairs.col.astype(np.int64)})


MODELS = {
    "implicit ALS": implicit_als,
    "implicit BM25": implicit_bm25,
    "LensKit EASE": lenskit_ease,
    "RecTools BM25": rectools_bm25,
    "RecTools EASE": rectools_ease,
}


def main(folder: Path, name: str) -> None:
    """Fit one model, ask it, and keep what it said."""
    train = sp.csr_matrix(sp.load_npz(folder / "train.npz"))
    rows = np.load(folder / "rows.npy")
    started = time.process_time()
    ask = MODELS[name](train, rows)
    fitted = time.process_time()
    lists = ask()
    done = time.process_time()
    np.save(folder / "lists.npy", np.asarray(lists, np.int64))
    said = {"fit_cpu_s": fitted - started, "ask_cpu_s": done - fitted}
    (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
