"""Candidate circles: people of one grid and one community who share a theme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, LANGUAGE_BIT, View
from recommender.groups.problem import FEWEST, MOST, Circle

__all__ = ["LASTING", "Warmth", "candidate_circles"]

LASTING = 0.082
"""Chance that two people of average warmth who found a group still meet long after.

45 % of the members of Circle of Friends groups of about eight had found a new friend a year later
(Pitkälä et al. 2009, n = 235): ``1 - (1 - p) ** 7 = 0.45``. An assumption about our neighbourhoods
until follow-ups of founded groups replace it.
"""
_MOST_LIKELY = 0.5
"""No pair is thought to be surer than this."""
_OTHERS = 0.6
"""How likely somebody who did not name the theme is to stay, beside somebody who did."""
_LARGEST = 30
_THEMES = 2
"""Themes tried per community."""
_SHARED = 3
"""Holders that a theme needs among the people of a community in one grid."""


class Warmth:
    """How likely pairs are to become ties, from the people network.

    A pair is the warmer, the stronger its tie in the network and the more ties lead from one to the
    other through a third person: the matrix ``T + T @ T``. On the time split of two published
    cities it tells who will meet for the first time better than Adamic-Adar and than common groups
    (``bench/founders.py``).

    Parameters
    ----------
    network : csr_array, (n, n)
        Weights of ties, symmetric.
    known : csr_array, (n, n)
        Ties that exist already: nothing is gained between these two.
    communities : NDArray[int32], (n,)
        The pairs inside them set what is average.
    """

    def __init__(self, network: CSR, known: CSR, communities: NDArray[np.int32]) -> None:
        self._network = network
        self._known = known
        inside = communities >= 0
        sizes = np.bincount(communities[inside]).astype(np.float64)
        member = sp.csr_array(
            (np.ones(int(inside.sum())), (np.flatnonzero(inside), communities[inside])),
            shape=(len(communities), len(sizes)),
        )
        reach = cast("CSR", network @ member)
        paths = float((reach**2).sum()) - float((network[np.flatnonzero(inside)] ** 2).sum())
        total = float((reach * member).sum()) + paths
        pairs = float((sizes * (sizes - 1)).sum())
        self._average = total / pairs if pairs else 0.0

    def between(self, rows: NDArray[np.int64]) -> CSR:
        """(m, m) warmth of each pair of these residents."""
        theirs = self._network[rows]
        return theirs[:, rows] + theirs @ theirs.T

    def expected(self, members: NDArray[np.int64], likes: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(m,) lasting ties that each would make in a group of eight of these people.

        Who says yes is not known when a charter is drawn up, so the seven others are taken to be
        any of the circle.

        Parameters
        ----------
        members : NDArray[int64], (m,)
        likes : NDArray[bool], (m,)
            Named the theme as an interest.
        """
        warm = self.between(members).toarray().astype(np.float64)
        chance = np.minimum(_MOST_LIKELY, LASTING * warm / max(self._average, 1e-12))
        stay = np.where(likes, 1.0, _OTHERS)
        chance *= stay[:, None] * stay[None, :]
        chance[self._known[members][:, members].toarray() > 0] = 0.0
        np.fill_diagonal(chance, 0.0)
        others = max(len(members) - 1, 1)
        ties: NDArray[np.float32] = chance.sum(axis=1).astype(np.float32)
        return ties * np.float32(min(1.0, (MOST - 1) / others))


def candidate_circles(
    view: View,
    rows: NDArray[np.int64],
    communities: Sequence[tuple[NDArray[np.int32], Sequence[str]]],
    warmth: Warmth,
    misfit: Callable[[int], NDArray[np.float32]],
) -> list[Circle]:
    """Find the circles of one grid among which groups could be founded.

    Parameters
    ----------
    view : View
    rows : NDArray[int64], (n,)
        Residents of the grid, ascending; circles number them 0..n-1.
    communities : sequence of (NDArray[int32] (n_residents,), ids)
        Membership arrays, smaller communities first; -1 is none.
    warmth : Warmth
    misfit : callable
        How little each slot suits a theme, (n_slots,).
    """
    found: list[Circle] = []
    seen: set[tuple[int, tuple[int, ...]]] = set()
    interests = view.interests[rows].toarray() > 0
    usual = (view.interests > 0).sum(axis=0) / max(view.n_residents, 1)
    for labels, ids in communities:
        for community in np.unique(labels[rows][labels[rows] >= 0]).tolist():
            here = np.flatnonzero(labels[rows] == community)
            for theme in _themes(interests[here], usual):
                members = _around(here, interests[:, theme])
                key = (theme, tuple(members.tolist()))
                if len(members) >= FEWEST and key not in seen:
                    seen.add(key)
                    likes = interests[members, theme]
                    expected = warmth.expected(rows[members], likes)
                    language = _language(view.languages[rows[members]])
                    fits = misfit(theme)
                    found.append(Circle(ids[community], theme, language, members, expected, fits))
    return found


def _themes(holds: NDArray[np.bool_], usual: NDArray[np.float64]) -> list[int]:
    """Interests that distinguish some people: held more often than usual, by enough of them."""
    holders = holds.sum(axis=0)
    lift = holders / (len(holds) * usual + 1.0)
    order = np.lexsort((np.arange(len(holders)), -lift))
    return [int(t) for t in order if holders[t] >= _SHARED and lift[t] > 0][:_THEMES]


def _around(here: NDArray[np.int64], likes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """People of a community in this grid; of a large one those who named the theme."""
    if len(here) <= _LARGEST:
        return here.astype(np.int64)
    return here[likes[here]][:_LARGEST].astype(np.int64)


def _language(spoken: NDArray[np.uint8]) -> int:
    """Bit of the language that most of them speak; people of whom none is known fit any."""
    counts = {bit: int((spoken & bit > 0).sum()) for bit in LANGUAGE_BIT.values()}
    best = max(counts, key=lambda bit: (counts[bit], -bit))
    return best if counts[best] else 0
