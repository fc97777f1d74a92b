"""The graph stores that the contract suites run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graph.schema import LABELS
from graph.store.base import GraphStore
from graph.store.memory import MemoryStore
from tests.contract.store_data import (
    declared,
    ids,
    remove,
)


def _memory(folder: Path) -> GraphStore:
    return MemoryStore()


def _ladybug(folder: Path) -> GraphStore:
    return declared(folder / "linli.lbug")


ENGINES: dict[str, Callable[[Path], GraphStore]] = {"memory": _memory, "ladybug": _ladybug}
"""A further engine is one more line: it gets an empty folder and returns an empty store."""


@pytest.fixture(params=sorted(ENGINES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    with ENGINES[request.param](tmp_path) as each:
        yield each


@pytest.fixture(params=sorted(ENGINES), scope="module")
def lasting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GraphStore]:
    """One store for many tests; ask for ``emptied``."""
    with ENGINES[request.param](tmp_path_factory.mktemp("lasting")) as each:
        yield each


@pytest.fixture
def emptied(lasting: GraphStore) -> Iterator[GraphStore]:
    """A store in which nothing is left, by removing it: quicker than a new one."""
    yield lasting
    lasting.apply([remove(label, id_) for label in LABELS for id_ in ids(lasting, label)])
