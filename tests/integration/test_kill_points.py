"""Every step of a home, killed at its worst moments: what is there is whole, and is done again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.services.backing import resident_actor
from api.services.interactions import Act
from api.services.services import make_services
from api.wiring import Floors, load_config, open_floors
from graph.folders import current_name, open_folder
from graph.gate import RowKind
from graph.ledger.staging import Part
from graph.model import InteractionKind, ItemId, ResidentId
from tests.conftest import ROOT
from tests.factories import csv_file
from tests.integration.demo_world import copy_home
from tests.integration.killed_step import POINTS, bring, do, take_back
from tests.integration.killing import Checker, open_items
from tests.integration.serving import generous_residents, new_key

COLUMNS = ("活动名称", "日期", "开始", "地点", "名额")


@pytest.fixture(scope="module")
def active_home(city_today: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which people did things that are not in the graph yet."""
    home = copy_home(city_today, tmp_path_factory.mktemp("active") / "home")
    with open_floors(load_config(home=home)) as floors:
        like(floors, 8)
    return home


def like(floors: Floors, n: int) -> None:
    interactions = make_services(floors).interactions
    people = generous_residents(floors, n)
    items = list(open_items(floors, people))
    for number, who in enumerate(people):
        resident = ResidentId(who)
        act = Act(
            resident,
            ItemId(items[number % len(items)]),
            InteractionKind.LIKE,
            None,
            new_key(),
        )
        interactions.record(resident_actor(resident, floors.institution), act)


def activities(folder: Path, n: int = 40, *, name: str = "list.csv") -> Path:
    day = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    rows = [(f"活动{name}{number}", day, "09:30", "社区中心", "10") for number in range(n)]
    return csv_file(folder, COLUMNS, *rows, name=name)


def kill(home: Path, step: str, point: str, file: Path) -> None:
    """Run a step in a process of its own that dies at a point."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.killed_step", str(home), step, point, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def whole(home: Path) -> list[str]:
    """Everything that is wrong with a home as it lies there."""
    wrong = Checker(home).check([])
    for parent in (home / "snapshots", home / "models"):
        for folder in parent.iterdir():
            if folder.is_dir() and not folder.name.startswith("."):
                open_folder(parent, folder.name)  # checks every byte
    with open_floors(load_config(home=home)) as floors:
        services = make_services(floors)
        resident = ResidentId(generous_residents(floors, 1)[0])
        if not services.feeds.own(resident, (), 10).cards:
            wrong.append("an empty feed")
    return wrong


@pytest.mark.parametrize(
    ("step", "point"), [(step, point) for step, points in POINTS.items() for point in points]
)
def test_killed_at_a_point_the_home_is_whole_and_the_step_can_be_done_again(
    active_home: Path, tmp_path: Path, step: str, point: str
):
    home = copy_home(active_home, tmp_path / "home")
    file = activities(tmp_path)
    prepare(home, step, file)
    before = standing(home)
    kill(home, step, point, file)
    between = standing(home)
    if step in {"import", "undo"}:
        assert between == before
    assert whole(home) == []
    with open_floors(load_config(home=home)) as floors:
        do(step, floors, file)
    assert whole(home) == []
    with open_floors(load_config(home=home)) as floors:
        if step in {"import", "tidy"}:
            assert standing(home)["items"] == before["items"] + 40
            assert bring(floors, file) is True
        if step in {"undo", "drain-undo"}:
            assert limited(floors) == set()
            assert bring(floors, file) is False
            assert len(limited(floors)) == 40
        with floors.ledger.read() as tx:
            waiting = floors.ledger.staging.counts(tx, newest(floors))
        del waiting[Part.BOOKINGS]  # claims stay with a batch for as long as it can be undone
        assert step == "tidy" or not any(waiting.values())
        if step == "snapshot":
            moment = floors.live.catch_up()
            assert moment.snapshot.watermark == before["head"]
        if step == "train":
            assert current_name(home / "models") == floors.models.current().model.model_id
    shutil.rmtree(home)


def prepare(home: Path, step: str, file: Path) -> None:
    """Bring the home to where the step begins."""
    if step not in {"undo", "drain-undo"}:
        return
    with open_floors(load_config(home=home)) as floors:
        bring(floors, file)
        if step == "drain-undo":
            do("drain", floors, file)
            take_back(floors)


def newest(floors: Floors) -> str:
    with floors.ledger.read() as tx:
        return floors.ledger.imports.list(tx)[0].id


def limited(floors: Floors) -> set[str]:
    """Items of the list whose seats are counted."""
    with floors.ledger.read() as tx:
        rows = floors.ledger.rows.all(tx, RowKind.ITEM)
        seats = floors.ledger.bookings.taken(tx, rows[-40:])
    return {item for item, (total, _, _) in seats.items() if total == 10}


def standing(home: Path) -> dict[str, int]:
    """What people can see of a home."""
    with open_floors(load_config(home=home)) as floors, floors.ledger.read() as tx:
        return {
            "head": floors.ledger.outbox.head(tx).seq,
            "items": floors.ledger.rows.count(tx, RowKind.ITEM),
            "grids": floors.ledger.rows.count(tx, RowKind.GRID),
            "seats": len(floors.ledger.bookings.taken(tx, None)),
        }
