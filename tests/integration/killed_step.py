"""A process that does one step of a home for real and kills itself at a named point of it.

The step is the product's own; only a function of a library or of the lowest level is wrapped, so
that the process ends there as by ``kill -9``. Started by ``test_kill_points.py``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from api.wiring import Floors, load_config, open_floors
from graph.gate import open_graph, process_name
from graph.ingest import batch, import_plan, read_file, stage, undo_import
from graph.ingest.stage import Stager
from graph.ledger import log
from graph.ledger.imports import BatchState, Imports
from graph.ledger.staging import Staging
from graph.store import ladybug
from jobs import steps
from tests.factories import operator


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: object, name: str, when: Callable[..., bool], *, after: bool, nth: int = 1) -> None:
    """Die before or after the nth call of a function whose arguments fit."""
    original = getattr(owner, name)
    left = nth

    def wrapped(*args: object, **kwargs: object) -> object:
        nonlocal left
        due = when(*args, **kwargs)
        left -= due
        if due and left == 0 and not after:
            die()
        answer = original(*args, **kwargs)
        if due and left == 0 and after:
            die()
        return answer

    setattr(owner, name, wrapped)


def always(*_: object, **__: object) -> bool:
    return True


def is_folder(path: Path, *_: object) -> bool:
    return path.name.startswith(".new-")


def is_current(path: Path, *_: object) -> bool:
    return path.name.startswith(".CURRENT")


def is_text(text: str) -> Callable[..., bool]:
    return lambda _, sent, *rest: sent == text


def small_batches() -> None:
    """Let a short outbox, or import, take several transactions."""
    steps.BATCH = 2
    stage.CHUNK = 20
    stage.CHUNKS_AT_ONCE = 1


def is_chunk(*_: object, watermark: int | None = None) -> bool:
    """Whether a part of an import is applied; the watermark moves after the last one."""
    return watermark is None


POINTS: dict[str, dict[str, Callable[[], None]]] = {
    "drain": {
        "before-commit": lambda: wrap(
            ladybug._Connection, "do", is_text("COMMIT"), after=False, nth=2
        ),
        "after-commit": lambda: wrap(
            ladybug._Connection, "do", is_text("COMMIT"), after=True, nth=2
        ),
        "between-batches": lambda: wrap(ladybug.LadybugStore, "apply", always, after=True, nth=1),
    },
    "drain-import": {
        "after-a-chunk": lambda: wrap(ladybug.LadybugStore, "apply", is_chunk, after=True, nth=2),
        "before-the-watermark": lambda: wrap(
            ladybug.LadybugStore, "apply", lambda _, sent, **__: not sent, after=False
        ),
    },
    "snapshot": {
        "before-rename": lambda: wrap(Path, "rename", is_folder, after=False),
        "before-current": lambda: wrap(Path, "rename", is_folder, after=True),
        "in-current": lambda: wrap(Path, "replace", is_current, after=False),
        "after-current": lambda: wrap(Path, "replace", is_current, after=True),
        "in-compact": lambda: wrap(log, "write_durably", always, after=True),
        "before-compact-commits": lambda: wrap(log.Log, "_take_over", always, after=True),
    },
    "train": {
        "before-rename": lambda: wrap(Path, "rename", is_folder, after=False),
        "before-current": lambda: wrap(Path, "rename", is_folder, after=True),
        "in-current": lambda: wrap(Path, "replace", is_current, after=False),
    },
    "rebuild": {
        "after-clear": lambda: wrap(ladybug.LadybugStore, "clear", always, after=True),
        "while-loading": lambda: wrap(ladybug.LadybugStore, "_copy", always, after=True, nth=4),
        "before-the-mark-goes": lambda: wrap(ladybug.LadybugStore, "_load", always, after=True),
    },
    "import": {
        "while-staging": lambda: wrap(Imports, "stage", always, after=True, nth=2),
        "between-chunks": lambda: wrap(Stager, "ids", always, after=False),
        "between-parts": lambda: wrap(Staging, "rows", always, after=True, nth=2),
        "before-preview": lambda: wrap(Imports, "set_previewed", always, after=True),
        "previewed": lambda: wrap(batch, "commit_import", always, after=False),
        "rows-moved": lambda: wrap(batch, "move_in", always, after=True),
        "before-commit": lambda: wrap(Imports, "commit", always, after=True),
    },
    "undo": {
        "rows-moved-out": lambda: wrap(batch, "move_out", always, after=True),
        "before-commit": lambda: wrap(Imports, "undo", always, after=True),
    },
    "drain-undo": {
        "after-clear": lambda: wrap(ladybug.LadybugStore, "clear", always, after=True),
        "while-loading": lambda: wrap(ladybug.LadybugStore, "_copy", always, after=True, nth=4),
    },
    "tidy": {
        "before-tidying": lambda: wrap(batch, "tidy_imports", always, after=False),
    },
}
"""Step -> name of the point -> how to be killed there."""


def do(step: str, floors: Floors, file: Path) -> None:
    site = floors.site
    if step in {"import", "tidy"}:
        bring(floors, file)
        return
    if step == "undo":
        take_back(floors)
        return
    if step == "train":
        steps.train(site)
        return
    if step == "drain-import":
        bring(floors, file)
    with open_graph(site.config.graph_url, ledger=site.ledger, holder=process_name()) as lease:
        work = {"snapshot": steps.take_snapshot, "rebuild": steps.rebuild}
        work.get(step, steps.drain)(site, lease.store)


def bring(floors: Floors, file: Path) -> bool:
    """Import a list of activities; returns whether it had been imported before."""
    plan = read_file("activities", file, pseudonym=floors.ledger.keys.pseudonym, clock=floors.clock)
    result = import_plan(
        floors.ledger, plan, gate=floors.gate, actor=operator(), clock=floors.clock
    )
    return result.already


def take_back(floors: Floors) -> None:
    """Undo the newest import that counts."""
    with floors.ledger.read() as tx:
        done = [b for b in floors.ledger.imports.list(tx) if b.state is BatchState.COMMITTED]
    last = max(done, key=lambda b: b.seq or 0)
    undo_import(floors.ledger, last.id, gate=floors.gate, actor=operator(), clock=floors.clock)


if __name__ == "__main__":
    _, home, step_name, point, csv = sys.argv
    small_batches()
    with open_floors(load_config(home=Path(home))) as opened:
        if step_name == "train":
            do("snapshot", opened, Path(csv))  # the same snapshot would give the same model
        POINTS[step_name][point]()
        do(step_name, opened, Path(csv))
