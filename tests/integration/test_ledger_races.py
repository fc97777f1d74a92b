"""Processes that want the same thing of one ledger at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from graph.ledger import dialect
from graph.model import ResidentId
from tests.conftest import ROOT
from tests.ledger_worker import open_at
from tests.postgres_server import Databases
from tests.sizes import Sizes

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(ledger_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start processes that work on the ledger."""
    running: list[subprocess.Popen[str]] = []

    def starter(job: str, name: str, count: int) -> subprocess.Popen[str]:
        words = (job, ledger_url, str(tmp_path), name, str(count))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ledger_worker", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield starter
    for process in running:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


class Tail:
    """Reads what is above its watermark, as every web process does."""

    def __init__(self, above: Callable[[int], list[int]]) -> None:
        self._above = above
        self.seen: list[int] = []

    def look(self) -> list[int]:
        self.seen += self._above(max(self.seen, default=0))
        return self.seen


def test_a_reader_loses_no_event_that_is_committed_late(
    ledger_url: str, tmp_path: Path, start: Start
):
    ledger = open_at(ledger_url, tmp_path)

    def above(seq: int) -> list[int]:
        with ledger.read() as tx:
            return [event.seq for event in ledger.outbox.after(tx, seq)]

    tail = Tail(above)
    first = start("hold", "first", 1)
    assert line(first) == "appended"  # it has its number, and is not committed
    second = start("append", "second", 1)
    time.sleep(1.0)
    assert tail.look() == []  # the second must wait: with number 2 the reader would pass by 1
    tell(first)
    assert (line(first), line(second)) == ("committed", "second-0")
    assert tail.look() == [1, 2]
    ledger.close()


def test_a_plain_sequence_would_lose_one(postgres_server: Databases):
    """The control: the same interleaving on a column that the database numbers itself."""
    url = postgres_server.new()
    with psycopg.connect(url) as first, psycopg.connect(url, autocommit=True) as second:
        second.execute("CREATE TABLE plain (seq bigserial PRIMARY KEY)")

        def above(seq: int) -> list[int]:
            found = second.execute("SELECT seq FROM plain WHERE seq > %s ORDER BY seq", (seq,))
            return [row[0] for row in found]

        tail = Tail(above)
        first.execute("INSERT INTO plain DEFAULT VALUES")
        second.execute("INSERT INTO plain DEFAULT VALUES")
        assert tail.look() == [2]
        first.commit()
        assert tail.look() == [2], "1 came after 2 and was never read"
    postgres_server.drop(url)


def test_a_process_killed_in_a_transaction_leaves_nothing_and_stops_nobody(
    ledger_url: str, tmp_path: Path, start: Start
):
    ledger = open_at(ledger_url, tmp_path)
    killed = start("hold", "killed", 3)
    assert line(killed) == "appended"
    waiting = start("append", "waiting", 1)
    time.sleep(0.5)
    killed.kill()
    began = time.monotonic()
    assert line(waiting) == "waiting-0"
    assert time.monotonic() - began < 10
    with ledger.read() as tx:
        assert [event.payload for event in ledger.outbox.after(tx, 0)] == [{"key": "waiting-0"}]
        assert ledger.outbox.head(tx).seq == 1
    ledger.close()


def test_two_processes_that_need_the_same_new_keys_make_each_once(
    ledger_url: str, tmp_path: Path, start: Start, sizes: Sizes
):
    ledger = open_at(ledger_url, tmp_path)
    makers = [start("put", name, sizes.rivals) for name in ("a", "b")]
    for maker in makers:
        tell(maker)
    assert [maker.wait() for maker in makers] == [0, 0]
    with ledger.read() as tx:
        for n in range(sizes.rivals):
            found = ledger.identity.get(tx, ResidentId(f"r{n}"))
            assert found == {"alias-a": "a", "alias-b": "b"}
        assert tx.exec_driver_sql("SELECT count(*) FROM data_keys").scalar() == sizes.rivals
    ledger.close()


def test_a_lease_is_handed_to_and_fro_between_two_processes(
    ledger_url: str, tmp_path: Path, start: Start
):
    open_at(ledger_url, tmp_path).close()
    times = 10
    leaders = [start("lead", name, times) for name in ("a", "b")]
    told = [leader.communicate(timeout=120)[0].split() for leader in leaders]
    assert [leader.returncode for leader in leaders] == [0, 0]  # never two holders at once
    tokens = [[int(token) for token in tokens] for tokens in told]
    assert sorted(tokens[0] + tokens[1]) == list(range(1, 2 * times + 1))
    assert all(each == sorted(each) for each in tokens)
    assert tokens[0] != list(range(tokens[0][0], tokens[0][0] + times)), "nobody handed over"


def test_whoever_makes_the_tables_makes_others_wait(postgres_server: Databases, tmp_path: Path):
    url = postgres_server.new()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (dialect._WRITERS,))
        words = ("append", url, str(tmp_path), "late", "1")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ledger_worker", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while other.execute(waits).fetchone() != (1,):
            assert process.poll() is None
            time.sleep(0.05)
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert other.execute(tables).fetchone() == (0,)
    assert process.communicate(timeout=60)[0].split() == ["late-0"]
    postgres_server.drop(url)
