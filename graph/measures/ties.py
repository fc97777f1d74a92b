r"""Ties from what people share: each resident's most alike neighbours, layer by layer.

A layer is a matrix of residents and attributes (interests, occupations, what they took part in).
Residents are never all paired: one attribute with a million holders would be :math:`5 \cdot
10^{11}` pairs. Each is tied to the few most alike instead, by the cosine of TF-IDF weights, less
the farther away they live.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.measures import nearest

if TYPE_CHECKING:
    CSR = sp.csr_array[np.float32, tuple[int, int]]
else:
    CSR = sp.csr_array  # generic for type checkers only

__all__ = ["Alike", "along_a_curve", "as_ties", "metres", "neighbours", "tf_idf", "together"]

_KM_PER_DEGREE = 111.195
"""Length of one degree of latitude on a sphere of radius 6,371 km."""


@dataclass(frozen=True, slots=True)
class Alike:
    """How neighbours are found."""

    top: int = 10
    """Neighbours of each resident."""
    most_held: float = 0.05
    """An attribute held by more than this share of those who hold any makes no ties."""
    spared: int = 30
    """Nor is one left out that fewer than this hold: in a small place all shares are large."""
    reach: float = np.inf
    """Metres over which a likeness falls to 1/e."""
    block: int = 16_000
    """Residents, in the order of `along_a_curve`, who are given neighbours at a time."""
    margin: int = 2_000
    """Residents on either side of a block who may be their neighbours too."""


def tf_idf(attributes: CSR, *, most_held: float, spared: int) -> CSR:
    r"""Weigh attributes by rarity and give every row the length 1.

    .. math:: w_{ia} = x_{ia} \ln(N / \mathrm{df}_a) \Big/ \sqrt{\textstyle\sum_b (\dots)^2}

    where N counts the residents who hold anything. Attributes held by more than `most_held` of them
    (and by at least `spared`) weigh nothing: they say little and would cost most of the work.

    Parameters
    ----------
    attributes : csr_array, (residents, attributes), float32, at least 0

    References
    ----------
    G. Salton, C. Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    """
    df = np.bincount(attributes.indices, minlength=attributes.shape[1])
    holding = int((np.diff(attributes.indptr) > 0).sum())
    idf = np.log((holding + 1.0) / np.maximum(df, 1))
    idf[(df > most_held * holding) & (df >= spared)] = 0.0
    weighed = attributes.data * idf[attributes.indices].astype(np.float32)
    parts = (weighed.astype(np.float32), attributes.indices, attributes.indptr)
    X = cast("CSR", sp.csr_array(parts, shape=attributes.shape, copy=True))
    X.eliminate_zeros()
    lengths = np.sqrt(np.asarray(X.multiply(X).sum(axis=1, dtype=np.float64)).ravel())
    X.data /= np.repeat(lengths, np.diff(X.indptr)).astype(np.float32)
    return X


def metres(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay (lat, lon) in degrees on a plane around their middle: (n, 2) metres east and north.

    Within a city this differs by less than 0.1 % from distances on the sphere.
    """
    known = places[~np.isnan(places[:, 0])]
    if not len(known):
        return np.full(places.shape, np.nan, np.float32)
    middle = known.astype(np.float64).mean(axis=0)
    plane = (places - middle) * (1000 * _KM_PER_DEGREE)
    east = plane[:, 1] * np.cos(np.radians(middle[0]))
    return np.column_stack([east, plane[:, 0]]).astype(np.float32)


def along_a_curve(plane: NDArray[np.float32]) -> NDArray[np.int64]:
    """Order places so that those near each other stand near each other; unknown ones come last.

    Parameters
    ----------
    plane : NDArray[float32], (n, 2)
        Metres east and north; NaN unknown.

    References
    ----------
    G. Morton, "A Computer Oriented Geodetic Data Base", 1966.
    """
    unknown = np.isnan(plane[:, 0])
    low = np.nanmin(plane, axis=0, initial=0.0) if len(plane) else 0.0
    cells = np.where(unknown[:, None], 0.0, (plane - low) / 10.0)  # a cell is 10 m wide
    bits = np.minimum(cells, 2**16 - 1).astype(np.uint64)
    code = np.zeros(len(plane), np.uint64)
    for bit in range(16):
        for axis in range(2):
            one = (bits[:, axis] >> np.uint64(bit)) & np.uint64(1)
            code |= one << np.uint64(2 * bit + axis)
    return np.lexsort((code, unknown)).astype(np.int64)


def neighbours(
    attributes: CSR, how: Alike = Alike(), *, plane: NDArray[np.float32] | None = None
) -> CSR:
    """Find for each resident the most alike others; each row of weights sums to 1.

    The same input gives the same ties; up to `block` residents these are the most alike of all,
    beyond, of those who live near (see :func:`along_a_curve`). Equals are taken by lot.

    Parameters
    ----------
    attributes : csr_array, (n, attributes), float32, at least 0
    how : Alike
    plane : NDArray[float32], (n, 2), optional
        Homes in metres (:func:`metres`); NaN unknown, which counts as one `reach` away.

    Returns
    -------
    csr_array, (n, n) float32 with int32 indices
        Directed: at most `top` entries in a row, none on the diagonal.
    """
    n = attributes.shape[0]
    where = np.full((n, 2), np.nan, np.float32) if plane is None else plane
    order = along_a_curve(where)
    X = tf_idf(attributes, most_held=how.most_held, spared=how.spared)[order]
    rows = nearest.Rows(
        X.indptr.astype(np.int32),
        X.indices.astype(np.int32),
        X.data,
        X.shape[1],
        np.ascontiguousarray(where[order, 0]),
        np.ascontiguousarray(where[order, 1]),
        order.astype(np.int32),
    )
    window = nearest.Window(how.block, how.margin, how.reach)
    found, values = nearest.nearest(rows, window, how.top)
    back = np.empty(n, np.int64)
    back[order] = np.arange(n)
    return _rows_of_weights(order.astype(np.int32), found[back], values[back])


def _rows_of_weights(
    names: NDArray[np.int32], found: NDArray[np.int32], values: NDArray[np.float32]
) -> CSR:
    """Make a CSR of lists of neighbours; every row that has any sums to 1."""
    n = len(found)
    sums = values.sum(axis=1, dtype=np.float64)
    share = (values / np.where(sums > 0, sums, 1.0)[:, None]).astype(np.float32)
    there = share > 0
    indptr = np.zeros(n + 1, np.int32)
    np.cumsum(there.sum(axis=1), out=indptr[1:])
    parts = (share[there], names[found[there]], indptr)
    graph = cast("CSR", sp.csr_array(parts, shape=(n, n)))
    graph.sort_indices()
    return graph


def as_ties(directed: CSR) -> CSR:
    """Tie both ends by the mean of what each is to the other; nobody to themselves."""
    both: CSR = ((directed + directed.T) * np.float32(0.5)).tocsr()
    both.setdiag(0.0)
    both.eliminate_zeros()
    return _narrow(both)


def together(layers: Sequence[CSR], weights: Sequence[float]) -> CSR:
    """Add layers up, each times its weight; layers of weight 0 are left out.

    One layer is added after the other, so no more than two sums and a layer are held.

    Parameters
    ----------
    layers : sequence of csr_array, (n, n)
        At least one.
    """
    n = layers[0].shape[0]
    total = cast("CSR", sp.csr_array((n, n), dtype=np.float32))
    for layer, weight in zip(layers, weights, strict=True):
        if weight > 0:
            total = _narrow(total + layer * np.float32(weight))
    return _narrow(total)


def _narrow(graph: CSR) -> CSR:
    """Give a graph the types that the kernels of communities take."""
    graph.sort_indices()
    parts = (
        graph.data.astype(np.float32, copy=False),
        graph.indices.astype(np.int32, copy=False),
        graph.indptr.astype(np.int32, copy=False),
    )
    return cast("CSR", sp.csr_array(parts, shape=graph.shape))
