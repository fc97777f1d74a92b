from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from graph.errors import DatasetError
from graph.model import ItemKind
from graph.view import ITEM_KINDS
from recommender.evaluation.datasets import read_dataset
from recommender.scorers.popular import TOOK_PART


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write(text)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A task folder with its side tables in the parent."""
    place = tmp_path / "meetup-town" / "groups"
    put(place / "train.txt.xz", "0 0 1\n1 1\n2 2 2\n")
    put(place / "test.txt.xz", "0 2\n1\n")
    users = "u,city,state,lat,lon\n0,A,TN,36.5,-86.25\n3,B,TN,,\n"
    put(place.parent / "users.csv.xz", users)
    put(place / "groups.csv.xz", "i,group_name,category_id\n0,x,11\n1,y,36\n2,z,11\n3,w,\n")
    put(place / "social.txt.xz", "0 1\n")
    return place


def test_a_data_set_becomes_a_view(folder):
    data = read_dataset(folder)
    assert (data.name, data.task) == ("meetup-town/groups", "groups")
    view = data.train
    assert (view.n_residents, view.n_items) == (4, 4)
    assert view.interactions.toarray().tolist() == [
        [1, 1, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
    ]
    assert data.test.toarray()[0].tolist() == [0, 0, 1, 0]
    assert view.home[0].tolist() == [36.5, -86.25]
    assert np.isnan(view.home[1:]).all()
    assert view.items.tags.toarray().tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]
    assert view.ties.toarray()[:2, :2].tolist() == [[0, 1], [1, 0]]


def test_pairs_that_met_often_count_more_and_others_never(folder):
    put(folder / "train_attendance.csv.xz", "u,i,weight\n0,0,1\n0,1,20\n1,2,9\n2,2,\n99,0,5\n")
    found = read_dataset(folder).train.interactions.toarray()
    often = 1.0 + np.log(20.0) / 4.0  # 1,2 is no train pair: a side table adds none
    expected = [[1.0, often, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_side_tables_may_be_absent(tmp_path):
    put(tmp_path / "some" / "train.txt.xz", "0 0\n")
    put(tmp_path / "some" / "test.txt.xz", "0 5\n")
    data = read_dataset(tmp_path / "some")
    assert (data.name, data.task, data.train.n_items) == ("some", "items", 6)
    assert data.train.ties.nnz == 0


def test_an_absent_or_broken_file_is_named(folder):
    (folder / "test.txt.xz").unlink()
    with pytest.raises(DatasetError, match="test"):
        read_dataset(folder)
    put(folder / "test.txt.xz", "0 one\n")
    with pytest.raises(DatasetError, match="not a list of ids"):
        read_dataset(folder)
    put(folder / "test.txt.xz", "0 1\n")
    put(folder.parent / "users.csv.xz", "name\nx\n")
    with pytest.raises(DatasetError, match="'u'"):
        read_dataset(folder)


@pytest.fixture
def events(tmp_path) -> Path:
    """Two residents, three events, and groups of which one organises nothing."""
    place = tmp_path / "meetup-town" / "events"
    put(place / "train.txt.xz", "0 0\n1 1\n")
    put(place / "test.txt.xz", "0 2\n")
    put(place / "train_rsvps.csv.xz", "u,e,rsvpTime,note\n0,0,5000,\n0,0,7000,\n1,2,9000,\n")
    put(place / "memberships.csv.xz", "u,g\n0,1\n2,4\n")
    (place / "cut_ms.txt").write_text("10000\n")
    table = "e,g,v,lat,lon,time_ms\n0,1,7,36.5,-86.25,9000\n1,,7,,,11000\n2,3,8,37.5,-86.5,12999\n"
    put(place.parent / "events.csv.xz", table)
    return place


def test_events_have_their_group_venue_and_start(events):
    data = read_dataset(events)
    assert (data.name, data.task) == ("meetup-town/events", "events")
    view, items = data.train, data.train.items
    assert (view.n_residents, view.n_items, view.as_of) == (3, 3 + 5, 10)
    assert items.group[:3].tolist() == [3 + 1, -1, 3 + 3]
    assert items.starts[:4].tolist() == [9, 11, 12, -1]
    assert items.lat[[0, 2]].tolist() == [36.5, 37.5]
    assert np.isnan(items.lat[[1, 3]]).all()
    assert items.open.tolist() == [True] * 3 + [False] * 5
    assert set(items.kind[3:]) == {ITEM_KINDS.index(ItemKind.GROUP)}
    assert data.candidates is not None
    assert np.flatnonzero(data.candidates).tolist() == [1, 2]
    assert data.test.toarray()[0].nonzero()[0].tolist() == [2]


def test_sign_ups_have_their_latest_time_and_members_hold_their_groups(events):
    view = read_dataset(events).train
    cells = dict(zip(zip(*view.interactions.nonzero(), strict=True), view.times, strict=True))
    assert cells == {(0, 0): 7, (0, 3 + 1): -1, (1, 1): -1, (2, 3 + 4): -1}
    assert (view.held.toarray() == (view.interactions.toarray() == TOOK_PART)).all()


def test_memberships_may_be_left_out(events):
    view = read_dataset(events, memberships=False).train
    assert view.interactions.nnz == view.held.nnz == 2
    assert (view.n_residents, view.n_items) == (2, 3 + 4)


@pytest.mark.parametrize("name", ["train_rsvps.csv.xz", "memberships.csv.xz", "cut_ms.txt"])
def test_each_table_of_events_may_be_absent(events, name):
    (events / name).unlink()
    data = read_dataset(events)
    assert data.train.as_of == {"cut_ms.txt": 7}.get(name, 10)
    assert data.candidates is not None
    assert data.candidates[2]


def test_groups_lie_amid_their_venues_and_never_see_members_or_sign_ups(events, folder):
    for name in ("train_rsvps.csv.xz", "memberships.csv.xz"):
        for place in (folder, folder.parent):
            put(place / name, "not,a,table\nof,ids\n")
    data = read_dataset(folder)
    assert data.task == "groups"
    assert data.candidates is None
    assert data.train.items.lat.tolist()[1:2] == [36.5]
    assert (data.train.times == -1).all()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("train.txt.xz", "0 -1\n", "train.txt.xz has -1"),
        ("train_rsvps.csv.xz", "u,e,rsvpTime\n0,99999999999,1\n", "train_rsvps has 99999999999"),
        ("train_rsvps.csv.xz", "u,e,rsvpTime\n0,0,soon\n", "'rsvpTime' that is no number"),
        ("memberships.csv.xz", "u,group\n0,0\n", "memberships has no column 'g'"),
        ("memberships.csv.xz", "u,g\n0,0\n1\n", "other lengths"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(events, name, text, told):
    put(events / name, text)
    with pytest.raises(DatasetError, match=told):
        read_dataset(events)


def test_a_broken_moment_is_told(events):
    (events / "cut_ms.txt").write_text("noon")
    with pytest.raises(DatasetError, match="cut_ms"):
        read_dataset(events)
