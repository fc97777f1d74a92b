"""How the suites make an empty store of each engine, and open the same one again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from graph.store.base import CypherStore, GraphStore
from graph.store.bulk import LOAD_CHUNK
from graph.store.ladybug import LadybugStore
from graph.store.memory import MemoryStore
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_dialect import Address
from tests.contract.store_data import declared, opened
from tests.neo4j_server import Neo4jServer

__all__ = ["ENGINES", "Engine", "LastingEngine", "Neo4jEngine", "lasting_engine"]


class Engine(Protocol):
    """Makes stores."""

    def empty(self) -> GraphStore:
        """Return an empty store; one at a time."""
        ...


class LastingEngine(Engine, Protocol):
    """Makes stores that outlive their opener and answer Cypher."""

    def empty(self, *, load_chunk: int = LOAD_CHUNK) -> CypherStore: ...

    def again(self) -> CypherStore:
        """Open what the last :meth:`empty` made; it was closed."""
        ...


class MemoryEngine:
    def empty(self) -> MemoryStore:
        return MemoryStore()


class LadybugEngine:
    def __init__(self, folder: Path) -> None:
        self._paths = (folder / f"{n}.lbug" for n in itertools.count())
        self._path = next(self._paths)

    def empty(self, *, load_chunk: int = LOAD_CHUNK) -> LadybugStore:
        self._path.unlink(missing_ok=True)
        self._path = next(self._paths)
        return declared(self._path, load_chunk=load_chunk)

    def again(self) -> LadybugStore:
        return opened(self._path)


class Neo4jEngine:
    def __init__(self, server: Neo4jServer) -> None:
        self._server, self._address = server, Address.of(urlsplit(server.url), {})

    def empty(self, *, load_chunk: int = LOAD_CHUNK) -> Neo4jStore:
        self._server.wipe()
        return Neo4jStore(self._address, load_chunk=load_chunk)

    def again(self) -> Neo4jStore:
        return Neo4jStore(self._address)


def _ladybug(request: pytest.FixtureRequest) -> LastingEngine:
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return LadybugEngine(factory.mktemp("ladybug"))


def _neo4j(request: pytest.FixtureRequest) -> LastingEngine:
    return Neo4jEngine(request.getfixturevalue("neo4j_server"))


def _memory(request: pytest.FixtureRequest) -> Engine:
    return MemoryEngine()


LASTING: dict[str, Callable[[pytest.FixtureRequest], LastingEngine]] = {
    "ladybug": _ladybug,
    "neo4j": _neo4j,
}
ENGINES: dict[str, Callable[[pytest.FixtureRequest], Engine]] = {"memory": _memory, **LASTING}
"""A further engine is one more line."""


@pytest.fixture(params=LASTING, scope="session")
def lasting_engine(request: pytest.FixtureRequest) -> LastingEngine:
    return LASTING[request.param](request)
