"""A snapshot in memory: raw arrays, the consent masks, and the views taken of them.

The raw arrays hold every cell of the graph. Nobody outside :mod:`graph` gets them: models and
feeds receive a :class:`~graph.view.View`, in which only permitted cells are left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.model import DataCategory, InteractionKind
from graph.schema import INTERACTION_CONFIDENCE, interaction_category
from graph.view import CSR, ItemTable, View, make_csr

__all__ = ["ATTRIBUTES", "INTERACTION_KINDS", "History", "Permitted", "Snapshot"]

Permitted = Mapping[DataCategory, NDArray[np.bool_]]
"""Per category the resident rows whose cells may be used; a category left out is not allowed."""

INTERACTION_KINDS: tuple[InteractionKind, ...] = tuple(InteractionKind)
"""Codes of interaction kinds in arrays."""
_CODE = {kind: n for n, kind in enumerate(INTERACTION_KINDS)}
_CONFIDENCE = np.array([INTERACTION_CONFIDENCE.get(k, 0.0) for k in INTERACTION_KINDS], np.float32)
_KIND_CATEGORY = tuple(interaction_category(k) for k in INTERACTION_KINDS)
_HELD = np.array([k in {InteractionKind.JOIN, InteractionKind.SIGN_UP} for k in INTERACTION_KINDS])
_DISMISSED = _CODE[InteractionKind.DISMISS]

ATTRIBUTES: dict[str, DataCategory] = {
    "interests": DataCategory.INTEREST,
    "offers": DataCategory.OFFER,
    "occupations": DataCategory.OCCUPATION,
    "needs": DataCategory.NEED,
}
"""Attribute matrices of residents and the category that governs each."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What residents did, row by row: at most one entry per (resident, item, kind)."""

    indptr: NDArray[np.int64]
    """(n_residents + 1,)"""
    items: NDArray[np.int32]
    """(n,) item rows, ascending inside a resident."""
    kinds: NDArray[np.int8]
    """(n,) index into :data:`INTERACTION_KINDS`."""
    times: NDArray[np.int64]
    """(n,) Unix seconds."""

    def row(self, row: int) -> History:
        """Return the history of one resident, as a history of length one."""
        if row >= len(self.indptr) - 1:
            return History(np.zeros(2, np.int64), self.items[:0], self.kinds[:0], self.times[:0])
        start, stop = int(self.indptr[row]), int(self.indptr[row + 1])
        return History(
            np.array([0, stop - start], np.int64),
            self.items[start:stop],
            self.kinds[start:stop],
            self.times[start:stop],
        )

    @classmethod
    def from_entries(
        cls,
        residents: NDArray[np.int64],
        items: NDArray[np.int32],
        kinds: NDArray[np.int8],
        times: NDArray[np.int64],
        n_residents: int,
    ) -> History:
        """Sort loose entries into rows; of two alike the later one stays."""
        order = np.lexsort((times, kinds, items, residents))
        residents, items, kinds, times = residents[order], items[order], kinds[order], times[order]
        if len(order):
            same = (
                (residents[1:] == residents[:-1])
                & (items[1:] == items[:-1])
                & (kinds[1:] == kinds[:-1])
            )
            keep = np.append(~same, True)
            residents, items, kinds, times = (
                residents[keep],
                items[keep],
                kinds[keep],
                times[keep],
            )
        indptr = np.zeros(n_residents + 1, np.int64)
        np.cumsum(np.bincount(residents, minlength=n_residents), out=indptr[1:])
        return cls(indptr, items.astype(np.int32), kinds.astype(np.int8), times)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All arrays of one picture of the graph."""

    id: str
    """First 12 hex digits of the SHA-256 of the manifest: same content, same id."""
    folder: str
    """Name of its folder under ``snapshots/``."""
    as_of: int
    """Unix seconds, the day the picture was taken; decay counts from here."""
    watermark: int
    """Outbox sequence number it contains everything up to."""
    epoch: int
    """Grant epoch of its consent masks."""
    resident_ids: NDArray[np.str_]
    grid_ids: NDArray[np.str_]
    items: ItemTable
    history: History
    active: NDArray[np.bool_]
    birth_year: NDArray[np.int16]
    languages: NDArray[np.uint8]
    walk_limit: NDArray[np.int32]
    grid: NDArray[np.int32]
    dwelling: NDArray[np.float32]
    """(n_residents, 2) lat, lon of the building; NaN unknown."""
    grid_centre: NDArray[np.float32]
    """(n_grids, 2) lat, lon."""
    interests: CSR
    offers: CSR
    occupations: CSR
    needs: CSR
    ties: CSR
    blocked: CSR
    masks: NDArray[np.uint16]
    """(n_residents, n_categories) purpose bits in force when the picture was taken."""
    expires: NDArray[np.int64]
    """(n_residents, n_categories) earliest expiry, Unix seconds."""
    taken_at: int = field(default=0)
    """Unix seconds when it was taken; shown to people, never computed with."""

    @property
    def n_residents(self) -> int:
        """Number of resident rows."""
        return len(self.resident_ids)

    def view(self, permitted: Permitted) -> View:
        """Leave only the permitted cells, also of what residents hold, dismissed or blocked.

        Parameters
        ----------
        permitted : mapping of DataCategory to NDArray[bool], (n_residents,)
            As decided by the gate; a tie stays only where both ends permit it.
        """
        everyone = slice(0, self.n_residents)
        view = self._assemble(self.history, permitted, everyone, self.items, self.ties)
        nothing = np.zeros(self.n_residents, np.bool_)

        def may(category: DataCategory) -> NDArray[np.bool_]:
            return permitted.get(category, nothing)

        return replace(
            view,
            active=view.active | ~may(DataCategory.IDENTITY),
            held=_keep_rows(view.held, may(DataCategory.ATTENDANCE)),
            dismissed=_keep_rows(view.dismissed, may(DataCategory.INTEREST)),
            blocked=_keep_rows(view.blocked, may(DataCategory.TIE)),
        )

    def one(
        self,
        row: int,
        permitted: frozenset[DataCategory],
        *,
        history: History,
        items: ItemTable,
    ) -> View:
        """Take the view of one resident's own cells, for that resident's own feed.

        What they hold, dismissed or blocked keeps them from being shown it again: their own
        instructions, which hold whatever else is authorised.

        Parameters
        ----------
        row : int
            Resident row; may lie beyond the snapshot for somebody who joined since.
        history : History
            Of this resident, the latest taps included.
        items : ItemTable
            Items as they are now.
        """
        flags = {c: np.ones(1, np.bool_) for c in permitted}
        known = row < self.n_residents
        rows = slice(row, row + 1) if known else slice(0, 0)
        return self._assemble(history, flags, rows, items, None)

    def _assemble(
        self,
        history: History,
        permitted: Permitted,
        rows: slice,
        items: ItemTable,
        ties: CSR | None,
    ) -> View:
        n = len(history.indptr) - 1
        nothing = np.zeros(n, np.bool_)

        def may(category: DataCategory) -> NDArray[np.bool_]:
            return permitted.get(category, nothing)

        def take(values: NDArray[np.generic], unknown: object, category: DataCategory) -> NDArray:  # type: ignore[type-arg]
            known = values[rows]
            out = np.full((n, *values.shape[1:]), unknown, values.dtype)
            out[: len(known)] = known
            out[~may(category)] = unknown
            return out

        grid = take(self.grid, -1, DataCategory.GRID)
        home = take(self.dwelling, np.nan, DataCategory.DWELLING)
        unset = np.isnan(home[:, 0]) & (grid >= 0)
        home[unset] = self.grid_centre[grid[unset]]
        interactions, times, held, dismissed = _matrices(history, permitted, len(items))
        attributes = {
            name: _keep_rows(_rows(getattr(self, name), rows, n), may(category))
            for name, category in ATTRIBUTES.items()
        }
        active = np.ones(n, np.bool_)
        active[: len(self.active[rows])] = self.active[rows]
        return View(
            as_of=self.as_of,
            items=items,
            active=active,
            birth_year=take(self.birth_year, 0, DataCategory.IDENTITY),
            languages=take(self.languages, 0, DataCategory.IDENTITY),
            walk_limit=take(self.walk_limit, -1, DataCategory.IDENTITY),
            grid=grid,
            home=home,
            ties=_keep_both_ends(ties, may(DataCategory.TIE)) if ties is not None else _csr((n, n)),
            interactions=interactions,
            times=times,
            held=held,
            dismissed=dismissed,
            blocked=_rows(self.blocked, rows, n, len(items)),
            **attributes,
        )


@lru_cache(maxsize=64)
def _csr(shape: tuple[int, int]) -> CSR:
    """Make an empty matrix; the same one each time, as nobody changes a view."""
    return cast("CSR", sp.csr_array(shape, dtype=np.float32))


def _rows(matrix: CSR, rows: slice, n_rows: int, n_columns: int | None = None) -> CSR:
    """Take some rows, with empty rows and columns added for residents and items who came later.

    Done on the arrays: indexing a sparse array takes several times as long for one row.
    """
    width = matrix.shape[1] if n_columns is None else n_columns
    start, stop, _ = rows.indices(matrix.shape[0])
    if (start, stop) == (0, matrix.shape[0]):
        return widen(matrix, n_rows, n_columns)
    first, last = int(matrix.indptr[start]), int(matrix.indptr[max(stop, start)])
    if first == last:
        return _csr((n_rows, width))
    indptr = np.full(n_rows + 1, last - first, matrix.indptr.dtype)
    indptr[: stop - start + 1] = matrix.indptr[start : stop + 1] - first
    entries = slice(first, last)
    return make_csr(matrix.data[entries], matrix.indices[entries], indptr, (n_rows, width))


def widen(matrix: CSR, n_rows: int, n_columns: int | None = None) -> CSR:
    """Add empty rows and columns so that the shape fits residents and items who came later."""
    width = matrix.shape[1] if n_columns is None else n_columns
    if matrix.shape == (n_rows, width):
        return matrix
    indptr = np.full(n_rows + 1, matrix.indptr[-1], matrix.indptr.dtype)
    indptr[: len(matrix.indptr)] = matrix.indptr
    return cast("CSR", sp.csr_array((matrix.data, matrix.indices, indptr), shape=(n_rows, width)))


def _keep_rows(matrix: CSR, keep: NDArray[np.bool_]) -> CSR:
    """Empty the rows that are not kept; the shape stays."""
    if keep.all() or not matrix.nnz:
        return matrix
    if not keep.any():
        return _csr(matrix.shape)
    counts = np.diff(matrix.indptr)
    entries = np.repeat(keep, counts)
    indptr = np.zeros(len(counts) + 1, matrix.indptr.dtype)
    np.cumsum(np.where(keep, counts, 0), out=indptr[1:])
    return cast(
        "CSR",
        sp.csr_array((matrix.data[entries], matrix.indices[entries], indptr), shape=matrix.shape),
    )


def _keep_both_ends(ties: CSR, keep: NDArray[np.bool_]) -> CSR:
    kept = _keep_rows(ties, keep)
    other = keep[kept.indices]
    if other.all():
        return kept
    rows = np.repeat(np.arange(kept.shape[0]), np.diff(kept.indptr))[other]
    indptr = np.zeros(kept.shape[0] + 1, kept.indptr.dtype)
    np.cumsum(np.bincount(rows, minlength=kept.shape[0]), out=indptr[1:])
    return cast(
        "CSR", sp.csr_array((kept.data[other], kept.indices[other], indptr), shape=kept.shape)
    )


def _matrices(
    history: History, permitted: Permitted, n_items: int
) -> tuple[CSR, NDArray[np.int64], CSR, CSR]:
    """Turn permitted history into (interactions, times, held, dismissed).

    ``held`` and ``dismissed`` are whole here; :meth:`Snapshot.view` leaves the permitted ones.
    """
    n = len(history.indptr) - 1
    rows = np.repeat(np.arange(n), np.diff(history.indptr))
    allowed = np.zeros((n, len(INTERACTION_KINDS)), np.bool_)
    for code, category in enumerate(_KIND_CATEGORY):
        if category in permitted:
            allowed[:, code] = permitted[category]
    learnt = allowed[rows, history.kinds] & (_CONFIDENCE[history.kinds] > 0)
    interactions, times = _strongest(
        rows[learnt],
        history.items[learnt],
        _CONFIDENCE[history.kinds[learnt]],
        history.times[learnt],
        (n, n_items),
    )

    def flags(chosen: NDArray[np.bool_]) -> CSR:
        ones = np.ones(int(chosen.sum()), np.float32)
        return _strongest(
            rows[chosen], history.items[chosen], ones, history.times[chosen], (n, n_items)
        )[0]

    held, dismissed = flags(_HELD[history.kinds]), flags(history.kinds == _DISMISSED)
    return interactions, times, held, dismissed


def _strongest(
    rows: NDArray[np.int64],
    items: NDArray[np.int32],
    confidence: NDArray[np.float32],
    times: NDArray[np.int64],
    shape: tuple[int, int],
) -> tuple[CSR, NDArray[np.int64]]:
    """Make a CSR with the strongest confidence and the latest time per (resident, item)."""
    if not len(rows):
        return _csr(shape), np.empty(0, np.int64)
    first = np.ones(len(rows), np.bool_)
    np.logical_or(rows[1:] != rows[:-1], items[1:] != items[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    indptr = np.zeros(shape[0] + 1, np.int64)
    np.cumsum(np.bincount(rows[starts], minlength=shape[0]), out=indptr[1:])
    data = np.maximum.reduceat(confidence, starts)
    return make_csr(data, items[starts], indptr, shape), np.maximum.reduceat(times, starts)
