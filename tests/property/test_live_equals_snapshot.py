"""The overlay says what a fresh snapshot would say, after any history of acts and changes."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.errors import NotReady
from graph.gate import EventKind
from graph.ledger.outbox import NewEvent
from graph.live import Live, Moment
from graph.model import (
    DataCategory,
    InteractionKind,
    ItemId,
    Purpose,
)
from graph.schema import PURPOSE_CATEGORIES
from graph.view import ItemTable, View
from tests.conftest import SIZE, FixedClock
from tests.factories import NOW
from tests.sizes import SIZES
from tests.small_city import RESIDENTS, Cell, cells, empty_site
from tests.small_city_life import Drain, Step, Tap, happenings, taps, world

histories_of = settings(
    max_examples=max(12, SIZES[SIZE].histories // 2),
    suppress_health_check=list(HealthCheck),
    # Not made smaller: that takes minutes, and a history tells what was done anyway.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
FEED = PURPOSE_CATEGORIES[Purpose.FEED]


_steps = st.lists(happenings | st.just(Drain()), min_size=5, max_size=30)


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
        "impersonal": sorted(moment.impersonal),
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
@given(facts=cells, history=st.lists(taps, min_size=5, max_size=25))
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
