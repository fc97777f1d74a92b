"""Commands that run things: serve, jobs."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Annotated

import typer

from api.cli.jobs_commands import run_job
from api.cli.output import (
    AsJson,
    HomeOption,
    OperatorOption,
    console,
    operator,
    print_json,
    print_table,
    say,
)
from api.wiring import Config, Floors, configure_logging, load_config, open_floors
from graph.errors import ConfigError, NotReady
from graph.gate import Run, RunState, process_name
from jobs.engines.following import follow_parent
from jobs.pauses import Pauses
from jobs.runner import JOBS
from jobs.scheduler import lead, next_runs

__all__ = ["register", "serve_forever"]

_log = logging.getLogger(__name__)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")

jobs_app = typer.Typer(help="The jobs process and its records.", no_args_is_help=True)


def serve(
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on [8000].")] = None,
    workers: Annotated[int | None, typer.Option(help="Web processes [2].")] = None,
    no_jobs: Annotated[
        bool, typer.Option("--no-jobs", help="Do not run a jobs process beside the web.")
    ] = False,
) -> None:
    """Serve the feed and the API, and run the jobs beside them. Ctrl-C stops both."""
    config = load_config(home=home, host=host, port=port, workers=workers)
    with open_floors(config):  # fail now, in one line, rather than in each worker
        pass
    console.print(
        f"Serving on http://{config.host}:{config.port}; Ctrl-C stops it, the data stay.",
        highlight=False,
    )
    serve_forever(config, jobs=not no_jobs)


def serve_forever(config: Config, *, jobs: bool) -> None:
    """Serve until stopped; supervises a jobs process beside the web if asked to."""
    if config.host not in _LOOPBACK and "LINLI_BEHIND_TLS" not in os.environ:
        raise ConfigError(
            f"refusing to serve on {config.host} without TLS: put a TLS proxy in front and set "
            "LINLI_BEHIND_TLS=1, or serve on 127.0.0.1"
        )
    configure_logging(json=config.log_json)
    from api.server import run  # gunicorn is wanted here only

    supervisor = Supervisor(config) if jobs else None
    run(
        config,
        when_ready=supervisor.start if supervisor else None,
        on_exit=supervisor.stop if supervisor else None,
    )


class Supervisor:
    """Keeps one jobs process running beside the web processes."""

    def __init__(self, config: Config) -> None:
        self._command = [
            sys.executable,
            "-P",  # a folder named graph/ in the current directory must not be imported
            "-m",
            "api.cli",
            "jobs",
            "run",
            "--home",
            str(config.home.resolve()),
            "--supervised-by",
            str(os.getpid()),
        ]
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)
        if sys.platform != "win32":
            # A web process forked while Popen starts the child would inherit the pipe on which
            # Popen waits for it, and keep this thread there for as long as it lives.
            lock = self._starting
            os.register_at_fork(
                before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
            )

    def start(self) -> None:
        """Start the process, and again whenever it ends."""
        self._thread.start()

    def stop(self) -> None:
        """End it: the running job finishes its transaction, nothing is lost."""
        with self._starting:
            self._stopping.set()
            child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()

    def _keep(self) -> None:
        pauses = Pauses()
        while True:
            began = time.monotonic()
            with self._starting:
                if self._stopping.is_set():
                    return
                # Its own group: Ctrl-C is for this process, which ends the other in order.
                self._child = subprocess.Popen(  # noqa: S603 - our own program
                    self._command, process_group=0
                )
            code = self._child.wait()
            if not self._stopping.wait(pauses.after(time.monotonic() - began)):
                _log.warning("the jobs process ended (%d); starting it again", code)


@jobs_app.command("run")
def jobs_run(
    home: HomeOption = None,
    supervised_by: Annotated[
        int | None, typer.Option(hidden=True, help="End when this parent process has ended.")
    ] = None,
) -> None:
    """Run the scheduler; one process leads by lease, others wait to take over."""
    config = load_config(home=home)
    configure_logging(json=config.log_json)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    if supervised_by is not None:
        follow_parent(supervised_by, stop.set)
        if hasattr(os, "nice"):
            os.nice(10)  # people who wait for a page go before work that nobody waits for
    with open_floors(config) as floors:
        lead(floors.site, holder=process_name(), stop=stop)


@jobs_app.command("list")
def jobs_list(home: HomeOption = None, as_json: AsJson = False) -> None:
    """Show each job: last success, how long it took, next run, and the last failure."""
    with open_floors(load_config(home=home)) as floors:
        now = floors.clock()
        age = _snapshot_age(floors)
        with floors.ledger.read() as tx:
            runs = floors.ledger.runs.latest(tx, limit=1_000)
            done = {job: floors.ledger.runs.last_done(tx, job) for job in JOBS}
    last: dict[str, Run] = {}
    for run in runs:
        last.setdefault(run.job, run)
    upcoming = next_runs({job: run.started_at for job, run in last.items()}, now)
    rows = [_job_row(job, done[job], last.get(job), upcoming.get(job)) for job in JOBS]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("job", "last success", "took", "next run", "note"),
        [
            (
                r["job"],
                _local(r["last_success"]),
                f"{r['seconds']:.1f} s" if r["seconds"] is not None else "-",
                _local(r["next_run"]),
                r["note"],
            )
            for r in rows
        ],
    )
    say(age)


def _snapshot_age(floors: Floors) -> str:
    try:
        age = floors.live.snapshot_age(floors.live.catch_up())
    except NotReady:
        return "There is no snapshot yet."
    return f"The snapshot was taken {age.total_seconds() / 3600:.1f} h ago."


def _job_row(
    job: str, done: Run | None, last: Run | None, upcoming: datetime | None
) -> dict[str, object]:
    seconds = None
    if done is not None and done.finished_at is not None:
        seconds = (done.finished_at - done.started_at).total_seconds()
    note = last.note if last is not None else ""
    if last is not None and last.state is not RunState.DONE:
        note = f"{last.state.upper()}: {note}"
    return {
        "job": job,
        "last_success": done.finished_at if done else None,
        "seconds": seconds,
        "next_run": upcoming,
        "state": last.state.value if last else None,
        "note": note,
    }


def _local(moment: object) -> str:
    return f"{moment.astimezone(_ZONE):%m-%d %H:%M:%S}" if moment is not None else "-"  # type: ignore[attr-defined]


@jobs_app.command("request")
def jobs_request(
    job: Annotated[str, typer.Argument(help=f"One of {', '.join(JOBS)}.")],
    home: HomeOption = None,
    as_operator: OperatorOption = None,
) -> None:
    """Run a job now and wait for it."""
    if job not in JOBS:
        raise ConfigError(f"no job {job!r}; there are {', '.join(JOBS)}")
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        note = run_job(floors.site, job, by=actor.id, title=job)
    say(f"{job}: {note}")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(serve)
    app.add_typer(jobs_app, name="jobs")
