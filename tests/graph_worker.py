"""A process that leads the graph of a home as a jobs process does, and that may be killed.

It is forked from a server that has everything loaded, so that hundreds of them cost little.
"""

from __future__ import annotations

import multiprocessing
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection

from graph.gate import open_graph, process_name
from jobs import steps
from jobs.runner import Runner
from jobs.site import SiteConfig, open_site
from tests.conftest import FixedClock

__all__ = ["Order", "Worker"]

PATIENCE = 60.0
"""Seconds that a step may take on a busy machine."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])
_WORK = {"drain": steps.drain, "snapshot": steps.take_snapshot, "rebuild": steps.rebuild}


@dataclass(frozen=True)
class Order:
    """What a worker is to do next."""

    job: str
    """``drain``, ``snapshot`` or ``rebuild``."""
    at: datetime
    batch: int
    """Events per transaction."""


class Worker:
    """One such process, on a home that others write to."""

    def __init__(self, config: SiteConfig) -> None:
        self._orders, theirs = _FORKS.Pipe()
        self._process = _FORKS.Process(target=_work, args=(config, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, order: Order) -> None:
        """Have it begin with something."""
        self._orders.send(order)

    def finish(self) -> str | None:
        """Wait until it is done; returns what was wrong with the graph when it was opened."""
        assert self._orders.poll(PATIENCE), "the worker does not answer"
        damage: str | None = self._orders.recv()
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


def _work(config: SiteConfig, orders: Connection) -> None:
    with ExitStack() as stack:
        runner: Runner | None = None
        while True:
            try:
                order: Order = orders.recv()
            except EOFError:
                return
            if runner is None:
                clock = FixedClock(order.at)
                site = stack.enter_context(open_site(config, clock=clock))
                lease = stack.enter_context(
                    open_graph(config.graph_url, ledger=site.ledger, holder=process_name())
                )
                runner = Runner(site, lease)
                runner.recover()
                runner.mend()
            clock.now = order.at
            steps.BATCH = order.batch
            _WORK[order.job](site, runner.store)
            orders.send(lease.damage)
