"""Real servers for tests, started from pip packages alone; none is ever skipped."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

if TYPE_CHECKING:
    from tools.postgres_server import PostgresServer

ROOT = Path(__file__).resolve().parent.parent

_END = 60.0
"""Seconds a server may take to end when asked."""


class Neo4jServer:
    """One Neo4j: stopped and started again, it has the same data, port and password.

    Parameters
    ----------
    folder : Path
        Its data, and its words in ``server.log``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        """``bolt://user:password@host:port``, once it was started."""

    @property
    def port(self) -> int:
        """The port it listens on; 0 (a free one) before it was started."""
        return (urlsplit(self.url).port or 0) if self.url else 0

    def start(self) -> None:
        """Start it and wait until it answers."""
        tool = str(ROOT / "tools" / "neo4j_server.py")
        command = [sys.executable, tool, str(self._folder / "data"), "--port", str(self.port)]
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / "server.log"
        with log.open("a") as words:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=words, stdin=subprocess.DEVNULL, text=True
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()  # ends with the process, too
        if not said:
            self.stop()
            raise RuntimeError(f"Neo4j did not start:\n{log.read_text()[-4000:]}")
        self.url = said

    def stop(self) -> None:
        """Ask it to end, and wait; twice is allowed."""
        self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(lambda process: process.kill())

    def _end(self, how) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        how(process)
        assert process.stdout is not None
        process.stdout.close()
        process.wait(_END)


@contextmanager
def neo4j_running(folder: Path) -> Iterator[Neo4jServer]:
    """Give a Neo4j that runs; it may be stopped and started within."""
    server = Neo4jServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


_numbers = itertools.count(1)


class Databases:
    """A PostgreSQL server that gives every test a database of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server

    def new(self) -> str:
        """Make an empty database; returns its URL."""
        name = f"linli_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.server.url(name)

    def drop(self, url: str) -> None:
        """Remove a database; whoever still uses it is thrown out."""
        self.run(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def run(self, statement: str) -> None:
        """Run one statement as the server's owner, outside any transaction."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """Stop the server; its data stay."""
        self.server.stop()

    def start(self) -> None:
        """Start it again, on the same port."""
        self.server.start()


def _running() -> Iterator[Databases]:
    from tools.postgres_server import PostgresServer  # for those who ask for a server only

    # Not in pytest's own folder: it is closed to the system user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="linli-postgres-"))
    server = PostgresServer(folder / "data")
    server.start()
    try:
        yield Databases(server)
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Databases]:
    """Return the server that all tests share; nobody stops it."""
    yield from _running()


@pytest.fixture
def stoppable_postgres() -> Iterator[Databases]:
    """Return a server of one's own, to stop and to start again."""
    yield from _running()


@pytest.fixture(params=("postgresql", "sqlite"))
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of an empty ledger, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.db"
        return
    databases: Databases = request.getfixturevalue("postgres_server")
    url = databases.new()
    yield url
    databases.drop(url)
