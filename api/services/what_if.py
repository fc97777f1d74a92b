"""What would change if a resident withdrew: their feed now, and without those cells.

Both lists come from the pipeline that serves them, asked with the view that would be left. Nothing
is noted as shown, kept, recorded or written: it is a question, not an act.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.services.backing import Backing
from api.services.cards import Cards
from api.services.feed import FeedService
from api.services.viewing import find_row, own_categories
from api.services.views import CardView
from graph.errors import DataError
from graph.live import Moment
from graph.model import DataCategory, InstitutionId, Purpose, ResidentId
from graph.schema import PURPOSE_CATEGORIES

__all__ = ["WhatIf", "WhatIfView", "Withdrawal"]

LENGTH = 10
"""Suggestions that are compared."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What somebody thinks of withdrawing; ``None`` = every category."""

    institution: InstitutionId
    purpose: Purpose
    category: DataCategory | None = None


@dataclass(frozen=True, slots=True)
class WhatIfView:
    """The feed before and after, best first."""

    before: tuple[CardView, ...]
    after: tuple[CardView, ...]
    gone: tuple[CardView, ...]
    """Suggestions that would not be among the first any more."""
    come: tuple[CardView, ...]
    """Suggestions that would be new among them."""
    feed_concerned: bool
    """Whether the feed uses what would be withdrawn at all."""
    personalised_after: bool


class WhatIf:
    """Answers the question."""

    def __init__(self, backing: Backing, feeds: FeedService) -> None:
        self._backing = backing
        self._feeds = feeds

    def withdrawn(self, resident: ResidentId, asked: Withdrawal) -> WhatIfView:
        """Compare the feed now with the one that a withdrawal would leave.

        Raises
        ------
        DataError
            The purpose may not have the category anyway.
        """
        if asked.category is not None and asked.category not in PURPOSE_CATEGORIES[asked.purpose]:
            raise DataError(f"{asked.category} data may not serve {asked.purpose}")
        moment = self._backing.live.catch_up()
        permitted = own_categories(self._backing, moment, find_row(moment, resident))
        left = permitted - self._lost(asked)
        before = self._cards(moment, resident, permitted)
        after = before if left == permitted else self._cards(moment, resident, left, without=True)
        shown = {card.item_id for card in before}
        would = {card.item_id for card in after}
        return WhatIfView(
            before=before,
            after=after,
            gone=tuple(card for card in before if card.item_id not in would),
            come=tuple(card for card in after if card.item_id not in shown),
            feed_concerned=left != permitted,
            personalised_after=bool(left),
        )

    def _lost(self, asked: Withdrawal) -> frozenset[DataCategory]:
        """Categories that the resident's own feed could not use any more."""
        if (asked.institution, asked.purpose) != (self._backing.institution, Purpose.FEED):
            return frozenset()
        return frozenset(DataCategory if asked.category is None else [asked.category])

    def _cards(
        self,
        moment: Moment,
        resident: ResidentId,
        permitted: frozenset[DataCategory],
        *,
        without: bool = False,
    ) -> tuple[CardView, ...]:
        viewer, found = self._feeds.imagine(
            moment, resident, permitted, n=LENGTH, withdrawn=without
        )
        cards = Cards(moment, viewer)
        return tuple(cards.card(one.row, reason=one.reason, may_join=True) for one in found)
