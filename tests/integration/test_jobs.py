"""The jobs process: requests, records, the lease and who takes over; real processes throughout."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.wiring import load_config
from graph.folders import current_name
from graph.gate import EventKind, RowKind, RunState, open_graph
from graph.ingest.grants import make_grant
from graph.model import DataCategory, Purpose, ResidentId
from jobs.runner import JOBS, Runner
from jobs.scheduler import SCHEDULE, next_runs
from jobs.site import Site, open_site
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import copy_home, make_city

GRAPH = "graph"


@contextmanager
def opened(home: Path) -> Iterator[Site]:
    with open_site(load_config(home=home).site()) as site:
        yield site


def leader(site: Site) -> str | None:
    with site.ledger.read() as tx:
        lease = site.ledger.leases.holder(tx, GRAPH, site.clock())
    return None if lease is None else lease.holder


def until(said: str, true: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something holds."""
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last, f"not within {seconds:.0f} s: {said}"
        time.sleep(0.1)


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A jobs process."""
    process = CommandLine(home).start("jobs", "run")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def leads(site: Site, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, process.communicate()[1]
    return f":{process.pid}:" in f"{leader(site)}:"


@pytest.fixture(scope="module")
def led(made_present_home: Path, tmp_path_factory: pytest.TempPathFactory):
    """A home with a jobs process that leads."""
    home = copy_home(made_present_home, tmp_path_factory.mktemp("led") / "home")
    with opened(home) as site, running(home) as process:
        until("the jobs process leads", lambda: leads(site, process))
        yield site, CommandLine(home), process


def test_a_request_is_done_by_the_leader_with_progress_and_a_record(led):
    site, _, _ = led
    with site.ledger.write() as tx:
        request = site.ledger.runs.request(tx, "snapshot", {}, "tester", site.clock())
    seen = []

    def finished() -> bool:
        with site.ledger.read() as tx:
            run = site.ledger.runs.of_request(tx, request)
        if run is not None:
            seen.append(run)
        return run is not None and run.finished_at is not None

    until("the snapshot is taken", finished)
    run = seen[-1]
    assert run.state is RunState.DONE
    assert (run.job, run.attempts) == ("snapshot", 1)
    assert run.done == run.total > 0
    assert run.note == current_name(site.home.snapshots)
    assert [r.done for r in seen] == sorted(r.done for r in seen)


def test_a_command_asks_the_leader_and_waits(led):
    site, linli, process = led
    note = linli.json("train", "--json")
    assert note == {"job": "train", "note": current_name(site.home.models)}
    assert leads(site, process)


def test_the_graph_is_handed_over_and_taken_back(led):
    site, linli, process = led
    apart = linli.run_apart("graph", "status", "--json")
    assert apart.code == 0, apart.err
    status = json.loads(apart.out)
    assert status["counts"]["Resident"] == 200
    assert status["watermark"] == status["head"]
    rows = linli.json("graph", "cypher", "MATCH (r:Resident) RETURN count(r) AS n")
    assert rows == [{"n": 200}]
    until("the jobs process leads again", lambda: leads(site, process))


def test_what_is_acknowledged_reaches_the_graph_by_itself(led):
    site, linli, process = led
    until("the jobs process leads", lambda: leads(site, process))
    with site.ledger.write() as tx:
        who = site.ledger.rows.all(tx, RowKind.RESIDENT)[0]
        item = next(i for i in site.ledger.rows.all(tx, RowKind.ITEM) if i.startswith("grp"))
        seq = site.ledger.outbox.append(
            tx,
            kind=EventKind.INTERACTION,
            key="from-a-test",
            subject=who,
            category=DataCategory.INTEREST,
            payload={
                "kind": "like",
                "item": item,
                "item_kind": "group",
                "at": site.clock().isoformat(),
                "rec_id": "the-rec-id",
                "state": None,
            },
            at=site.clock(),
        ).seq

    def drained() -> bool:
        with site.ledger.read() as tx:
            return site.ledger.runs.last_done(tx, "drain") is not None

    until("the event is drained", drained)
    assert linli.json("graph", "status", "--json")["watermark"] >= seq
    query = "MATCH (r:Resident)-[l:LIKED {rec_id: 'the-rec-id'}]->(g) RETURN r.id AS r, g.id AS g"
    assert linli.json("graph", "cypher", query) == [{"r": who, "g": item}]


def test_the_list_of_jobs_tells_last_success_duration_and_next_run(led):
    _, linli, _ = led
    linli.text("snapshot")
    rows = {row["job"]: row for row in linli.json("jobs", "list", "--json")}
    assert rows.keys() == JOBS.keys()
    done = rows["snapshot"]
    assert done["state"] == "done"
    assert 0 < done["seconds"] < 60
    now = datetime.now(UTC)
    assert now - timedelta(minutes=5) < datetime.fromisoformat(done["last_success"]) < now
    assert now < datetime.fromisoformat(done["next_run"]) < now + timedelta(hours=1, minutes=1)
    assert rows["rebuild"]["next_run"] is None
    assert rows["rebuild"]["last_success"] is None
    text = linli.text("jobs", "list")
    assert all(job in text for job in JOBS)


def test_another_process_waits_and_takes_over_from_a_killed_one(present_home: Path):
    linli = CommandLine(present_home)
    with opened(present_home) as site, running(present_home) as first:
        until("the first leads", lambda: leads(site, first))
        with running(present_home) as second:
            time.sleep(2.5)
            assert leads(site, first)
            first.send_signal(signal.SIGKILL)
            first.wait()
            until("the second leads", lambda: leads(site, second), seconds=45)
            note = linli.json("snapshot", "--json")["note"]
            assert note == current_name(site.home.snapshots)
            second.terminate()
            assert second.wait(30) == 0
        assert leader(site) is None


def test_what_a_killed_leader_left_half_done_is_taken_up(present_home: Path):
    with opened(present_home) as site:
        with site.ledger.write() as tx:
            runs = site.ledger.runs
            request = runs.request(tx, "snapshot", {}, "tester", site.clock())
            assert runs.claim(tx, "somebody-dead", site.clock()) is not None
            runs.start(tx, "snapshot", f"request-{request}", site.clock(), request=request)
        with running(present_home):

            def done() -> bool:
                with site.ledger.read() as tx:
                    run = site.ledger.runs.of_request(tx, request)
                return run is not None and run.state is RunState.DONE and run.attempts == 2

            until("the request is done by the next leader", done)


def refresh(linli: CommandLine) -> str:
    return linli.text("jobs", "request", "refresh").strip()


def test_a_change_of_grants_alone_is_fitted_once(present_home: Path):
    """A withdrawal changes the model; a grant that no model uses leaves it, and is fitted too."""
    linli = CommandLine(present_home)
    assert refresh(linli) == "refresh: nothing to do"
    with opened(present_home) as site:
        before = current_name(site.home.models)
        who = ResidentId(linli.json("residents", "--json", "-n", "1")[0]["resident"])
        with site.ledger.write() as tx:
            gone = site.ledger.grants.withdraw(
                tx,
                who,
                institution=None,
                category=None,
                purpose=None,
                at=site.clock(),
                key="withdraw-all",
            )
        assert gone > 0
        after = refresh(linli)
        assert after == f"refresh: {current_name(site.home.models)}"
        assert current_name(site.home.models) != before
        assert refresh(linli) == "refresh: nothing to do"

        unused = make_grant(
            who, DataCategory.GRID, Purpose.STATISTICS, channel="paper", start=site.clock()
        )
        with site.ledger.write() as tx:
            site.ledger.grants.give(tx, [unused], key="unused")
        assert refresh(linli) == after
        assert refresh(linli) == "refresh: nothing to do"


def test_a_failing_job_is_recorded_and_told_in_one_line(tmp_path: Path):
    linli = CommandLine(tmp_path / "home")
    linli.text("init")
    _, said = linli.refusal("train")
    assert "linli snapshot" in said
    row = next(r for r in linli.json("jobs", "list", "--json") if r["job"] == "train")
    assert row["state"] == "failed"
    assert row["last_success"] is None
    assert "FAILED" in row["note"]
    assert "linli snapshot" in row["note"]


def test_a_job_that_breaks_is_recorded_too_and_the_next_one_runs(tmp_path: Path):
    """Whatever the error: here a folder that is none."""
    home = tmp_path / "home"
    make_city(home, residents=60, now=datetime.now(UTC))
    snapshots = home / "snapshots"
    snapshots.rename(home / "elsewhere")
    snapshots.touch()
    with opened(home) as site:
        url = site.config.graph_url
        with open_graph(url, ledger=site.ledger, holder="test") as lease:
            runner = Runner(site, lease)
            assert runner.run("snapshot", "one") is False
            with site.ledger.read() as tx:
                run = site.ledger.runs.latest(tx)[0]
            assert run.state is RunState.FAILED
            assert "NotADirectoryError" in run.note
            snapshots.unlink()
            (home / "elsewhere").rename(snapshots)
            assert runner.run("snapshot", "one") is True
            assert runner.run("snapshot", "one") is True  # done: not run again
            with site.ledger.read() as tx:
                assert [r.attempts for r in site.ledger.runs.latest(tx)] == [2]


def test_next_runs_follow_the_plan():
    now = datetime(2026, 6, 1, 18, 30, tzinfo=UTC)  # 02:30 in Shanghai
    never = next_runs({}, now)
    assert never.keys() == {planned.job for planned in SCHEDULE}
    assert never["train"] == datetime(2026, 6, 1, 19, tzinfo=UTC)
    assert never["clean-up"] == datetime(2026, 6, 1, 20, tzinfo=UTC)
    assert never["snapshot"] == now + timedelta(hours=1)
    ago = next_runs(
        {"snapshot": now - timedelta(minutes=20), "refresh": now - timedelta(days=1)}, now
    )
    assert ago["snapshot"] == now + timedelta(minutes=40)
    assert ago["refresh"] == now
