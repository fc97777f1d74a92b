"""Random lives of a graph: whatever happens to its process and its files, it equals its log.

People write to the ledger of a small city while a process of its own drains, takes snapshots
(which compact the log) and rebuilds, is closed, is killed at any moment, and finds bytes of its
files flipped. Afterwards the graph is the one that a fake makes from the log alone.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.gate import EventKind, GraphStore
from graph.model import Change, NodeChange, Op
from graph.projection import changes_for
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from graph.store.opening import open_store
from graph.vocabulary import source
from jobs.site import Site, SiteConfig
from tests.conftest import SIZE
from tests.contract.store_data import NOW, link, put, remove, tie, unlink
from tests.graph_worker import Order, Worker
from tests.neo4j_server import Neo4jServer
from tests.sizes import SIZES
from tests.small_city import RESIDENTS, Cell, cells
from tests.small_city_life import Step, World, happenings, world

lives_of = settings(
    max_examples=SIZES[SIZE].graph_histories,
    suppress_health_check=list(HealthCheck),
    # Not made smaller: that takes minutes, and a life tells what was done anyway.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


@dataclass
class Engine:
    """The graph of one home and the process that leads it."""

    config: SiteConfig
    tally: Counter[str]
    """What happened to it."""
    worker: Worker | None = None

    def begin(self, order: Order) -> Worker:
        if self.worker is None:
            self.worker = Worker(self.config)
        self.worker.begin(order)
        return self.worker

    def do(self, order: Order) -> None:
        first = self.worker is None
        damage = self.begin(order).finish()
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


@dataclass(frozen=True)
class Work:
    """The process does a job to its end, or is killed after so many seconds."""

    job: str
    batch: int
    killed_after: float | None

    def happen(self, engine: Engine, city: World, n: int) -> None:
        order = Order(self.job, city.clock(), self.batch)
        if self.killed_after is None:
            engine.do(order)
            return
        engine.begin(order)
        engine.tally["killed"] += 1
        time.sleep(self.killed_after)
        engine.end(killed=True)


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
                tx, kind="more", file_hash=f"{n}", source=source("synthetic-city"), at=at
            )
            for number, chunk in enumerate(self.chunks):
                imports.stage(tx, batch.id, number, chunk)
            imports.commit(tx, batch.id, at)


@dataclass(frozen=True)
class Happen:
    """Somebody does something at a door."""

    step: Step

    def happen(self, engine: Engine, city: World, n: int) -> None:
        city.do(self.step, n)


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


_happen = happenings.map(Happen)
_bring = st.builds(_in_chunks, st.lists(_imported, min_size=1, max_size=12), st.integers(1, 4))
_work = st.builds(
    Work,
    st.sampled_from(["drain", "drain", "drain", "snapshot", "rebuild"]),
    st.integers(1, 6),
    st.none() | st.floats(0, 0.25),
)
_flip = st.builds(Flip, st.integers(0, 2), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
_lives = st.lists(
    st.one_of(_happen, _happen, _happen, _bring, _work, _work, _work, st.just(Close()), _flip),
    min_size=12,
    max_size=40,
)


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


def assert_equals_its_log(store: GraphStore, site: Site) -> None:
    with replayed(site) as fake:
        assert differences(store, fake) == []
        assert store.watermark() == fake.watermark()


@contextmanager
def led(city: World, url: str, tally: Counter[str]) -> Iterator[Engine]:
    open_store(url, anew=True).close()
    engine = Engine(replace(city.site.config, graph_url=url), tally)
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


Life = list[Work | Close | Flip | Bring | Happen]


@pytest.mark.timeout(3600)
def test_whatever_happens_the_graph_equals_its_log(graph_url: str):
    tally: Counter[str] = Counter()

    @lives_of
    @given(facts=cells, life=_lives)
    def live(facts: list[Cell], life: Life) -> None:
        with world(facts) as city, led(city, graph_url, tally) as engine:
            for n, event in enumerate(life):
                event.happen(engine, city, n)
            engine.do(Order("drain", city.clock(), 3))
            engine.end(killed=False)
            with open_store(graph_url) as store:
                assert_equals_its_log(store, city.site)
        tally["lives"] += 1

    live()
    sys.stdout.write(f"{dict(tally)}\n")
    assert tally["killed"] > 0
    assert tally["flipped"] > 0 or urlsplit(graph_url).scheme != "ladybug"


def test_what_is_not_in_the_log_would_be_found(graph_url: str):
    """The control: a graph that differs by one node is told apart."""
    with world() as city, led(city, graph_url, Counter()) as engine:
        engine.do(Order("drain", city.clock(), 3))
        engine.end(killed=False)
        with open_store(graph_url) as store:
            assert_equals_its_log(store, city.site)
            store.apply([put("Organisation", "o", name="nobody's")])
            with pytest.raises(AssertionError, match="Organisation"):
                assert_equals_its_log(store, city.site)
