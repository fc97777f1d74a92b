"""Real servers that tests run against, started once per session from pip packages."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from tools.postgres_server import PostgresServer

__all__ = ["Databases", "ledger_url", "postgres_server", "stoppable_postgres"]

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
