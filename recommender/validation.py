"""Residents of a validation cut: how well one part, or a blend of parts, finds what was hidden.

A blend is tried hundreds of times, so it is tried on a pool: of each resident, the items that some
part ranks high. Scores are standardised over all candidates before, so a blend ranks the pool as it
would rank them all. A hidden item that no part ranks high counts as not found: were it in the pool
for being hidden, a part that is wrong about everything else would look right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR
from recommender.base import Query, Scorer
from recommender.evaluation.metrics import hit_ranks, ndcg_at, recall_at
from recommender.evaluation.splits import Cut, sample
from recommender.ranking.blend import history_bucket

__all__ = ["Pool", "Validation", "worth"]

_CELLS = 4_000_000
"""Pooled scores of one part that are held at a time."""
_RESIDENTS = (3_000, 10_000)
"""Fewest and most residents that are asked about, if there are as many."""
_PER_PART = 100
"""Items of each part's own top that enter the pool."""
_BATCH_CELLS = 2_000_000


def worth(
    scores: NDArray[np.floating], hidden: CSR, mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean of Recall and NDCG at 10 and 20, for each resident."""
    ranks = hit_ranks(scores, hidden, mask)
    found = [metric(ranks, hidden, k) for k in (10, 20) for metric in (recall_at, ndcg_at)]
    return cast("NDArray[np.float64]", np.mean(found, axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Some residents of a cut, with what was hidden from them."""

    cut: Cut
    rows: NDArray[np.int64]
    """(n,) resident rows, ascending."""
    bucket: NDArray[np.int64]
    """(n,) index into ``HISTORY_BUCKETS``."""

    @classmethod
    def of(cls, cut: Cut, *, salt: int) -> Self:
        """Take as many residents as the pool has room for, hashed."""
        width = min(cut.view.n_items, 10 * _PER_PART)
        most = int(np.clip(_CELLS // max(width, 1), *_RESIDENTS))
        rows = sample(cut.rows, most, salt)
        lengths = np.diff(cut.view.interactions.indptr).astype(np.int64)[rows]
        return cls(cut, rows, history_bucket(lengths))

    def __len__(self) -> int:
        """Return the number of residents."""
        return len(self.rows)

    def batches(self, rows: NDArray[np.int64]) -> Iterator[tuple[Query, CSR, NDArray[np.bool_]]]:
        """Ask for some residents: (query, hidden, entries that are no candidates)."""
        step = max(1, _BATCH_CELLS // max(self.cut.view.n_items, 1))
        for at in range(0, len(rows), step):
            query = Query.from_view(self.cut.view, rows[at : at + step])
            mask = query.history.toarray() > 0
            if self.cut.candidates is not None:
                mask |= ~self.cut.candidates
            yield query, self.cut.hidden[query.rows], mask

    def worth_of(self, scorer: Scorer, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rank by one scorer alone."""
        found = [worth(scorer.score(q), hidden, mask) for q, hidden, mask in self.batches(rows)]
        return np.concatenate(found) if found else np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Standardised scores of every part on the pooled items of each resident.

    Places of a resident are in the order of the items, so ties are broken as among all items.
    """

    parts: Mapping[str, NDArray[np.float32]]
    """By scorer name: (n, width)."""
    floors: Mapping[str, float]
    """By scorer name: a tenth of the usual spread of its scores; 0 for a part without any."""
    hidden: CSR
    """(n, width) 1 where a hidden item is."""
    mask: NDArray[np.bool_]
    """(n, width) places beyond a resident's pool, those of hidden items among them."""

    @classmethod
    def of(cls, validation: Validation, scorers: Sequence[Scorer]) -> Self:
        """Score all residents by all parts, and keep the pool.

        Parameters
        ----------
        validation : Validation
        scorers : sequence of Scorer
            Fitted on the view of the cut.
        """
        batches = [_pooled(scorers, *batch) for batch in validation.batches(validation.rows)]
        width = max((len(mask[0]) for _, _, _, mask in batches), default=0)
        values = np.concatenate([_wide(v, width, 0.0) for v, _, _, _ in batches], axis=1)
        spread = np.concatenate([s for _, s, _, _ in batches], axis=1)
        hidden = np.concatenate([_wide(h, width, 0.0) for _, _, h, _ in batches])
        mask = np.concatenate([_wide(m, width, True) for _, _, _, m in batches])
        parts, floors = {}, {}
        for scorer, value, own in zip(scorers, values, spread, strict=True):
            lively = own[own > 1e-6]
            floor = round(float(np.median(lively)) * 0.1, 9) if len(lively) else 0.0
            floors[scorer.name] = floor
            if len(lively):
                parts[scorer.name] = value / np.maximum(own, max(floor, 1e-6))[:, None]
        return cls(parts, floors, cast("CSR", sp.csr_array(hidden)), mask)

    def worth(self, scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rank some residents' pools by these scores, (len(rows), width)."""
        return worth(scores, self.hidden[rows], self.mask[rows])


_Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


def _pooled(
    scorers: Sequence[Scorer], query: Query, hidden: CSR, mask: NDArray[np.bool_]
) -> _Batch:
    """Centred scores (parts, b, width), spreads (parts, b), hidden and mask (b, width)."""
    count = np.maximum((~mask).sum(axis=1, keepdims=True), 1)
    raw, spread = [], []
    wanted = (hidden.toarray() > 0) & ~mask
    chosen = np.zeros(mask.shape, np.bool_)
    for scorer in scorers:
        scores = scorer.score(query)
        mean = scores.sum(axis=1, keepdims=True, where=~mask, dtype=np.float64) / count
        centred = np.where(mask, 0.0, scores - mean)
        raw.append(centred.astype(np.float32))
        spread.append(np.sqrt((centred * centred).sum(axis=1) / count[:, 0]).astype(np.float32))
        chosen |= _top(np.where(mask, -np.inf, scores))
    chosen &= ~mask
    placed = chosen | wanted
    width = int(placed.sum(axis=1).max(initial=0))
    order = np.argsort(~placed, axis=1, kind="stable")[:, :width]
    values = np.stack([np.take_along_axis(part, order, axis=1) for part in raw])
    kept = np.take_along_axis(wanted, order, axis=1).astype(np.float32)
    return values, np.stack(spread), kept, ~np.take_along_axis(chosen, order, axis=1)


def _top(scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mark the best entries of each row; ties by item row, as lists have them."""
    n = scores.shape[1]
    if n <= _PER_PART:
        return np.ones(scores.shape, np.bool_)
    last = -np.partition(-scores, _PER_PART - 1, axis=1)[:, _PER_PART - 1, None]
    above, level = scores > last, scores == last
    room = _PER_PART - above.sum(axis=1, keepdims=True)
    out: NDArray[np.bool_] = above | (level & (np.cumsum(level, axis=1) <= room))
    return out


def _wide(array: NDArray[np.generic], width: int, fill: float | bool) -> NDArray[np.generic]:
    """Fill up the last axis to a width."""
    missing = [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])]
    return np.pad(array, missing, constant_values=fill)
