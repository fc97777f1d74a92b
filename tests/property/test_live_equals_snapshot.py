"""The overlay says what a fresh snapshot would say, after any history of acts and changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.services.backing import resident_actor
from api.services.consents import Asked, Consents
from api.services.feed import FeedService
from api.services.interactions import RECORDED, Act, Interactions
from api.services.publish import Draft, Place, Publishing
from api.wiring import ModelCache
from graph.codec import encode_change
from graph.errors import Conflict, DataError, NotReady
from graph.gate import EventKind, Gate, Ledger, RowKind
from graph.ledger.outbox import NewEvent
from graph.live import Live, Moment
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
from graph.schema import CATEGORY_LEVEL, PURPOSE_CATEGORIES, interaction_category
from graph.store.memory import MemoryStore
from graph.view import ItemTable, View
from jobs import steps
from jobs.site import Site
from tests.conftest import SIZE, FixedClock
from tests.contract.store_data import put
from tests.factories import NOW, operator
from tests.sizes import SIZES
from tests.small_city import ITEMS, RESIDENTS, WORDS, Cell, bring, cells, empty_site, grants

histories_of = settings(
    max_examples=max(12, SIZES[SIZE].histories // 2),
    suppress_health_check=list(HealthCheck),
    # Not made smaller: that takes minutes, and a history tells what was done anyway.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
NEWCOMERS = (ResidentId("new-0"), ResidentId("new-1"))
NEW_ITEMS = {ItemId("operator.walk"): ItemKind.ACTIVITY, ItemId("operator.club"): ItemKind.GROUP}
_BY_ORGANISERS = {
    (InteractionKind.ATTEND, ItemKind.ACTIVITY),
    (InteractionKind.HELP, ItemKind.HELPER_ROLE),
}
FEED = PURPOSE_CATEGORIES[Purpose.FEED]


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
_steps = st.lists(
    st.one_of(
        _taps,
        _taps,
        _busy,
        st.builds(Authorise, _who, st.sampled_from(_levels), _purposes),
        st.builds(Withdraw, _who, st.none() | st.sampled_from(_levels), st.none() | _purposes),
        st.builds(Publish, _drafts()),
        st.builds(Arrive, st.sampled_from(NEWCOMERS)),
        st.builds(Wait, st.integers(1, 90)),
        st.just(Drain()),
    ),
    min_size=5,
    max_size=30,
)


@contextmanager
def world(facts: Sequence[Cell] = ()) -> Iterator[World]:
    clock = FixedClock(NOW)
    with empty_site(clock) as site, MemoryStore() as store:
        given_ = {(who, category): [Purpose.FEED] for who in RESIDENTS[:3] for category in _levels}
        bring(site, store, facts, grants(given_))
        steps.take_snapshot(site, store)
        live = Live(site.ledger, site.home.snapshots, institution=site.institution, clock=clock)
        yield World(site, store, clock, live, ModelCache(site.home.models))


def plain(thing: View | ItemTable) -> dict[str, object]:
    """Every cell as plain values; the time a view stands at is the snapshot's own."""
    out: dict[str, object] = {}
    for field in fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, ItemTable):
            out |= {f"items.{k}": v for k, v in plain(value).items()}
        elif field.name != "as_of":
            dense = value.toarray() if sp.issparse(value) else np.asarray(value)
            if dense.dtype.kind == "f":
                dense = np.nan_to_num(dense, nan=-999.0)
            out[field.name] = dense.tolist()
    return out


def told(moment: Moment) -> dict[str, object]:
    """All that a request may read from a moment, about everybody."""
    out: dict[str, object] = {
        "items": plain(moment.items),
        "item rows": moment.item_rows,
        "resident rows": moment.resident_rows,
        "seats": moment.seats,
        "mentioning": moment.rows_mentioning("choir").tolist(),
    }
    for item, row in moment.item_rows.items():
        out[f"facts of {item}"] = moment.item(row)
    for who, row in moment.resident_rows.items():
        done = moment.history(row)
        out[f"history of {who}"] = sorted(
            zip(done.items.tolist(), done.kinds.tolist(), done.times.tolist(), strict=True)
        )
        masks, expires = moment.consent(row)
        out[f"consent of {who}"] = (masks.tolist(), expires.tolist())
        out[f"view of {who}"] = plain(moment.one(row, FEED))
    return out


def assert_same(one: dict[str, object], other: dict[str, object]) -> None:
    for name in one | other:
        mine, theirs = one.get(name), other.get(name)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            for part in mine | theirs:
                assert mine.get(part) == theirs.get(part), f"{name}: {part}"
        assert mine == theirs, name


@histories_of
@given(facts=cells, history=_steps)
def test_the_overlay_says_what_a_fresh_snapshot_says(facts: list[Cell], history: list[Step]):
    with world(facts) as w:
        for n, step in enumerate(history):
            w.do(step, n)
        old = w.live.catch_up().snapshot.folder
        seen = told(w.live.catch_up())
        all_at_once = w.another_live().catch_up()
        assert all_at_once.snapshot.folder == old
        assert_same(told(all_at_once), seen)
        before = w.live.catch_up().seq
        w.snapshot()
        fresh = w.another_live().catch_up()
        assert fresh.seq == before == fresh.snapshot.watermark
        assert fresh.histories == fresh.item_facts == fresh.consents == {}
        assert_same(seen, told(fresh))
        assert_same(told(w.live.catch_up()), told(fresh))


@histories_of
@given(facts=cells, history=st.lists(_taps | _busy, min_size=5, max_size=25))
def test_what_others_do_changes_neither_my_view_nor_what_is_said_of_items(
    facts: list[Cell], history: list[Step]
):
    me = RESIDENTS[0]
    with world(facts) as w:
        moment = w.live.catch_up()
        row = moment.resident_row(me)

        def mine() -> dict[str, object]:
            now = w.live.catch_up()
            view = plain(now.one(row, FEED))
            view.pop("items.seats_left")  # seats are public, and decided by the ledger
            facts_of = {item: now.item(r) for item, r in now.item_rows.items()}
            return {"view": view, "facts": facts_of, "active": now.most_active(5)}

        before = mine()
        for n, step in enumerate(history):
            if isinstance(step, Tap) and step.who == me:
                continue
            w.do(step, n)
        after = mine()
        moved_up = w.live.catch_up().histories.get(row)
    if moved_up is None:  # nobody made room for me on a waiting list
        assert_same(after, before)


def test_somebody_elses_cancellation_moves_me_up_and_shows_in_my_next_request():
    first, second, me = RESIDENTS[:3]
    item = ItemId("group-1")
    with world() as w:
        for n, who in enumerate((first, me, second)):
            Tap(who, item, InteractionKind.JOIN).run(w, n)
        row = w.live.catch_up().resident_row(me)
        assert w.live.catch_up().one(row, FEED).held.nnz == 0
        Tap(first, item, InteractionKind.LEAVE).run(w, 9)
        moment = w.live.catch_up()
        assert moment.one(row, FEED).held.nnz == 1
        assert moment.seats[item] == (1, 1, 1)


def test_a_moment_left_behind_by_compaction_is_loaded_anew():
    who, item = RESIDENTS[0], ItemId("group-0")
    with world() as w:
        lagging = w.another_live()
        behind = lagging.catch_up()
        Tap(who, item, InteractionKind.LIKE).run(w, 1)
        w.snapshot()
        Tap(who, item, InteractionKind.DISMISS).run(w, 2)
        w.snapshot()
        with w.ledger.read() as tx, pytest.raises(NotReady):
            w.ledger.outbox.after(tx, behind.seq)
        now = lagging.catch_up()
        assert now.snapshot.folder != behind.snapshot.folder
        assert_same(told(now), told(w.another_live().catch_up()))
        kinds = now.history(now.resident_row(who)).kinds.tolist()
        assert kinds == [list(InteractionKind).index(InteractionKind.DISMISS)]


def test_a_snapshot_replaced_between_two_reads_is_taken_from_the_newest():
    """CURRENT was read, then another snapshot came and the rows went into the log."""
    with world() as w:
        Tap(RESIDENTS[0], ItemId("group-0"), InteractionKind.LIKE).run(w, 1)
        w.live.catch_up()
        lagging = w.another_live()
        before = w.live.catch_up().snapshot.folder
        moment = lagging._open(before)  # as catch_up does first
        w.snapshot()
        Tap(RESIDENTS[0], ItemId("group-0"), InteractionKind.UNDO).run(w, 2)
        w.snapshot()
        lagging._moment = moment
        assert_same(told(lagging.catch_up()), told(w.live.catch_up()))


def test_more_events_than_one_page_are_all_read():
    who, item = RESIDENTS[0], ItemId("group-0")
    with world() as w:
        last = 12_000
        with w.ledger.write() as tx:
            w.ledger.outbox.append_many(
                tx,
                [
                    NewEvent(
                        kind=EventKind.INTERACTION,
                        key=f"k{n}",
                        subject=who,
                        category=DataCategory.INTEREST,
                        payload={
                            "kind": "view" if n < last else "like",
                            "item": item,
                            "item_kind": "group",
                            "at": NOW.isoformat(),
                            "rec_id": None,
                            "state": None,
                        },
                        at=NOW,
                    )
                    for n in range(last + 1)
                ],
            )
        moment = w.live.catch_up()
        assert len(moment.history(moment.resident_row(who)).items) == 2


def test_nothing_can_be_served_before_the_first_snapshot():
    clock = FixedClock(datetime.now(tz=NOW.tzinfo))
    with empty_site(clock) as site:
        live = Live(site.ledger, site.home.snapshots, institution=site.institution, clock=clock)
        with pytest.raises(NotReady, match="linli snapshot"):
            live.catch_up()
