"""A feed in memory for the tests of the resident pages only: same shapes, no model, no ledger."""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from flask import Flask

from api.security.sessions import ResidentSession
from api.services.views import (
    HOME_ZONE,
    Ack,
    CardState,
    CardView,
    FeedView,
    ItemView,
    MineView,
    ReasonView,
    WhyView,
    Words,
)
from api.web.answers import error_page
from api.web.mydata import data_pages
from api.web.pages import resident_pages
from graph.errors import Conflict, IdempotencyConflict, NotFound
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

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)  # Thursday, 10:00 in Shanghai
RESIDENT = ResidentId("r7f3k2")
NAME = "王秀英阿姨"


def at(day: int, clock: str, month: int = 11) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=HOME_ZONE)


def reason(code: ReasonCode, **labels: tuple[str, str]) -> ReasonView:
    return ReasonView(code, {name: Words(*each) for name, each in labels.items()})


def cards() -> list[CardView]:
    A, G, S, H = ItemKind.ACTIVITY, ItemKind.GROUP, ItemKind.SERVICE, ItemKind.HELPER_ROLE  # noqa: N806
    made = [
        CardView(
            ItemId("act-taichi"),
            A,
            Words("周六太极晨练", "Saturday morning tai chi"),
            summary=Words(
                "陈老师带大家练二十四式，从头教起，不会也能来。",
                "The 24 forms from the start; beginners are welcome.",
            ),
            life_category=Category.HEALTH,
            starts_at=at(28, "9:00"),
            ends_at=at(28, "10:30"),
            place=Words("滨河公园东门小广场", "Riverside Park, east gate"),
            walk_minutes=6,
            seats=20,
            seats_left=3,
            cost_fen=0,
            step_free=True,
            organiser=Words("滨河社区太极队", "Riverside tai chi team"),
            reason=reason(ReasonCode.OWN_INTEREST, interest=("太极拳", "tai chi")),
        ),
        CardView(
            ItemId("grp-choir"),
            G,
            Words("金桂合唱团", "Golden Osmanthus choir"),
            summary=Words(
                "唱老歌，也学新歌。每年重阳节登台一次。", "Old songs and new; on stage once a year."
            ),
            life_category=Category.FUN,
            hours=Words("每周二 14:00-16:00", "Tuesdays 14:00-16:00"),
            place=Words("党群服务中心 302 室", "Community centre, room 302"),
            walk_minutes=9,
            seats_left=12,
            cost_fen=0,
            step_free=True,
            reason=reason(ReasonCode.SIMILAR_TO_OWN, item=("重阳节联欢会", "Double Ninth party")),
        ),
        CardView(
            ItemId("svc-meal"),
            S,
            Words("长者食堂送餐", "Meals for seniors, delivered"),
            summary=Words(
                "一荤两素一汤，十一点半送到家门口，软烂少盐可以备注。",
                "A warm lunch at your door at half past eleven; soft and low-salt on request.",
            ),
            life_category=Category.EAT,
            hours=Words("周一至周五 11:30", "Monday to Friday 11:30"),
            place=Words("滨河社区长者食堂", "Riverside seniors' canteen"),
            walk_minutes=4,
            cost_fen=1200,
            reason=reason(ReasonCode.GENERAL),
        ),
        CardView(
            ItemId("role-phone"),
            H,
            Words("手机课小老师", "Smartphone class helper"),
            summary=Words(
                "教邻居用手机挂号、视频通话。一次一位，慢慢来。",
                "Show a neighbour how to book a doctor and make video calls.",
            ),
            life_category=Category.FUN,
            hours_per_week=2,
            place=Words("社区图书角"),
            walk_minutes=7,
            seats_left=2,
            reason=reason(ReasonCode.OWN_OFFER, offer=("教人用手机", "teaching smartphones")),
        ),
        CardView(
            ItemId("act-dumpling"),
            A,
            Words("冬至包饺子", "Winter solstice dumplings"),
            summary=Words("面和馅都备好，人来就行，包好一起吃。", "Dough and filling are ready."),
            life_category=Category.EAT,
            starts_at=at(22, "14:00", 12),
            ends_at=at(22, "16:30", 12),
            place=Words("党群服务中心一楼", "Community centre, ground floor"),
            walk_minutes=9,
            seats=40,
            seats_left=0,
            waiting=2,
            cost_fen=500,
            step_free=True,
            reason=reason(ReasonCode.POPULAR, bucket=("50-200", "")),
        ),
        CardView(
            ItemId("act-doctor"),
            A,
            Words("家庭医生量血压、测血糖", "Blood pressure and sugar with the family doctor"),
            life_category=Category.HEALTH,
            starts_at=at(26, "14:00"),
            ends_at=at(26, "16:00"),
            place=Words("三号楼架空层", "Under building 3"),
            walk_minutes=2,
            cost_fen=0,
            step_free=True,
            reason=reason(ReasonCode.IN_OWN_GRID),
        ),
        CardView(
            ItemId("grp-garden"),
            G,
            Words("屋顶菜园小组", "Roof garden group"),
            summary=Words("一人一箱菜，换着浇水，收了大家分。", "A box each, watering in turns."),
            life_category=Category.DWELL,
            hours=Words("每天傍晚", "Every evening"),
            place=Words("五号楼屋顶", "Roof of building 5"),
            walk_minutes=3,
            seats_left=1,
            step_free=False,
            reason=reason(ReasonCode.OWN_GROUP, item=("绿色楼组", "Green staircase")),
        ),
        CardView(
            ItemId("act-calligraphy"),
            A,
            Words("书法课：写一个“福”字", "Calligraphy: one character, fortune"),
            life_category=Category.FUN,
            starts_at=at(27, "9:30"),
            ends_at=at(27, "11:00"),
            place=Words("文化活动站", "Culture station"),
            walk_minutes=12,
            seats_left=8,
            cost_fen=1000,
            reason=reason(ReasonCode.OWN_INTEREST, interest=("书法", "calligraphy")),
        ),
        CardView(
            ItemId("svc-repair"),
            S,
            Words("家电小修、磨剪刀", "Small repairs and knife sharpening"),
            life_category=Category.DWELL,
            hours=Words("每月第一个周日 上午", "First Sunday morning of the month"),
            place=Words("南门岗亭旁", "Beside the south gate"),
            walk_minutes=5,
            cost_fen=0,
            reason=reason(ReasonCode.GENERAL),
        ),
        CardView(
            ItemId("act-museum"),
            A,
            Words("坐大巴去看博物馆", "By coach to the museum"),
            summary=Words("有讲解，有轮椅可借，中午自带干粮。", "Guided; wheelchairs to borrow."),
            life_category=Category.TOUR,
            starts_at=at(5, "8:00", 12),
            ends_at=at(5, "15:30", 12),
            place=Words("小区北门集合", "Meet at the north gate"),
            walk_minutes=4,
            seats_left=15,
            cost_fen=2050,
            step_free=True,
            reason=reason(ReasonCode.POPULAR, bucket=("20-50", "")),
        ),
        CardView(
            ItemId("role-visit"),
            H,
            Words("陪聊天、陪散步", "Company for a chat and a walk"),
            summary=Words("每周去看一位不方便下楼的邻居。", "Once a week with a neighbour."),
            life_category=Category.HEALTH,
            hours_per_week=1,
            place=Words("本社区", "In the neighbourhood"),
            reason=reason(ReasonCode.GENERAL),
        ),
        CardView(
            ItemId("grp-chess"),
            G,
            Words("老樟树下象棋角", "Chess under the camphor tree"),
            life_category=Category.FUN,
            hours=Words("天晴就有", "Whenever it is dry"),
            place=Words("中心花园", "Central garden"),
            walk_minutes=3,
            cost_fen=0,
            step_free=True,
            reason=reason(ReasonCode.IN_OWN_GRID),
        ),
    ]
    return [dataclasses.replace(c, rec_id=RecId(f"rec{n:02}")) for n, c in enumerate(made)]


class MemoryResidents:
    """Keeps one resident's cards and acts on them as the services do."""

    def __init__(self) -> None:
        self.cards = {card.item_id: card for card in cards()}
        self.order = list(self.cards)
        self.answers: dict[str, tuple[tuple[str, str], Ack]] = {}
        self.acts: list[tuple[str, str, str | None]] = []
        self.personalised = True
        self.lock = threading.Lock()

    def feed(self, resident: ResidentId, kinds: Sequence[ItemKind], n: int) -> FeedView:
        shown = [
            card
            for item in self.order
            if (card := self.cards[item]).state in {CardState.NONE, CardState.LIKED}
            and (not kinds or card.kind in kinds)
        ]
        return FeedView(
            tuple(shown[:n]), tuple(kinds), NAME, self.personalised, timedelta(minutes=8)
        )

    def act(
        self,
        resident: ResidentId,
        item: ItemId,
        kind: InteractionKind,
        rec_id: RecId | None,
        key: str,
    ) -> Ack:
        with self.lock:
            if key in self.answers:
                request, ack = self.answers[key]
                if request != (item, kind):
                    raise IdempotencyConflict(f"key {key} belongs to another request")
                return dataclasses.replace(ack, repeated=True)
            card = self._card(item)
            joins = kind in {InteractionKind.JOIN, InteractionKind.SIGN_UP}
            if joins and not card.can_join:
                raise Conflict(f"item {item} is closed")
            card = self._after(card, kind)
            self.cards[item] = card
            self.acts.append((item, kind, rec_id))
            self.answers[key] = (item, kind), Ack(card)
            return Ack(card)

    def why(self, resident: ResidentId, item: ItemId, rec_id: RecId | None) -> WhyView:
        used = (
            DataCategory.GRID,
            DataCategory.INTEREST,
            DataCategory.OFFER,
            DataCategory.ATTENDANCE,
            DataCategory.IDENTITY,
            DataCategory.DWELLING,
        )
        return WhyView(self._card(item), used if self.personalised else (), self.personalised)

    def item(self, resident: ResidentId, item: ItemId) -> ItemView:
        card = self._card(item)
        return ItemView(
            card,
            interests=(Words("太极拳", "tai chi"), Words("养生", "healthy living")),
            languages=("zh", "wuu"),
            min_age=50,
        )

    def public_feed(self, kinds: Sequence[ItemKind], n: int) -> FeedView:
        return self.feed(RESIDENT, kinds, n)

    def public_item(self, item: ItemId) -> ItemView:
        return self.item(RESIDENT, item)

    def mine(self, resident: ResidentId) -> MineView:
        def of(state: CardState) -> list[CardView]:
            return [
                dataclasses.replace(self.cards[item], reason=None)
                for item in self.order
                if self.cards[item].state is state
            ]

        joined = of(CardState.JOINED)
        activities = [card for card in joined if card.kind is ItemKind.ACTIVITY]
        return MineView(
            NAME,
            upcoming=tuple(sorted(activities, key=lambda card: card.starts_at or NOW)),
            waiting=tuple(of(CardState.WAITLIST)),
            memberships=tuple(card for card in joined if card not in activities),
            liked=tuple(of(CardState.LIKED)),
        )

    def _card(self, item: ItemId) -> CardView:
        if item not in self.cards:
            raise NotFound(f"no item {item}")
        return self.cards[item]

    @staticmethod
    def _after(card: CardView, kind: InteractionKind) -> CardView:
        left = card.seats_left
        if kind in {InteractionKind.JOIN, InteractionKind.SIGN_UP}:
            if left == 0:
                waiting = card.waiting + 1
                return dataclasses.replace(
                    card, state=CardState.WAITLIST, position=waiting, waiting=waiting
                )
            left = None if left is None else left - 1
            return dataclasses.replace(card, state=CardState.JOINED, seats_left=left)
        if kind is InteractionKind.LIKE:
            return dataclasses.replace(card, state=CardState.LIKED)
        if kind is InteractionKind.DISMISS:
            return dataclasses.replace(card, state=CardState.DISMISSED)
        if card.state is CardState.JOINED and left is not None:
            left += 1
        waiting = card.waiting - (card.state is CardState.WAITLIST)
        return dataclasses.replace(
            card, state=CardState.NONE, position=None, seats_left=left, waiting=waiting
        )


class MemorySessions:
    """Sessions and one-time links in memory."""

    def __init__(self) -> None:
        self.links = {"once-only"}
        self.sessions: dict[str, ResidentSession] = {}

    def open(self) -> str:
        secret = secrets.token_urlsafe(24)
        self.sessions[secret] = ResidentSession(RESIDENT, secrets.token_urlsafe(24), NAME)
        return secret

    def redeem(self, token: str) -> str | None:
        if token not in self.links:
            return None
        self.links.remove(token)
        return self.open()

    def find(self, secret: str) -> ResidentSession | None:
        return self.sessions.get(secret)

    def end(self, secret: str) -> None:
        self.sessions.pop(secret, None)


class NobodyIsAsked:
    """Charters of a neighbourhood in which none is proposed."""

    def invitation(self, resident: ResidentId) -> None:
        return None


def make_app() -> tuple[Flask, MemoryResidents, MemorySessions]:
    """Make an application of the resident pages alone, on the doubles."""
    app = Flask("linli-pages", static_folder=None)
    residents, sessions = MemoryResidents(), MemorySessions()
    app.extensions["linli"] = SimpleNamespace(
        residents=residents, sessions=sessions, clock=lambda: NOW, charters=NobodyIsAsked()
    )
    app.register_blueprint(resident_pages())
    app.register_blueprint(data_pages())
    app.register_error_handler(404, error_page)
    return app, residents, sessions
