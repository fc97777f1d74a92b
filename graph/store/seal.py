"""Digests beside the embedded engine's files: it never reads a byte that was not checked first.

The engine trusts its main file, where a flipped bit comes back as another value or ends the
process, and a log cut short in its last record keeps it from opening (0.22.0, seen in trials).
So a small text file stands beside the two::

    main <bytes> <sha256>     the main file; changes at a checkpoint only
    wal <bytes> <sha256>      its log up to here; a line after each transaction, the last one counts

Whatever instant a process is killed at, either these lines hold, or the log has more bytes than
the last line tells: its last transaction may be torn and is cut off. The graph then stands at an
earlier watermark, and draining brings back what is missing. Only a kill within a checkpoint makes
the main file look damaged, and then it may be.

While an empty store is being filled it says ``new`` instead: nothing that is there counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import BinaryIO, Final

from graph.errors import CorruptStore, StoreUnavailable
from graph.folders import write_atomically

if sys.platform != "win32":  # there the lease of the graph must do
    import fcntl

__all__ = ["Seal", "locked", "reachable"]

_NEW: Final = b"new\n"
_BLOCK: Final = 1 << 20
_UNKNOWN: Final = (-1, -1)


@dataclass(frozen=True, slots=True)
class _Line:
    """What one line tells of a file."""

    size: int
    digest: str


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[None]:
    """Tell of a disk that is full, away or not ours as every store does."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror or error}") from error


def locked(path: Path) -> BinaryIO:
    """Take the lock of a database; it is given back when the file returned is closed.

    Raises
    ------
    StoreUnavailable
        Another process has it.
    """
    with reachable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("ab")
    if sys.platform != "win32":
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StoreUnavailable(
                f"{path} is open in another process; one process uses the graph at a time: "
                "stop it or ask it to hand over"
            ) from error
    return lock


class Seal:
    """The digests of one database; only whoever holds its lock may use them.

    Parameters
    ----------
    path : Path
        The main file.
    """

    def __init__(self, path: Path) -> None:
        self._main = path
        self._wal = path.with_name(path.name + ".wal")
        self._lines = path.with_name(path.name + ".sha256")
        self._filling = False
        self._main_state = _UNKNOWN
        self._wal_size = 0
        self._wal_hash = hashlib.sha256()

    @property
    def wal_bytes(self) -> int:
        """Bytes in the engine's log as of the last :meth:`note`."""
        return self._wal_size

    def check(self) -> bool:
        """Compare the files with their digests, and cut off what may be torn.

        Returns
        -------
        bool
            Whether there is a database; what a first use or a filling cut short left is none.

        Raises
        ------
        CorruptStore
            Bytes are missing or changed.
        """
        with reachable(self._main):
            told = self._lines.read_bytes() if self._lines.exists() else None
            if told == _NEW or (told is None and not self._main.exists()):
                return False
            main, wal = self._parsed(self._untorn(told or b""))
            if not self._main.exists() or _digest(self._main, main.size).digest != main.digest:
                raise self._corrupt("is not as it was written")
            for ending in (".wal.checkpoint", ".shadow"):
                if self._main.with_name(self._main.name + ending).exists():
                    raise self._corrupt("has a checkpoint that was cut short")
            self._check_wal(wal)
            self._main_state = _state(self._main)
        return True

    def _check_wal(self, told: _Line | None) -> None:
        there = self._wal.stat().st_size if self._wal.exists() else 0
        if told is None:
            self._wal.unlink(missing_ok=True)
            return
        if there < told.size:
            raise self._corrupt("lacks a part of its log")
        if there > told.size:
            os.truncate(self._wal, told.size)
        self._read_on()
        if self._wal_hash.hexdigest() != told.digest:
            raise self._corrupt("has a log that is not as it was written")

    def _untorn(self, told: bytes) -> bytes:
        """Cut off a last line that was not finished."""
        whole = told[: told.rfind(b"\n") + 1]
        if whole != told:
            os.truncate(self._lines, len(whole))
        return whole

    def _parsed(self, told: bytes) -> tuple[_Line, _Line | None]:
        names = chain(("main",), repeat("wal"))
        try:
            lines = [_parse(*pair) for pair in zip(names, told.splitlines(), strict=False)]
        except ValueError as error:
            raise self._corrupt("has digests that cannot be read") from error
        if not lines:
            raise self._corrupt("has no digests")
        return lines[0], lines[-1] if len(lines) > 1 else None

    def _corrupt(self, what: str) -> CorruptStore:
        return CorruptStore(f"{self._main} {what}; make it again from the log")

    def begin(self) -> None:
        """Say that nothing which is there counts until :meth:`end`."""
        with reachable(self._main):
            write_atomically(self._lines, _NEW)
        self._filling = True

    def end(self) -> None:
        """Say that what is there counts from now on; make a checkpoint first."""
        self._filling = False
        self._renew()

    def note(self) -> None:
        """Take down what a transaction, or a checkpoint, has changed."""
        if self._filling:
            return
        with reachable(self._main):
            size = self._wal.stat().st_size if self._wal.exists() else 0
            if _state(self._main) != self._main_state or size < self._wal_size:
                self._renew()
            elif size > self._wal_size:
                self._read_on()
                known, self._main_state = self._main_state, _UNKNOWN  # as long as it may fail
                with self._lines.open("ab") as file:
                    file.write(self._wal_line())
                self._main_state = known

    def _renew(self) -> None:
        """Take all digests anew."""
        with reachable(self._main):
            self._main_state = _UNKNOWN
            self._wal_size, self._wal_hash = 0, hashlib.sha256()
            state = _state(self._main)
            main = _digest(self._main, state[0])
            lines = f"main {main.size} {main.digest}\n".encode()
            if self._wal.exists():
                self._read_on()
                lines += self._wal_line()
            write_atomically(self._lines, lines)
            self._main_state = state

    def _read_on(self) -> None:
        """Take into the running digest what the log has more than before."""
        with self._wal.open("rb") as file:
            file.seek(self._wal_size)
            while block := file.read(_BLOCK):
                self._wal_hash.update(block)
                self._wal_size += len(block)

    def _wal_line(self) -> bytes:
        return f"wal {self._wal_size} {self._wal_hash.hexdigest()}\n".encode()


def _parse(name: str, line: bytes) -> _Line:
    said, size, digest = line.decode("ascii").split(" ")
    if said != name or len(digest) != hashlib.sha256().digest_size * 2:
        raise ValueError(said)
    return _Line(int(size), digest)


def _digest(path: Path, size: int) -> _Line:
    """Read a file; a file of another size needs no reading."""
    if path.stat().st_size != size:
        return _Line(path.stat().st_size, "")
    with path.open("rb") as file:
        return _Line(size, hashlib.file_digest(file, "sha256").hexdigest())


def _state(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written to."""
    told = path.stat()
    return told.st_size, told.st_mtime_ns
