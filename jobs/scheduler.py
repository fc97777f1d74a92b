"""The clock: one process leads by lease, keeps the graph store open and starts every job.

Jobs are code, so the job store is in memory and nothing is shared between schedulers. A job that
came due while the process was down runs once when it is back, however often it was missed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from graph.errors import LeaseHeld, LeaseLost, StoreUnavailable
from graph.gate import OpenGraph, open_graph
from jobs.engines.local import WorkStopped
from jobs.pauses import FIRST_PAUSE, Pauses
from jobs.runner import Runner, record_outage
from jobs.site import Site

__all__ = ["SCHEDULE", "Planned", "lead", "next_runs"]

_log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
_AFTER_YOU = 2.0
"""Seconds in which somebody who asked for the graph finds it free."""
_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Planned:
    """When a job runs."""

    job: str
    every: timedelta | None = None
    at: str = ""
    """Time of day ``HH:MM`` in Asia/Shanghai, for nightly jobs."""
    quiet: bool = False
    """Runs so often that a record is kept only when it did something."""

    def trigger(self) -> BaseTrigger:
        """Make the scheduler's trigger."""
        if self.every is not None:
            return IntervalTrigger(seconds=int(self.every.total_seconds()), timezone=_ZONE)
        hour, minute = self.at.split(":")
        return CronTrigger(hour=int(hour), minute=int(minute), timezone=_ZONE)


SCHEDULE: tuple[Planned, ...] = (
    Planned("drain", every=timedelta(seconds=2), quiet=True),
    Planned("refresh", every=timedelta(minutes=10)),
    Planned("snapshot", every=timedelta(hours=1)),
    Planned("communities", at="02:30"),
    Planned("train", at="03:00"),
    Planned("charters", at="03:30"),
    Planned("isolation", at="03:45"),
    Planned("clean-up", at="04:00"),
)


def next_runs(latest: dict[str, datetime], now: datetime) -> dict[str, datetime]:
    """When each planned job runs next, given when it last started."""
    out = {}
    for planned in SCHEDULE:
        if planned.every is not None:
            out[planned.job] = max(latest.get(planned.job, now) + planned.every, now)
        else:
            fire = planned.trigger().get_next_fire_time(None, now)
            out[planned.job] = fire
    return out


def lead(site: Site, *, holder: str, stop: threading.Event) -> None:
    """Lead whenever the lease is free, until told to stop.

    Parameters
    ----------
    site : Site
    holder : str
        Name of this process in the lease (:func:`graph.gate.process_name`).
    stop : threading.Event
        Set it to end: the running step is finished (a training is given up and done again by
        whoever leads next), the store closed, the lease released.
    """
    waiting, pauses = False, Pauses()
    while not stop.is_set():
        began = time.monotonic()
        try:
            with open_graph(
                site.config.graph_url, ledger=site.ledger, holder=holder, ttl=LEASE
            ) as lease:
                waiting = False
                _log.info("leading: %s", holder)
                asked = _serve(site, lease, holder, stop)
            pauses.reset()
            if asked:
                stop.wait(_AFTER_YOU)
        except LeaseHeld:
            if not waiting:
                _log.info("another process leads; waiting")
            waiting = True
            stop.wait(1.0)
        except LeaseLost as error:
            _log.warning("stopped leading: %s", error)
            stop.wait(FIRST_PAUSE)
        except StoreUnavailable as error:
            pause = pauses.after(time.monotonic() - began)
            if pause == FIRST_PAUSE:  # told once
                _log.warning("the graph is away, events wait in the ledger: %s", error)
                record_outage(site, error)
            stop.wait(pause)


class _Reign:
    """How long one lease lasts, and what ends it."""

    def __init__(self, lease: OpenGraph) -> None:
        self._lease = lease
        self.over = threading.Event()
        self.asked = False
        """Whether somebody asked for the graph."""
        self.error: LeaseLost | StoreUnavailable | None = None

    def guarded(self, work: Callable[[], object]) -> Callable[[], None]:
        """Do this as long as it lasts; end it when the lease or the store is gone."""

        def run() -> None:
            if self.over.is_set():
                return
            try:
                work()
            except (LeaseLost, StoreUnavailable) as error:
                self.error = error
                self.over.set()
            except WorkStopped:
                self.over.set()

        return run

    def watch(self) -> None:
        """Hold the lease, and hand over to whoever asks."""
        self._lease.renew()
        if (by := self._lease.asked()) is not None:
            _log.info("handing the graph over to %s, who asked for it", by)
            self.asked = True
            self.over.set()


def _serve(site: Site, lease: OpenGraph, holder: str, stop: threading.Event) -> bool:
    """Run jobs until told to stop, until the lease is lost, or until somebody asks for it.

    Returns
    -------
    bool
        Whether somebody asked for it.

    Raises
    ------
    LeaseLost, StoreUnavailable
        What ended it.
    """
    runner, reign = Runner(site, lease), _Reign(lease)
    runner.recover()
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1), "lease": ThreadPoolExecutor(1)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        timezone=_ZONE,
    )
    each_second, guarded = IntervalTrigger(seconds=1, timezone=_ZONE), reign.guarded
    scheduler.add_job(guarded(reign.watch), each_second, executor="lease", id="lease")
    scheduler.start()
    try:
        guarded(runner.mend)()  # before all others; the lease is renewed meanwhile
        scheduler.add_job(guarded(lambda: runner.run_requests(holder)), each_second, id="requests")
        for planned in SCHEDULE:
            work = guarded(_work(runner, planned))
            scheduler.add_job(work, planned.trigger(), id=planned.job, name=planned.job)
        while not (stop.is_set() or reign.over.is_set()):
            stop.wait(0.2)
        reign.over.set()
        if stop.is_set():
            runner.engine.stop()
    finally:
        scheduler.shutdown(wait=True)
    if reign.error is not None:
        raise reign.error
    return reign.asked


def _work(runner: Runner, planned: Planned) -> Callable[[], object]:
    def quiet() -> None:
        with runner.site.ledger.read() as tx:
            head = runner.site.ledger.outbox.head(tx).seq
        if head > runner.store.watermark():
            runner.run(planned.job, f"outbox-{head}")

    def planned_run() -> None:
        runner.run(planned.job, runner.site.clock().isoformat(timespec="seconds"))

    return quiet if planned.quiet else planned_run
