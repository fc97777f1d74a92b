r"""What a resident says of themselves against what items say of themselves.

.. math::

    s_i = \sum_f w_f\, q_f \cdot
    \frac{t_{fi} \odot \mathrm{idf}_f^2}{\| t_{fi} \odot \mathrm{idf}_f \|}

over the fields f: interests, offers, needs, occupations, and the tags of the own history. The
query side is not normalised, so taking a word away can only lower the items that carry it.
Everything about items comes from ``query.items``: what opened a moment ago is scored at once.
"""

from __future__ import annotations

from typing import ClassVar, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.view import CSR, ItemTable
from recommender.base import Evidence, Query, ReasonCode
from recommender.scorers.matrix import Arrays, Config, PerTable, row_of, sum_of_rows, with_width
from recommender.scorers.unlearnt import NothingLearnt

__all__ = ["ContentScorer"]


def _weighted(words: CSR) -> CSR:
    """Weigh words by idf squared, so that both sides carry it once, over the idf norm."""
    n, width = words.shape
    frequency = np.bincount(words.indices, minlength=width)
    idf = np.log((1.0 + n) / (1.0 + frequency)) + 1.0
    rows = np.repeat(np.arange(n), np.diff(words.indptr))
    value = words.data * idf[words.indices]
    norm = np.sqrt(np.bincount(rows, weights=value * value, minlength=n))
    data = value * idf[words.indices] / np.maximum(norm, 1e-12)[rows]
    parts = (data.astype(np.float32), words.indices, words.indptr)
    return cast("CSR", sp.csr_array(parts, shape=words.shape))


def _item_side(items: ItemTable) -> dict[str, CSR]:
    return {
        "interests": _weighted(items.tags),
        "offers": _weighted(items.offers),
        "needs": _weighted(items.needs),
        "occupations": _weighted(items.occupations),
    }


class ContentScorer(NothingLearnt):
    """Own words against item words.

    Parameters
    ----------
    interests, offers, needs, occupations, history : float
        Weight of each field.
    """

    name: ClassVar[str] = "content"

    def __init__(
        self,
        interests: float = 1.0,
        offers: float = 1.0,
        needs: float = 1.0,
        occupations: float = 0.5,
        history: float = 0.5,
    ) -> None:
        self.weights = {
            "interests": interests,
            "offers": offers,
            "needs": needs,
            "occupations": occupations,
            "history": history,
        }
        self._item_side = PerTable(_item_side)

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Add up the fields."""
        if len(query) == 1 and candidates is not None:
            return self._score_one(query, candidates)
        columns = len(query.items) if candidates is None else len(candidates)
        out = np.zeros((len(query), columns), np.float32)
        sides = self._item_side(query.items)
        profiles = {
            "interests": query.interests,
            "offers": query.offers,
            "needs": query.needs,
            "occupations": query.occupations,
        }
        for field, profile in profiles.items():
            if self.weights[field] and profile.nnz:
                out += np.float32(self.weights[field]) * _match(sides[field], profile, candidates)
        if self.weights["history"] and query.history.nnz:
            profile = _history_profile(query)
            weight = np.float32(self.weights["history"])
            out += weight * _match(sides["interests"], profile, candidates)
        return out

    def _score_one(self, query: Query, candidates: NDArray[np.int64]) -> NDArray[np.float32]:
        """Multiply the whole sides with dense words: cheaper than taking rows of sparse arrays."""
        sides = self._item_side(query.items)
        profiles = {
            "interests": query.interests,
            "offers": query.offers,
            "needs": query.needs,
            "occupations": query.occupations,
        }
        words = {
            field: _dense(profile, sides[field], self.weights[field])
            for field, profile in profiles.items()
            if profile.nnz and self.weights[field]
        }
        items, amount = row_of(query.history, 0)
        if self.weights["history"] and len(items):
            share = amount * np.float32(self.weights["history"] / max(float(amount.sum()), 1e-12))
            past = sum_of_rows(query.items.tags, items, share)
            words["interests"] = past + words.get("interests", np.float32(0.0))
        out = np.zeros(len(candidates), np.float32)
        for field, said in words.items():
            out += (sides[field] @ said)[candidates]
        return out[None, :]

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite the declared interest or offer that matches best; never a need or occupation."""
        sides = self._item_side(query.items)
        best: tuple[float, Evidence] | None = None
        for field, slot, code, profile in (
            ("interests", "interest", ReasonCode.OWN_INTEREST, query.interests),
            ("offers", "offer", ReasonCode.OWN_OFFER, query.offers),
        ):
            own = _declared(profile)
            if not own:
                continue
            for word, value in _declared(sides[field], candidate).items():
                said = self.weights[field] * own.get(word, 0.0) * value
                if said > 0 and (best is None or said > best[0]):
                    best = said, Evidence(code, {slot: str(word)})
        return best[1] if best else None

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return {**self.weights}

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the scorer again."""
        return cls(**{name: float(value) for name, value in config.items()})


def _declared(matrix: CSR, row: int = 0) -> dict[int, float]:
    """Words of one row with their values: few, so that a dictionary is the shortest way."""
    words, values = row_of(matrix, row)
    return dict(zip(words.tolist(), values.tolist(), strict=True))


def _dense(profile: CSR, side: CSR, weight: float) -> NDArray[np.float32]:
    """Words of one resident, weighted, in the columns of the item side."""
    out = np.zeros(side.shape[1], np.float32)
    words, values = row_of(profile, 0)
    known = words < len(out)
    out[words[known]] = np.float32(weight) * values[known]
    return out


def _history_profile(query: Query) -> CSR:
    """Mean tags of the own history, (b, n_interests)."""
    history = with_width(query.history, len(query.items))
    tags = (history @ query.items.tags).tocsr()
    total = np.maximum(np.asarray(history.sum(axis=1)).reshape(-1), 1e-12)
    rows = np.repeat(np.arange(tags.shape[0]), np.diff(tags.indptr))
    parts = ((tags.data / total[rows]).astype(np.float32), tags.indices, tags.indptr)
    return cast("CSR", sp.csr_array(parts, shape=tags.shape))


def _match(side: CSR, profile: CSR, candidates: NDArray[np.int64] | None) -> NDArray[np.float32]:
    """(b, n_candidates) dot products of profiles and item words."""
    asked = side if candidates is None else side[candidates]
    product = asked @ with_width(profile, side.shape[1]).toarray().T
    return np.asarray(product, np.float32).T
