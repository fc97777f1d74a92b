"""What could be done for one resident: seats that exist, near enough, and nothing they refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph.model import ItemKind
from graph.view import CSR, ITEM_KINDS, ItemTable
from recommender.base import Query
from recommender.outreach.actions import Action, Option
from recommender.ranking.eligibility import eligible

__all__ = ["callers", "options_for"]

_AT_MOST = 3
"""Options of each kind for one resident: enough to go round."""
_CALLING = ("listening", "reading_company")
"""Offers of whoever calls others: listening and reading aloud."""

Rows = NDArray[np.int64]


def options_for(query: Query, *, place: int, callers: Sequence[str]) -> list[Option]:
    """List what could be done for the resident who stands at this place of a list.

    Parameters
    ----------
    query : Query
        A batch of one, made of cells permitted for care visits.
    place : int
    callers : sequence of str
        Ids of helper roles whose members would call somebody.
    """
    kinds = query.items.kind
    fits = {
        Action.HELPER_ROLE: _fitting(query, ItemKind.HELPER_ROLE, query.offers, query.items.offers),
        Action.GROUP: np.concatenate(
            [
                _fitting(query, kind, query.interests, query.items.tags)
                for kind in (ItemKind.GROUP, ItemKind.ACTIVITY)
            ]
        ),
        Action.REFERRAL: _fitting(query, ItemKind.SERVICE, query.needs, query.items.needs),
    }
    found = [Option(place, Action.VISIT)]
    found += [Option(place, Action.CALL_BUDDY, item) for item in callers]
    for action, rows in fits.items():
        together = query.items.participatory[rows] | (kinds[rows] != _code(ItemKind.ACTIVITY))
        rows = rows[together] if action is Action.GROUP else rows
        found += [
            Option(place, action, str(query.items.ids[row])) for row in rows[:_AT_MOST].tolist()
        ]
    return found


def callers(items: ItemTable, codes: Sequence[str]) -> Rows:
    """Rows of open helper roles whose members call or read to others.

    Parameters
    ----------
    items : ItemTable
    codes : sequence of str
        Offers, in the order of the columns.
    """
    columns = [codes.index(code) for code in _CALLING if code in codes]
    asked = np.asarray(items.offers[:, columns].sum(axis=1)).ravel() > 0
    return np.flatnonzero(asked & items.open & (items.kind == _code(ItemKind.HELPER_ROLE)))


def _fitting(query: Query, kind: ItemKind, has: CSR, wanted: CSR) -> Rows:
    """Rows of one kind that share a word with the resident and pass every test, the best first."""
    shared = np.asarray((has @ wanted.T).todense()).ravel()
    rows = np.flatnonzero((shared > 0) & (query.items.kind == _code(kind)))
    rows = eligible(query, rows)
    return rows[np.argsort(-shared[rows], kind="stable")]


def _code(kind: ItemKind) -> int:
    return ITEM_KINDS.index(kind)
