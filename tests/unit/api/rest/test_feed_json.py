"""The feed is written from the views, yet as its schema says, and only its age anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.rest.residents import feed_json
from api.rest.schemas import FeedOut
from api.services.views import HOME_ZONE, CardState, CardView, FeedView, ReasonView, Words
from graph.model import Category, ItemId, ItemKind, RecId
from recommender.base import ReasonCode

BARE = CardView(ItemId("a1"), ItemKind.GROUP, Words("太极"))
FULL = CardView(
    item_id=ItemId("a2"),
    kind=ItemKind.ACTIVITY,
    title=Words('太极 "早"', "Tai chi"),
    rec_id=RecId("x" * 44),
    summary=Words("一\n二"),
    life_category=next(iter(Category)),
    starts_at=datetime(2026, 11, 26, 2, 0, 0, 5, tzinfo=UTC).astimezone(HOME_ZONE),
    ends_at=datetime(2026, 11, 26, 4, 0, tzinfo=UTC).astimezone(HOME_ZONE),
    hours=Words("周二", "Tuesday"),
    hours_per_week=1.5,
    place=Words("活动室"),
    walk_minutes=7,
    seats=8,
    seats_left=3,
    waiting=2,
    state=CardState.WAITLIST,
    position=2,
    can_join=False,
    cancelled=True,
    cost_fen=100,
    step_free=True,
    organiser=Words("居委会"),
    reason=ReasonView(ReasonCode.OWN_INTEREST, {"interest": Words("棋", "chess")}),
)


def view(*cards: CardView, personalised: bool = True) -> FeedView:
    return FeedView(cards, (), "王阿姨", personalised, timedelta(minutes=3, milliseconds=900))


@pytest.mark.parametrize("shown", [view(), view(BARE, FULL), view(FULL, personalised=False)])
def test_it_is_written_as_the_schema_would(shown: FeedView):
    assert feed_json(shown) == FeedOut.model_validate(shown).model_dump_json().encode()


def test_the_age_is_written_anew_with_kept_cards():
    first = view(FULL)
    feed_json(first)
    later = replace(first, snapshot_age=timedelta(hours=1))
    assert later.written is first.written
    assert FeedOut.model_validate_json(feed_json(later)).snapshot_age == timedelta(hours=1)
    assert feed_json(later) == FeedOut.model_validate(later).model_dump_json().encode()
