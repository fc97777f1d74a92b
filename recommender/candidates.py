"""Items within reach of home, found by cell, so that no request looks at the whole city."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.view import ItemTable
from recommender.base import Query
from recommender.ranking.eligibility import reach_km
from recommender.scorers.matrix import PerTable

__all__ = ["NearbyItems"]

_CELL = 0.005
"""Degrees of latitude and longitude of a cell: about 550 m north to south."""
_COLUMNS = 1 << 20
"""Cells around the globe, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Item rows with a venue, ordered by cell, and those without."""

    keys: NDArray[np.int64]
    """Cell of each entry, ascending."""
    rows: NDArray[np.int64]
    placeless: NDArray[np.int64]


def _cells(items: ItemTable) -> _Cells:
    placed = np.isfinite(items.lat) & np.isfinite(items.lon) & items.open
    rows = np.flatnonzero(placed)
    y = np.floor(items.lat[rows].astype(np.float64) / _CELL).astype(np.int64)
    x = np.floor(items.lon[rows].astype(np.float64) / _CELL).astype(np.int64)
    keys = y * _COLUMNS + x
    order = np.lexsort((rows, keys))
    placeless = np.flatnonzero(~(np.isfinite(items.lat) & np.isfinite(items.lon)) & items.open)
    return _Cells(keys[order], rows[order], placeless)


class NearbyItems:
    """Open items whose cell is within walking reach, and open items without a venue."""

    def __init__(self) -> None:
        self._cells = PerTable(_cells)

    def candidates(self, query: Query) -> NDArray[np.int64]:
        """Item rows for a batch of one, unique and ascending; a few lie just out of reach."""
        reach = reach_km(query)
        cells = self._cells(query.items)
        if not np.isfinite(reach):
            return np.sort(np.concatenate([cells.rows, cells.placeless]))
        lat, lon = (float(x) for x in query.home[0])
        dy = reach / 111.0
        dx = dy / max(float(np.cos(np.radians(lat))), 0.01)
        y = np.arange(np.floor((lat - dy) / _CELL), np.floor((lat + dy) / _CELL) + 1)
        first, last = np.floor((lon - dx) / _CELL), np.floor((lon + dx) / _CELL)
        starts = np.searchsorted(cells.keys, (y * _COLUMNS + first).astype(np.int64), "left")
        stops = np.searchsorted(cells.keys, (y * _COLUMNS + last).astype(np.int64), "right")
        near = [cells.rows[a:b] for a, b in zip(starts, stops, strict=True)]
        return np.sort(np.concatenate([*near, cells.placeless]))
