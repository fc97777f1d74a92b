"""Random histories of imports, undos and taps: what was undone might as well never have come."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.gate import EventKind
from graph.home import Home
from graph.ingest import (
    BookingRow,
    IdentityRow,
    ImportPlan,
    RecordKind,
    RecordRow,
    SeatRow,
    WordsRow,
    commit_import,
    preview_import,
    undo_import,
)
from graph.ingest.grants import make_grant
from graph.ledger import moving
from graph.model import (
    Basis,
    DataCategory,
    GrantState,
    InteractionKind,
    ItemId,
    NodeChange,
    Op,
    Provenance,
    Purpose,
    RelationshipChange,
    ResidentId,
    Source,
    SourceClass,
    SourceId,
)
from graph.schema import interaction_category
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from jobs import steps
from jobs.site import Site, SiteConfig, open_site
from tests.conftest import FixedClock
from tests.factories import NOW, operator

PEOPLE = [ResidentId(f"r{n}") for n in range(4)]
ITEMS = [ItemId(f"i{n}") for n in range(3)]
SOURCE = Source(SourceId("list"), SourceClass.GOVERNMENT, "street", "list", "law")


@dataclass(frozen=True)
class Step:
    """One thing that happens: a name, and what it is about."""

    what: str
    file: int = 0
    who: ResidentId = PEOPLE[0]
    item: ItemId = ITEMS[0]


OTHERS = ("book", "cancel", "like", "withdraw", "name", "seats", "drain")
WHATS = [*["import"] * 3, *["undo"] * 2, *OTHERS]
STEPS = st.builds(
    Step,
    what=st.sampled_from(WHATS),
    file=st.integers(0, 3),
    who=st.sampled_from(PEOPLE),
    item=st.sampled_from(ITEMS),
)


def plan_of(file: int) -> ImportPlan:
    """Make one of four lists, which overlap."""
    said = Provenance(SOURCE.id, NOW, NOW, 1.0, DataCategory.PUBLIC, Basis.PUBLIC)
    known = Provenance(SOURCE.id, NOW, NOW, 1.0, DataCategory.IDENTITY, Basis.STATUTORY)
    people, items = PEOPLE[file : file + 2], ITEMS[file % 2 : file % 2 + 2]
    nodes = [
        NodeChange(Op.PUT, "Resident", who, {"birth_year": 1950 + file}, known) for who in people
    ]
    things = [
        NodeChange(Op.PUT, "Activity", item, {"title": f"{item} by {file}", "state": "open"}, said)
        for item in items
    ]
    tied = Provenance(SOURCE.id, NOW, NOW, 1.0, DataCategory.ATTENDANCE, Basis.CONSENT)
    ties = [
        RelationshipChange(
            Op.PUT, "SIGNED_UP", "Resident", who, "Activity", item, {"state": "confirmed"}, tied
        )
        for who in people
        for item in items
    ]
    category = DataCategory.ATTENDANCE
    return ImportPlan(
        kind="test",
        source=SOURCE,
        file_hash=f"file-{file}",
        as_of=NOW,
        rows=len(people),
        changes=[*nodes, *things, *ties],
        residents=people,
        items=items,
        identities=[IdentityRow(who, {"name": f"{who} by {file}"}, NOW) for who in people],
        grants=[
            make_grant(who, category, Purpose.FEED, channel="import", start=NOW) for who in people
        ],
        words=[WordsRow(people[0], DataCategory.NEED_WORDS, f"words {file}", NOW)],
        records=[RecordRow(people[0], category, RecordKind.VISIT, NOW, {"file": file})],
        seats=[SeatRow(items[0], 1 + file)],
        bookings=[BookingRow(item, who, NOW) for item in items for who in people],
        consented=frozenset({category, DataCategory.NEED_WORDS}),
        statutory=frozenset({DataCategory.IDENTITY}),
        law="a law",
    )


class World:
    """A home to which things happen."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.clock = FixedClock(NOW)
        home = Home(folder)
        home.make()
        config = SiteConfig(str(folder), home.graph_url, home.ledger_url, "operator", 1)
        self.site: Site = stack.enter_context(open_site(config, clock=self.clock))
        self.store = stack.enter_context(MemoryStore())
        self.batches: dict[int, str] = {}

    def happen(self, n: int, step: Step) -> None:
        """Let the nth step happen, at its time."""
        ledger = self.site.ledger
        self.clock.now = NOW + timedelta(seconds=n)
        with_gate = {"gate": self.site.gate, "actor": operator(), "clock": self.clock}
        if step.what == "import":
            batch = preview_import(ledger, plan_of(step.file), **with_gate).batch.id
            commit_import(ledger, batch, **with_gate)
            self.batches[step.file] = batch
        elif step.what == "undo":
            undo_import(ledger, self.batches[step.file], **with_gate)
        elif step.what == "drain":
            steps.drain(self.site, self.store)
        else:
            with ledger.write() as tx:
                self.act(tx, n, step)

    def act(self, tx, n: int, step: Step) -> None:
        ledger, now = self.site.ledger, self.clock()
        if step.what == "book":
            ledger.bookings.book(tx, step.item, step.who, at=now)
        elif step.what == "cancel":
            ledger.bookings.cancel(tx, step.item, step.who, at=now)
        elif step.what == "name":
            ledger.identity.put(tx, step.who, {"name": f"{step.who} at {n}"}, now)
        elif step.what == "seats":
            ledger.bookings.set_seats(tx, step.item, n)
        elif step.what == "withdraw":
            ledger.grants.withdraw(
                tx,
                step.who,
                institution=None,
                category=None,
                purpose=None,
                at=now,
                key=f"withdraw/{n}",
            )
        elif step.what == "like":
            kind = InteractionKind.LIKE
            ledger.outbox.append(
                tx,
                kind=EventKind.INTERACTION,
                key=f"like/{n}",
                subject=step.who,
                category=interaction_category(kind),
                payload={
                    "kind": kind.value,
                    "item": step.item,
                    "item_kind": "activity",
                    "rec_id": None,
                    "at": now.isoformat(),
                },
                at=now,
            )

    def tells(self) -> dict[str, object]:
        """Say everything that anybody could see."""
        ledger = self.site.ledger
        steps.drain(self.site, self.store)
        with ledger.read() as tx:
            given = [
                (g.resident, g.category, g.purpose)
                for who in PEOPLE
                for g in ledger.grants.of(tx, who)
                if g.state is GrantState.GIVEN
            ]
            seats = ledger.bookings.taken(tx, None)
            held = [(who, b.item) for who in PEOPLE for b in ledger.bookings.of(tx, who)]
            return {
                "identity": {who: ledger.identity.get(tx, who) for who in PEOPLE},
                "grants": Counter(given),
                "words": [w.text for who in PEOPLE for w in ledger.words.of(tx, who)],
                "records": [
                    dict(r.fields) for who in PEOPLE for r in ledger.records.of(tx, who, "visit")
                ],
                "places": sorted(held),
                "seats": {item: n for item, (n, _, _) in seats.items() if n is not None},
            }

    def faults(self) -> list[str]:
        """Counts that are wrong, and people who wait beside a free seat."""
        with self.site.ledger.read() as tx:
            wrong = []
            for item, (seats, taken, waiting) in self.site.ledger.bookings.taken(tx, None).items():
                query = "SELECT state, count(*) FROM bookings WHERE item = ? GROUP BY state"
                found = dict(tx.exec_driver_sql(query, (item,)).all())
                if (found.get("confirmed", 0), found.get("waitlist", 0)) != (taken, waiting):
                    wrong.append(f"{item}: {found}, not {taken} and {waiting}")
                if waiting and (seats is None or taken < seats):
                    wrong.append(f"{item}: {waiting} wait though there is room")
            return wrong


def without_undone(history: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """Return the history that can happen, and the one without what it undoes."""
    happened, kept = [], []
    open_: dict[int, int] = {}
    for step in history:
        if step.what == "import" and step.file in open_:
            continue
        if step.what == "undo" and step.file not in open_:
            continue
        happened.append(step)
        kept.append(step)
        if step.what == "import":
            open_[step.file] = len(kept) - 1
        elif step.what == "undo":
            kept[open_.pop(step.file)] = kept[-1] = Step("nothing")
    return happened, kept


def worlds(history: Sequence[Step]) -> tuple[dict[str, object], dict[str, object], list[str]]:
    happened, kept = without_undone(history)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        one, other = World(stack, Path(folder) / "a"), World(stack, Path(folder) / "b")
        for n, (step, same) in enumerate(zip(happened, kept, strict=True)):
            one.happen(n, step)
            other.happen(n, same)
        told = one.tells(), other.tells()
        wrong = one.faults() + differences(one.store, other.store)
        with MemoryStore() as anew:
            steps.rebuild(one.site, anew)
            wrong += differences(one.store, anew)
        return *told, wrong


@given(st.lists(STEPS, min_size=2, max_size=14))
@settings(deadline=None, max_examples=30)
def test_what_was_undone_might_as_well_never_have_come(history: list[Step]):
    one, other, wrong = worlds(history)
    assert one == other
    assert wrong == []


def test_the_comparison_can_see(monkeypatch: pytest.MonkeyPatch):
    """With nothing taken out, the worlds differ."""
    history = [Step("import"), Step("undo")]
    assert worlds(history)[0] == worlds(history)[1]
    monkeypatch.setattr(moving, "_restore", lambda *_: None)
    one, other, _ = worlds(history)
    assert one["identity"] != other["identity"]
    assert one["seats"] != other["seats"]


def test_an_undo_twice_changes_nothing_and_the_file_may_come_again():
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(stack, Path(folder))
        world.happen(0, Step("import"))
        before = world.tells()
        world.happen(1, Step("undo"))
        gone = world.tells()
        head = world.store.watermark()
        world.happen(2, Step("undo"))
        assert world.tells() == gone != before
        assert world.store.watermark() == head
        first = world.batches[0]
        world.happen(3, Step("import"))
        assert world.batches[0] != first
        assert world.tells() == before
