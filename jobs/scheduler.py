"""The clock: one process leads by lease, keeps the graph store open and starts every job.

Jobs are code, so the job store is in memory and nothing is shared between schedulers. A job that
came due while the process was down runs once when it is back, however often it was missed.
"""

from __future__ import annotations

import logging
import threading
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
from jobs.runner import Runner, record_outage
from jobs.site import Site

__all__ = ["SCHEDULE", "Planned", "lead", "next_runs"]

_log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
_AFTER_YOU = 2.0
"""Seconds in which somebody who asked for the graph finds it free."""
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0
"""Seconds between tries to open a graph that is away; each pause is twice the one before."""
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
    Planned("train", at="03:00"),
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
    waiting, pause = False, _FIRST_PAUSE
    while not stop.is_set():
        try:
            with open_graph(
                site.config.graph_url, ledger=site.ledger, holder=holder, ttl=LEASE
            ) as lease:
                waiting, pause = False, _FIRST_PAUSE
                _log.info("leading: %s", holder)
                asked = _serve(site, lease, holder, stop)
            if asked:
                stop.wait(_AFTER_YOU)
        except LeaseHeld:
            if not waiting:
                _log.info("another process leads; waiting")
            waiting = True
            stop.wait(1.0)
        except LeaseLost as error:
            _log.warning("stopped leading: %s", error)
            stop.wait(_FIRST_PAUSE)
        except StoreUnavailable as error:
            if pause == _FIRST_PAUSE:
                _log.warning("the graph is away, events wait in the ledger: %s", error)
                record_outage(site, error)
            stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


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
    runner = Runner(site, lease)
    runner.recover()
    done, handed_over = threading.Event(), threading.Event()
    ended: list[LeaseLost | StoreUnavailable] = []
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1), "lease": ThreadPoolExecutor(1)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        timezone=_ZONE,
    )

    def guarded(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            if done.is_set():
                return
            try:
                work()
            except (LeaseLost, StoreUnavailable) as error:
                ended.append(error)
                done.set()
            except WorkStopped:
                done.set()

        return run

    def watch() -> None:
        lease.renew()
        if (by := lease.asked()) is not None:
            _log.info("handing the graph over to %s, who asked for it", by)
            handed_over.set()
            done.set()

    scheduler.add_job(
        guarded(watch), IntervalTrigger(seconds=1, timezone=_ZONE), executor="lease", id="lease"
    )
    scheduler.add_job(guarded(runner.mend), id="mend")
    scheduler.add_job(
        guarded(lambda: runner.run_requests(holder)),
        IntervalTrigger(seconds=1, timezone=_ZONE),
        id="requests",
    )
    for planned in SCHEDULE:
        scheduler.add_job(
            guarded(_work(runner, planned)), planned.trigger(), id=planned.job, name=planned.job
        )
    scheduler.start()
    try:
        while not (stop.is_set() or done.is_set()):
            stop.wait(0.2)
        done.set()
        if stop.is_set():
            runner.engine.stop()
    finally:
        scheduler.shutdown(wait=True)
    if ended:
        raise ended[0]
    return handed_over.is_set()


def _work(runner: Runner, planned: Planned) -> Callable[[], object]:
    def quiet() -> None:
        with runner.site.ledger.read() as tx:
            head = runner.site.ledger.outbox.head(tx).seq
        if head > runner.store.watermark():
            runner.run(planned.job, f"outbox-{head}")

    def planned_run() -> None:
        runner.run(planned.job, runner.site.clock().isoformat(timespec="seconds"))

    return quiet if planned.quiet else planned_run
