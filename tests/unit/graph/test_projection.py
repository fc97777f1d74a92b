"""What each acknowledged event makes of the graph."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from graph.codec import encode_change
from graph.ledger.outbox import Event, EventKind
from graph.model import Basis, DataCategory, InteractionKind, ItemKind, NodeChange, Op
from graph.projection import APP_SOURCE, EFFECTS, changes_for, only_waits
from graph.schema import ITEM_LABELS, interaction_category, validate
from graph.snapshot.build import HISTORY_SOURCES
from graph.store.memory import MemoryStore
from tests.contract.store_data import put, tie

AT = datetime(2026, 6, 1, 8, 0, 0, 5, tzinfo=UTC)
LATER = AT + timedelta(minutes=3)
FITS = {
    InteractionKind.JOIN: ItemKind.GROUP,
    InteractionKind.LEAVE: ItemKind.GROUP,
    InteractionKind.HELP: ItemKind.HELPER_ROLE,
}


def event(kind, payload, *, subject="r1", seq=1):
    return Event(seq, kind, subject, payload, LATER)


def tap(  # noqa: PLR0913 - the parts of an event, each with a default
    kind, *, item="i1", item_kind=None, at=AT, state=None, rec_id="rec", subject="r1"
):
    fits = item_kind or FITS.get(kind, ItemKind.ACTIVITY)
    payload = {
        "kind": kind.value,
        "item": item,
        "item_kind": fits.value,
        "at": at.isoformat(),
        "rec_id": rec_id,
        "state": state,
    }
    return event(EventKind.INTERACTION, payload, subject=subject)


def city() -> MemoryStore:
    store = MemoryStore()
    items = [put(label, "i1", title="t", state="open") for label in ITEM_LABELS.values()]
    store.apply([put("Resident", "r1"), put("Resident", "r2"), *items])
    return store


def drained(*events) -> dict[str, int]:
    """Count the relationships that these events leave."""
    with city() as store:
        for each in events:
            assert store.apply(changes_for(each)).dangling == ()
        return {k: n for k, n in store.count().items() if k not in {*ITEM_LABELS.values()}}


@pytest.mark.parametrize("kind", InteractionKind)
def test_every_kind_has_an_effect_that_the_schema_allows(kind):
    changes = changes_for(tap(kind, state="confirmed"))
    assert [(c.op, c.type) for c in changes] == list(EFFECTS[kind])
    for change in changes:
        validate(change)
        assert (change.start, change.end) == ("r1", "i1")
        if change.op is Op.REMOVE:
            assert change.provenance is None
            continue
        assert change.properties["at"] == AT
        assert change.properties["rec_id"] == "rec"
        assert change.provenance.source == APP_SOURCE
        assert change.provenance.category is interaction_category(kind)
        assert (change.provenance.as_of, change.provenance.recorded_at) == (AT, LATER)
        assert change.provenance.basis is Basis.CONSENT


@pytest.mark.parametrize("item_kind", ItemKind)
def test_a_like_goes_to_the_label_of_its_item(item_kind):
    (like, dismissal) = changes_for(tap(InteractionKind.LIKE, item_kind=item_kind))
    assert like.end_label == dismissal.end_label == ITEM_LABELS[item_kind]


def test_every_effect_is_part_of_the_history_a_snapshot_reads():
    read = {type_: kind for type_, _, kind in HISTORY_SOURCES}
    for kind, effects in EFFECTS.items():
        assert {type_ for _, type_ in effects} <= read.keys()
        for op, type_ in effects:
            assert op is Op.REMOVE or read[type_] is kind


LIKE, DISMISS, UNDO = InteractionKind.LIKE, InteractionKind.DISMISS, InteractionKind.UNDO


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        ([LIKE], {"LIKED": 1}),
        ([DISMISS], {"DISMISSED": 1}),
        ([LIKE, DISMISS], {"DISMISSED": 1}),
        ([DISMISS, LIKE], {"LIKED": 1}),
        ([LIKE, UNDO], {}),
        ([DISMISS, UNDO], {}),
        ([UNDO, LIKE], {"LIKED": 1}),
        ([LIKE, LIKE, DISMISS, UNDO], {}),
        ([InteractionKind.VIEW, LIKE, UNDO], {"VIEWED": 1}),
        ([InteractionKind.JOIN, InteractionKind.LEAVE], {}),
        ([InteractionKind.LEAVE, InteractionKind.JOIN], {"JOINED": 1}),
        ([InteractionKind.SIGN_UP, InteractionKind.CANCEL], {}),
        ([InteractionKind.SIGN_UP, InteractionKind.ATTEND], {"SIGNED_UP": 1, "ATTENDED": 1}),
        ([InteractionKind.HELP, UNDO], {"HELPED": 1}),
    ],
    ids=lambda value: "-".join(value) or "nothing" if isinstance(value, list | dict) else None,
)
def test_what_the_order_of_taps_leaves(kinds, left):
    assert drained(*map(tap, kinds)) == {"Resident": 2, **left}


def test_an_undo_is_about_ones_own_tap_on_that_item_only():
    taps = [tap(LIKE), tap(LIKE, subject="r2"), tap(LIKE, item_kind=ItemKind.GROUP), tap(UNDO)]
    assert drained(*taps)["LIKED"] == 2


def test_a_repeated_tap_stands_at_its_latest_time():
    with city() as store:
        for at in (AT, LATER):
            store.apply(changes_for(tap(LIKE, at=at)))
        assert store.relationships("LIKED", "Resident", "Activity")["at"].to_pylist() == [LATER]


def test_a_member_joins_as_member():
    assert changes_for(tap(InteractionKind.JOIN))[0].properties["role"] == "member"


def test_waiting_for_a_group_is_no_membership_and_waiting_for_an_activity_says_so():
    waits = tap(InteractionKind.JOIN, state="waitlist")
    assert only_waits(waits.payload)
    assert changes_for(waits) == []
    assert drained(waits, tap(InteractionKind.JOIN, state="confirmed"))["JOINED"] == 1
    (signed_up,) = changes_for(tap(InteractionKind.SIGN_UP, state="waitlist"))
    assert signed_up.properties["state"] == "waitlist"


def test_events_that_say_nothing_about_the_graph():
    assert changes_for(event(EventKind.GRANT, {"epoch": 1})) == []
    assert changes_for(event(EventKind.IMPORT, {}, subject="batch")) == []
    assert changes_for(event(EventKind.INTERACTION, None)) == []
    assert changes_for(event(EventKind.ITEM, None)) == []


def test_changes_of_a_resident_come_through_in_order():
    changes = [put("Resident", "r1", birth_year=1950), tie("r1", "r2", strength=0.25)]
    payload = {"changes": [encode_change(change) for change in changes]}
    assert changes_for(event(EventKind.RESIDENT, payload)) == changes


def published(**more):
    payload = {
        "item_kind": "activity",
        "properties": {"title": "太极", "state": "open", "starts_at": LATER.isoformat()},
        "links": [
            {"type": "ABOUT", "label": "Interest", "id": "taichi"},
            {"type": "ORGANISED_BY", "label": "Group", "id": "g1"},
        ],
        "provenance": {"source": "linli-app", "as_of": AT.isoformat()},
    }
    return event(EventKind.ITEM, payload | more, subject="a1")


def test_a_published_item_with_all_that_belongs_to_it():
    place = {"name": "活动室", "lat": 31.3, "lon": 118.4}
    changes = changes_for(
        published(
            gone=[{"type": "ABOUT", "label": "Interest", "id": "chess"}],
            place=place,
            venue={"id": "venue-a1", "grid": "grid-1"},
            organiser="居委会",
            organisation="organisation-1",
        )
    )
    for change in changes:
        validate(change)
        if change.op is Op.PUT:
            assert change.provenance.basis is Basis.PUBLIC
            assert change.provenance.category is DataCategory.PUBLIC
            assert change.provenance.as_of == AT
    nodes = {(c.label, c.id): c.properties for c in changes if isinstance(c, NodeChange)}
    assert nodes == {
        ("Activity", "a1"): {"title": "太极", "state": "open", "starts_at": LATER},
        ("Venue", "venue-a1"): place,
        ("Organisation", "organisation-1"): {"name": "居委会"},
    }
    links = {(c.op, c.type, c.start, c.end) for c in changes if not isinstance(c, NodeChange)}
    assert links >= {
        (Op.PUT, "ABOUT", "a1", "taichi"),
        (Op.REMOVE, "ABOUT", "a1", "chess"),
        (Op.PUT, "ORGANISED_BY", "a1", "g1"),
        (Op.PUT, "HELD_AT", "a1", "venue-a1"),
        (Op.PUT, "BUILT_IN", "venue-a1", "grid-1"),
        (Op.PUT, "PROVIDED_BY", "a1", "organisation-1"),
    }


def test_nodes_come_before_what_connects_them():
    """Applied to an empty store, only what the payload does not bring dangles."""
    changes = changes_for(
        published(
            place={"name": "x", "lat": None, "lon": None},
            venue={"id": "venue-a1", "grid": None},
            organiser="x",
            organisation="o",
            links=[],
        )
    )
    with MemoryStore() as store:
        assert store.apply(changes).dangling == ()
        assert store.count() == {
            "Activity": 1,
            "Venue": 1,
            "HELD_AT": 1,
            "Organisation": 1,
            "PROVIDED_BY": 1,
        }


def test_a_venue_that_moves_leaves_the_grid_it_was_in():
    place = {"name": "x", "lat": 31.3, "lon": 118.4}
    grids = [put("Grid", "grid-1", name="1"), put("Grid", "grid-2", name="2")]
    with MemoryStore() as store:
        store.apply(grids)
        for grid, left in (("grid-1", None), ("grid-2", "grid-1"), ("grid-2", "grid-2")):
            venue = {"id": "venue-a1", "grid": grid, "left": left}
            store.apply(changes_for(published(place=place, venue=venue, links=[])))
            table = store.relationships("BUILT_IN", "Venue", "Grid")
            assert table["end"].to_pylist() == [grid]
        venue = {"id": "venue-a1", "grid": None, "left": "grid-2"}
        store.apply(changes_for(published(place=place, venue=venue, links=[])))
        assert store.relationships("BUILT_IN", "Venue", "Grid").num_rows == 0
