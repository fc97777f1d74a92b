r"""What tells a community apart: attributes that its members hold more often than others do.

An attribute is ranked by how much it says of membership, the binomial divergence of its share
:math:`s` among members from its share :math:`p` among everybody,

.. math:: s \ln(s / p) + (1 - s) \ln((1 - s) / (1 - p))

where :math:`s = (h + a p) / (m + a)` of :math:`h` holders among :math:`m` members is drawn towards
:math:`p` by :math:`a` members in doubt, so that the chance of a few says little.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, View
from recommender.network.network import Trait, TraitKind

__all__ = ["LEAST_HOLDERS", "MOST_TRAITS", "traits_of"]

LEAST_HOLDERS = 5
"""Fewer holders than this are told nowhere, not even to staff."""
MOST_TRAITS = 3
_LEAST_SHARE, _LEAST_LIFT = 0.25, 1.5
"""Of a trait: a quarter of the members, half as often again as everybody."""
_DOUBT = 10.0


def traits_of(view: View, members: NDArray[np.int32]) -> tuple[tuple[Trait, ...], ...]:
    """Find the traits of every community, the most telling first.

    Parameters
    ----------
    view : View
    members : NDArray[int32], (n_residents,)
        Number of the community; -1 none.
    """
    count = int(members.max(initial=-1)) + 1
    found: list[list[tuple[float, Trait]]] = [[] for _ in range(count)]
    for kind, held in _attributes(view).items():
        for community, worth, trait in _telling(kind, held, members, count):
            found[community].append((worth, trait))
    return tuple(_best(traits) for traits in found)


def _best(traits: list[tuple[float, Trait]]) -> tuple[Trait, ...]:
    order = sorted(traits, key=lambda pair: (-pair[0], pair[1].kind, pair[1].code))
    return tuple(trait for _, trait in order[:MOST_TRAITS])


def _attributes(view: View) -> Mapping[TraitKind, CSR]:
    known = np.flatnonzero((view.grid >= 0) & view.active)
    grids = int(view.grid.max(initial=-1)) + 1
    entries = (np.ones(len(known), np.float32), (known, view.grid[known]))
    return {
        TraitKind.INTEREST: view.interests,
        TraitKind.OCCUPATION: view.occupations,
        TraitKind.OFFER: view.offers,
        TraitKind.GRID: sp.csr_array(sp.coo_array(entries, shape=(view.n_residents, grids))),
    }


def _telling(
    kind: TraitKind, held: CSR, members: NDArray[np.int32], count: int
) -> list[tuple[int, float, Trait]]:
    """Compare shares: (community, divergence, trait) of what members hold more than others."""
    inside = np.flatnonzero(members >= 0)
    sizes = np.bincount(members[inside], minlength=count)
    belongs = sp.csr_array(
        (np.ones(len(inside)), (members[inside], inside)), shape=(count, len(members))
    )
    holders = sp.coo_array(belongs @ held.sign())
    everybody = np.bincount(held.indices, minlength=held.shape[1]) / len(members)
    community, code = holders.coords
    h, p = holders.data, everybody[code]
    s = (h + _DOUBT * p) / (sizes[community] + _DOUBT)
    worth = s * np.log(s / p) + (1 - s) * np.log((1 - s) / np.maximum(1 - p, 1e-12))
    share, lift = h / sizes[community], s / p
    kept = (h >= LEAST_HOLDERS) & (share >= _LEAST_SHARE) & (lift >= _LEAST_LIFT)
    return [
        (
            int(community[at]),
            float(worth[at]),
            Trait(kind, int(code[at]), int(h[at]), float(share[at]), float(lift[at])),
        )
        for at in np.flatnonzero(kept)
    ]
