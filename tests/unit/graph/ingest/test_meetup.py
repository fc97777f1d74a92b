"""Meetup folders become a graph; what is held out is never read."""

from __future__ import annotations

import lzma
import shutil
from collections import Counter

import pytest

from graph.errors import ImportRefused
from graph.ingest import read_meetup
from graph.model import DataCategory, NodeChange
from graph.schema import validate
from tests.factories import NOW


def pseudonym(domain: str, value: str) -> str:
    return f"{domain}:{value}"


def read(folder, **more):
    return read_meetup(folder, pseudonym=pseudonym, clock=lambda: NOW, **more)


def links(plan, type_):
    return [c for c in plan.changes if getattr(c, "type", None) == type_]


def nodes(plan, label):
    return {c.id: c for c in plan.changes if getattr(c, "label", None) == label}


@pytest.fixture
def nashville(tmp_path):
    folder = tmp_path / "meetup-nashville"
    folder.mkdir()
    files = {
        "users.csv": "u,city,state,lat,lon\n"
        "0,Brentwood,TN,36.0,-86.79\n1,Nashville,TN,36.1,-86.78\n",
        "groups.csv": "i,group_name,num_members,category_id,category_name\n"
        "0,Board Gamers,20,11,Games\n1,Old Faith,9,28,Religion & Beliefs\n",
        "train.txt": "0 0\n1 0 1\n2 1\n",
        "train_attendance.csv": "u,i,weight\n0,0,3\n1,0,1\n1,1,1\n2,1,1\n",
        "test.txt": "0 1\n",
    }
    for name, text in files.items():
        (folder / f"{name}.xz").write_bytes(lzma.compress(text.encode()))
    return folder


@pytest.fixture
def city(tmp_path):
    folder = tmp_path / "meetup-x"
    for part in ("groups", "events"):
        (folder / part).mkdir(parents=True)
    files = {
        "users.csv": "u,lat,lon\n0,37.8,-122.5\n1,37.5,-122.3\n",
        "events.csv": "e,g,v,lat,lon,time_ms\n"
        "0,5,1,37.7,-122.4,900000\n1,6,1,37.7,-122.4,2000000\n",
        "groups/train.txt": "0 5\n",
        "groups/test.txt": "0 6\n",
        "events/memberships.csv": "u,g\n0,5\n0,6\n1,6\n",
        "events/train_rsvps.csv": "u,e,rsvpTime\n0,0,800000\n",
        "events/train.txt": "0 0\n",
        "events/test.txt": "1 1\n",
        "events/cut_ms.txt": "1000000\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_nashville_layout(nashville):
    plan = read(nashville)
    for change in plan.changes:
        validate(change)
    assert len(plan.residents) == 3
    assert {(c.start, c.end) for c in links(plan, "JOINED")} == {
        ("resident:meetup-nashville/0", "meetup-nashville-g0"),
        ("resident:meetup-nashville/1", "meetup-nashville-g0"),
        ("resident:meetup-nashville/1", "meetup-nashville-g1"),
        ("resident:meetup-nashville/2", "meetup-nashville-g1"),
    }
    assert {c.end: c.start for c in links(plan, "ABOUT")}["board_games"] == "meetup-nashville-g0"
    assert set(nodes(plan, "Grid")) == {
        "meetup-nashville-brentwood-tn",
        "meetup-nashville-nashville-tn",
    }
    home = links(plan, "LIVES_IN")[0]
    assert home.provenance.category is DataCategory.DWELLING
    assert nodes(plan, "Building")[home.end].properties["lat"] == 36.0


def test_who_came_more_often_is_a_surer_member(nashville):
    sure = {
        (c.start[-1], c.end[-1]): c.provenance.confidence for c in links(read(nashville), "JOINED")
    }
    assert sure["0", "0"] == 0.75
    assert sure["1", "0"] == 0.5


def test_religion_becomes_no_column(nashville):
    assert {c.end for c in links(read(nashville), "ABOUT")} == {"board_games", "newcomers"}


def test_everything_is_granted_explicitly(nashville):
    plan = read(nashville)
    grants = list(plan.grants)
    assert {g.channel for g in grants} == {"dataset"}
    assert Counter(g.resident for g in grants) == dict.fromkeys(plan.residents, 20)
    needed = {c.provenance.category for c in plan.changes} - {DataCategory.PUBLIC}
    assert needed <= {g.category for g in grants}


def test_events_layout_closes_what_is_over_and_keeps_times(city):
    plan = read(city)
    for change in plan.changes:
        validate(change)
    assert plan.kind == "meetup-x-events"
    assert plan.as_of.timestamp() == 1000
    states = {i: c.properties["state"] for i, c in nodes(plan, "Activity").items()}
    assert states == {"meetup-x-e0": "closed", "meetup-x-e1": "open"}
    (signed,) = links(plan, "SIGNED_UP")
    assert signed.properties["at"].timestamp() == 800
    assert len(links(plan, "JOINED")) == 3


def test_the_groups_task_sees_its_own_memberships_only(city):
    by_option, by_folder = read(city, task="groups"), read(city / "groups")
    assert by_option.file_hash == by_folder.file_hash != read(city).file_hash
    assert [(c.start, c.end) for c in links(by_option, "JOINED")] == [
        ("resident:meetup-x/0", "meetup-x-g5")
    ]
    assert links(by_option, "SIGNED_UP") == []


@pytest.mark.parametrize("task", ["groups", "events"])
def test_test_sets_are_never_opened(city, nashville, task):
    before = read(city, task=task).file_hash
    for path in (*city.rglob("test.txt"), nashville / "test.txt.xz"):
        path.unlink()
    assert read(city, task=task).file_hash == before
    assert read(nashville).rows == 8


def test_the_groups_task_needs_nothing_of_the_held_out_pairs(city):
    (city / "events" / "memberships.csv").unlink()
    (city / "events" / "train_rsvps.csv").unlink()
    assert read(city, task="groups").rows == 5
    with pytest.raises(ImportRefused, match=r"memberships\.csv"):
        read(city, task="events")


def test_another_layout_is_refused_with_its_reason(nashville):
    (nashville / "groups.csv.xz").write_bytes(lzma.compress(b"i,title\n0,Games\n"))
    with pytest.raises(ImportRefused, match="columns category_name, group_name are missing"):
        read(nashville)


def test_the_published_sets_import_whole(shared_data, tmp_path):
    folder = tmp_path / "meetup-nashville"
    shutil.copytree(shared_data / "meetup-nashville", folder)
    (folder / "test.txt.xz").chmod(0o600)
    held_out = {
        (line.split()[0], group)
        for line in lzma.decompress((folder / "test.txt.xz").read_bytes()).decode().splitlines()
        for group in line.split()[1:]
    }
    plan = read(folder)
    changes = list(plan.changes)
    joined = {
        (c.start.rpartition("/")[2], c.end.rpartition("g")[2])
        for c in changes
        if getattr(c, "type", None) == "JOINED"
    }
    assert len(joined) == 36_631
    assert not joined & held_out
    assert len(held_out) == 8_952
    assert len(plan.residents) == 24_631
    assert len(plan.items) == 602
    seen = set()
    for change in changes:
        if isinstance(change, NodeChange):
            seen.add((change.label, change.id))
        else:
            assert (change.start_label, change.start) in seen
            assert (change.end_label, change.end) in seen


def test_the_city_sets_import_whole(shared_data):
    plan = read(shared_data / "meetup-dc" / "events")
    assert (len(links(plan, "SIGNED_UP")), len(nodes(plan, "Activity"))) == (26_757, 12_359)
    plan = read(shared_data / "meetup-dc" / "groups")
    assert len(links(plan, "JOINED")) == 20_225
