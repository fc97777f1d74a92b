"""The graph stores that the contract suites run on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graph.schema import LABELS
from graph.store.base import CypherStore, GraphStore
from tests.contract.engines import ENGINES, Engine, LastingEngine, lasting_engine
from tests.contract.store_data import ids, remove

__all__ = ["lasting_engine"]


@pytest.fixture(params=ENGINES, scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param](request)


@pytest.fixture
def store(engine: Engine) -> Iterator[GraphStore]:
    with engine.empty() as each:
        yield each


@pytest.fixture
def cypher_store(lasting_engine: LastingEngine) -> Iterator[CypherStore]:
    with lasting_engine.empty() as each:
        yield each


@pytest.fixture(scope="module")
def lasting(engine: Engine) -> Iterator[GraphStore]:
    """One store for many tests; ask for ``emptied``."""
    with engine.empty() as each:
        yield each


@pytest.fixture
def emptied(lasting: GraphStore) -> Iterator[GraphStore]:
    """A store in which nothing is left, by removing it: quicker than a new one."""
    yield lasting
    lasting.apply([remove(label, id_) for label in LABELS for id_ in ids(lasting, label)])
