"""Graphs in .npz files: the strict upper triangle as CSR (`n`, `indptr`, `indices`, `weights`).

`weights` may be absent.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, triu

from graph.measures.communities import Graph, Labels, checked

__all__ = ["read_graph", "read_truth", "write_graph"]


def read_graph(path: Path) -> Graph:
    """Read an undirected graph; without `weights` every tie weighs 1.

    Raises
    ------
    ValueError
        If it is no .npz file, an array is missing or the ties are not as `checked` wants them.
    """
    refuse_other_files(path)
    with np.load(path, allow_pickle=False) as arrays:
        if missing := {"n", "indptr", "indices"} - set(arrays):
            raise ValueError(f"{path.name} has no array {', '.join(sorted(missing))}")
        n, indices, indptr = int(arrays["n"]), arrays["indices"], arrays["indptr"]
        weights = arrays["weights"] if "weights" in arrays else np.ones(indices.size)
    upper = csr_array((weights.astype(np.float32), indices.astype(np.int32), indptr), shape=(n, n))
    both = csr_array(upper + upper.T)
    both.indices, both.indptr = both.indices.astype(np.int32), both.indptr.astype(np.int32)
    both.sort_indices()
    return checked(both)


def refuse_other_files(path: Path) -> None:
    """Say plainly that a file is not an archive of arrays; numpy would speak of pickles."""
    if path.is_file() and not is_zipfile(path):
        raise ValueError(f"{path.name} is not an .npz file")


def read_truth(path: Path, name: str) -> NDArray[np.int32]:
    """Read known groups, one integer per vertex; below 0 is unknown.

    Raises
    ------
    ValueError
        If the file has no array of that name.
    """
    with np.load(path, allow_pickle=False) as arrays:
        if name not in arrays:
            raise ValueError(f"{path.name} has no array {name}; it has {', '.join(sorted(arrays))}")
        return np.asarray(arrays[name], dtype=np.int32)


def write_graph(path: Path, graph: Graph, truth: Labels) -> None:
    """Write a graph and its known groups (`truth`) in this format."""
    upper = csr_array(triu(graph, k=1))
    np.savez(
        path,
        n=upper.shape[0],
        indptr=upper.indptr,
        indices=upper.indices,
        weights=upper.data,
        truth=truth,
    )
