"""What the scorers do with matrices: widths that differ, columns picked, places, item caches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from math import cos, hypot, radians
from typing import Generic, TypeVar, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, ItemTable

__all__ = [
    "PerTable",
    "apart_km",
    "csr_arrays",
    "csr_from_arrays",
    "distance_km",
    "distinct",
    "pick",
    "row_of",
    "rows_for",
    "rows_of",
    "sum_of_rows",
    "with_width",
]

Config = Mapping[str, float | int | str | bool]
Arrays = Mapping[str, NDArray[np.generic]]
T = TypeVar("T")
N = TypeVar("N", bound=np.generic)

_KM_PER_DEGREE = 111.195
"""Length of one degree of latitude on a sphere of radius 6,371 km."""


class PerTable(Generic[T]):
    """Keeps what was computed from an item table, for the few tables in use.

    Tables are never changed in place, so the same object has the same answer.

    Parameters
    ----------
    make : callable
        Computes the answer for one table.
    """

    _KEPT = 4

    def __init__(self, make: Callable[[ItemTable], T]) -> None:
        self._make = make
        self._known: OrderedDict[int, tuple[ItemTable, T]] = OrderedDict()

    def __call__(self, table: ItemTable) -> T:
        """Return the answer for this table, from memory where it is known."""
        found = self._known.get(id(table))
        if found is not None and found[0] is table:
            return found[1]
        value = self._make(table)
        self._known[id(table)] = (table, value)  # the table is held, so its id stays its own
        while len(self._known) > self._KEPT:
            self._known.popitem(last=False)
        return value


def distinct(
    values: NDArray[np.integer], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (distinct values ascending, place of each value among them), as ``np.unique`` would.

    Parameters
    ----------
    values : NDArray[integer], (n,)
        0 to ``width - 1``: counted, not sorted.
    width : int
    """
    seen = np.zeros(width, np.bool_)
    seen[values] = True
    found = np.flatnonzero(seen)
    place = np.empty(width, np.int64)
    place[found] = np.arange(len(found))
    return found, place[values]


def with_width(matrix: CSR, n_columns: int) -> CSR:
    """Give a matrix this many columns: cut off, or filled up with empty ones."""
    if matrix.shape[1] == n_columns:
        return matrix
    if matrix.shape[1] > n_columns:
        return matrix[:, :n_columns]
    parts = (matrix.data, matrix.indices, matrix.indptr)
    return cast("CSR", sp.csr_array(parts, shape=(matrix.shape[0], n_columns)))


def row_of(matrix: CSR, row: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return (columns, values) of one row, without a copy."""
    start, stop = int(matrix.indptr[row]), int(matrix.indptr[row + 1])
    return matrix.indices[start:stop], matrix.data[start:stop]


def rows_of(
    matrix: CSR, rows: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return the entries of some rows: (place of the row in ``rows``, columns, values).

    Works on the arrays: for the few rows of one history that is several times as fast as
    indexing and multiplying sparse arrays.
    """
    starts = matrix.indptr[rows].astype(np.int64)
    counts = matrix.indptr[np.asarray(rows) + 1].astype(np.int64) - starts
    owner = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(len(owner)) + (starts - counts.cumsum() + counts)[owner]
    return owner, matrix.indices[at], matrix.data[at]


def sum_of_rows(
    matrix: CSR, rows: NDArray[np.integer], weights: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return the weighted sum of some rows of a matrix, as one dense row."""
    owner, columns, values = rows_of(matrix, rows)
    total = np.bincount(columns, weights=values * weights[owner], minlength=matrix.shape[1])
    return total.astype(np.float32)


def pick(
    scores: NDArray[np.float32], candidates: NDArray[np.int64] | None, n_items: int
) -> NDArray[np.float32]:
    """Take candidate columns from the scores of the fitted items; newer items get 0.

    Parameters
    ----------
    scores : NDArray[float32], (b, n_fitted)
    candidates : NDArray[int64], (n_candidates,), optional
        All ``n_items`` when left out.
    n_items : int
        Items there are now, ``>= n_fitted`` as rows are never taken back.
    """
    if candidates is None:
        if scores.shape[1] == n_items:
            return scores
        candidates = np.arange(n_items)
    return np.ascontiguousarray(rows_for(scores.T, candidates, n_items).T)


def rows_for(table: NDArray[N], candidates: NDArray[np.int64], n_items: int) -> NDArray[N]:
    """Take candidate rows from a table of the fitted items; newer items get 0.

    Parameters
    ----------
    table : NDArray, (n_fitted, ...)
    candidates : NDArray[int64], (n_candidates,)
    n_items : int
        Items there are now.

    Returns
    -------
    NDArray, (n_candidates, ...)
    """
    if len(table) >= n_items:
        return table.take(candidates, axis=0)
    out = np.zeros((len(candidates), *table.shape[1:]), table.dtype)
    known = candidates < len(table)
    out[known] = table[candidates[known]]
    return out


def distance_km(
    lat: float | NDArray[np.float32],
    lon: float | NDArray[np.float32],
    lats: NDArray[np.float32],
    lons: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return distances from one place to others in km; NaN where a coordinate is unknown.

    From several places at once where ``lat`` and ``lon`` are (k, 1): then (k, n) come back.

    The plane around the first place is used: within 50 km it differs by less than 0.1 % from
    the great circle.
    """
    dy = (lats - _float32(lat)) * _float32(_KM_PER_DEGREE)
    dx = (lons - _float32(lon)) * _float32(_KM_PER_DEGREE * np.cos(np.radians(lat)))
    out: NDArray[np.float32] = np.sqrt(dx * dx + dy * dy, dtype=np.float32)
    return out


def apart_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the distance of two places in km, as :func:`distance_km` does of many."""
    east = (other_lon - lon) * cos(radians(lat))
    return hypot(other_lat - lat, east) * _KM_PER_DEGREE


def _float32(value: float | NDArray[np.floating]) -> np.float32 | NDArray[np.float32]:
    return np.float32(value) if isinstance(value, float) else value.astype(np.float32, copy=False)


def csr_arrays(name: str, matrix: CSR) -> dict[str, NDArray[np.generic]]:
    """Split a CSR into named arrays for the artifact."""
    return {
        f"{name}_data": matrix.data.astype(np.float32, copy=False),
        f"{name}_indices": matrix.indices.astype(np.int32, copy=False),
        f"{name}_indptr": matrix.indptr.astype(np.int64, copy=False),
        f"{name}_shape": np.array(matrix.shape, np.int64),
    }


def csr_from_arrays(name: str, arrays: Arrays) -> CSR:
    """Put a CSR together again, without copying its arrays."""
    rows, columns = (int(n) for n in arrays[f"{name}_shape"])
    parts = (arrays[f"{name}_data"], arrays[f"{name}_indices"], arrays[f"{name}_indptr"])
    return cast("CSR", sp.csr_array(parts, shape=(rows, columns)))
