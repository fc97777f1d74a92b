"""Random lives of a graph: whatever happens to its process and its files, it equals its log.

People write to the ledger of a small city while a process of its own drains, takes snapshots
(which compact the log) and rebuilds, is closed, dies at any moment, and finds bits of its files
flipped. Afterwards the graph is the one that a fake makes from the log alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from graph.gate import Event as Logged
from graph.gate import EventKind, GraphStore
from graph.ledger.imports import BatchState
from graph.ledger.log import Log
from graph.model import Change, NodeChange, Op
from graph.projection import changes_for
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from graph.store.opening import open_store
from graph.vocabulary import source
from jobs import steps
from jobs.site import Site, SiteConfig
from tests.conftest import SIZE
from tests.contract.store_data import NOW, link, put, remove, tie, unlink
from tests.fresh_examples import FRESH
from tests.graph_worker import Died, Moment, Order, Plant, Worker
from tests.neo4j_server import Neo4jServer
from tests.sizes import SIZES
from tests.small_city import RESIDENTS, Cell, cells
from tests.small_city_life import Step, World, happenings, withdrawals, world

T = TypeVar("T")

lives_of = settings(
    max_examples=SIZES[SIZE].graph_histories,
    suppress_health_check=list(HealthCheck),
    backend=FRESH,
    report_multiple_bugs=False,  # one life made small is enough to wait for
)
HELD = ("died", "rebuild", "snapshot", "Withdraw")
"""What a run must hold in two lives of five, lest it become thin unnoticed."""


@dataclass
class Engine:
    """The graph of one home and the process that leads it."""

    config: SiteConfig
    tally: Counter[str]
    """What happened to it."""
    plant: Plant | None = None
    """A fault in the process that leads it."""
    worker: Worker | None = None

    def do(self, order: Order) -> None:
        """Have the process do it, beginning one if there is none; the process may die at it."""
        first = self.worker is None
        if self.worker is None:
            self.worker = Worker(self.config, self.plant)
        try:
            damage = self.worker.do(order)
        except Died:
            self.tally["died"] += 1
            self.end(killed=True)
            return
        self.tally["made anew"] += first and damage is not None
        self.tally[order.job] += 1

    def end(self, *, killed: bool) -> None:
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.kill() if killed else worker.close()

    def files(self) -> list[Path]:
        """Files of an embedded engine; a server keeps its own."""
        url = urlsplit(self.config.graph_url)
        main = Path(url.path)
        if url.scheme != "ladybug":
            return []
        found = (main.with_name(main.name + ending) for ending in ("", ".wal", ".sha256"))
        return [file for file in found if file.exists() and file.stat().st_size]


class Event(Protocol):
    """Something in the life of a graph."""

    def happen(self, engine: Engine, city: World, n: int) -> None:
        """Let it happen as the nth event of the life."""
        ...


@dataclass(frozen=True)
class Work:
    """The process does a job; it may die at it."""

    job: str
    batch: int
    dies: Moment | None

    def happen(self, engine: Engine, city: World, n: int) -> None:
        engine.do(Order(self.job, city.clock(), self.batch, self.dies))


@dataclass(frozen=True)
class Close:
    """The process ends in order."""

    def happen(self, engine: Engine, city: World, n: int) -> None:
        engine.end(killed=False)


@dataclass(frozen=True)
class Flip:
    """The process is killed, and a bit of one of its files is another one afterwards."""

    file: int
    place: float
    bit: int

    def happen(self, engine: Engine, city: World, n: int) -> None:
        engine.end(killed=True)
        files = engine.files()
        if files:
            engine.tally["flipped"] += 1
            flip(files[self.file % len(files)], self.place, self.bit)


def flip(file: Path, place: float, bit: int) -> None:
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    file.write_bytes(content)


@dataclass(frozen=True)
class Bring:
    """An import in chunks: nodes before the relationships that stand on them."""

    chunks: tuple[tuple[Change, ...], ...]

    def happen(self, engine: Engine, city: World, n: int) -> None:
        imports, at = city.ledger.imports, city.clock()
        with city.ledger.write() as tx:
            batch = imports.begin(
                tx, kind=_BROUGHT, file_hash=f"{n}", source=source("synthetic-city"), at=at
            )
            for number, chunk in enumerate(self.chunks):
                imports.stage(tx, batch.id, number, chunk)
            imports.commit(tx, batch.id, at)
        engine.tally["Bring"] += 1


@dataclass(frozen=True)
class TakeBack:
    """An import that counts is undone, if there is one."""

    which: int

    def happen(self, engine: Engine, city: World, n: int) -> None:
        imports = city.ledger.imports
        with city.ledger.write() as tx:
            counting = [
                batch.id
                for batch in imports.list(tx)
                if batch.kind == _BROUGHT and batch.state is BatchState.COMMITTED
            ]
            if counting:
                imports.undo(tx, counting[self.which % len(counting)], city.clock())
                engine.tally["TakeBack"] += 1


@dataclass(frozen=True)
class Happen:
    """Somebody does something at a door."""

    step: Step

    def happen(self, engine: Engine, city: World, n: int) -> None:
        before = _head(city.site)
        city.do(self.step, n)
        engine.tally[type(self.step).__name__] += _head(city.site) > before


def _head(site: Site) -> int:
    with site.ledger.read() as tx:
        return site.ledger.outbox.head(tx).seq


_BROUGHT = "more"

_GROUPS = st.sampled_from(["more-0", "more-1"])
_people = st.sampled_from([*RESIDENTS, "more-r"])
_imported: st.SearchStrategy[Change] = st.one_of(
    st.builds(
        lambda g, n: put("Group", g, title=f"团{n}", state="open"), _GROUPS, st.integers(0, 9)
    ),
    st.builds(lambda n: put("Resident", "more-r", birth_year=n), st.integers(1930, 2000)),
    st.builds(lambda r, g: link("JOINED", "Resident", r, "Group", g, at=NOW), _people, _GROUPS),
    st.builds(lambda a, b: tie(a, b, strength=0.5), _people, _people).filter(
        lambda t: t.start != t.end
    ),
    st.builds(lambda r, g: unlink("JOINED", "Resident", r, "Group", g), _people, _GROUPS),
    st.builds(lambda g: remove("Group", g), _GROUPS),
)


def _in_chunks(changes: Sequence[Change], size: int) -> Bring:
    ordered = sorted(changes, key=lambda c: not (isinstance(c, NodeChange) and c.op is Op.PUT))
    starts = range(0, len(ordered), size)
    return Bring(tuple(tuple(ordered[at : at + size]) for at in starts))


_brings = st.builds(_in_chunks, st.lists(_imported, min_size=1, max_size=12), st.integers(1, 4))
_written: st.SearchStrategy[Event] = st.one_of(
    happenings.map(Happen),
    st.builds(Happen, withdrawals),
    _brings,
    st.builds(TakeBack, st.integers(0, 2)),
)


def _sometimes(what: st.SearchStrategy[T], *, one_in: int) -> st.SearchStrategy[T | None]:
    """Draw it in one case of so many, else nothing; ``one_of`` would weigh every branch alike."""
    drawn = st.tuples(st.integers(1, one_in), what)
    return drawn.map(lambda pair: pair[1] if pair[0] == one_in else None)


_moments: st.SearchStrategy[Moment] = st.one_of(
    st.integers(0, 10), st.integers(0, 150), st.floats(0.001, 0.1)
)
_works = st.builds(
    Work,
    st.sampled_from(["drain", "drain", "snapshot", "rebuild"]),
    st.integers(1, 6),
    _sometimes(_moments, one_in=3),
)
_flips = st.builds(Flip, st.integers(0, 2), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
_ends: st.SearchStrategy[Event | None] = _sometimes(st.just(Close()) | _flips, one_in=2)
_days = st.tuples(st.lists(_written, max_size=6), _works, _ends)
"""People write, the process works, then something may become of it."""
_lives = st.lists(_days, min_size=3, max_size=5)


def replayed(site: Site) -> MemoryStore:
    """The graph that the log alone makes, one event at a time."""
    fake = MemoryStore()
    with site.ledger.read() as tx:
        for event in site.ledger.log.events(tx):
            if event.kind is EventKind.IMPORT:
                for chunk in site.ledger.imports.changes(tx, event.subject):
                    fake.apply(chunk)
            else:
                fake.apply(changes_for(event))
            fake.apply([], watermark=event.seq)
    return fake


def unlike_its_log(store: GraphStore, site: Site) -> list[str]:
    """Say where the graph is not what its log makes."""
    with replayed(site) as fake:
        found = differences(store, fake)
        if store.watermark() != fake.watermark():
            found.append(f"it stands at {store.watermark()}, the log at {fake.watermark()}")
    return found


@contextmanager
def led(city: World, url: str, tally: Counter[str], plant: Plant | None = None) -> Iterator[Engine]:
    open_store(url, anew=True).close()
    engine = Engine(replace(city.site.config, graph_url=url), tally, plant)
    try:
        yield engine
    finally:
        engine.end(killed=True)


@pytest.fixture(params=["ladybug", "neo4j"])
def graph_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where the engine under test keeps its graph."""
    if request.param == "ladybug":
        return f"ladybug://{tmp_path}/life.lbug"
    server: Neo4jServer = request.getfixturevalue("empty_neo4j")
    return server.url


Life = list[tuple[list[Event], Event, Event | None]]


def live(
    graph_url: str, facts: list[Cell], life: Life, tally: Counter[str], plant: Plant | None = None
) -> list[str]:
    """Live one life to its end; return where the graph is not what its log makes."""
    events = [event for written, work, end in life for event in (*written, work, end) if event]
    tally.update(lives=1, events=len(events))
    with world(facts) as city, led(city, graph_url, tally, plant) as engine:
        for n, event in enumerate(events):
            event.happen(engine, city, n)
        engine.do(Order("drain", city.clock(), 3))
        engine.end(killed=False)
        with open_store(graph_url) as store:
            return unlike_its_log(store, city.site)


@pytest.mark.timeout(10_800)
def test_whatever_happens_the_graph_equals_its_log(graph_url: str):
    tally: Counter[str] = Counter()

    @lives_of
    @given(facts=cells, life=_lives)
    def whatever_happens(facts: list[Cell], life: Life) -> None:
        assert live(graph_url, facts, life, tally) == []

    whatever_happens()
    sys.stdout.write(f"{dict(tally.most_common())}\n")
    held = HELD if urlsplit(graph_url).scheme != "ladybug" else (*HELD, "flipped")
    assert {name: tally[name] for name in held if tally[name] < 0.4 * tally["lives"]} == {}


def writes_behind() -> None:
    """Plant: the watermark moves at once, the changes come with the next batch or never."""
    apply = steps._apply
    held: list[Sequence[Logged]] = []

    def later(site: Site, store: GraphStore, events: Sequence[Logged]) -> None:
        for batch in held:
            apply(site, store, batch)
        held[:] = [events]
        store.apply([], watermark=events[-1].seq)

    steps._apply = later


def without_the_newest() -> None:
    """Plant: a rebuild leaves out the newest event of the log."""
    events = Log.events

    def too_few(log: Log, tx: Connection) -> Iterator[Logged]:
        return (earlier for earlier, _ in pairwise(events(log, tx)))

    Log.events = too_few


@pytest.mark.parametrize("graph_url", ["ladybug"], indirect=True)  # the faults are no engine's
@pytest.mark.parametrize("plant", [writes_behind, without_the_newest])
def test_a_fault_in_the_process_would_be_found(graph_url: str, plant: Plant):
    """The control: lives as above find a process that loses what it should not."""
    found: list[str] = []

    @settings(lives_of, phases=[Phase.generate], database=None)
    @given(facts=cells, life=_lives)
    def whatever_happens(facts: list[Cell], life: Life) -> None:
        if not found:
            found.extend(live(graph_url, facts, life, Counter(), plant))

    whatever_happens()
    assert found


def test_what_is_not_in_the_log_would_be_found(graph_url: str):
    """The control: a graph that differs by one node is told apart."""
    with world() as city, led(city, graph_url, Counter()) as engine:
        engine.do(Order("drain", city.clock(), 3))
        engine.end(killed=False)
        with open_store(graph_url) as store:
            assert unlike_its_log(store, city.site) == []
            store.apply([put("Organisation", "o", name="nobody's")])
            (said,) = unlike_its_log(store, city.site)
            assert "Organisation" in said
