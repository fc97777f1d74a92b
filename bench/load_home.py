"""A home of a given size, made the way every home is made: import, drain, snapshot, train."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from api.cli.homes import make_home
from api.cli.jobs_commands import run_job
from api.cli.output import operator
from api.wiring import Config, Floors, open_floors
from graph.ingest import import_plan
from graph.synthetic import generate

__all__ = ["Size", "prepare_home"]

_NOTE = "bench.json"
PEOPLE_PER_GRID = 250


@dataclass(frozen=True, slots=True)
class Size:
    """How large a city is made."""

    residents: int
    items: int
    seed: int = 2026

    @property
    def grids(self) -> int:
        """As dense as the demo city."""
        return max(self.residents // PEOPLE_PER_GRID, 1)


@dataclass(slots=True)
class Stopwatch:
    """Seconds of each step, by name."""

    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Do something and note how long it took."""
        started = time.monotonic()
        work()
        self.seconds[name] = round(time.monotonic() - started, 2)


def prepare_home(root: Path, size: Size) -> dict[str, float]:
    """Make the home, unless one of this size is there already.

    Returns
    -------
    dict of str to float
        Seconds that each step took when the home was made.
    """
    note = root / _NOTE
    if note.exists():
        kept = json.loads(note.read_text())
        if kept["size"] == asdict(size):
            seconds: dict[str, float] = kept["seconds"]
            return seconds
        shutil.rmtree(root)
    elif root.exists() and any(root.iterdir()):
        raise SystemExit(f"{root} holds something else; give another --home")
    watch = Stopwatch()
    config = Config(home=root)
    make_home(config)
    with open_floors(config) as floors:
        _fill(floors, size, watch)
    note.write_text(json.dumps({"size": asdict(size), "seconds": watch.seconds}))
    return watch.seconds


def _fill(floors: Floors, size: Size, watch: Stopwatch) -> None:
    by = operator("bench", floors.institution)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def bring_in() -> None:
        city = generate(
            size.residents,
            size.grids,
            seed=size.seed,
            now=now,
            n_items=size.items,
            pseudonym=floors.ledger.keys.pseudonym,
        )
        import_plan(floors.ledger, city.plan(), gate=floors.gate, actor=by, clock=floors.clock)

    watch.time("import", bring_in)
    for job in ("drain", "snapshot", "train"):
        watch.time(job, lambda job=job: run_job(floors.site, job, by=by.id, title=job))  # type: ignore[misc]
