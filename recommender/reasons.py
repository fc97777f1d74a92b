"""Tells why an item is in the feed, under the explanation rules E1 to E5.

Only what speaks *for* the item may be cited, the strongest first. A declared word speaks for the
items that carry it, so taking it away lowers them. What many candidates share (the own grid) or
many parts learn from (an own item) is cited only after the list was scored once more without it,
for the items that then stand lower.

Scorers never offer evidence from other people, from S2 or from S3 facts; where such a part carried
the item, a weaker citable part that also speaks for it is told, or ``GENERAL``, which is always
one possible true reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR
from recommender.base import Evidence, Query, Reason, ReasonCode
from recommender.fitted import FittedModel
from recommender.ranking.blend import history_bucket
from recommender.scorers.matrix import row_of

__all__ = ["CITABLE", "GENERAL", "Reasons"]

GENERAL = Reason(ReasonCode.GENERAL)

CITABLE: Mapping[str, frozenset[ReasonCode]] = {
    "content": frozenset({ReasonCode.OWN_INTEREST, ReasonCode.OWN_OFFER}),
    "own_group": frozenset({ReasonCode.OWN_GROUP}),
    "item_item": frozenset({ReasonCode.SIMILAR_TO_OWN}),
    "popular": frozenset({ReasonCode.POPULAR}),
    "distance": frozenset({ReasonCode.IN_OWN_GRID}),
    "venue": frozenset({ReasonCode.OWN_VENUE}),
    "habit": frozenset({ReasonCode.OWN_TIME}),
    "spectral": frozenset({ReasonCode.SIMILAR_TO_OWN}),
}
"""The closed list: which part may cite what. A part that is not here cites nothing."""

OWN_ITEMS = frozenset(
    {
        ReasonCode.SIMILAR_TO_OWN,
        ReasonCode.OWN_GROUP,
        ReasonCode.OWN_VENUE,
        ReasonCode.OWN_TIME,
    }
)
"""Codes that cite something the resident did, from which many parts learn."""

_CHECKED = OWN_ITEMS | {ReasonCode.IN_OWN_GRID}
"""Codes cited only where the item would stand lower without what they cite."""

_OWN_GRID = ""

NO_HISTORY = frozenset(
    {
        "community",
        "distance",
        "fresh",
        "near",
        "popular",
        "social",
        "soon",
        "trending",
        "turn",
        "untried",
    }
)
"""Parts that do not read the history of the one asking; every other part is asked again."""

MOST_CHECKED = 2
"""Own items that one list may cite, as looking what it would be without one takes its time."""

_LESS = -1e-6
"""A score that changes by less than this stays where it is, but for rounding."""

Parts = Mapping[str, NDArray[np.float64]]
"""By scorer name."""


class Reasons:
    """Finds the reasons of one list.

    Parameters
    ----------
    model : FittedModel
    query : Query
        A batch of one.
    rows : NDArray[int64], (n,)
        Item rows that were scored.
    parts : mapping of scorer name to NDArray[float64], (1, n)
        Contributions to their scores.
    words : mapping of slot to codes
        Codes of the vocabularies, in column order: ``interest``, ``offer``. A slot that is not
        there keeps the column number.
    """

    def __init__(
        self,
        model: FittedModel,
        query: Query,
        rows: NDArray[np.int64],
        parts: Parts,
        words: Mapping[str, Sequence[str]],
    ) -> None:
        self._model, self._query, self._rows, self._parts = model, query, rows, parts
        self._words = words
        self._scorers = {s.name: s for s in model.scorers}
        self._citable = [(name, part[0]) for name, part in parts.items() if name in CITABLE]
        self._without: dict[str, Parts] = {}
        """By what is cited, an own item or the own grid: what each part gives more without it."""

    def of(self, at: int) -> Reason:
        """Cite the strongest citable part that speaks for the item at a position of ``rows``."""
        row = self._rows.item(at)
        for against, name in sorted((-part.item(at), name) for name, part in self._citable):
            if against >= 0:
                break
            evidence = self._scorers[name].evidence(self._query, row)
            if evidence is None or evidence.code not in CITABLE[name]:
                continue
            if self._is_needed(name, evidence, at):
                return self._worded(evidence)
        return GENERAL

    def _worded(self, evidence: Evidence) -> Reason:
        words = self._words
        slots = {
            slot: words[slot][int(value)] if slot in words else value
            for slot, value in evidence.slots.items()
        }
        return Reason(evidence.code, slots)

    def _is_needed(self, name: str, evidence: Evidence, at: int) -> bool:
        """Tell whether the item would stand lower without the evidence."""
        if evidence.code not in _CHECKED:
            return True
        cited = evidence.slots.get("item", _OWN_GRID)
        if cited not in self._without:
            if cited != _OWN_GRID and len(self._without.keys() - {_OWN_GRID}) == MOST_CHECKED:
                return False
            self._without[cited] = self._less(name, cited)
        changes = self._without[cited]
        together = sum(float(change[at]) for change in changes.values())
        return bool(changes[name][at] < _LESS and together < _LESS)

    def _less(self, name: str, cited: str) -> Parts:
        """Take away what is cited; what each part that could change then gives more."""
        if cited == _OWN_GRID:
            return self._changes([name], replace(self._query, grid=np.array([-1], np.int32)))
        return self._changes(None, _without_item(self._query, cited))

    def _changes(self, names: list[str] | None, less: Query) -> Parts:
        """Score the list as if this had been asked; what each part then gives more, (n,) each.

        All parts that could change are asked where none are named.
        """
        blend, known = self._model.blend, self._parts
        before, after = (_length(query) for query in (self._query, less))
        if names is None and history_bucket(before)[0] == history_bucket(after)[0]:
            names = [name for name in known if name not in NO_HISTORY]
        elif names is None:  # other weights: other parts may speak
            names = sorted(known.keys() | blend.speaking(after))
        scored = {name: self._scorers[name].score(less, self._rows) for name in names}
        now = blend.contributions(scored, after)
        return {name: now[name][0] - (known[name][0] if name in known else 0.0) for name in names}


def _length(query: Query) -> NDArray[np.int64]:
    return np.diff(query.history.indptr).astype(np.int64)


def _without_item(query: Query, item: str) -> Query:
    """Ask as if the resident had never done anything with one of their items."""
    own = row_of(query.history, 0)[0]
    row = int(own[query.items.ids[own] == item][0])
    return replace(query, history=_dropped(query.history, row), held=_dropped(query.held, row))


def _dropped(matrix: CSR, column: int) -> CSR:
    """One row without one of its columns."""
    keep = matrix.indices != column
    indptr = np.array([0, np.count_nonzero(keep)], matrix.indptr.dtype)
    parts = (matrix.data[keep], matrix.indices[keep], indptr)
    return cast("CSR", sp.csr_array(parts, shape=matrix.shape))
