"""What services return and every door shows: the seam between services, pages and REST.

Texts come in both languages, so that the choice of a language stays presentation. Times are aware
and in Asia/Shanghai. Nothing here holds a score, another resident, or a count below twenty people
(seats and waitlist lengths are public facts of an item, not counts of a group of residents).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Protocol

from graph.model import (
    Category,
    DataCategory,
    InteractionKind,
    ItemId,
    ItemKind,
    RecId,
    ResidentId,
)
from recommender.base import ReasonCode

__all__ = [
    "ACTS",
    "HOME_ZONE",
    "STALE",
    "Ack",
    "CardState",
    "CardView",
    "FeedView",
    "ItemView",
    "MineView",
    "ReasonView",
    "ResidentServices",
    "WhyView",
    "Words",
    "join_act",
    "leave_act",
]

HOME_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The zone residents live in; every time in a view is given in it. Fixed: no summer time since
1991, and a bare machine may lack the time zone database."""

STALE = timedelta(hours=24)
"""Age beyond which people are told that suggestions are old; a snapshot is due each hour."""

ACTS = frozenset(
    {
        InteractionKind.LIKE,
        InteractionKind.DISMISS,
        InteractionKind.JOIN,
        InteractionKind.LEAVE,
        InteractionKind.SIGN_UP,
        InteractionKind.CANCEL,
        InteractionKind.UNDO,
    }
)
"""What a resident may do with a card by tapping it."""


def join_act(kind: ItemKind) -> InteractionKind:
    """Return what "take part" means for a kind of item: sign up to activities, join the rest."""
    return InteractionKind.SIGN_UP if kind is ItemKind.ACTIVITY else InteractionKind.JOIN


def leave_act(kind: ItemKind) -> InteractionKind:
    """Return the act that takes :func:`join_act` back."""
    return InteractionKind.CANCEL if kind is ItemKind.ACTIVITY else InteractionKind.LEAVE


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages; English may be missing and then the Chinese one is shown."""

    zh: str
    en: str = ""


class CardState(StrEnum):
    """Where the viewer stands with an item. Taking part outranks a like."""

    NONE = "none"
    LIKED = "liked"
    DISMISSED = "dismissed"
    JOINED = "joined"
    """Signed up and confirmed, or a member."""
    WAITLIST = "waitlist"


@dataclass(frozen=True, slots=True)
class ReasonView:
    """Why an item is shown, with every code in the slots resolved to words.

    Slots by code: ``interest``, ``offer`` and ``item`` hold the label or title; ``bucket`` holds
    the bucket itself (``20-50``, ``50-200``, ``200+``) as its Chinese text.
    """

    code: ReasonCode
    labels: Mapping[str, Words] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CardView:
    """One item as one resident sees it now."""

    item_id: ItemId
    kind: ItemKind
    title: Words
    rec_id: RecId | None = None
    """None when the card was not suggested (``mine``, an item opened by its address)."""
    summary: Words = Words("")
    life_category: Category | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    hours: Words = Words("")
    """When a service or group can be met, in the organiser's words ("周二、周四 14:00-16:00")."""
    hours_per_week: float | None = None
    """Time a helper role asks for."""
    place: Words | None = None
    walk_minutes: int | None = None
    """Walking time from the viewer's home; None when home or venue is unknown or not authorised."""
    seats: int | None = None
    seats_left: int | None = None
    """None = no limit."""
    waiting: int = 0
    """People on the waitlist."""
    state: CardState = CardState.NONE
    position: int | None = None
    """The viewer's place on the waitlist (1 = next), when ``state`` is ``WAITLIST``."""
    can_join: bool = True
    """False when closed, cancelled, past, or the viewer may not take part. A full item with a
    waitlist can still be joined."""
    cancelled: bool = False
    """The organiser called it off; the viewer sees it only because of taking part."""
    cost_fen: int | None = None
    """0 = free; None = not stated."""
    step_free: bool | None = None
    organiser: Words | None = None
    reason: ReasonView | None = None
    """Always present on cards of a feed."""


@dataclass(frozen=True, slots=True)
class FeedView:
    """One resident's feed."""

    cards: tuple[CardView, ...]
    kinds: tuple[ItemKind, ...]
    """Kinds asked for; empty = all."""
    display_name: str
    """The resident's own name or a polite form of it, for their eyes only."""
    personalised: bool
    snapshot_age: timedelta
    written: dict[str, bytes] = field(default_factory=dict, compare=False)
    """The cards as a door has written them, by door: kept as long as the cards are."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item with everything that is public about it."""

    card: CardView
    interests: tuple[Words, ...] = ()
    """What it is about."""
    needs: tuple[Words, ...] = ()
    """What it helps with."""
    asks_for: tuple[Words, ...] = ()
    """What a helper role needs."""
    languages: tuple[str, ...] = ()
    """BCP 47 tags."""
    min_age: int | None = None
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class MineView:
    """What one resident takes part in."""

    display_name: str
    upcoming: tuple[CardView, ...] = ()
    """Confirmed activities still to come, soonest first."""
    waiting: tuple[CardView, ...] = ()
    """Waitlists, with positions."""
    memberships: tuple[CardView, ...] = ()
    """Groups, services and helper roles."""
    liked: tuple[CardView, ...] = ()
    circle: tuple[Words, ...] = ()
    """What the community they are in shares with them; empty when there is nothing to tell."""
    impersonal: bool = False
    """The resident turned personal lists off."""


@dataclass(frozen=True, slots=True)
class WhyView:
    """Why one item was suggested to one resident (explanation rules E1 to E5)."""

    card: CardView
    """With ``reason`` set; :attr:`ReasonCode.GENERAL` when no citable part carried it."""
    used: tuple[DataCategory, ...]
    """Every category of the viewer's own data that their grants let the feed use at that moment,
    in the order of ``graph.schema.CATEGORY_LEVEL``. Not only those that carried this item: what is
    absent must tell nothing. Empty when not personalised."""
    personalised: bool


@dataclass(frozen=True, slots=True)
class Ack:
    """The durable answer to an act."""

    card: CardView
    """The card as it now stands, with its ``reason`` if the act named a ``rec_id``."""
    repeated: bool = False
    """The same key had been answered before; nothing was done twice."""


class ResidentServices(Protocol):
    """What the resident pages need; no HTTP in here. Errors are those of ``graph.errors``."""

    def feed(self, resident: ResidentId, kinds: Sequence[ItemKind], n: int) -> FeedView:
        """Suggest up to ``n`` items of these kinds (none given = all).

        Raises
        ------
        NotReady
            There is no snapshot or model yet.
        """
        ...

    def act(
        self,
        resident: ResidentId,
        item: ItemId,
        kind: InteractionKind,
        rec_id: RecId | None,
        key: str,
    ) -> Ack:
        """Do one of :data:`ACTS`; durable before it returns, idempotent by ``key``.

        ``UNDO`` takes back the latest like or dismissal; ``LEAVE`` and ``CANCEL`` take back
        joining, the waitlist included.

        Raises
        ------
        NotFound
            No such item.
        Conflict
            It cannot be done any more (closed, cancelled, past).
        IdempotencyConflict
            The key belongs to another request.
        """
        ...

    def why(self, resident: ResidentId, item: ItemId, rec_id: RecId | None) -> WhyView:
        """Explain a suggestion; without a ``rec_id`` as it would be reasoned now."""
        ...

    def item(self, resident: ResidentId, item: ItemId) -> ItemView:
        """Show one item, whatever its state, to one resident."""
        ...

    def public_feed(self, kinds: Sequence[ItemKind], n: int) -> FeedView:
        """Suggest items to whoever cannot be told while the ledger is away."""
        ...

    def public_item(self, item: ItemId) -> ItemView:
        """Show what is public about one item, also while the ledger is away."""
        ...

    def mine(self, resident: ResidentId) -> MineView:
        """Show what the resident takes part in."""
        ...
