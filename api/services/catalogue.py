"""What there is: groups, activities, services and helper roles, in pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.services.backing import Backing
from api.services.cards import Cards
from api.services.feed import FeedService
from api.services.views import CardView, ItemView
from graph.errors import DataError, NotFound
from graph.live import Moment
from graph.model import Category, ItemId, ItemKind, ResidentId
from graph.view import ITEM_KINDS, LIFE_CATEGORIES

__all__ = ["MAX_PAGE", "Catalogue", "Page", "Wanted"]

MAX_PAGE = 100
_DIGEST = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items to list. Everything left out does not matter."""

    kind: ItemKind
    grid: str | None = None
    """Id of the grid where it takes place."""
    life_category: Category | None = None
    text: str | None = None
    """Part of a title or summary, in either language."""
    closed: bool = False
    """Whether closed and cancelled ones are listed too."""

    def digest(self) -> str:
        """Short name of this choice; a cursor belongs to one choice."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:_DIGEST]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    cards: tuple[CardView, ...]
    next_cursor: str | None
    """Hand it in for the next page; None when this was the last one."""


class Catalogue:
    """Lists and shows items."""

    def __init__(self, backing: Backing, feeds: FeedService) -> None:
        self._backing = backing
        self._feeds = feeds

    def page(
        self, wanted: Wanted, resident: ResidentId | None, *, limit: int, cursor: str | None
    ) -> Page:
        """List items in the order in which they became known.

        Parameters
        ----------
        wanted : Wanted
        resident : ResidentId or None
            For whom the cards are; None for nobody in particular.
        limit : int
            Cards at most.
        cursor : str or None
            ``next_cursor`` of the page before.

        Raises
        ------
        DataError
            The cursor is not one of this list's.
        """
        moment = self._moment(resident)
        rows = _matching(moment, wanted)
        rows = rows[rows > _after(cursor, wanted)]
        size = min(max(limit, 1), MAX_PAGE)
        cards = self._cards(moment, resident)
        shown = rows[:size]
        last = int(shown[-1]) if len(rows) > size else None
        return Page(
            cards=tuple(cards.card(int(row)) for row in shown),
            next_cursor=None if last is None else _cursor(last, wanted),
        )

    def item(self, kind: ItemKind, item: ItemId, resident: ResidentId | None) -> ItemView:
        """Show one item.

        Raises
        ------
        NotFound
            There is none of this kind with this id.
        """
        moment = self._moment(resident)
        row = moment.item_row(item)
        if ITEM_KINDS[int(moment.items.kind[row])] is not kind:
            raise NotFound(f"no {kind} {item!r}")
        return self._cards(moment, resident).item(row)

    def _moment(self, resident: ResidentId | None) -> Moment:
        """Up to date for a resident; for nobody in particular also while the ledger is away."""
        live = self._backing.live
        return live.public() if resident is None else live.catch_up()

    def _cards(self, moment: Moment, resident: ResidentId | None) -> Cards:
        if resident is None:
            return Cards(moment)
        viewer = self._feeds.viewer(moment, resident)
        with self._backing.ledger.read() as tx:
            held = self._backing.ledger.bookings.of(tx, resident)
        return Cards(moment, viewer, {booking.item: booking for booking in held})


def _matching(moment: Moment, wanted: Wanted) -> NDArray[np.int64]:
    items = moment.items
    mask = items.kind == ITEM_KINDS.index(wanted.kind)
    mask &= items.ids != ""
    if not wanted.closed:
        mask &= items.open
    if wanted.life_category is not None:
        mask &= items.life_category == LIFE_CATEGORIES.index(wanted.life_category)
    if wanted.grid is not None:
        grids = np.flatnonzero(moment.snapshot.grid_ids == wanted.grid)
        mask &= items.grid == (int(grids[0]) if len(grids) else -2)
    rows = np.flatnonzero(mask)
    if wanted.text:
        rows = rows[np.isin(rows, moment.rows_mentioning(wanted.text))]
    return rows.astype(np.int64)


def _cursor(row: int, wanted: Wanted) -> str:
    return base64.urlsafe_b64encode(f"{row}.{wanted.digest()}".encode()).decode().rstrip("=")


def _after(cursor: str | None, wanted: Wanted) -> int:
    if cursor is None:
        return -1
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        row, _, digest = base64.urlsafe_b64decode(padded).decode("ascii").partition(".")
        if digest == wanted.digest():
            return int(row)
    except (binascii.Error, ValueError):
        pass
    raise DataError("this cursor does not belong to this list; begin without one")
