"""Processes killed while they write: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from graph.ledger.ledger import Ledger
from graph.ledger.outbox import EventKind
from graph.model import DataCategory
from tests.conftest import ROOT
from tests.ledger_worker import NOW, entry_about, open_at
from tests.sizes import Sizes

WORKER = (sys.executable, "-m", "tests.ledger_worker")
WRITERS = ("w0", "w1")


def check(url: str, folder: Path, acknowledged: list[str]) -> int:
    """Open the ledger of killed processes, check all of it, return its last number."""
    ledger = open_at(url, folder)
    try:
        with ledger.read() as tx:
            events = list(ledger.log.events(tx))
            head = ledger.outbox.head(tx).seq
            report = ledger.audit.verify(tx)
            times = Counter(str(event.payload and event.payload["key"]) for event in events)
            replies = [ledger.outbox.reply(tx, key) for key in acknowledged]
            embedded = tx.dialect.name == "sqlite"
            whole = tx.exec_driver_sql("PRAGMA integrity_check").scalar_one() if embedded else "ok"
    finally:
        ledger.close()
    assert [event.seq for event in events] == list(range(1, head + 1))
    assert [key for key in acknowledged if times[key] != 1] == []
    assert set(times.values()) <= {1}
    assert [reply for reply in replies if reply is None] == []
    assert report.fault is None
    assert whole == "ok"
    return head


def test_killed_writers_lose_nothing_that_was_acknowledged(
    ledger_url: str, tmp_path: Path, rng: np.random.Generator, sizes: Sizes
):
    url = ledger_url
    open_at(url, tmp_path).close()
    acknowledged: list[str] = []
    for kill in range(sizes.kills):
        running = [
            subprocess.Popen(
                [*WORKER, job, url, str(tmp_path), f"{name}-{kill}", "100000"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for job, name in [*(("append", name) for name in WRITERS), ("compact", "c")]
        ]
        for process in running:  # all are at work
            assert process.stdout is not None
            acknowledged += [process.stdout.readline().strip()] * (process is not running[-1])
        time.sleep(float(rng.uniform(0.05, 0.5)))
        for process in running:
            process.send_signal(signal.SIGKILL)
        said = [process.communicate()[0] for process in running]
        for lines in said[:-1]:
            acknowledged += lines.split("\n")[:-1]  # a line cut short was not told to anybody
        check(url, tmp_path, acknowledged)
    assert len(acknowledged) > 2 * sizes.kills


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


def fill(folder: Path) -> Ledger:
    ledger = open_at(url_of(folder), folder)
    for n in range(4):
        with ledger.write() as tx:
            ledger.outbox.append(
                tx,
                kind=EventKind.INTERACTION,
                key=f"k{n}",
                subject="r",
                category=DataCategory.INTEREST,
                payload={"key": f"k{n}"},
                at=NOW,
            )
            ledger.outbox.set_reply(tx, f"k{n}", {"n": n})
    return ledger


def kill_before_line(nth: int, functions: set[str]) -> None:
    """Let this process kill itself before the nth line run inside these functions."""
    left = nth

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal left
        if frame.f_code.co_name not in functions or "ledger" not in frame.f_code.co_filename:
            return trace if event == "call" else None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]


def killed_at_every_line(job: str, functions: set[str], folder: Path) -> Iterator[Path]:
    """Run a job in child processes, each killed one line later, until one gets through."""
    full = folder / "full"
    full.mkdir()
    fill(full).close()
    for nth in range(1, 1_000):
        home = folder / str(nth)
        shutil.copytree(full, home)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                ledger = open_at(url_of(home), home)
                kill_before_line(nth, functions)
                if job == "compact":
                    ledger.log.compact(3)
                else:
                    ledger.audit.record(entry_about("r"))
                    ledger.audit.sign()
                sys.settrace(None)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        yield home
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            assert nth > 10, "it was never killed"
            return
    raise AssertionError("it never got through")


@pytest.mark.parametrize(
    ("job", "functions"),
    [
        ("compact", {"compact", "tidy", "write_durably", "_take_over", "_lock_head"}),
        ("audit", {"record", "_append", "sign", "add"}),
    ],
)
def test_killed_before_any_line_the_ledger_is_whole(tmp_path: Path, job: str, functions: set[str]):
    for home in killed_at_every_line(job, functions, tmp_path):
        keys = [f"k{n}" for n in range(4)]
        assert check(url_of(home), home, keys) == 4
        ledger = open_at(url_of(home), home)
        ledger.log.compact(4)  # what was begun can be done again
        with ledger.read() as tx:
            counted = set(tx.exec_driver_sql("SELECT file FROM segments").scalars())
        ledger.close()
        assert check(url_of(home), home, keys) == 4
        assert {path.name for path in (home / "log").glob("*.seg*")} == counted


def test_the_check_can_see_a_loss(tmp_path: Path):
    ledger = fill(tmp_path)
    ledger.log.compact(2)
    with ledger.write() as tx:
        tx.exec_driver_sql("DELETE FROM outbox WHERE seq = 4")
        tx.exec_driver_sql("UPDATE head SET seq = 3")
    ledger.close()
    with pytest.raises(AssertionError):
        check(url_of(tmp_path), tmp_path, ["k3"])
