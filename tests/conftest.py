"""What every test may ask for: seed, clock, sizes, data, a browser; and no silent skip in CI."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from tests.neo4j_server import Neo4jServer, neo4j_running
from tests.postgres_server import ledger_url, postgres_server, stoppable_postgres
from tests.sizes import SIZES, Sizes

__all__ = ["ledger_url", "postgres_server", "stoppable_postgres"]

ROOT = Path(__file__).resolve().parent.parent

SHARED_DATA_ABSENT = "shared data absent"
"""The one reason for which a test may be skipped in CI."""

SEED = int(os.environ.get("LINLI_TEST_SEED", "2026"))
SIZE = os.environ.get("LINLI_TEST_SIZE", "small")
if SIZE not in SIZES:
    raise pytest.UsageError(f"LINLI_TEST_SIZE={SIZE}: choose one of {', '.join(SIZES)}")

# No deadline: a busy two-core machine makes one slow example, not a wrong one.
hypothesis.settings.register_profile(
    "linli", max_examples=SIZES[SIZE].histories, deadline=None, derandomize="CI" in os.environ
)
hypothesis.settings.load_profile("linli")


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the aware UTC time."""
        return self.now

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> datetime:
        """Move the clock and return the new time."""
        self.now += timedelta(days=days, hours=hours, seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> FixedClock:
    """Monday 1 June 2026, 16:00 in Shanghai, in UTC."""
    return FixedClock(datetime(2026, 6, 1, 8, tzinfo=UTC))


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator of its own for each test, from the seed in the header."""
    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def sizes() -> Sizes:
    """Return the column of tests/sizes.py that LINLI_TEST_SIZE names."""
    return SIZES[SIZE]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public data sets; skip where this machine has none."""
    beside = ROOT.parent / "shared" / "data"
    path = Path(os.environ.get("LINLI_SHARED_DATA") or beside)
    if not path.is_dir():
        pytest.skip(SHARED_DATA_ABSENT)
    return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser that `make test` found, or find it now."""
    found = os.environ.get("LINLI_CHROMIUM")
    if found:
        return found
    script = ROOT / "tools" / "find_chromium.sh"
    done = subprocess.run(["/bin/sh", str(script)], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def neo4j_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    """Give one real Neo4j for the whole run; whoever stops it starts it again."""
    with neo4j_running(tmp_path_factory.mktemp("neo4j")) as server:
        yield server


@pytest.fixture
def empty_neo4j(neo4j_server: Neo4jServer) -> Neo4jServer:
    """Return it with nothing in its database."""
    neo4j_server.wipe()
    return neo4j_server


def pytest_report_header() -> str:
    """Say with what a run can be repeated."""
    return f"linli: LINLI_TEST_SEED={SEED} LINLI_TEST_SIZE={SIZE}"


class SkipGuard:
    """Fails a CI run in which anything was skipped for another reason than absent shared data."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def _look(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason != SHARED_DATA_ABSENT:
            self.refused.append(f"{report.nodeid}: {reason}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.refused and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.refused:
            terminalreporter.section("skipped in CI, which is a failure")
            for line in self.refused:
                terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the skips under CI."""
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(SkipGuard(), "linli-skip-guard")
