"""Cards offer the acts that fit their state, and say where the resident stands."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.services.views import (
    CardState,
    CardView,
    FeedView,
    ItemView,
    MineView,
    WhyView,
    Words,
)
from api.web.cards import Place, Presenter
from api.web.look import Language
from api.web.wording import MESSAGES
from graph.model import DataCategory, InteractionKind, ItemId, ItemKind

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
VIEW = CardView(ItemId("a1"), ItemKind.ACTIVITY, Words("太极", "Tai chi"), seats_left=3)


@pytest.fixture
def shows() -> Presenter:
    numbers = itertools.count()
    return Presenter(MESSAGES[Language.ZH], NOW, lambda: f"key-{next(numbers)}")


def offered(card) -> dict[str, InteractionKind]:
    names = ("join", "like", "dismiss", "undo")
    return {name: getattr(card, name).act for name in names if getattr(card, name)}


def test_fresh_card_offers_joining_liking_and_hiding(shows):
    assert offered(shows.card(VIEW, Place.FEED)) == {
        "join": InteractionKind.SIGN_UP,
        "like": InteractionKind.LIKE,
        "dismiss": InteractionKind.DISMISS,
    }


@pytest.mark.parametrize("kind", [ItemKind.GROUP, ItemKind.SERVICE, ItemKind.HELPER_ROLE])
def test_other_kinds_are_joined_and_left(shows, kind):
    view = replace(VIEW, kind=kind)
    assert offered(shows.card(view, Place.FEED))["join"] is InteractionKind.JOIN
    joined = replace(view, state=CardState.JOINED)
    assert offered(shows.card(joined, Place.FEED)) == {"undo": InteractionKind.LEAVE}


def test_signed_up_card_offers_only_the_way_back(shows):
    card = shows.card(replace(VIEW, state=CardState.JOINED), Place.FEED)
    assert offered(card) == {"undo": InteractionKind.CANCEL}
    assert (card.state_label, card.undo.label, card.seats) == ("已报名", "撤销", "")
    assert shows.card(replace(VIEW, state=CardState.JOINED), Place.MINE).undo.label == "取消报名"


def test_liked_card_can_still_be_joined(shows):
    card = shows.card(replace(VIEW, state=CardState.LIKED), Place.FEED)
    assert offered(card) == {"join": InteractionKind.SIGN_UP, "undo": InteractionKind.UNDO}


def test_hidden_card_shrinks_except_on_its_own_page(shows):
    view = replace(VIEW, state=CardState.DISMISSED)
    assert shows.card(view, Place.FEED).hidden
    assert not shows.card(view, Place.ITEM).hidden
    assert offered(shows.card(view, Place.FEED)) == {"undo": InteractionKind.UNDO}


def test_full_item_offers_the_waitlist_and_says_how_long_it_is(shows):
    card = shows.card(replace(VIEW, seats_left=0, waiting=2), Place.FEED)
    assert (card.seats, card.full, card.join.label) == ("名额已满，2 人候补", True, "排候补")


def test_waitlist_position_is_told(shows):
    card = shows.card(replace(VIEW, state=CardState.WAITLIST, position=3), Place.FEED)
    assert card.state_label == "候补第 3 位"
    unknown = shows.card(replace(VIEW, state=CardState.WAITLIST), Place.FEED)
    assert unknown.state_label == "已在候补"


def test_closed_and_cancelled_items_cannot_be_joined(shows):
    closed = shows.card(replace(VIEW, can_join=False), Place.FEED)
    assert closed.join is None
    assert closed.closed == "已结束或停止报名"
    off = shows.card(replace(VIEW, state=CardState.JOINED, cancelled=True), Place.MINE)
    assert off.closed == "主办方已取消"


def test_every_form_has_its_own_key(shows):
    card = shows.card(VIEW, Place.FEED)
    keys = {card.join.key, card.like.key, card.dismiss.key}
    assert len(keys) == 3


def test_keys_differ_between_renderings_without_being_told_how():
    shows = Presenter(MESSAGES[Language.ZH], NOW)
    assert len({shows.card(VIEW, Place.FEED).join.key for _ in range(50)}) == 50


def test_buttons_name_their_item_for_those_who_listen(shows):
    assert shows.card(VIEW, Place.FEED).join.spoken == "报名：太极"


def test_feed_marks_its_filter_and_adds_the_card_just_acted_on(shows):
    other = replace(VIEW, item_id=ItemId("a2"), state=CardState.JOINED)
    view = FeedView((VIEW,), (ItemKind.ACTIVITY,), "王阿姨", True, timedelta(minutes=3))
    page = shows.feed(view, ItemKind.ACTIVITY, other)
    assert [tab.label for tab in page.tabs if tab.current] == ["活动"]
    assert page.just is not None
    assert page.just.item_id == "a2"
    assert shows.feed(view, None, VIEW).just is None


def test_feed_without_personal_data_says_so(shows):
    view = FeedView((), (), "王阿姨", False, timedelta())
    assert shows.feed(view, None, None).lead == "附近向所有人开放的内容"


def test_resident_without_a_known_name_is_greeted_all_the_same(shows):
    assert shows.feed(FeedView((), (), "", True, timedelta()), None, None).hello == "您好"
    assert shows.mine(MineView(""), None).name == "我的"


def test_mine_leaves_out_empty_parts(shows):
    joined = replace(VIEW, state=CardState.JOINED)
    page = shows.mine(MineView("王阿姨", upcoming=(joined,)), None)
    assert [section.title for section in page.sections] == ["接下来的活动"]


def test_item_page_tells_ages_languages_and_access(shows):
    view = ItemView(replace(VIEW, step_free=False), languages=("wuu", "xx"), max_age=12)
    facts = {fact.label: [str(text) for text in fact.texts] for fact in shows.item(view).facts}
    assert facts == {"语言": ["吴语（上海话）", "xx"], "年龄": ["12 岁以下"], "无障碍": ["有台阶"]}


def test_private_categories_stand_apart_and_public_ones_are_not_personal(shows):
    used = (DataCategory.PUBLIC, DataCategory.INTEREST, DataCategory.NEED, DataCategory.HEALTH)
    panel = shows.why(WhyView(VIEW, used, True))
    assert panel.used == ("兴趣和喜好",)
    assert panel.private == ("需要的帮助", "健康情况")
