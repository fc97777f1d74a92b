"""A damaged graph is made anew from the log by whoever leads next; nothing acknowledged is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.cli.jobs_commands import borrowed_graph
from api.wiring import Floors, load_config, open_floors
from graph.gate import Run, RunState, open_graph, process_name
from graph.store.cypher import META_LABEL
from tests.conftest import ROOT
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import copy_home
from tests.integration.killing import Checker
from tests.integration.test_jobs import opened, running, until
from tests.integration.test_kill_points import like


@pytest.fixture(scope="module")
def active_home(city_today: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which people did things that are not in the graph yet."""
    home = copy_home(city_today, tmp_path_factory.mktemp("active") / "home")
    with open_floors(load_config(home=home)) as floors:
        like(floors, 8)
    return home


@pytest.fixture
def home(active_home: Path, tmp_path: Path) -> Path:
    return copy_home(active_home, tmp_path / "home")


def main_file(home: Path) -> Path:
    (file,) = (home / "graph").glob("*.lbug")
    return file


def flip(home: Path) -> None:
    content = bytearray(main_file(home).read_bytes())
    content[len(content) // 2] ^= 4
    main_file(home).write_bytes(content)


def emptied(home: Path) -> None:
    main_file(home).write_bytes(b"")


def of_another_version(home: Path) -> None:
    with open_floors(load_config(home=home)) as floors, graph_of(floors) as lease:
        lease.store.cypher(f"MATCH (m:{META_LABEL} {{id: 'schema_version'}}) SET m.value = 99")


DAMAGES = {"flipped": flip, "emptied": emptied, "of another version": of_another_version}


@contextmanager
def graph_of(floors: Floors) -> Iterator:
    site = floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder=process_name()) as lease:
        yield lease


def rebuilds(home: Path) -> list[Run]:
    with opened(home) as site, site.ledger.read() as tx:
        return [run for run in site.ledger.runs.latest(tx) if run.job == "rebuild"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_command_makes_a_damaged_graph_anew_and_goes_on(home: Path, damage: str):
    linli = CommandLine(home)
    DAMAGES[damage](home)
    said = linli.run_apart("graph", "status", "--json")
    assert said.code == 0, said.err
    assert said.err.count("it is emptied and made again now") == 1
    (run,) = rebuilds(home)
    assert run.state is RunState.DONE
    assert "from the log" in run.note
    assert Checker(home).check([]) == []
    assert "rebuild done" in linli.text("doctor")
    assert [file.name for file in main_file(home).parent.glob("*damaged*")] == []


def test_the_jobs_process_makes_a_damaged_graph_anew_and_goes_on(home: Path):
    flip(home)
    with running(home) as process:
        until("the graph is made anew", lambda: [r for r in rebuilds(home) if r.finished_at])
        assert process.poll() is None
    (run,) = rebuilds(home)
    assert run.state is RunState.DONE
    assert Checker(home).check([]) == []
    assert len(rebuilds(home)) == 1


MENDER = """
import os, signal, sys
from pathlib import Path
from api.cli.jobs_commands import borrowed_graph
from api.wiring import load_config, open_floors
from graph.store import ladybug
from tests.integration.killed_step import always, wrap
wrap(ladybug.LadybugStore, sys.argv[2], always, after=True, nth=int(sys.argv[3]))
with open_floors(load_config(home=Path(sys.argv[1]))) as floors, borrowed_graph(floors.site):
    pass
"""


@pytest.mark.parametrize(
    ("call", "nth"), [("__init__", 2), ("clear", 1), ("_copy", 1), ("_copy", 4), ("_load", 1)]
)
def test_a_kill_while_it_is_made_anew_is_harmless(home: Path, call: str, nth: int):
    flip(home)
    done = subprocess.run(
        [sys.executable, "-c", MENDER, str(home), call, str(nth)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert Checker(home).check([]) == []
    with open_floors(load_config(home=home)) as floors, borrowed_graph(floors.site) as store:
        assert store.count()["Resident"] > 100


def test_the_check_would_find_what_was_not_made_anew(home: Path):
    """The control: an empty graph does not pass."""
    with open_floors(load_config(home=home)) as floors, graph_of(floors) as lease:
        with floors.ledger.read() as tx:
            head = floors.ledger.outbox.head(tx).seq
        lease.store.clear()
        lease.store.apply([], watermark=head)
    assert Checker(home).check([]) != []
