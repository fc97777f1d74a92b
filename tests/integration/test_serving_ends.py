"""How processes end: together, quickly, without a word too many, and leaving the graph free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from api.cli.jobs_commands import borrowed_graph
from api.wiring import load_config, open_floors
from graph.gate import process_name
from graph.gate.processes import has_ended
from jobs.engines.local import LocalEngine, WorkFailed, WorkStopped
from tests.conftest import ROOT
from tests.integration.serving import Browser, Server, served

SAY_NAME = "from graph.gate import process_name; print(process_name(), flush=True); input()"
WORK_LONG = """
from jobs.engines.local import LocalEngine
from tests.integration.test_serving_ends import tell_and_sleep
import sys
if __name__ == "__main__":
    LocalEngine().run(tell_and_sleep, sys.argv[1])
"""


def tell_and_sleep(path: str) -> str:
    """Work of a training's length."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(300)
    return "done"


def fall_over(_: str) -> str:
    os._exit(3)


def wait_for(path: Path) -> int:
    until = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return int(path.read_text())


def gone(pid: int, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False


def test_ctrl_c_ends_all_processes_without_a_traceback(served_home: Path):
    server = Server(served_home)
    server.start()
    os.killpg(server.master, signal.SIGINT)
    assert server.process is not None
    assert server.process.wait(30) == 0
    assert server.ended(5) is not None, server.running()
    said = server.log.read_text()
    assert "Traceback" not in said, said
    assert "starting it again" not in said
    with served(served_home, "--no-jobs") as again:
        browser = Browser(again.port)
        assert browser.get("/health/ready").status == 200
        browser.close()


def test_nothing_outlives_a_killed_server_even_while_the_jobs_process_starts(served_home: Path):
    server = Server(served_home)
    server.start()
    assert server.jobs()  # it needs a second or more until it works
    server.kill([server.master])
    assert server.ended(20) is not None, server.running()
    began = time.monotonic()
    with (
        open_floors(load_config(home=served_home)) as floors,
        borrowed_graph(floors.site) as store,
    ):
        assert store.count()
    assert time.monotonic() - began < 10


def test_a_server_that_was_killed_leaves_the_lease_of_its_jobs_process_to_the_next(
    served_home: Path,
):
    with open_floors(load_config(home=served_home)) as floors:
        server = Server(served_home)
        server.start()
        until = time.monotonic() + 60
        while True:
            with floors.ledger.read() as tx:
                holder = floors.ledger.leases.holder(tx, "graph", floors.clock())
            if holder is not None:
                break
            assert time.monotonic() < until
            time.sleep(0.1)
        server.kill(list(server.running()))
        assert server.ended(10) is not None
        began = time.monotonic()
        with borrowed_graph(floors.site) as store:
            assert store.count()
        assert time.monotonic() - began < 10  # not the half minute for which the lease was taken


def test_a_name_tells_whether_its_process_has_ended():
    assert not has_ended(process_name())
    other = subprocess.Popen(
        [sys.executable, "-c", SAY_NAME],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    name = other.stdout.readline().strip()
    assert not has_ended(name)
    other.kill()
    until = time.monotonic() + 10
    while not has_ended(name):  # even before its parent has taken note of its end
        assert time.monotonic() < until
        time.sleep(0.01)
    other.communicate()
    assert has_ended(name)
    host, pid, rest = name.split(":", 2)
    for unknown in (f"other-{name}", f"{host}:{pid}", "test", f"{host}:{pid}:1:elsewhere"):
        assert not has_ended(unknown)
    own_host, own_pid, _ = process_name().split(":", 2)
    assert has_ended(f"{own_host}:{own_pid}:1:{rest.split(':', 1)[1]}")  # the number was used again


def test_work_is_given_up_when_its_process_is_told_to_stop(tmp_path: Path):
    engine, note = LocalEngine(), tmp_path / "pid"
    caught: list[BaseException] = []

    def run() -> None:
        try:
            engine.run(tell_and_sleep, str(note))
        except WorkStopped as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    pid = wait_for(note)
    engine.stop()
    thread.join(10)
    assert len(caught) == 1
    assert gone(pid)
    with pytest.raises(WorkStopped):
        engine.run(tell_and_sleep, str(note))


def test_work_that_falls_over_is_told_as_failed():
    with pytest.raises(WorkFailed, match="exit code 3"):
        LocalEngine().run(fall_over, "")


def test_work_ends_with_the_process_that_wanted_it(tmp_path: Path):
    script, note = tmp_path / "parent.py", tmp_path / "pid"
    script.write_text(WORK_LONG)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script), str(note)], cwd=ROOT, env=environment)
    pid = wait_for(note)
    parent.kill()
    parent.wait()
    assert gone(pid)
