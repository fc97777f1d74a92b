"""Cuts through a view: by time where it is dated, else hashed per (row, item).

No generator, no clock, no memory: a cut is a function of the view alone, so the cut of a world in
which one resident withdrew is the cut of the world in which they never were. A hashed cut hides a
cell by its own row and history only; the moment of a cut in time is a quantile of what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, View

__all__ = [
    "Cut",
    "cell_hash",
    "chosen",
    "cold_cut",
    "cut_for",
    "in_fold",
    "sample",
    "time_cut",
    "validation_cut",
    "without_cells",
]

_DATED = 0.25
"""Part of the interactions that must be dated, with items that start, to be cut in time."""
_COLD, _MOST_COLD = 0.1, 1000
"""Part of the residents whose whole history is hidden, and the most of them: enough to judge
residents without a history by, without taking much from what is learnt."""


def cell_hash(
    rows: NDArray[np.int64], columns: NDArray[np.int64] | int, salt: int
) -> NDArray[np.uint64]:
    """Mix (row, column, salt) into 64 well-spread bits.

    References
    ----------
    G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    mixed = np.asarray(rows).astype(np.uint64) * golden
    for word in (np.asarray(columns).astype(np.uint64), np.array([salt]).astype(np.uint64)):
        mixed = _finish(mixed + word + golden)
    return mixed


def _finish(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A view without some cells, and the cells taken out."""

    view: View
    hidden: CSR
    """(n_residents, n_items) 1 where a cell was taken out that can be asked for."""
    candidates: NDArray[np.bool_] | None = None
    """(n_items,) what can be asked for; ``None`` for all items."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """Residents of whom something was taken out."""
        return np.flatnonzero(np.diff(self.hidden.indptr)).astype(np.int64)


def without_cells(view: View, gone: NDArray[np.bool_]) -> Cut:
    """Take entries out of the interactions, and out of what is held.

    Parameters
    ----------
    view : View
    gone : NDArray[bool], (nnz,)
        Aligned with ``view.interactions.data``.
    """
    X = view.interactions
    kept, hidden = _entries(X, ~gone), _entries(X, gone)
    hidden.data[:] = 1.0
    held = view.held
    if held.nnz:
        both = held.multiply(hidden).sign().tocsr()
        held = (held.sign() - both).tocsr()
        held.eliminate_zeros()
    changed = replace(view, interactions=kept, times=view.times[~gone], held=held)
    return Cut(changed, hidden)


def _entries(X: CSR, keep: NDArray[np.bool_]) -> CSR:
    """Keep these entries; the shape stays."""
    before = np.append(0, np.cumsum(keep))
    parts = (X.data[keep], X.indices[keep], before[X.indptr])
    return cast("CSR", sp.csr_array(parts, shape=X.shape))


def cut_for(view: View, *, seed: int) -> Cut:
    """Make the validation cut that suits the view.

    In time where enough interactions are dated and with items that start (a resident is asked
    about what comes next), else a part of every history.
    """
    starting = view.items.starts[view.interactions.indices] >= 0
    dated = (view.times >= 0) & starting
    if dated.sum() >= _DATED * max(len(dated), 1):
        return time_cut(view, share=0.2)
    cold = min(_COLD, _MOST_COLD / max(view.n_residents, 1))
    return validation_cut(view, share=0.2, cold=cold, salt=seed)


def time_cut(view: View, *, share: float) -> Cut:
    """Hide what was done last; whoever did nothing before is asked about as somebody new.

    The view goes back to the moment of the cut: ``as_of`` is that moment, and seats are unknown,
    as those that are left now tell what was done since. Candidates are the items that start
    later, and open ones that have no start.

    Parameters
    ----------
    view : View
    share : float
        Part of the dated interactions that is hidden, the latest ones.
    """
    X, items = view.interactions, view.items
    moment = int(np.quantile(view.times[view.times >= 0], 1.0 - share, method="higher"))
    late = view.times > moment
    candidates = (items.starts > moment) | ((items.starts < 0) & items.open)
    seats = np.full(len(items), -1, np.int32)
    past = replace(
        without_cells(view, late).view, as_of=moment, items=replace(items, seats_left=seats)
    )
    hidden = _entries(X, late & candidates[X.indices])
    hidden.data[:] = 1.0
    return Cut(past, hidden, candidates)


def validation_cut(view: View, *, share: float, cold: float, salt: int) -> Cut:
    """Hide part of each history, and the whole history of a few.

    Only residents with at least two interactions are cut, so that everyone asked about has
    something left or is asked about as somebody new.

    Parameters
    ----------
    view : View
    share : float
        Part of each history that is hidden, at least one interaction.
    cold : float
        Part of the residents whose whole history is hidden.
    salt : int
    """
    X = view.interactions
    lengths = np.diff(X.indptr).astype(np.int64)
    owner = np.repeat(np.arange(view.n_residents, dtype=np.int64), lengths)
    hashes = cell_hash(owner, X.indices.astype(np.int64), salt)
    order = np.lexsort((hashes, owner))
    rank = np.empty(len(owner), np.int64)
    rank[order] = np.arange(len(owner)) - X.indptr[owner[order]]
    hide = np.maximum(1, np.round(share * lengths)).astype(np.int64)
    residents = np.arange(view.n_residents, dtype=np.int64)
    hide[chosen(residents, cold, salt + 1)] = np.iinfo(np.int64).max
    hide[lengths < 2] = 0
    return without_cells(view, rank < hide[owner])


def cold_cut(view: View, *, fold: int, folds: int, salt: int) -> tuple[View, NDArray[np.bool_]]:
    """Take the whole history from one hashed fold of the residents; return (view, who)."""
    who = in_fold(view.n_residents, fold=fold, folds=folds, salt=salt)
    owner = np.repeat(np.arange(view.n_residents), np.diff(view.interactions.indptr))
    return without_cells(view, who[owner]).view, who


def in_fold(n: int, *, fold: int, folds: int, salt: int) -> NDArray[np.bool_]:
    """Tell which of n rows are in a hashed fold."""
    hashes = cell_hash(np.arange(n, dtype=np.int64), 0, salt)
    out: NDArray[np.bool_] = hashes % np.uint64(folds) == np.uint64(fold)
    return out


def chosen(rows: NDArray[np.int64], share: float, salt: int) -> NDArray[np.bool_]:
    """Tell which of some rows are in a hashed share, 0 to 1; in a larger share they still are."""
    out: NDArray[np.bool_] = cell_hash(rows, 0, salt) < np.uint64(
        min(int(share * 2**64), 2**64 - 1)
    )
    return out


def sample(rows: NDArray[np.int64], most: int, salt: int) -> NDArray[np.int64]:
    """Draw at most so many of some rows by their hash, ascending."""
    order = np.argsort(cell_hash(rows, 0, salt), kind="stable")
    return np.sort(rows[order[:most]])
