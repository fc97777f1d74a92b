"""The graph engine is away for an hour of taps: people notice nothing, and nothing is lost.

What an hour is to people is a number of events here: they wait in the ledger, whatever the clock
says, until the engine is back and the graph equals one that was never interrupted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from graph.errors import StoreUnavailable
from graph.gate import GraphStore, RunState
from graph.store.opening import open_store
from tests.bolt_proxy import Proxy, proxied
from tests.integration.command_line import CommandLine
from tests.integration.killing import Client
from tests.integration.serving import PATIENCE, Browser, Server, served, use_graph
from tests.integration.test_jobs import opened, until
from tests.integration.test_kill_rounds import Town, settle
from tests.neo4j_server import Neo4jServer
from tests.sizes import Sizes

SLOWER = 3.0
"""Most that the median request may take during an outage, against the same requests before."""
WORST = 10.0
"""Most that the slowest one may take, against the slowest before."""


MANY = 50_000
"""Bytes of a transaction that writes hundreds of events."""
UNAVAILABLE = 6
"""Exit code of commands that need what is away."""


class Engine(Protocol):
    """The graph engine of a served home, which can be made to be away."""

    server: Server
    """Who serves the home."""

    def stop(self) -> None: ...

    def start(self) -> None: ...

    def fail_midway(self) -> None:
        """Be back, and away again in the middle of what there is to catch up with."""
        ...


@dataclass
class Embedded:
    """The embedded engine: its process is killed, and another one holds its file."""

    server: Server
    url: str
    held: GraphStore | None = None

    def stop(self) -> None:
        self.server.kill(self.server.jobs())
        until("the file is held", self._hold)

    def _hold(self) -> bool:
        try:
            self.held = open_store(self.url)
        except StoreUnavailable:  # it came back faster
            self.server.kill(self.server.jobs())
            return False
        return True

    def start(self) -> None:
        assert self.held is not None
        self.held.close()
        self.held = None

    def fail_midway(self) -> None:
        self.start()
        until("the graph is opened again", lambda: leads(self.server))
        self.stop()


@dataclass
class Neo4j:
    """A server of its own: it is killed, and a commit of a drain never gets its answer."""

    server: Server
    neo4j: Neo4jServer
    line: Proxy

    def stop(self) -> None:
        self.neo4j.kill()

    def start(self) -> None:
        self.neo4j.start()

    def fail_midway(self) -> None:
        self.line.smallest, self.line.cut_commits = MANY, 1
        self.start()
        until("a commit of many events is cut", lambda: self.line.cuts)
        self.stop()


class TimedClient(Client):
    """A client that looks at the clock."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.seconds: list[float] = []

    def _ask(self, act):
        began = time.perf_counter()
        try:
            return super()._ask(act)
        finally:
            self.seconds.append(time.perf_counter() - began)


@dataclass
class Hour:
    """What a crowd of clients did and how long they waited."""

    town: Town
    acts: list = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def pass_by(self, events: int) -> Hour:
        clients = [
            TimedClient(self.town.server.port, c._people, c._items, seed=n)
            for n, c in enumerate(self.town.clients())
        ]
        for client in clients:
            client.start()
        until(
            f"{events} events are acknowledged",
            lambda: sum(act.receipt is not None for c in clients for act in c.sent) >= events,
            seconds=600,
        )
        for client in clients:
            client.patience.set()
        for client in clients:
            client.join(PATIENCE)
            self.acts += client.sent
            self.wrong += client.wrong
            self.seconds += client.seconds
        return self


@pytest.fixture(params=["ladybug", "neo4j"])
def engine(request: pytest.FixtureRequest, served_home: Path) -> Iterator[Engine]:
    """Return the engine of a served home."""
    if request.param == "ladybug":
        with served(served_home) as server, opened(served_home) as site:
            embedded = Embedded(server, site.config.graph_url)
            yield embedded
            if embedded.held is not None:
                embedded.start()
        return
    neo4j: Neo4jServer = request.getfixturevalue("empty_neo4j")
    with proxied(neo4j) as line:
        use_graph(served_home, line.url)
        with served(served_home) as server:
            yield Neo4j(server, neo4j, line)
            if not neo4j.runs:
                neo4j.start()


QUIET = timedelta(seconds=6)
"""Three times the pause between drains: who has been idle for so long has nothing to drain."""


def drained(home: Path) -> bool:
    """Whether the graph is led, and its leader has nothing to do."""
    with opened(home) as site, site.ledger.read() as tx:
        last, now = site.ledger.runs.last(tx, "drain"), site.clock()
        led = site.ledger.leases.holder(tx, "graph", now) is not None
    done = last is not None and last.state is RunState.DONE and last.finished_at < now - QUIET
    return led and done


@pytest.mark.timeout(1800)
def test_an_hour_without_the_graph_is_noticed_by_nobody_and_caught_up(
    engine: Engine, rng: np.random.Generator, sizes: Sizes
):
    server = engine.server
    town = settle(server, rng)
    usual = Hour(town).pass_by(sizes.queued // 4)
    until("all is drained", lambda: drained(server.home))

    engine.stop()
    without = Hour(town).pass_by(sizes.queued)
    assert usual.wrong + without.wrong == []
    assert town.checker.check_ledger(usual.acts + without.acts) == []
    told_by_every_door(server)
    assert town.checker.check_pages(server.port, town.people[:3], town.items, rng) == []

    engine.fail_midway()
    engine.start()
    until("all is drained", lambda: drained(server.home), seconds=300)
    said = server.log.read_text()
    assert "Traceback" not in said, said[-5000:]
    assert said.count("the graph is away") <= 4, "an outage is told once"
    assert CommandLine(server.home).run("doctor").code == 0
    assert town.checker.check([]) == []

    slower = float(np.median(without.seconds) / np.median(usual.seconds))
    worst = max(without.seconds) / max(usual.seconds)
    sys.stdout.write(
        f"{len(without.acts)} acts without the graph; request: median x{slower:.2f}, "
        f"slowest x{worst:.2f} of the usual\n"
    )
    assert slower < SLOWER
    assert worst < WORST


def told_by_every_door(server: Server) -> None:
    """Doctor, list of jobs, health: each says what there is to know."""
    linli = CommandLine(server.home)
    until("the outage is on record", lambda: linli.run("doctor").code == 1)
    assert "what people do waits in the ledger" in linli.run("doctor").out
    (drain,) = (row for row in linli.json("jobs", "list", "--json") if row["job"] == "drain")
    assert drain["state"] == "failed"
    assert "StoreUnavailable" in drain["note"]
    assert "The snapshot was taken" in linli.text("jobs", "list")
    browser = Browser(server.port)
    ready = browser.get("/health/ready")
    browser.close()
    assert ready.status == 200
    assert ready.json["snapshot_age"] >= 0
    assert linli.refusal("snapshot")[0] == UNAVAILABLE
    assert server.jobs(), "the jobs process waits"


def leads(server: Server) -> bool:
    with opened(server.home) as site, site.ledger.read() as tx:
        return site.ledger.leases.holder(tx, "graph", site.clock()) is not None
