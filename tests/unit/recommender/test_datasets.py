from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from graph.errors import DatasetError
from recommender.evaluation.datasets import read_dataset


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
