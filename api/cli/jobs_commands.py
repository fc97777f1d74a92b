"""Asking for jobs and waiting for them, with their progress."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from api.cli.output import progress_bar
from graph.errors import LeaseHeld
from graph.gate import GraphStore, RunState, open_graph, process_name
from jobs.engines.local import WorkFailed
from jobs.runner import Runner
from jobs.scheduler import LEASE
from jobs.site import Site

__all__ = ["borrowed_graph", "run_job"]


def run_job(site: Site, job: str, *, by: str, title: str) -> str:
    """Ask for a job and wait until it is done, showing its progress.

    A jobs process that leads does the work. If none does, this process leads until the job is
    done, so a command works whether or not a server is running.

    Returns
    -------
    str
        The note of the run, e.g. the name of the snapshot or model.

    Raises
    ------
    WorkFailed
        The job failed; the message is the run's own.
    """
    with site.ledger.write() as tx:
        request = site.ledger.runs.request(tx, job, {}, by, site.clock())
    with progress_bar(title) as bar:
        while True:
            try:
                with open_graph(
                    site.config.graph_url,
                    ledger=site.ledger,
                    holder=process_name(),
                    ttl=LEASE,
                ) as lease:
                    runner = Runner(site, lease, show=bar)
                    runner.recover()
                    runner.mend()
                    runner.run_requests(process_name())
            except LeaseHeld:
                time.sleep(0.3)  # somebody leads: they will do it
            with site.ledger.read() as tx:
                run = site.ledger.runs.of_request(tx, request)
            if run is None:
                continue
            bar(run.done, run.total, run.note)
            if run.finished_at is not None:
                break
    if run.state is not RunState.DONE:
        raise WorkFailed(f"{job} failed: {run.note}")
    return run.note


@contextmanager
def borrowed_graph(site: Site) -> Iterator[GraphStore]:
    """Open the graph store, asking a jobs process that leads to hand it over for a moment.

    Raises
    ------
    LeaseHeld
        It was not handed over within half a minute.
    """
    last_try = time.monotonic() + 30
    with ExitStack() as stack:
        while True:
            try:
                lease = stack.enter_context(
                    open_graph(
                        site.config.graph_url,
                        ledger=site.ledger,
                        holder=process_name(),
                        ttl=LEASE,
                        ask=True,
                    )
                )
                break
            except LeaseHeld:
                if time.monotonic() > last_try:
                    raise
                time.sleep(0.2)
        Runner(site, lease).mend()
        yield lease.store
