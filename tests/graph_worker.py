"""A process that leads the graph of a home as a jobs process does, and that may die at its work.

It is forked from a server that has everything loaded, so that hundreds of them cost little.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection

from graph.gate import open_graph, process_name
from graph.store import ladybug, neo4j
from jobs import steps
from jobs.runner import Runner
from jobs.site import SiteConfig, open_site
from tests.conftest import FixedClock

__all__ = ["Died", "Moment", "Order", "Plant", "Worker"]

PATIENCE = 300.0
"""Seconds that a step may take on a busy machine."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])
Moment = int | float
"""When it dies: so many statements of the job to the engine are done, or so many seconds are over.

Counted, it dies at the same place each time; timed, it may die within a statement, or while it
opens the graph.
"""
Plant = Callable[[], None]
"""Plants a fault in the process that calls it."""
_DEATHS = {-signal.SIGKILL, -signal.SIGALRM}
_WORK = {"drain": steps.drain, "snapshot": steps.take_snapshot, "rebuild": steps.rebuild}


class Died(Exception):
    """The worker died at what it was told to do."""


@dataclass(frozen=True)
class Order:
    """What a worker is to do next."""

    job: str
    """``drain``, ``snapshot`` or ``rebuild``."""
    at: datetime
    batch: int
    """Events per transaction."""
    dies: Moment | None = None
    """When it dies if it is not done by then."""


class Worker:
    """One such process, on a home that others write to."""

    def __init__(self, config: SiteConfig, plant: Plant | None = None) -> None:
        self._orders, theirs = _FORKS.Pipe()
        self._process = _FORKS.Process(target=_work, args=(config, theirs, plant), daemon=True)
        self._process.start()
        theirs.close()

    def do(self, order: Order) -> str | None:
        """Have it do something; returns what was wrong with the graph when it was opened.

        Raises
        ------
        Died
            It died at it, as the order said.
        """
        self._orders.send(order)
        assert self._orders.poll(PATIENCE), "the worker does not answer"
        try:
            damage: str | None = self._orders.recv()
        except EOFError as error:
            self._process.join(PATIENCE)
            code = self._process.exitcode
            assert order.dies is not None, f"the worker ended by itself ({code})"
            assert code in _DEATHS, f"the worker broke ({code}); see what it wrote to stderr"
            raise Died from error
        return damage

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._end()

    def close(self) -> None:
        """Let it close the graph and end."""
        self._orders.close()
        self._end()

    def _end(self) -> None:
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, "the worker does not end"
        self._orders.close()
        self._process.close()


class _Doom:
    """Ends this process as a power cut would, at the moment that an order says."""

    def __init__(self) -> None:
        self._left: int | None = None
        for owner in (ladybug._Connection, neo4j._Transaction):
            self._count(owner)

    def after_seconds(self, dies: Moment | None) -> None:
        """Let time run from now, if it dies by time."""
        # nobody handles the signal of the timer, so it kills
        signal.setitimer(signal.ITIMER_REAL, dies if isinstance(dies, float) else 0)

    def after_statements(self, dies: Moment | None) -> None:
        """Count from now, if it dies by count."""
        self._left = dies if isinstance(dies, int) else None

    def lift(self) -> None:
        """Let it live."""
        self.after_seconds(None)
        self.after_statements(None)

    def _count(self, owner: type) -> None:
        """Let it look at each statement that this kind of connection sends."""
        send = owner._result

        def counted(*args: object) -> object:
            if self._left is not None:
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                self._left -= 1
            return send(*args)

        owner._result = counted


def _work(config: SiteConfig, orders: Connection, plant: Plant | None) -> None:
    doom = _Doom()
    if plant is not None:
        plant()
    with ExitStack() as stack:
        runner: Runner | None = None
        while True:
            try:
                order: Order = orders.recv()
            except EOFError:
                return
            doom.after_seconds(order.dies)
            if runner is None:
                clock = FixedClock(order.at)
                site = stack.enter_context(open_site(config, clock=clock))
                lease = stack.enter_context(
                    open_graph(config.graph_url, ledger=site.ledger, holder=process_name())
                )
                runner = Runner(site, lease)
                runner.recover()
                runner.mend()
            doom.after_statements(order.dies)
            clock.now = order.at
            steps.BATCH = order.batch
            _WORK[order.job](site, runner.store)
            doom.lift()
            orders.send(lease.damage)
