"""The files of a published data set: packed lists of ids, and packed tables with named columns."""

from __future__ import annotations

import csv
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph.errors import DatasetError

__all__ = ["Table", "find", "read_pairs", "size_of"]

Ids = NDArray[np.int64]

_MOST_IDS = 10_000_000
"""Ids are row numbers from 0: a larger one is a mistake, not a row."""


def find(folder: Path, name: str) -> Path | None:
    """Return the file of this name in the folder, else in its parent."""
    places = (folder / name, folder.parent / name)
    return next((path for path in places if path.is_file()), None)


def size_of(*ids: Ids) -> int:
    """Return how many rows it takes to hold all of these ids."""
    return max((int(some.max(initial=-1)) for some in ids), default=-1) + 1


def read_pairs(path: Path) -> tuple[Ids, Ids]:
    """Read ``u i i i`` lines into (residents, items).

    Raises
    ------
    DatasetError
        The file is missing or holds something else than ids.
    """
    residents: list[int] = []
    items: list[int] = []
    with _opened(path) as lines:
        for line in lines:
            words = line.split()
            if words:
                first, *rest = (int(word) for word in words)
                residents.extend([first] * len(rest))
                items.extend(rest)
    return _checked(residents, path.name), _checked(items, path.name)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a table as texts. A table that is not there has no rows."""

    name: str
    columns: dict[str, list[str]]

    @classmethod
    def read(cls, folder: Path, name: str) -> Table:
        """Read ``name.csv.xz`` in the folder or its parent."""
        path = find(folder, f"{name}.csv.xz")
        if path is None:
            return cls(name, {})
        with _opened(path) as lines:
            header, *rows = [row for row in csv.reader(lines) if row] or [[]]
        if any(len(row) != len(header) for row in rows):
            raise DatasetError(f"{path} has lines of other lengths than its first line")
        return cls(name, {key: [row[at] for row in rows] for at, key in enumerate(header)})

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def ids(self, key: str) -> Ids:
        """Return a column of ids; it must be there, and full.

        Raises
        ------
        DatasetError
            It is not.
        """
        if not self.columns:
            return np.empty(0, np.int64)
        try:
            return _checked([int(word) for word in self.columns[key]], self.name)
        except (KeyError, ValueError) as error:
            raise DatasetError(f"table {self.name} has no column {key!r} of ids") from error

    def texts(self, key: str) -> list[str]:
        """Return a column; empty words if it is not there."""
        return self.columns.get(key, [""] * len(self))

    def numbers(self, key: str) -> NDArray[np.float64]:
        """Return a column of numbers; NaN where there is none.

        Raises
        ------
        DatasetError
            It holds something else.
        """
        try:
            return np.array([float(word or "nan") for word in self.texts(key)], np.float64)
        except ValueError as error:
            raise DatasetError(f"table {self.name} has a {key!r} that is no number") from error


def _checked(ids: list[int], name: str) -> Ids:
    for wrong in (min(ids, default=0), max(ids, default=0)):
        if not 0 <= wrong < _MOST_IDS:
            raise DatasetError(f"{name} has {wrong} for an id; ids are row numbers from 0")
    return np.array(ids, np.int64)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[str]]:
    """Unpack a file; what is wrong with it is told with its name."""
    try:
        with lzma.open(path, "rt", encoding="utf-8", newline="") as lines:
            yield lines
    except FileNotFoundError as error:
        raise DatasetError(f"{path} is not there") from error
    except (lzma.LZMAError, EOFError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be unpacked: {error}") from error
    except ValueError as error:
        raise DatasetError(f"{path} is not a list of ids: {error}") from error
