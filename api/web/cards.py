"""What templates show: services' views turned into words and buttons of one language. No HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from api.services.views import (
    STALE,
    CardState,
    CardView,
    FeedView,
    ItemView,
    MineView,
    WhyView,
    join_act,
    leave_act,
)
from api.web.wording import Messages, Text, When, clean
from graph.model import DataCategory, InteractionKind, ItemKind, Level
from graph.schema import CATEGORY_LEVEL
from recommender.base import ReasonCode

__all__ = [
    "TABS",
    "Button",
    "Card",
    "Fact",
    "FeedPage",
    "ItemPage",
    "MinePage",
    "Place",
    "Presenter",
    "Section",
    "Tab",
    "WhyPanel",
]

TABS = (None, ItemKind.ACTIVITY, ItemKind.GROUP, ItemKind.SERVICE, ItemKind.HELPER_ROLE)
"""Filters of the feed, in the order shown; None = all."""


class Place(StrEnum):
    """On which page a card stands; it decides the buttons."""

    FEED = "feed"
    ITEM = "item"
    MINE = "mine"


@dataclass(frozen=True, slots=True)
class Button:
    """One act that can be done, as a form of its own."""

    act: InteractionKind
    label: str
    spoken: str
    """Label with the item's title, for screen readers."""
    key: str
    """Idempotency key of this rendering."""


@dataclass(frozen=True, slots=True)
class Card:
    """One item as a card."""

    item_id: str
    rec_id: str
    anchor: str
    place: Place
    kind: str
    kind_label: str
    life: str
    title: Text
    summary: Text
    when: When | None
    hours: Text
    where: Text
    walk: str
    seats: str
    full: bool
    cost: str
    step_free: str
    organiser: Text
    reason: str
    state: str
    state_label: str
    closed: str
    """Why nothing can be joined, when that is so."""
    join: Button | None = None
    like: Button | None = None
    dismiss: Button | None = None
    undo: Button | None = None

    @property
    def hidden(self) -> bool:
        """Whether the card shrinks to one line with an undo."""
        return self.state == CardState.DISMISSED and self.place is not Place.ITEM

    @property
    def facts(self) -> tuple[str, ...]:
        """Small facts that stand in one line."""
        return tuple(each for each in (self.cost, self.step_free) if each)


@dataclass(frozen=True, slots=True)
class Tab:
    """One filter of the feed."""

    kind: str
    """Empty = all."""
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The feed."""

    hello: str
    lead: str
    tabs: tuple[Tab, ...]
    tab: str
    just: Card | None
    """The card acted on a moment ago, when it is no longer among the suggestions."""
    cards: tuple[Card, ...]
    updated: str
    stale: str
    """Told above the cards when the suggestions are old; empty while they are not."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the item page."""

    label: str
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One item in full."""

    card: Card
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the ``mine`` page."""

    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class MinePage:
    """What the resident takes part in."""

    name: str
    circle: str
    """What their community shares with them, in words; empty when there is nothing to tell."""
    just: Card | None
    sections: tuple[Section, ...]
    impersonal: bool
    key: str
    """Of the switch of personal lists."""


@dataclass(frozen=True, slots=True)
class WhyPanel:
    """Why an item was suggested."""

    item_id: str
    title: Text
    reason: str
    used: tuple[str, ...]
    private: tuple[str, ...]
    """Own S2 and S3 categories, shown only after another tap (E3)."""


@dataclass(frozen=True, slots=True)
class Presenter:
    """Turns views into what templates show.

    Parameters
    ----------
    t : Messages
    now : datetime
        Aware.
    new_key : Callable[[], str]
        Gives an idempotency key for each rendered form.
    """

    t: Messages
    now: datetime
    new_key: Callable[[], str] = lambda: secrets.token_urlsafe(16)

    def card(self, view: CardView, place: Place) -> Card:
        """Show one item as a card."""
        t = self.t
        part = CardState.JOINED, CardState.WAITLIST
        hours = t.pick(view.hours)
        if not hours and view.hours_per_week:
            hours = Text(t.plural("effort", view.hours_per_week))
        starts = view.starts_at
        return Card(
            item_id=view.item_id,
            rec_id=view.rec_id or "",
            anchor=f"card-{view.item_id}",
            place=place,
            kind=view.kind.value,
            kind_label=t(f"kind.{view.kind}"),
            life=t(f"life.{view.life_category}") if view.life_category else "",
            title=t.pick(view.title),
            summary=t.pick(view.summary),
            when=t.when(starts, view.ends_at, self.now) if starts else None,
            hours=hours,
            where=t.pick(view.place),
            walk=t.plural("walk", view.walk_minutes) if view.walk_minutes is not None else "",
            seats="" if view.state in part else self._seats(view),
            full=view.seats_left == 0,
            cost=t.cost(view.cost_fen) if view.cost_fen is not None else "",
            step_free=t("step_free") if view.step_free else "",
            organiser=t.pick(view.organiser),
            reason=t.reason(view.reason),
            state=view.state.value,
            state_label=self._state(view),
            closed=self._closed(view),
            **self._buttons(view, place),
        )

    def feed(self, view: FeedView, tab: ItemKind | None, just: CardView | None) -> FeedPage:
        """Show the feed under one filter; ``just`` is the card acted on a moment ago."""
        t = self.t
        shown = {card.item_id for card in view.cards}
        name = clean(view.display_name)
        return FeedPage(
            hello=t("feed.hello", name=name) if name else t("feed.hello.plain"),
            lead=t("feed.lead" if view.personalised else "feed.lead.general"),
            tabs=tuple(
                Tab(kind or "", t(f"feed.tab.{kind or 'all'}"), kind == tab) for kind in TABS
            ),
            tab=tab or "",
            just=self.card(just, Place.FEED) if just and just.item_id not in shown else None,
            cards=tuple(self._suggestion(view, card) for card in view.cards),
            updated=t.age(view.snapshot_age),
            stale=t("feed.stale") if view.snapshot_age > STALE else "",
        )

    def _suggestion(self, view: FeedView, card: CardView) -> Card:
        """Show one card of a feed; one that is not personal says so where no reason is known."""
        shown = self.card(card, Place.FEED)
        reason = card.reason
        if view.personalised or reason is None or reason.code is not ReasonCode.GENERAL:
            return shown
        return replace(shown, reason=self.t("reason.impersonal"))

    def item(self, view: ItemView) -> ItemPage:
        """Show one item in full."""
        t = self.t
        step_free = view.card.step_free
        access = "" if step_free is None else t(f"item.step_free.{'yes' if step_free else 'no'}")
        spoken = tuple(
            Text(t.table.get(f"language.{tag.split('-')[0]}", tag)) for tag in view.languages
        )
        facts = (
            Fact(t("item.about"), tuple(map(t.pick, view.interests))),
            Fact(t("item.helps"), tuple(map(t.pick, view.needs))),
            Fact(t("item.asks"), tuple(map(t.pick, view.asks_for))),
            Fact(t("organiser"), (t.pick(view.card.organiser),)),
            Fact(t("item.languages"), spoken),
            Fact(t("item.ages"), (Text(self._ages(view)),)),
            Fact(t("item.step_free"), (Text(access),)),
        )
        return ItemPage(
            card=self.card(view.card, Place.ITEM),
            facts=tuple(fact for fact in facts if any(fact.texts)),
        )

    def mine(self, view: MineView, just: CardView | None) -> MinePage:
        """Show what the resident takes part in."""
        sections = {
            "mine.upcoming": view.upcoming,
            "mine.waiting": view.waiting,
            "mine.memberships": view.memberships,
            "mine.liked": view.liked,
        }
        shown = {card.item_id for cards in sections.values() for card in cards}
        return MinePage(
            name=clean(view.display_name) or self.t("mine.title"),
            circle=self.t("communities.and").join(str(self.t.pick(w)) for w in view.circle),
            just=self.card(just, Place.MINE) if just and just.item_id not in shown else None,
            sections=tuple(
                Section(self.t(key), tuple(self.card(card, Place.MINE) for card in cards))
                for key, cards in sections.items()
                if cards
            ),
            impersonal=view.impersonal,
            key=self.new_key(),
        )

    def why(self, view: WhyView) -> WhyPanel:
        """Show why an item was suggested."""
        own = [each for each in view.used if each is not DataCategory.PUBLIC]
        return WhyPanel(
            item_id=view.card.item_id,
            title=self.t.pick(view.card.title),
            reason=self.t.reason(view.card.reason),
            used=tuple(
                self.t(f"category.{each}") for each in own if CATEGORY_LEVEL[each] is Level.S1
            ),
            private=tuple(
                self.t(f"category.{each}") for each in own if CATEGORY_LEVEL[each] is not Level.S1
            ),
        )

    def _seats(self, view: CardView) -> str:
        if view.seats_left is None:
            return ""
        if view.seats_left > 0:
            return self.t.plural("seats.left", view.seats_left)
        return (
            self.t.plural("seats.waiting", view.waiting) if view.waiting else self.t("seats.full")
        )

    def _closed(self, view: CardView) -> str:
        if view.cancelled:
            return self.t("cancelled")
        free = view.state in {CardState.NONE, CardState.LIKED}
        return self.t("closed") if free and not view.can_join else ""

    def _state(self, view: CardView) -> str:
        if view.state is CardState.JOINED:
            return self.t(f"state.joined.{view.kind}")
        if view.state is CardState.WAITLIST:
            known = view.position is not None
            return (
                self.t("state.waitlist", n=view.position or 0)
                if known
                else self.t("state.waitlist.unknown")
            )
        return "" if view.state is CardState.NONE else self.t(f"state.{view.state}")

    def _ages(self, view: ItemView) -> str:
        low, high = view.min_age, view.max_age
        if low and high:
            return self.t("item.ages.between", low=low, high=high)
        if low:
            return self.t("item.ages.from", low=low)
        return self.t("item.ages.to", high=high) if high else ""

    def _button(self, view: CardView, act: InteractionKind, label: str) -> Button:
        words = self.t(label)
        spoken = self.t("act.about", act=words, title=self.t.pick(view.title).text)
        return Button(act, words, spoken, self.new_key())

    def _buttons(self, view: CardView, place: Place) -> dict[str, Button | None]:
        state = view.state
        buttons: dict[str, Button | None] = {}
        if state in {CardState.JOINED, CardState.WAITLIST}:
            label = f"act.leave.{view.kind if state is CardState.JOINED else 'wait'}"
            buttons["undo"] = self._button(
                view, leave_act(view.kind), "act.undo" if place is Place.FEED else label
            )
            return buttons
        if state is not CardState.NONE:
            unlike = state is CardState.LIKED and place is Place.MINE
            label = "act.unlike" if unlike else "act.undo"
            buttons["undo"] = self._button(view, InteractionKind.UNDO, label)
        if view.can_join and not view.cancelled and state is not CardState.DISMISSED:
            label = "act.wait" if view.seats_left == 0 else f"act.join.{view.kind}"
            buttons["join"] = self._button(view, join_act(view.kind), label)
        if state is CardState.NONE and place is not Place.MINE:
            buttons["like"] = self._button(view, InteractionKind.LIKE, "act.like")
            buttons["dismiss"] = self._button(view, InteractionKind.DISMISS, "act.dismiss")
        return buttons
