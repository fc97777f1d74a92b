"""One request: candidates -> eligibility -> scores -> blend -> re-rank -> last check -> reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from graph.model import ItemId, ItemKind, RecId
from graph.view import ITEM_KINDS
from recommender.base import Breakdown, CandidateSource, Query, Reason, Recommendation
from recommender.candidates import NearbyItems
from recommender.fitted import FittedModel
from recommender.ranking.eligibility import eligible
from recommender.ranking.exploration import NEXT, explored, lot
from recommender.reasons import Reasons

__all__ = ["LastCheck", "Recommender", "is_personal"]

LastCheck = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Item rows, best first -> which of them may still be shown, asked just before they are."""

Mint = Callable[[ItemId, Reason], RecId]

_SPARE = NEXT
"""Places filled beyond those asked for: the last check leaves a full list, the lot a choice."""


def is_personal(query: Query) -> bool:
    """Tell whether anything about the resident asking could shape the list."""
    known = (
        query.history,
        query.interests,
        query.offers,
        query.occupations,
        query.needs,
        query.held,
    )
    return any(matrix.nnz for matrix in known) or bool(np.isfinite(query.home).all())


class Recommender:
    """Serves one model.

    Parameters
    ----------
    model : FittedModel
    words : mapping of slot to codes, optional
        Codes of the vocabularies in column order, for the slots ``interest`` and ``offer``.
    source : CandidateSource, optional
        Open items within reach when left out.
    """

    def __init__(
        self,
        model: FittedModel,
        *,
        words: Mapping[str, Sequence[str]] | None = None,
        source: CandidateSource | None = None,
    ) -> None:
        self.model = model
        self.words = words or {}
        self.source = source or NearbyItems()

    def recommend(
        self,
        query: Query,
        *,
        mint: Mint,
        n: int = 20,
        kinds: frozenset[ItemKind] | None = None,
        last_check: LastCheck | None = None,
        explore: float = 0.0,
    ) -> tuple[Recommendation, ...]:
        """Make a ranked list for one resident.

        Parameters
        ----------
        query : Query
            A batch of one. An empty one (nothing authorised, personalisation off) gets what is
            popular and new.
        mint : callable
            Makes the id of one suggestion from its item and its reason.
        n : int
            Places.
        kinds : frozenset of ItemKind, optional
            Only these kinds; all when left out.
        last_check : callable, optional
            The gate's last word on what may be shown.
        explore : float
            Probability that the last place is given away by lot
            (:mod:`recommender.ranking.exploration`).

        Returns
        -------
        tuple of Recommendation
            At most ``n``, rank 1 first.
        """
        rows = self._rows(query, kinds)
        if not len(rows) or n <= 0:
            return ()
        parts = self.model.contributions(query, rows)
        total = np.sum([part[0] for part in parts.values()], axis=0)
        wanted = n if last_check is None and not explore else n + _SPARE
        places = self.model.reranker.rerank(query, rows, total.astype(np.float32), wanted)
        if last_check is not None:
            places = places[last_check(rows[places])]
        drawn = lot(int(query.rows[0]), query.now, self.model.model_id)
        places, chances = explored(places, n, weight=explore, drawn=drawn)
        breakdown = Breakdown(
            {name: part[0, places] for name, part in parts.items()},
            partial(self.model.reranker.gains, query, rows[places]),
        )
        reasons = Reasons(self.model, query, rows, parts, self.words)
        items = [ItemId(item) for item in query.items.ids[rows[places]].tolist()]
        told = [reasons.of(at) for at in places.tolist()]
        scores, odds = total[places].tolist(), chances.tolist()
        return tuple(
            Recommendation(
                rec_id=mint(items[place], told[place]),
                item=items[place],
                row=row,
                rank=place + 1,
                score=scores[place],
                reason=told[place],
                propensity=odds[place],
                breakdown=breakdown,
            )
            for place, row in enumerate(rows[places].tolist())
        )

    def _rows(self, query: Query, kinds: frozenset[ItemKind] | None) -> NDArray[np.int64]:
        rows = self.source.candidates(query)
        if kinds is not None:
            codes = [code for code, kind in enumerate(ITEM_KINDS) if kind in kinds]
            rows = rows[np.isin(query.items.kind[rows], codes)]
        return eligible(query, rows)
