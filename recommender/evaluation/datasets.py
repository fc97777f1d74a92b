"""Published data sets as views: a folder with ``train.txt.xz`` and ``test.txt.xz``.

Side tables lie in the folder itself or in its parent: ``users.csv.xz`` (home), ``groups.csv.xz``
(category, as tags), ``social.txt.xz`` (friends, as ties). Test cells are kept apart from the
view; training never sees them.
"""

from __future__ import annotations

import csv
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.errors import DatasetError
from graph.view import CSR, ItemTable, View, empty_csr

__all__ = ["Dataset", "read_dataset"]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A view to train on, and the cells to be asked about."""

    name: str
    task: str
    train: View
    test: CSR
    """(n_residents, n_items) 1 where a test pair is."""


def read_dataset(folder: Path) -> Dataset:
    """Read a data set.

    Parameters
    ----------
    folder : Path
        Holds ``train.txt.xz`` and ``test.txt.xz``: one line ``resident item item ...`` each.

    Raises
    ------
    DatasetError
        A file is missing or malformed.
    """
    train, test = (_pairs(folder / f"{part}.txt.xz") for part in ("train", "test"))
    users, groups = _table(folder, "users.csv.xz"), _table(folder, "groups.csv.xz")
    n = _size(train[0], test[0], users, "u")
    m = _size(train[1], test[1], groups, "i")
    view = View.of(_matrix(train, (n, m)), items=_items(groups, m), home=_homes(users, n))
    ties = _ties(folder, n)
    if ties is not None:
        view = replace(view, ties=ties)
    parent = folder.parent.name
    name = f"{parent}/{folder.name}" if parent.startswith("meetup-") else folder.name
    task = folder.name if parent.startswith("meetup-") else "items"
    return Dataset(name, task, view, _matrix(test, (n, m)))


def _size(
    one: NDArray[np.int64], other: NDArray[np.int64], table: list[dict[str, str]], key: str
) -> int:
    listed = max((row for row, _ in _rows(table, key)), default=-1)
    return max(int(one.max(initial=-1)), int(other.max(initial=-1)), listed) + 1


def _find(folder: Path, name: str) -> Path | None:
    for place in (folder, folder.parent):
        if (place / name).is_file():
            return place / name
    return None


def _pairs(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read ``u i i i`` lines into (residents, items)."""
    residents: list[int] = []
    items: list[int] = []
    try:
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                first, *rest = (int(word) for word in line.split())
                residents.extend([first] * len(rest))
                items.extend(rest)
    except FileNotFoundError as error:
        raise DatasetError(f"{path} is not there") from error
    except (ValueError, lzma.LZMAError, EOFError) as error:
        raise DatasetError(f"{path} is not a list of ids: {error}") from error
    return np.array(residents, np.int64), np.array(items, np.int64)


def _matrix(pairs: tuple[NDArray[np.int64], NDArray[np.int64]], shape: tuple[int, int]) -> CSR:
    ones = np.ones(len(pairs[0]), np.float32)
    matrix = sp.coo_array((ones, pairs), shape=shape).tocsr()
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _table(folder: Path, name: str) -> list[dict[str, str]]:
    path = _find(folder, name)
    if path is None:
        return []
    with lzma.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _rows(table: list[dict[str, str]], key: str) -> Iterator[tuple[int, dict[str, str]]]:
    for entry in table:
        try:
            yield int(entry[key]), entry
        except (KeyError, ValueError) as error:
            raise DatasetError(f"a side table has no column {key!r} of ids") from error


def _homes(users: list[dict[str, str]], n: int) -> NDArray[np.float32]:
    home = np.full((n, 2), np.nan, np.float32)
    for row, entry in _rows(users, "u"):
        if entry.get("lat") and entry.get("lon"):
            home[row] = float(entry["lat"]), float(entry["lon"])
    return home


def _items(groups: list[dict[str, str]], m: int) -> ItemTable:
    """Items with their category as the one tag."""
    labels = {row: entry.get("category_id", "") for row, entry in _rows(groups, "i")}
    known = sorted({label for label in labels.values() if label})
    table = ItemTable.of([str(i) for i in range(m)], n_interests=len(known))
    column = {label: at for at, label in enumerate(known)}
    placed = [(row, column[label]) for row, label in labels.items() if label]
    if not placed:
        return table
    at = np.array(placed, np.int64)
    ones = np.ones(len(at), np.float32)
    tags = sp.coo_array((ones, (at[:, 0], at[:, 1])), shape=(m, len(known))).tocsr()
    return replace(table, tags=tags)


def _ties(folder: Path, n: int) -> CSR | None:
    path = _find(folder, "social.txt.xz")
    if path is None:
        return None
    one, other = _pairs(path)
    if not len(one):
        return empty_csr(n, n)
    both = (np.concatenate([one, other]), np.concatenate([other, one]))
    return _matrix(both, (n, n))
