"""The graph is a projection: made anew from the log it equals the one it replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.services.backing import resident_actor
from api.services.feed import FeedService
from api.services.interactions import Act, Interactions
from api.services.publish import Draft, Place, Publishing
from graph.codec import encode_change
from graph.gate import EventKind, OpenGraph, open_graph
from graph.ingest import import_plan
from graph.model import (
    DataCategory,
    InteractionKind,
    ItemId,
    ItemKind,
    ResidentId,
)
from graph.store.dump import differences, fingerprint
from graph.store.memory import MemoryStore
from graph.synthetic import generate
from jobs import steps
from tests.conftest import FixedClock
from tests.contract.store_data import put, tie
from tests.factories import NOW, operator
from tests.integration.demo_world import Instance, new_key


@pytest.fixture
def lease(web: Instance):
    site = web.floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as opened:
        yield opened


def tap(web: Instance, resident: ResidentId, item: str, kind: InteractionKind) -> None:
    web.clock.advance(seconds=7)
    acts = Interactions(web.floors, FeedService(web.floors))
    actor = resident_actor(resident, web.floors.institution)
    acts.record(actor, Act(resident, ItemId(item), kind, None, new_key()))


def publish(web: Instance, **more: object) -> None:
    draft = Draft(
        **{
            "id": ItemId("operator.walk"),
            "kind": ItemKind.ACTIVITY,
            "properties": {"title": "散步", "state": "open", "seats": 1},
            **more,
        }
    )
    Publishing(web.floors).put(operator(), draft, new_key())


def live_a_little(web: Instance) -> None:
    """Taps of every kind, changed and moved items, waiting lists, grants, a newcomer."""
    group, activity = web.item(ItemKind.GROUP), web.item(ItemKind.ACTIVITY)
    people = web.residents(3)
    grid = web.floors.live.catch_up().snapshot.grid_centre[0]
    near = Place("东门", float(grid[0]), float(grid[1]))
    publish(web, about=("baking",), place=near, organiser="居委会")
    for who in people:
        for kind in ("view", "like", "join", "dismiss", "undo", "leave", "join"):
            tap(web, who, group, InteractionKind(kind))
        for kind in ("sign_up", "cancel", "sign_up"):
            tap(web, who, activity, InteractionKind(kind))
        tap(web, who, "operator.walk", InteractionKind.SIGN_UP)
    tap(web, people[0], "operator.walk", InteractionKind.CANCEL)
    publish(web, place=Place("远方", 40.0, 100.0), organiser="文化站", about=("home_cooking",))
    newcomer = [put("Resident", "newcomer", birth_year=1961), tie("newcomer", people[0])]
    with web.floors.ledger.write() as tx:
        web.floors.ledger.outbox.append(
            tx,
            kind=EventKind.RESIDENT,
            key=new_key(),
            subject="newcomer",
            category=DataCategory.IDENTITY,
            payload={"changes": [encode_change(change) for change in newcomer]},
            at=web.clock(),
        )
        web.floors.ledger.grants.withdraw(
            tx,
            people[1],
            institution=None,
            category=None,
            purpose=None,
            at=web.clock(),
            key=new_key(),
        )


def import_more(web: Instance) -> None:
    """A second city, into a graph that is not empty."""
    plan = generate(60, 1, seed=5, now=NOW).plan()
    import_plan(web.floors.ledger, plan, gate=web.floors.gate, actor=operator(), clock=web.clock)


def assert_rebuilt_equals(web: Instance, lease: OpenGraph) -> None:
    with MemoryStore() as other:
        events = steps.rebuild(web.floors.site, other)
        assert differences(lease.store, other) == []
        assert other.watermark() == lease.store.watermark() == events


def test_a_rebuilt_graph_equals_the_one_that_grew(web: Instance, lease: OpenGraph):
    """After imports, events, snapshots and compaction; in place, and in another engine."""
    site = web.floors.site
    live_a_little(web)
    steps.drain(site, lease.store)
    import_more(web)
    steps.take_snapshot(site, lease.store)
    live_a_little(web)
    steps.take_snapshot(site, lease.store)
    steps.take_snapshot(site, lease.store)
    assert list(site.home.log.glob("*.seg"))
    with site.ledger.read() as tx:
        assert len(site.ledger.outbox.stored(tx, 0, 10_000)) < lease.store.watermark()
    live_a_little(web)
    steps.drain(site, lease.store)
    assert_rebuilt_equals(web, lease)
    before, watermark = fingerprint(lease.store), lease.store.watermark()
    assert steps.rebuild(site, lease.store) == watermark
    assert fingerprint(lease.store) == before
    assert lease.store.watermark() == watermark
    assert steps.drain(site, lease.store) == 0


def test_a_rebuild_undoes_what_was_never_in_the_log(web: Instance, lease: OpenGraph):
    before = fingerprint(lease.store)
    lease.store.cypher("MATCH (:Resident)-[j:JOINED]->(:`Group`) DELETE j")
    assert fingerprint(lease.store) != before
    steps.rebuild(web.floors.site, lease.store)
    assert fingerprint(lease.store) == before


def test_a_graph_older_than_the_outbox_catches_up_through_the_log(web: Instance, lease: OpenGraph):
    """As after a restored backup of the graph alone."""
    site = web.floors.site
    with MemoryStore() as old:
        steps.drain(site, old)
        behind = old.watermark()
        live_a_little(web)
        steps.take_snapshot(site, lease.store)
        steps.take_snapshot(site, lease.store)
        with site.ledger.read() as tx:
            first = site.ledger.outbox.stored(tx, 0, 1)
        assert not first or first[0].seq > behind + 1
        assert steps.drain(site, old) > 0
        assert differences(lease.store, old) == []
        assert old.watermark() == lease.store.watermark()


def test_a_snapshot_of_the_rebuilt_graph_is_the_same_snapshot(
    web: Instance, lease: OpenGraph, clock: FixedClock
):
    site = web.floors.site
    live_a_little(web)
    first = steps.take_snapshot(site, lease.store)
    steps.rebuild(site, lease.store)
    clock.advance(seconds=5)
    assert steps.take_snapshot(site, lease.store) == first
    assert Path(site.home.snapshots / first).is_dir()
