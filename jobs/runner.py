"""Runs one job at a time under the graph lease, with a run record and progress for each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from graph.codec import Json
from graph.errors import Conflict, LeaseLost, LinliError, StoreUnavailable
from graph.folders import current_name
from graph.gate import GraphStore, OpenGraph, RunState
from jobs.charters import found_groups, network_is_current, propose_charters, watch_groups
from jobs.engines.local import LocalEngine, WorkStopped
from jobs.isolation import score_isolation
from jobs.site import Site, SiteConfig, open_site
from jobs.steps import (
    Progress,
    clean_up,
    communities,
    drain,
    explore,
    is_stale,
    overlay_length,
    rebuild,
    silent,
    take_snapshot,
    train,
)
from jobs.uploads import validate_upload

__all__ = ["JOBS", "Runner", "record_outage"]

_log = logging.getLogger(__name__)

Args = Mapping[str, Json]
"""What a request for a job says, besides the job."""
NO_ARGS: Args = MappingProxyType({})

OVERLAY_LIMIT = 200_000
"""Events since the snapshot beyond which a new one is taken: every web process holds them."""


def train_in_process(config: str) -> str:
    """Train with nothing but the home's files and ledger; runs in a process of its own."""
    with open_site(SiteConfig.from_json(config)) as site:
        return train(site)


def communities_in_process(config: str) -> str:
    """Find communities, in the same way."""
    with open_site(SiteConfig.from_json(config)) as site:
        return communities(site)


@dataclass(slots=True)
class Runner:
    """Executes jobs for the holder of the graph lease."""

    site: Site
    lease: OpenGraph
    show: Progress = silent
    """Told of all progress, besides the run record."""
    engine: LocalEngine = field(default_factory=LocalEngine)

    @property
    def store(self) -> GraphStore:
        """The graph store, open while the lease is held."""
        return self.lease.store

    def run(self, job: str, slot: str, *, request: int | None = None, args: Args = NO_ARGS) -> bool:
        """Run one job and keep the record of it.

        Parameters
        ----------
        job : str
            A key of :data:`JOBS`.
        slot : str
            What this run stands for (a scheduled time, a request); a slot that is done is not
            run again.
        request : int, optional
            The request it answers.
        args : mapping, optional
            What the request says.

        Returns
        -------
        bool
            Whether it succeeded, now or before; the record says why not.
        """
        site = self.site
        try:
            with site.ledger.write() as tx:
                run = site.ledger.runs.start(tx, job, slot, site.clock(), request=request)
        except Conflict:
            return True

        def progress(done: int, total: int, note: str) -> None:
            with site.ledger.write() as tx:
                site.ledger.runs.progress(tx, run, done, total, note)
            self.show(done, total, note)

        # Whoever asked is told by the record; nobody waits for a scheduled run.
        level = logging.WARNING if request is None else logging.INFO
        try:
            note = JOBS[job](self, _rarely(progress), args)
            ok = True
        except (LeaseLost, WorkStopped):
            raise  # whoever leads next finds the run lost and takes it up again
        except StoreUnavailable as error:
            self._finish(run, _told(error), ok=False)
            raise  # there is nothing to do before the store is back
        except LinliError as error:
            _log.log(level, "job %s failed: %s", job, error)
            note, ok = _told(error), False
        except Exception as error:  # one of the four edges: the record must not say it still runs
            _log.log(level, "run %d of job %s broke", run, job, exc_info=True)
            note, ok = _told(error), False
        self._finish(run, note, ok=ok)
        return ok

    def _finish(self, run: int, note: str, *, ok: bool) -> None:
        with self.site.ledger.write() as tx:
            self.site.ledger.runs.finish(tx, run, ok, note, self.site.clock())

    def recover(self) -> None:
        """Take up what a dead leader left half done; call it once, when the lease is new."""
        with self.site.ledger.write() as tx:
            self.site.ledger.runs.recover(tx, self.site.clock())

    def mend(self) -> None:
        """Make a damaged graph anew from the log; after an outage, say that it is over."""
        runs, now = self.site.ledger.runs, self.site.clock().isoformat()
        if self.lease.damage is not None:
            self.run("rebuild", f"damaged-{now}")
        with self.site.ledger.read() as tx:
            last = runs.last(tx, "drain")
        if last is not None and last.state is RunState.FAILED:
            self.run("drain", f"back-{now}")

    def run_requests(self, holder: str) -> int:
        """Run the jobs people asked for; returns how many."""
        done = 0
        while True:
            with self.site.ledger.write() as tx:
                request = self.site.ledger.runs.claim(tx, holder, self.site.clock())
            if request is None:
                return done
            slot = f"request-{request.id}"
            self.run(request.job, slot, request=request.id, args=request.args)
            done += 1


def record_outage(site: Site, error: StoreUnavailable) -> None:
    """Leave word that the graph cannot be opened: the run of a drain that failed.

    :meth:`Runner.mend` answers it with one that succeeded.
    """
    with site.ledger.write() as tx:
        runs, now = site.ledger.runs, site.clock()
        run = runs.start(tx, "drain", f"outage-{now.isoformat()}", now)
        runs.finish(tx, run, False, _told(error), now)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _rarely(progress: Progress) -> Progress:
    """Pass on every change of note and each twentieth of the way, not every step."""
    last: tuple[str, int] = ("", -1)

    def report(done: int, total: int, note: str) -> None:
        nonlocal last
        now = (note, 20 * done // max(total, 1))
        if now != last:
            last = now
            progress(done, total, note)

    return report


def _drain(runner: Runner, progress: Progress, args: Args) -> str:
    return f"{drain(runner.site, runner.store, progress)} events"


def _snapshot(runner: Runner, progress: Progress, args: Args) -> str:
    return take_snapshot(runner.site, runner.store, progress)


def _train(runner: Runner, progress: Progress, args: Args) -> str:
    progress(0, 1, "training")
    return runner.engine.run(train_in_process, runner.site.config.to_json())


def _communities(runner: Runner, progress: Progress, args: Args) -> str:
    progress(0, 1, "finding communities")
    return runner.engine.run(communities_in_process, runner.site.config.to_json())


def _isolation(runner: Runner, progress: Progress, args: Args) -> str:
    return score_isolation(runner.site, progress)


def _refresh(runner: Runner, progress: Progress, args: Args) -> str:
    """Do what cannot wait for the night: a long overlay is cut, withdrawn data are refitted."""
    done = []
    if overlay_length(runner.site) > OVERLAY_LIMIT:
        done.append(_snapshot(runner, progress, args))
    home = runner.site.home
    if current_name(home.networks) is not None and is_stale(runner.site, home.networks):
        done.append(_communities(runner, progress, args))
    if is_stale(runner.site, home.models):
        done.append(_train(runner, progress, args))
    if founded := found_groups(runner.site):
        done.append(f"{founded} groups founded")
    if current_name(home.isolation) is not None and is_stale(runner.site, home.isolation):
        done.append(_isolation(runner, progress, args))
    return ", ".join(done) or "nothing to do"


def _charters(runner: Runner, progress: Progress, args: Args) -> str:
    drain(runner.site, runner.store, progress)
    if not network_is_current(runner.site):
        _communities(runner, progress, args)
    watch_groups(runner.site)
    return propose_charters(runner.site, runner.store, progress)


def _rebuild(runner: Runner, progress: Progress, args: Args) -> str:
    note = f"{rebuild(runner.site, runner.store, progress)} events replayed"
    return note if runner.lease.damage is None else f"{note}; {runner.lease.damage}"


def _explore(runner: Runner, progress: Progress, args: Args) -> str:
    return f"{explore(runner.site, runner.store, progress)} questions"


def _clean_up(runner: Runner, progress: Progress, args: Args) -> str:
    gone = clean_up(runner.site)
    return f"{len(gone)} folders deleted"


def _import(runner: Runner, progress: Progress, args: Args) -> str:
    return validate_upload(runner.site, args, progress)


JOBS: Mapping[str, Callable[[Runner, Progress, Args], str]] = {
    "drain": _drain,
    "snapshot": _snapshot,
    "communities": _communities,
    "charters": _charters,
    "train": _train,
    "isolation": _isolation,
    "refresh": _refresh,
    "rebuild": _rebuild,
    "explore": _explore,
    "clean-up": _clean_up,
    "import": _import,
}
"""Every job by name; each returns a line for its run record."""
