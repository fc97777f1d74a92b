"""What happens in the small city: acts at the doors of a home, carried out as web processes do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from api.services.backing import resident_actor
from api.services.consents import Asked, Consents
from api.services.feed import FeedService
from api.services.interactions import RECORDED, Act, Interactions
from api.services.my_data import MyData
from api.services.publish import Draft, Place, Publishing
from api.wiring import ModelCache
from graph.codec import encode_change
from graph.errors import Conflict, DataError
from graph.gate import EventKind, Gate, Ledger, RowKind
from graph.live import Live
from graph.model import (
    Category,
    DataCategory,
    InstitutionId,
    InteractionKind,
    ItemId,
    ItemKind,
    ItemState,
    Purpose,
    ResidentId,
    Scalar,
)
from graph.schema import CATEGORY_LEVEL, interaction_category
from graph.store.memory import MemoryStore
from jobs import steps
from jobs.site import Site
from tests.conftest import FixedClock
from tests.contract.store_data import put
from tests.factories import NOW, operator
from tests.small_city import ITEMS, RESIDENTS, WORDS, Cell, bring, empty_site, grants

NEWCOMERS = (ResidentId("new-0"), ResidentId("new-1"))
NEW_ITEMS = {ItemId("operator.walk"): ItemKind.ACTIVITY, ItemId("operator.club"): ItemKind.GROUP}
_BY_ORGANISERS = {
    (InteractionKind.ATTEND, ItemKind.ACTIVITY),
    (InteractionKind.HELP, ItemKind.HELPER_ROLE),
}


@dataclass
class World:
    """One home with its doors: acts go the way they go in a web process."""

    site: Site
    store: MemoryStore
    clock: FixedClock
    live: Live
    models: ModelCache

    @property
    def ledger(self) -> Ledger:
        return self.site.ledger

    @property
    def gate(self) -> Gate:
        return self.site.gate

    @property
    def institution(self) -> InstitutionId:
        return self.site.institution

    def another_live(self) -> Live:
        return Live(
            self.ledger, self.site.home.snapshots, institution=self.institution, clock=self.clock
        )

    def snapshot(self) -> None:
        steps.take_snapshot(self.site, self.store)

    def do(self, step: Step, n: int) -> None:
        """Carry it out; what a door refuses does not happen."""
        try:
            step.run(self, n)
        except (Conflict, DataError):
            return


class Step:
    def run(self, world: World, n: int) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Tap(Step):
    who: ResidentId
    item: ItemId
    kind: InteractionKind

    def run(self, world: World, n: int) -> None:
        moment = world.live.catch_up()
        if self.who not in moment.resident_rows or self.item not in moment.item_rows:
            return
        if self.kind in RECORDED:
            acts = Interactions(world, FeedService(world))
            actor = resident_actor(self.who, world.institution)
            acts.record(actor, Act(self.who, self.item, self.kind, None, f"tap-{n}"))
            return
        kind = moment.item(moment.item_row(self.item)).kind
        fits = {
            InteractionKind.ATTEND: ItemKind.ACTIVITY,
            InteractionKind.HELP: ItemKind.HELPER_ROLE,
        }
        if kind is fits[self.kind]:
            self._told_by_an_organiser(world, kind, n)

    def _told_by_an_organiser(self, world: World, kind: ItemKind, n: int) -> None:
        with world.ledger.write() as tx:
            world.ledger.outbox.append(
                tx,
                kind=EventKind.INTERACTION,
                key=f"told-{n}",
                subject=self.who,
                category=interaction_category(self.kind),
                payload={
                    "kind": self.kind.value,
                    "item": self.item,
                    "item_kind": kind.value,
                    "at": world.clock().isoformat(),
                    "rec_id": None,
                    "state": None,
                },
                at=world.clock(),
            )


@dataclass(frozen=True)
class Authorise(Step):
    who: ResidentId
    category: DataCategory
    purpose: Purpose

    def run(self, world: World, n: int) -> None:
        if self.who in world.live.catch_up().resident_rows:
            Consents(world).give(self.who, Asked(self.category, self.purpose), f"give-{n}")


@dataclass(frozen=True)
class Withdraw(Step):
    who: ResidentId
    category: DataCategory | None
    purpose: Purpose | None

    def run(self, world: World, n: int) -> None:
        if self.who in world.live.catch_up().resident_rows:
            Consents(world).withdraw(
                self.who,
                institution=None,
                category=self.category,
                purpose=self.purpose,
                key=f"withdraw-{n}",
            )


@dataclass(frozen=True)
class Publish(Step):
    draft: Draft

    def run(self, world: World, n: int) -> None:
        Publishing(world).put(operator(), self.draft, f"publish-{n}")


@dataclass(frozen=True)
class Arrive(Step):
    who: ResidentId

    def run(self, world: World, n: int) -> None:
        with world.ledger.write() as tx:
            world.ledger.rows.assign(tx, RowKind.RESIDENT, [self.who])
            world.ledger.outbox.append(
                tx,
                kind=EventKind.RESIDENT,
                key=f"arrive-{n}",
                subject=self.who,
                category=DataCategory.IDENTITY,
                payload={"changes": [encode_change(put("Resident", self.who))]},
                at=world.clock(),
            )


@dataclass(frozen=True)
class Tell(Step):
    """A resident chooses or deletes one of their own words, or turns personal lists on or off."""

    who: ResidentId
    list: str
    code: str
    yes: bool

    def run(self, world: World, n: int) -> None:
        if self.who not in world.live.catch_up().resident_rows:
            return
        if self.list == "personal":
            MyData(world).set_personal(self.who, f"tell-{n}", on=self.yes)
        else:
            MyData(world).set_tag(self.who, self.list, self.code, f"tell-{n}", held=self.yes)


@dataclass(frozen=True)
class Wait(Step):
    minutes: int

    def run(self, world: World, n: int) -> None:
        world.clock.advance(seconds=60 * self.minutes)


@dataclass(frozen=True)
class Drain(Step):
    """The jobs process applies what is new; no snapshot is taken."""

    def run(self, world: World, n: int) -> None:
        steps.drain(world.site, world.store)


_who = st.sampled_from([*RESIDENTS, *NEWCOMERS])
_item = st.sampled_from([*ITEMS, *NEW_ITEMS])
_GIVERS = RESIDENTS[:3]
_levels = [c for c in DataCategory if CATEGORY_LEVEL[c] in {"S1", "S2"}]
_purposes = st.sampled_from([Purpose.FEED, Purpose.GROUP_MATCHING])


def _places(item: ItemId) -> st.SearchStrategy[Place | None]:
    if item not in NEW_ITEMS:
        return st.none()
    near = [
        Place("东门", 31.301, 118.401),
        Place("西门", 31.321, 118.401),
        Place("远", 40.0, 118.0),
    ]
    return st.none() | st.sampled_from(near)


def _some(label: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(WORDS[label]), unique=True, max_size=2).map(tuple)


@st.composite
def _drafts(draw: st.DrawFn) -> Draft:
    item, kind = draw(st.sampled_from([*NEW_ITEMS.items(), *ITEMS.items(), *NEW_ITEMS.items()]))
    properties: dict[str, Scalar] = {
        "title": draw(st.sampled_from(["太极", "合唱 choir"])),
        "state": draw(st.sampled_from([ItemState.OPEN, ItemState.OPEN, ItemState.CANCELLED])),
        "summary": draw(st.none() | st.just("每周一次")),
        "life_category": draw(st.none() | st.sampled_from(Category)),
        "seats": draw(st.sampled_from([None, 0, 1, 2])),
        "min_age": draw(st.sampled_from([None, None, 60])),
        "languages": draw(st.sampled_from([None, "zh,en"])),
        "step_free": draw(st.sampled_from([None, True, False])),
        "participatory": draw(st.sampled_from([None, True])),
    }
    if kind is ItemKind.ACTIVITY:
        properties["starts_at"] = NOW + timedelta(days=draw(st.integers(1, 3)))
        properties["ends_at"] = draw(st.sampled_from([None, NOW + timedelta(days=4)]))
    groups = [i for i, k in [*ITEMS.items()] if k is ItemKind.GROUP]
    own = item in NEW_ITEMS
    return Draft(
        id=item,
        kind=kind,
        properties={k: v for k, v in properties.items() if v is not None},
        about=tuple(draw(st.lists(st.sampled_from(WORDS["Interest"]), unique=True, max_size=2))),
        answers=tuple(draw(st.lists(st.sampled_from(WORDS["Need"]), unique=True, max_size=2))),
        welcomes=tuple(
            draw(st.lists(st.sampled_from(WORDS["Occupation"]), unique=True, max_size=1))
        ),
        group=draw(st.none() | st.sampled_from(groups)) if kind is ItemKind.ACTIVITY else None,
        place=draw(_places(item)),
        organiser=draw(st.sampled_from(["", "居委会", "文化站"])) if own else "",
    )


_own_words = st.sampled_from(
    [
        ("personal", ""),
        *(("interests", code) for code in WORDS["Interest"]),
        *(("offers", code) for code in WORDS["Offer"]),
        *(("needs", code) for code in WORDS["Need"]),
    ]
)
_taps = st.builds(Tap, _who, _item, st.sampled_from(InteractionKind))
_busy = st.builds(  # rivals for few seats
    Tap,
    st.sampled_from(RESIDENTS),
    st.sampled_from([ItemId("activity-1"), ItemId("group-1")]),
    st.sampled_from(
        [
            InteractionKind.SIGN_UP,
            InteractionKind.JOIN,
            InteractionKind.CANCEL,
            InteractionKind.LEAVE,
        ]
    ),
)
taps = _taps | _busy
"""What residents do to items."""
happenings = st.one_of(
    _taps,
    taps,
    st.builds(Authorise, _who, st.sampled_from(_levels), _purposes),
    st.builds(Withdraw, _who, st.none() | st.sampled_from(_levels), st.none() | _purposes),
    st.builds(Publish, _drafts()),
    st.builds(lambda who, word, yes: Tell(who, *word, yes), _who, _own_words, st.booleans()),
    st.builds(Arrive, st.sampled_from(NEWCOMERS)),
    st.builds(Wait, st.integers(1, 90)),
)
"""What people and organisers do, and time that passes."""
withdrawals = st.builds(
    Withdraw, st.sampled_from(_GIVERS), st.none() | st.sampled_from(_levels), st.none()
)
"""What those take back who authorised something from the beginning."""


@contextmanager
def world(facts: Sequence[Cell] = ()) -> Iterator[World]:
    clock = FixedClock(NOW)
    with empty_site(clock) as site, MemoryStore() as store:
        given_ = {(who, category): [Purpose.FEED] for who in _GIVERS for category in _levels}
        bring(site, store, facts, grants(given_))
        steps.take_snapshot(site, store)
        live = Live(site.ledger, site.home.snapshots, institution=site.institution, clock=clock)
        yield World(site, store, clock, live, ModelCache(site.home.models))
