r"""What one's community joins: rates of the circle, drawn towards those of the neighbourhood.

.. math:: s = \frac{c - o + a\, n}{m_c - 1 + a}, \qquad n = \frac{d - o}{m_d - 1 + a}

where c of the m_c members of the circle and d of the m_d of the neighbourhood took an item up, o is
one where the resident asking did, and a members in doubt count as the neighbourhood (there, as
nobody). Nobody's own past speaks for them.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, View, empty_csr
from recommender.base import Evidence, Query
from recommender.network.network import Scale
from recommender.scorers.matrix import Arrays, Config, csr_arrays, csr_from_arrays, pick

__all__ = ["CommunityScorer"]

_SCALES = (Scale.NEIGHBOURHOOD, Scale.CIRCLE)
"""From the wider to the narrower, which is drawn towards it."""


class CommunityScorer:
    """Rates of take-up in the communities of the resident asking.

    Residents who withdrew something since (``query.masked``) count neither as the one asking nor
    among the members.

    Parameters
    ----------
    prior : float
        Members in doubt: a small circle says little.
    """

    name: ClassVar[str] = "community"

    def __init__(self, prior: float = 10.0) -> None:
        self.prior = prior
        self.did_: CSR = empty_csr(0, 0)
        self.members_: dict[Scale, NDArray[np.int32]] = {
            scale: np.empty(0, np.int32) for scale in _SCALES
        }
        self.taken_: dict[Scale, CSR] = {scale: empty_csr(0, 0) for scale in _SCALES}

    def fit(self, view: View, *, seed: int) -> Self:
        """Find communities, and count what their members took up.

        Needs and occupations of residents tie nobody here: they shape no model of the feed.
        """
        # Here and not above: numba takes a second to import, and serving needs none.
        from recommender.network.build import tied
        from recommender.network.scales import communities_of

        _, _, ties = tied(view.without_needs(), seed=seed)
        found = communities_of(ties, seed=seed)
        self.did_ = view.interactions.sign()
        self.members_ = {scale: found[scale] for scale in _SCALES}
        self.taken_ = {scale: _taken(self.did_, found[scale]) for scale in _SCALES}
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Rates of the communities; 0 for those in none, and for masked residents."""
        out = np.zeros((len(query), self.did_.shape[1]), np.float32)
        known = query.rows < self.did_.shape[0]
        asking = np.flatnonzero(known & ~np.isin(query.rows, query.masked))
        if len(asking):
            for scale in _SCALES:
                out[asking] = self._rates(scale, query, query.rows[asking], out[asking])
        return pick(out, candidates, len(query.items))

    def _rates(
        self, scale: Scale, query: Query, rows: NDArray[np.int64], wider: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        members, taken = self.members_[scale], self.taken_[scale]
        own = members[rows]
        inside = own >= 0
        if not inside.any():
            return wider
        gone = query.masked[query.masked < len(members)]
        others = np.bincount(members[members >= 0], minlength=taken.shape[0])
        others -= np.bincount(members[gone][members[gone] >= 0], minlength=taken.shape[0])
        count = taken[own[inside]].toarray() - self.did_[rows[inside]].toarray()
        for row in gone[np.isin(members[gone], own[inside])]:  # they withdrew: few, and exactly
            count[own[inside] == members[row]] -= self.did_[[row]].toarray()
        doubt = np.float32(self.prior)
        rates = (count + doubt * wider[inside]) / (others[own[inside], None] - 1 + doubt)
        found = wider.copy()
        found[inside] = rates
        return found

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: what a circle does is its members' to tell."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return histories, communities, and what these took up."""
        arrays = csr_arrays("did", self.did_)
        for scale in _SCALES:
            arrays |= csr_arrays(f"taken_{scale}", self.taken_[scale])
            arrays[f"members_{scale}"] = self.members_[scale]
        return arrays

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"prior": self.prior}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again; its matrices stay memory-mapped."""
        scorer = cls(prior=float(config["prior"]))
        scorer.did_ = csr_from_arrays("did", arrays)
        for scale in _SCALES:
            scorer.taken_[scale] = csr_from_arrays(f"taken_{scale}", arrays)
            scorer.members_[scale] = np.asarray(arrays[f"members_{scale}"], np.int32)
        return scorer


def _taken(did: CSR, members: NDArray[np.int32]) -> CSR:
    """Count the members of each community who took up each item."""
    inside = np.flatnonzero(members >= 0)
    count = int(members.max(initial=-1)) + 1
    entries = (np.ones(len(inside), np.float32), (members[inside], inside))
    belongs: CSR = sp.csr_array(sp.coo_array(entries, shape=(count, len(members))))
    found = (belongs @ did).tocsr()
    found.sort_indices()
    return found
