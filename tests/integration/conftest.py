"""A made-up city in a real home, made once per session and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.gate import Ledger, open_ledger
from graph.synthetic import City, generate
from tests.conftest import FixedClock
from tests.factories import NOW
from tests.integration.demo_world import Instance, copy_home, make_city, web_process
from tests.integration.serving import make_served_home


@pytest.fixture
def ledger(tmp_path: Path, clock: FixedClock) -> Iterator[Ledger]:
    """Return an empty ledger of its own."""
    opened = open_ledger(
        f"sqlite:///{tmp_path / 'ledger.db'}",
        keys_dir=tmp_path / "keys",
        log_dir=tmp_path / "log",
        clock=clock,
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def city() -> City:
    """Return a made-up city of 200 residents, to be imported."""
    return generate(200, 3, now=NOW)


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home that is copied; nothing in it is open."""
    root = tmp_path_factory.mktemp("made") / "home"
    make_city(root)
    return root


@pytest.fixture(scope="session")
def made_rich_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which so much is on offer that lists can differ; copied as well."""
    root = tmp_path_factory.mktemp("rich") / "home"
    make_city(root, residents=400, items=160)
    return root


@pytest.fixture
def rich_home(made_rich_home: Path, tmp_path: Path) -> Path:
    """Return a home of 400 residents and 160 items of one's own."""
    return copy_home(made_rich_home, tmp_path / "rich")


@pytest.fixture(scope="session")
def made_present_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home at the present time, for programs with the machine's clock; copied as well."""
    root = tmp_path_factory.mktemp("present") / "home"
    make_city(root, now=datetime.now(UTC))
    return root


@pytest.fixture
def present_home(made_present_home: Path, tmp_path: Path) -> Path:
    """Return such a home of 200 residents of one's own."""
    return copy_home(made_present_home, tmp_path / "present")


@pytest.fixture
def demo_home(made_home: Path, tmp_path: Path) -> Path:
    """Return a home of 200 residents of one's own."""
    return copy_home(made_home, tmp_path / "home")


@pytest.fixture
def web(demo_home: Path, clock: FixedClock) -> Iterator[Instance]:
    """Return a web process on the home."""
    with web_process(demo_home, clock) as instance:
        yield instance


@pytest.fixture
def other(demo_home: Path, clock: FixedClock, web: Instance) -> Iterator[Instance]:
    """Return a second web process on the same home, with an overlay of its own."""
    with web_process(demo_home, clock) as instance:
        yield instance


@pytest.fixture(scope="session")
def city_today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home that stands at the present hour, for processes with the real clock."""
    return make_served_home(tmp_path_factory.mktemp("today") / "home")


@pytest.fixture
def served_home(city_today: Path, tmp_path: Path) -> Path:
    """Return a copy of it, to serve."""
    return copy_home(city_today, tmp_path / "home")
