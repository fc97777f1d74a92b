"""What makes ties, layer by layer: attributes of a view, and how neighbours are found in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.measures.ties import Alike, as_ties, metres, neighbours
from graph.model import InteractionKind, ItemKind
from graph.schema import INTERACTION_CONFIDENCE
from graph.view import CSR, ITEM_KINDS, View
from recommender.network.network import Layer

__all__ = ["layers_of"]

_NEAR = 800.0
"""Metres over which sharing an attribute counts for 1/e: ten minutes on foot."""
_TOOK_PART = INTERACTION_CONFIDENCE[InteractionKind.LIKE]
"""Least confidence of an interaction that is more than a look."""
_NO_BUILDING = 200
"""A place with that many homes is an address of many buildings, or the centre of a grid."""

_SHARED = Alike(most_held=0.1, spared=60, reach=_NEAR)
_DONE = Alike(most_held=0.1, spared=60)

_LAYERS: Mapping[Layer, tuple[Callable[[View], CSR], Alike]] = {
    Layer.OCCUPATION: (lambda view: view.occupations, _SHARED),
    Layer.INTEREST: (lambda view: view.interests, _SHARED),
    Layer.NEED: (lambda view: view.needs, _SHARED),
    Layer.BUILDING: (lambda view: _buildings(view), Alike(most_held=0.0, spared=_NO_BUILDING)),
    Layer.ATTENDANCE: (lambda view: _did(view, helping=False), _DONE),
    Layer.HELP: (lambda view: _helps(view), _DONE),
}


def layers_of(view: View) -> dict[Layer, CSR]:
    """Tie residents who live here, layer by layer; layers without any tie are left out.

    Returns
    -------
    dict of Layer to csr_array, (n_residents, n_residents)
        Symmetric; the weights from each resident's own list sum to 1, so layers can be compared.
    """
    plane = metres(np.where(view.active[:, None], view.home, np.float32(np.nan)))
    found = {
        layer: as_ties(neighbours(_living(of(view), view.active), how, plane=plane))
        for layer, (of, how) in _LAYERS.items()
    }
    found[Layer.OBSERVED] = as_ties(_rows_to_one(_living(view.ties, view.active)))
    return {layer: ties for layer, ties in found.items() if ties.nnz}


def _living(matrix: CSR, active: NDArray[np.bool_]) -> CSR:
    """Empty the rows of those who left."""
    return matrix if active.all() else _kept(matrix, np.repeat(active, np.diff(matrix.indptr)))


def _kept(matrix: CSR, keep: NDArray[np.bool_]) -> CSR:
    before = np.append(0, np.cumsum(keep))
    parts = (matrix.data[keep], matrix.indices[keep], before[matrix.indptr])
    return cast("CSR", sp.csr_array(parts, shape=matrix.shape))


def _rows_to_one(matrix: CSR) -> CSR:
    sums = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    share = matrix.data / np.repeat(sums, np.diff(matrix.indptr))
    parts = (share.astype(np.float32), matrix.indices, matrix.indptr)
    return cast("CSR", sp.csr_array(parts, shape=matrix.shape))


def _buildings(view: View) -> CSR:
    """One column per place where somebody lives."""
    known = np.flatnonzero(~np.isnan(view.home[:, 0]))
    _, place = np.unique(view.home[known], axis=0, return_inverse=True)
    entries = (np.ones(len(known), np.float32), (known, place.ravel()))
    return cast(
        "CSR", sp.csr_array(sp.coo_array(entries, shape=(view.n_residents, len(known) + 1)))
    )


def _did(view: View, *, helping: bool) -> CSR:
    """Return what residents took part in or liked: helper roles, or everything else."""
    X = view.interactions
    role = view.items.kind[X.indices] == ITEM_KINDS.index(ItemKind.HELPER_ROLE)
    return _kept(X, (X.data >= _TOOK_PART) & (role == helping))


def _helps(view: View) -> CSR:
    """Return what residents offer, beside the helper roles they took."""
    return cast("CSR", sp.hstack([view.offers, _did(view, helping=True)], format="csr"))
