"""Everything the resident pages need, as :class:`~api.services.views.ResidentServices`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from api.services.backing import Backing, resident_actor
from api.services.cards import Cards
from api.services.communities import Communities
from api.services.feed import FeedService
from api.services.interactions import Act, Interactions
from api.services.viewing import Viewer
from api.services.views import (
    Ack,
    CardState,
    CardView,
    FeedView,
    ItemView,
    MineView,
    WhyView,
)
from graph.errors import NotFound
from graph.gate import Booking
from graph.live import Moment
from graph.model import InteractionKind, ItemId, ItemKind, RecId, ResidentId
from graph.schema import CATEGORY_LEVEL
from recommender.base import Reason

__all__ = ["Residents"]


class Residents:
    """Residents' own view of things."""

    def __init__(
        self,
        backing: Backing,
        feeds: FeedService,
        interactions: Interactions,
        communities: Communities,
    ) -> None:
        self._backing = backing
        self._feeds = feeds
        self._interactions = interactions
        self._communities = communities

    def feed(self, resident: ResidentId, kinds: Sequence[ItemKind], n: int) -> FeedView:
        """Suggest up to ``n`` items of these kinds (none given = all)."""
        feed = self._feeds.own(resident, kinds, n)
        return replace(feed, display_name=self._feeds.display_name(resident))

    def act(
        self,
        resident: ResidentId,
        item: ItemId,
        kind: InteractionKind,
        rec_id: RecId | None,
        key: str,
    ) -> Ack:
        """Do one act; durable before it returns, idempotent by ``key``."""
        actor = resident_actor(resident, self._backing.institution)
        receipt = self._interactions.record(actor, Act(resident, item, kind, rec_id, key))
        moment = self._backing.live.catch_up()
        cards = self._cards(moment, self._feeds.viewer(moment, resident))
        reason = self._told(moment, resident, item, rec_id) if rec_id else None
        card = cards.card(moment.item_row(item), rec_id=rec_id, reason=reason)
        return Ack(card, repeated=receipt.repeated)

    def why(self, resident: ResidentId, item: ItemId, rec_id: RecId | None) -> WhyView:
        """Explain a suggestion; without a ``rec_id`` as it would be reasoned now."""
        moment = self._backing.live.catch_up()
        viewer = self._feeds.viewer(moment, resident)
        row = moment.item_row(item)
        reason = (
            self._told(moment, resident, item, rec_id)
            if rec_id
            else self._feeds.reason_now(viewer, row)
        )
        card = self._cards(moment, viewer).card(row, rec_id=rec_id, reason=reason)
        used = tuple(c for c in CATEGORY_LEVEL if c in viewer.permitted)
        return WhyView(card, used, viewer.personalised)

    def item(self, resident: ResidentId, item: ItemId) -> ItemView:
        """Show one item, whatever its state, to one resident."""
        moment = self._backing.live.catch_up()
        viewer = self._feeds.viewer(moment, resident)
        return self._cards(moment, viewer).item(moment.item_row(item))

    def public_feed(self, kinds: Sequence[ItemKind], n: int) -> FeedView:
        """Suggest items to whoever cannot be told while the ledger is away."""
        return self._feeds.public(kinds, n)

    def public_item(self, item: ItemId) -> ItemView:
        """Show what is public about one item, also while the ledger is away."""
        moment = self._backing.live.public()
        return Cards(moment).item(moment.item_row(item))

    def mine(self, resident: ResidentId) -> MineView:
        """Show what the resident takes part in."""
        moment = self._backing.live.catch_up()
        viewer = self._feeds.viewer(moment, resident)
        cards = self._cards(moment, viewer)
        rows = set(viewer.done) | {moment.item_rows[b] for b in cards.bookings or {}}
        shown = [card for row in sorted(rows) if (card := _card(cards, row)) is not None]
        now = self._backing.clock()
        own = self._communities.own(resident)
        return MineView(
            circle=own.label if own else (),
            display_name=self._feeds.display_name(resident),
            upcoming=tuple(
                sorted((c for c in shown if _is_upcoming(c, now)), key=_by(_start, now))
            ),
            waiting=tuple(c for c in shown if c.state is CardState.WAITLIST),
            memberships=tuple(
                c for c in shown if c.state is CardState.JOINED and c.kind is not ItemKind.ACTIVITY
            ),
            liked=tuple(c for c in shown if c.state is CardState.LIKED and c.can_join),
            impersonal=viewer.impersonal,
        )

    def _cards(self, moment: Moment, viewer: Viewer) -> Cards:
        with self._backing.ledger.read() as tx:
            held = self._backing.ledger.bookings.of(tx, viewer.resident)
        known: dict[ItemId, Booking] = {b.item: b for b in held if b.item in moment.item_rows}
        return Cards(moment, viewer, known)

    def _told(self, moment: Moment, resident: ResidentId, item: ItemId, rec_id: RecId) -> Reason:
        return self._feeds.rec_ids.reason(rec_id, resident, item, moment.items.ids)


def _card(cards: Cards, row: int) -> CardView | None:
    try:
        return cards.card(row)
    except NotFound:  # a row whose item never came
        return None


def _start(card: CardView, now: datetime) -> datetime:
    return card.starts_at or now


def _by(
    key: Callable[[CardView, datetime], datetime], now: datetime
) -> Callable[[CardView], tuple[datetime, str]]:
    return lambda card: (key(card, now), card.item_id)


def _is_upcoming(card: CardView, now: datetime) -> bool:
    ends = card.ends_at or card.starts_at
    return (
        card.state is CardState.JOINED
        and card.kind is ItemKind.ACTIVITY
        and (ends is None or ends > now)
    )
