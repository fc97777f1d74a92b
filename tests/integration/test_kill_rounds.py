"""Rounds of ``kill -9`` under 8 writing clients: nothing told is lost, nothing is done twice.

A round lets a served home lose one web process, its master, its jobs process or all of them at a
random moment, alone or while a snapshot, a training or an import runs; starts again what does not
start itself; and compares what clients were told with ledger, places, graph and pages.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from api.wiring import load_config, open_floors
from graph.model import ItemKind
from tests.conftest import ROOT
from tests.integration.killed_step import bring
from tests.integration.killing import Checker, Client, Sent, open_items
from tests.integration.planted import PLANTS, planted
from tests.integration.serving import (
    LINLI,
    PATIENCE,
    Pass,
    Server,
    generous_residents,
    served,
    sign_in,
)
from tests.integration.test_kill_points import activities
from tests.sizes import Sizes

CLIENTS = 8
EACH = 5
"""Residents per client; no two clients act for one resident, so that there is an order."""
VICTIMS = ("worker", "master", "jobs", "all")
MEANWHILE = ("nothing", "snapshot", "train", "import")
MOST_SECONDS_TO_COME_BACK = 30.0


@dataclass
class Town:
    """A served home, its people and what was found out about it."""

    server: Server
    people: list[Pass]
    items: dict[str, ItemKind]
    rng: np.random.Generator
    checker: Checker
    acknowledged: int = 0
    kills: Counter[str] = field(default_factory=Counter)

    def clients(self) -> list[Client]:
        shares = [self.people[n * EACH : (n + 1) * EACH] for n in range(CLIENTS)]
        seeds = self.rng.integers(1 << 31, size=CLIENTS)
        return [
            Client(self.server.port, share, self.items, int(seed))
            for share, seed in zip(shares, seeds, strict=True)
        ]

    def let_write(self, meanwhile: Callable[[], object]) -> tuple[list[Sent], list[str]]:
        """Have clients write while something happens, and until it is over for all."""
        clients = self.clients()
        for client in clients:
            client.start()
        meanwhile()
        for client in clients:
            client.patience.set()
        for client in clients:
            client.join(PATIENCE)
            assert not client.is_alive(), "a client was not answered"
        sent = [act for client in clients for act in client.sent]
        self.acknowledged += sum(act.receipt is not None for act in sent)
        return sent, [line for client in clients for line in client.wrong]

    def round(self, victim: str, meanwhile: str, number: int) -> list[str]:
        """Play one round; returns what was wrong."""

        def lose() -> None:
            helper = self.begin(meanwhile, number)
            time.sleep(float(self.rng.uniform(0.2, 2.0)))
            pids = self.pids(victim)
            self.kills[victim] += len(pids)
            self.server.kill(pids)
            if helper is not None:
                helper.kill()
                helper.wait()
            self.come_back(victim)
            time.sleep(0.5)

        sent, wrong = self.let_write(lose)
        if meanwhile == "import":
            with open_floors(load_config(home=self.server.home)) as floors:
                bring(floors, self.file(number))
        wrong += self.checker.check(sent)
        touched = {act.resident for act in sent}
        some = [who for who in self.people if who.resident in touched][:: max(EACH - 1, 1)]
        return wrong + self.checker.check_pages(self.server.port, some, self.items, self.rng)

    def begin(self, what: str, number: int) -> subprocess.Popen[bytes] | None:
        """Have a job or an import run at the same time."""
        home = self.server.home
        if what in {"snapshot", "train"}:
            with open_floors(load_config(home=home)) as floors, floors.ledger.write() as tx:
                floors.ledger.runs.request(tx, what, {}, "test", floors.clock())
        if what != "import":
            return None
        command = [
            *LINLI,
            "import",
            "activities",
            str(self.file(number)),
            "--yes",
            "--home",
            str(home),
        ]
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def file(self, number: int) -> Path:
        return activities(self.server.home.parent, name=f"round-{number}.csv")

    def pids(self, victim: str) -> list[int]:
        server = self.server
        if victim == "worker":
            return [int(self.rng.choice(server.workers()))]
        if victim == "jobs":
            return server.jobs()
        return [server.master] if victim == "master" else list(server.running())

    def come_back(self, victim: str) -> None:
        """Start again what does not start itself."""
        server = self.server
        if victim in {"master", "all"}:
            assert server.process is not None
            server.process.wait(PATIENCE)
            took = server.ended(MOST_SECONDS_TO_COME_BACK)
            assert took is not None, f"orphans: {server.running()}"
            server.start()
            return
        until = time.monotonic() + MOST_SECONDS_TO_COME_BACK
        while not (server.answers() and len(server.workers()) == 2 and server.jobs()):
            assert time.monotonic() < until, f"only these came back: {server.running()}"
            time.sleep(0.1)


def settle(server: Server, rng: np.random.Generator) -> Town:
    with open_floors(load_config(home=server.home)) as floors:
        ids = generous_residents(floors, CLIENTS * EACH)
        people, items = sign_in(floors, ids), open_items(floors, ids)
    assert len(people) == CLIENTS * EACH
    assert len(items) >= 5
    return Town(server, people, items, rng, Checker(server.home))


@pytest.mark.timeout(3600)
def test_nothing_acknowledged_is_lost_or_done_twice_whatever_is_killed(
    served_home: Path, rng: np.random.Generator, sizes: Sizes
):
    plan = [(victim, at) for at in MEANWHILE for victim in VICTIMS]
    order = rng.permutation(len(plan))
    with served(served_home) as server:
        town = settle(server, rng)
        for number in range(sizes.kill_rounds):
            victim, meanwhile = plan[order[number % len(plan)]]
            wrong = town.round(victim, meanwhile, number)
            assert wrong == [], (number, victim, meanwhile)
    kills = ", ".join(f"{n} of {victim}" for victim, n in sorted(town.kills.items()))
    sys.stdout.write(f"{town.acknowledged} acts acknowledged; killed: {kills}\n")
    assert town.acknowledged > 20 * sizes.kill_rounds
    said = server.log.read_text()
    assert "Traceback" not in said, said[-5000:]


@pytest.mark.parametrize("plant", PLANTS)
def test_the_check_finds_a_planted_fault(served_home: Path, rng: np.random.Generator, plant: str):
    flags = ("--no-jobs", "--workers", "1")
    with served(served_home, *flags, command=planted(plant)) as server:
        town = settle(server, rng)

        def lose() -> None:
            time.sleep(1.5)
            server.kill(server.workers())

        sent, wrong = town.let_write(lose)
        time.sleep(1.5)  # what is only late is no loss
        wrong += town.checker.check(sent)
    assert any(PLANTS[plant] in line for line in wrong), wrong[:5]
