"""The ledger that the one suite runs on: every test on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graph.gate import open_ledger
from graph.ledger.ledger import Ledger
from tests.conftest import FixedClock


@pytest.fixture
def reopen(ledger_url: str, tmp_path: Path, clock: FixedClock) -> Iterator[Callable[[], Ledger]]:
    opened: list[Ledger] = []

    def opener() -> Ledger:
        ledger = open_ledger(
            ledger_url, keys_dir=tmp_path / "keys", log_dir=tmp_path / "log", clock=clock
        )
        opened.append(ledger)
        return ledger

    yield opener
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(reopen: Callable[[], Ledger]) -> Ledger:
    return reopen()
