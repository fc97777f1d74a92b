"""Cards: the public facts of an item, and where one viewer stands with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from api.services.viewing import Viewer
from api.services.views import HOME_ZONE, CardState, CardView, ItemView, ReasonView, Words
from graph.errors import NotFound
from graph.gate import Booking, BookingState
from graph.live import Moment
from graph.model import InteractionKind, ItemId, ItemState, RecId
from graph.snapshot.facts import ItemFacts
from graph.vocabulary import Vocabulary, interests, needs, offers
from recommender.base import Query, Reason, ReasonCode
from recommender.ranking.eligibility import DETOUR, TESTS
from recommender.scorers.matrix import apart_km, row_of

__all__ = ["Cards", "obstacles"]

WALK_KM_PER_HOUR = 4.5
TAKING_PART = ("open", "time", "age", "blocked")
"""Eligibility tests that also keep somebody from taking part; the others only shape the feed."""

Bookings = Mapping[ItemId, Booking]


def obstacles(query: Query, row: int) -> tuple[str, ...]:
    """Return the names of the tests that keep this resident from taking part in an item."""
    rows = np.array([row], np.int64)
    return tuple(name for name in TAKING_PART if not TESTS[name](query, rows)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Cards:
    """Makes cards as of one moment.

    Parameters
    ----------
    moment : Moment
    viewer : Viewer, optional
        None for a list that is for nobody in particular.
    bookings : mapping of item id to Booking, optional
        The viewer's places, where waiting-list positions are to be shown.
    """

    moment: Moment
    viewer: Viewer | None = None
    bookings: Bookings | None = None

    def card(
        self,
        row: int,
        *,
        rec_id: RecId | None = None,
        reason: Reason | None = None,
        may_join: bool | None = None,
    ) -> CardView:
        """Make the card of one item row.

        Parameters
        ----------
        may_join : bool, optional
            Whether the viewer may take part, where that is known already.

        Raises
        ------
        NotFound
            The row has no public facts.
        """
        facts, organiser = self.moment.item(row), self.moment.organiser(row)
        item = ItemId(facts.id)
        total, _, waiting = self.moment.seats.get(item, (facts.seats, 0, 0))
        left = int(self.moment.items.seats_left[row])
        state, position = self._state(row, item)
        joinable = self._may_join(row) if may_join is None else may_join
        return CardView(
            item_id=item,
            kind=facts.kind,
            title=Words(facts.title, facts.title_en),
            rec_id=rec_id,
            summary=Words(facts.summary, facts.summary_en),
            life_category=facts.life_category,
            starts_at=_local(facts.starts_at),
            ends_at=_local(facts.ends_at),
            hours=Words(facts.contact_hours),
            hours_per_week=facts.hours_per_week,
            place=Words(facts.place) if facts.place else None,
            walk_minutes=self._walk_minutes(row),
            seats=total,
            seats_left=None if left < 0 else left,
            waiting=waiting,
            state=state,
            position=position,
            can_join=joinable,
            cancelled=facts.state is ItemState.CANCELLED,
            cost_fen=facts.cost_fen,
            step_free=facts.step_free,
            organiser=Words(organiser) if organiser else None,
            reason=None if reason is None else self.reason(reason),
        )

    def item(self, row: int) -> ItemView:
        """Make the full view of one item row."""
        facts, items = self.moment.item(row), self.moment.items
        return ItemView(
            card=self.card(row),
            interests=_labels(interests(), row_of(items.tags, row)[0].tolist()),
            needs=_labels(needs(), row_of(items.needs, row)[0].tolist()),
            asks_for=_labels(offers(), row_of(items.offers, row)[0].tolist()),
            languages=facts.languages,
            min_age=facts.min_age,
            max_age=facts.max_age,
        )

    def reason(self, reason: Reason) -> ReasonView:
        """Resolve the codes of a reason; what has no words any more is told as ``GENERAL``."""
        labels: dict[str, Words] = {}
        for slot, value in reason.slots.items():
            words = self._slot(slot, value)
            if words is None:
                return ReasonView(ReasonCode.GENERAL)
            labels[slot] = words
        return ReasonView(reason.code, labels)

    def _slot(self, slot: str, value: str) -> Words | None:
        if slot == "item":
            row = self.moment.item_rows.get(value)
            try:
                facts: ItemFacts | None = None if row is None else self.moment.item(row)
            except NotFound:
                return None
            return None if facts is None else Words(facts.title, facts.title_en)
        if slot == "bucket":
            return Words(value)
        vocabulary = interests() if slot == "interest" else offers()
        return _words(vocabulary, value) if value in vocabulary else None

    def _state(self, row: int, item: ItemId) -> tuple[CardState, int | None]:
        if self.viewer is None:
            return CardState.NONE, None
        booking = (self.bookings or {}).get(item)
        if booking is not None and booking.state is BookingState.WAITLIST:
            return CardState.WAITLIST, booking.position
        done = self.viewer.done.get(row, frozenset())
        if booking is not None or done & {InteractionKind.JOIN, InteractionKind.SIGN_UP}:
            return CardState.JOINED, None
        if InteractionKind.DISMISS in done:
            return CardState.DISMISSED, None
        return (CardState.LIKED if InteractionKind.LIKE in done else CardState.NONE), None

    def _may_join(self, row: int) -> bool:
        if self.viewer is None:
            return bool(self.moment.items.open[row])
        return not obstacles(self.viewer.query, row)

    def _walk_minutes(self, row: int) -> int | None:
        if self.viewer is None or self.viewer.centre is None:
            return None
        items = self.moment.items
        km = apart_km(*self.viewer.centre, float(items.lat[row]), float(items.lon[row]))
        if math.isnan(km):
            return None
        return max(1, math.ceil(km * DETOUR / WALK_KM_PER_HOUR * 60))


def _local(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(HOME_ZONE)


def _words(vocabulary: Vocabulary, code: str) -> Words:
    term = vocabulary[code]
    return Words(term.label_zh, term.label_en)


def _labels(vocabulary: Vocabulary, columns: list[int]) -> tuple[Words, ...]:
    return tuple(_words(vocabulary, vocabulary.codes[column]) for column in columns)
