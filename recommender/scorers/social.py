"""What the people one is tied to did. Ties are S2: only a view that may hold them has any."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph.view import CSR, View, empty_csr
from recommender.base import Evidence, Query
from recommender.scorers.matrix import (
    Arrays,
    Config,
    csr_arrays,
    csr_from_arrays,
    pick,
    row_of,
    sum_of_rows,
)

__all__ = ["SocialScorer", "tied_to"]


def tied_to(ties: CSR, query: Query, at: int = 0) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Rows and strengths of those tied to one resident of the batch.

    Nobody who withdrew something since counts (``query.masked``), on either side.
    """
    row = int(query.rows[at])
    if row >= ties.shape[0] or (len(query.masked) and row in query.masked):
        return np.empty(0, np.int32), np.empty(0, np.float32)
    others, strength = row_of(ties, row)
    if len(query.masked):
        seen = ~np.isin(others, query.masked)
        others, strength = others[seen], strength[seen]
    return others, strength


class SocialScorer:
    """Average of what tied residents did, weighted by tie strength.

    Residents who withdrew something since (``query.masked``) count neither as the one asking
    nor as one of the others.

    Parameters
    ----------
    prior : float
        Tie strength that nobody in particular is worth; keeps one tie from deciding.
    """

    name: ClassVar[str] = "social"

    def __init__(self, prior: float = 2.0) -> None:
        self.prior = prior
        self.ties_: CSR = empty_csr(0, 0)
        self.did_: CSR = empty_csr(0, 0)

    def fit(self, view: View, *, seed: int) -> Self:
        """Keep the ties, and what those with ties did."""
        self.ties_ = view.ties
        if view.ties.nnz:
            self.did_ = view.interactions
        else:  # nobody has ties: nobody's history is needed
            self.did_ = empty_csr(view.n_residents, view.n_items)
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Add up what the tied residents did; 0 without ties and for masked residents."""
        n = self.did_.shape[1]
        out = np.zeros((len(query), n), np.float32)
        for at in range(len(query)):
            others, strength = tied_to(self.ties_, query, at)
            if len(others):
                sums = sum_of_rows(self.did_, others, strength)
                out[at] = sums / np.float32(strength.sum() + self.prior)
        return pick(out, candidates, len(query.items))

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: whom one is tied to and what they do is theirs to tell."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return ties and histories."""
        return {**csr_arrays("ties", self.ties_), **csr_arrays("did", self.did_)}

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {"prior": self.prior}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again; its matrices stay memory-mapped."""
        scorer = cls(prior=float(config["prior"]))
        scorer.ties_ = csr_from_arrays("ties", arrays)
        scorer.did_ = csr_from_arrays("did", arrays)
        return scorer
