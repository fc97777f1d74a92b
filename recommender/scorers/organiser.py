"""Taste for those who organise: residents by groups, for everything that the groups organise.

What a resident did with the events of a group, or with the group itself, counts for the group, and
an event is judged by its group. So an event announced a moment ago is scored like all of its
group's. Where no item has a group these parts say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph.view import CSR, NO_TIME, ItemTable, View, empty_csr, make_csr
from recommender.base import Evidence, Query, Scorer
from recommender.scorers.als import ALSScorer
from recommender.scorers.item_item import ItemItemScorer
from recommender.scorers.matrix import Arrays, Config, PerTable, distinct, with_width
from recommender.scorers.popular import TOOK_PART

__all__ = ["GroupALSScorer", "GroupItemScorer", "by_group", "organisers"]


def organisers(items: ItemTable) -> NDArray[np.int32]:
    """Item row of the group behind each item, (n_items,); of a group that organises, its own.

    -1 where nobody is behind an item, and for groups that organise nothing.
    """
    n = len(items)
    behind = (items.group >= 0) & (items.group < n)
    organises = np.zeros(n, np.bool_)
    organises[items.group[behind]] = True
    own = np.where(organises, np.arange(n, dtype=np.int32), np.int32(-1))
    return np.where(behind, items.group, own).astype(np.int32)


def by_group(history: CSR, organiser: NDArray[np.int32]) -> CSR:
    """Histories of groups, (b, n_items): 1 where the resident took part, less where they looked.

    Parameters
    ----------
    history : csr_array, (b, <= n_items)
    organiser : NDArray[int32], (n_items,)
        As :func:`organisers` gives it.
    """
    b, n = history.shape[0], len(organiser)
    row = np.repeat(np.arange(b), np.diff(history.indptr))
    group = organiser[history.indices]
    known = group >= 0
    cells, place = np.unique(row[known] * n + group[known], return_inverse=True)
    amount = np.bincount(place.reshape(-1), weights=history.data[known], minlength=len(cells))
    value = np.minimum(amount / TOOK_PART, 1.0).astype(np.float32)
    indptr = np.searchsorted(cells, np.arange(b + 1) * n)
    return make_csr(value, (cells % max(n, 1)).astype(np.int32), indptr, (b, n))


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """The groups of an item table, and which of them is behind each item."""

    organiser: NDArray[np.int32]
    """(n_items,) as :func:`organisers` gives it."""
    rows: NDArray[np.int64]
    """(n_groups,) item row of each group."""
    place: NDArray[np.int64]
    """(n_items,) place in ``rows``; ``n_groups`` for nobody."""

    @classmethod
    def of(cls, items: ItemTable) -> _Groups:
        organiser = organisers(items)
        rows = np.unique(organiser[organiser >= 0]).astype(np.int64)
        place = np.where(organiser >= 0, np.searchsorted(rows, organiser), len(rows))
        return cls(organiser, rows, place)


class _ByGroup:
    """Asks a scorer of items about groups.

    Parameters
    ----------
    **settings
        Hyper-parameters of that scorer.
    """

    kind: ClassVar[type[Scorer]]
    usual: ClassVar[Config]
    """Settings that differ from those for items."""

    def __init__(self, **settings: float | int | str | bool) -> None:
        self._inner = self.kind(**{**self.usual, **settings})
        self._groups = PerTable(_Groups.of)

    def fit(self, view: View, *, seed: int) -> Self:
        """Fit on histories of groups."""
        X, n = by_group(view.interactions, organisers(view.items)), view.n_residents
        untimed = np.full(X.nnz, NO_TIME, np.int64)
        self._inner.fit(
            replace(view, interactions=X, times=untimed, ties=empty_csr(n, n)), seed=seed
        )
        return self

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Score each item as its group; 0 without one."""
        groups = self._groups(query.items)
        n, none = len(query.items), len(groups.rows)
        asked = groups.place if candidates is None else groups.place[candidates]
        found, place = distinct(asked, none + 1)
        history = by_group(with_width(query.history, n), groups.organiser)
        scores = np.zeros((len(query), len(found)), np.float32)
        real = found[found < none]  # nobody comes last, if at all
        scores[:, : len(real)] = self._inner.score(
            replace(query, history=history), groups.rows[real]
        )
        return scores[:, place]

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Cite nothing: groups are alike because of other people."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what was learnt of groups."""
        return self._inner.arrays()

    def config(self) -> dict[str, float | int | str | bool]:
        """Return the hyper-parameters."""
        return self._inner.config()

    @classmethod
    def restore(cls, config: Config, arrays: Arrays) -> Self:
        """Make the fitted scorer again."""
        scorer = cls(**config)
        scorer._inner = cls.kind.restore(config, arrays)
        return scorer


class GroupALSScorer(_ByGroup):
    """Low rank over residents and groups: the taste for groups, own ones first."""

    name: ClassVar[str] = "group_als"
    kind = ALSScorer
    usual: ClassVar[Config] = {"factors": 64}


class GroupItemScorer(_ByGroup):
    """Group-to-group weights: whose members also join what this group organises."""

    name: ClassVar[str] = "group_item"
    kind = ItemItemScorer
    usual: ClassVar[Config] = {"regularization": 10.0}
