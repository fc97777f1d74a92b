"""Many small values in little memory: a file of a million rows fits, whatever is wrong with it."""

from __future__ import annotations

import json
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from operator import itemgetter
from typing import Any, Generic, TypeVar

import numpy as np

from graph.codec import Json

__all__ = ["FirstRows", "RowSet", "Shelves", "by_pseudonym"]

K = TypeVar("K", bound=int | str)

_FAST = 1
_PIECE = 8 * 1024
_FULL = 0.75
"""Share of a table's places that may be taken: beyond it, looking for one takes long."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_by_key = itemgetter(0)


class Shelves(Generic[K]):
    """Values by key, compressed, and given back in the order of their keys.

    They are sorted a shelf at a time, so that only one is in memory as it is. Values of one key
    keep the order in which they came.

    Parameters
    ----------
    shelf_of : callable
        Shelf of a key; must rise with the key.
    """

    def __init__(self, shelf_of: Callable[[K], K]) -> None:
        self._shelf_of = shelf_of
        self._open: defaultdict[K, bytearray] = defaultdict(bytearray)
        self._full: defaultdict[K, list[bytes]] = defaultdict(list)
        self._count = 0

    def add(self, key: K, *values: Json) -> None:
        """Keep one line of values."""
        shelf = self._shelf_of(key)
        lines = self._open[shelf]
        lines += b","
        lines += _encode((key, *values)).encode("utf-8", "surrogatepass")
        self._count += 1
        if len(lines) > _PIECE:
            self._full[shelf].append(zlib.compress(lines, _FAST))
            lines.clear()

    def __len__(self) -> int:
        """How many lines are kept."""
        return self._count

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield each line: its key, then its values as JSON gives them back."""
        for shelf in sorted(self._open):
            pieces = [*map(zlib.decompress, self._full.get(shelf, ())), bytes(self._open[shelf])]
            text = b"".join(pieces)[1:].decode("utf-8", "surrogatepass")
            lines: list[list[Any]] = json.loads(f"[{text}]")
            lines.sort(key=_by_key)
            yield from lines


def by_pseudonym(key: str) -> str:
    """Shelf of a pseudonym: of a million a thousand are on each."""
    return key[:2]


class FirstRows:
    """In which row a key came first: some 30 bytes a key, where a dict takes 150.

    Open addressing by the keys' 64-bit hashes, which stand for the keys.
    """

    def __init__(self) -> None:
        self._count = 0
        self._clear(1 << 10)

    def _clear(self, size: int) -> None:
        self._size = size
        self._most = int(size * _FULL)
        room = size + size // 16 + 64  # keys at the end of the table overflow to behind it
        self._last = room - 1
        self._hashes = array("q", bytes(8 * room))
        self._marks = array("i", bytes(4 * room))
        self._rows = array("i", bytes(4 * room))

    def first(self, key: Hashable, row: int, mark: int = 0) -> tuple[int, int]:
        """Take a row down unless the key came before; returns (row, mark) of the first.

        Parameters
        ----------
        key : hashable
        row : int
            1 or more.
        mark : int
            31 bits to be kept with the row.
        """
        hashed = hash(key)
        at = self._place(hashed)
        if self._rows[at]:
            return self._rows[at], self._marks[at]
        self._hashes[at], self._marks[at], self._rows[at] = hashed, mark, row
        self._count += 1
        if self._count > self._most or at == self._last:
            self._grow()
        return row, mark

    def get(self, key: Hashable) -> tuple[int, int] | None:
        """Return (row, mark) of the first, or ``None``."""
        at = self._place(hash(key))
        return (self._rows[at], self._marks[at]) if self._rows[at] else None

    def __contains__(self, key: Hashable) -> bool:
        """Whether the key came."""
        return bool(self._rows[self._place(hash(key))])

    def _place(self, hashed: int) -> int:
        """Where a key stands, or would stand."""
        rows, hashes = self._rows, self._hashes
        at = hashed % self._size
        while rows[at] and hashes[at] != hashed:
            at += 1
        return at

    def _grow(self) -> None:
        """Move everything to a table half as long again."""
        before = [np.frombuffer(a, a.typecode) for a in (self._hashes, self._marks, self._rows)]
        self._clear(self._size * 3 // 2)
        kept = np.flatnonzero(before[2])
        at = before[0][kept] % self._size
        order = np.argsort(at, kind="stable")
        kept, at, nth = kept[order], at[order], np.arange(len(order))
        # Each goes to its own place or, where that is taken, behind the one before it.
        at -= nth
        np.maximum.accumulate(at, out=at)
        at += nth
        for now, values in zip((self._hashes, self._marks, self._rows), before, strict=True):
            np.frombuffer(now, now.typecode)[at] = values[kept]


class RowSet:
    """Numbers of rows, one bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0

    def add(self, row: int) -> None:
        """Take a row in; again changes nothing."""
        at, bit = row >> 3, 1 << (row & 7)
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits) + len(self._bits) // 2))
        if not self._bits[at] & bit:
            self._bits[at] |= bit
            self._count += 1

    def __contains__(self, row: object) -> bool:
        """Whether a row is among them."""
        if not isinstance(row, int) or row >> 3 >= len(self._bits):
            return False
        return bool(self._bits[row >> 3] & 1 << (row & 7))

    def __len__(self) -> int:
        """How many there are."""
        return self._count
