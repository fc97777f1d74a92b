"""The log: events moved out of the outbox into sealed files, and the whole history read back.

``<first>-<last>.seg`` holds ``LINLISEG`` and a version, then the events, framed
(:mod:`graph.ledger.frames`), then the SHA-256 of all before. A file counts once
its line stands in the table ``segments``, written in the transaction that deletes the events from
the outbox: killed at any point, every event is in exactly one of the two.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from graph.errors import CorruptStore
from graph.ledger import tables
from graph.ledger.database import Database
from graph.ledger.frames import END, framed, unframed
from graph.ledger.keys import KeyRing
from graph.ledger.outbox import Event, Outbox, StoredEvent, open_events

__all__ = ["Log", "decode_segment", "encode_segment"]

SEGMENT_ROWS = 20_000
"""Most events in one file."""

_MAGIC = b"LINLISEG\x01"
_FIXED = struct.Struct(">QqHHHHI")
_NAME = re.compile(r"\d{12}-\d{12}\.seg")


class _Overtaken(Exception):
    """Another process was quicker."""


class Log:
    """Moves events into files and reads the whole history."""

    def __init__(self, database: Database, keys: KeyRing, outbox: Outbox, folder: Path) -> None:
        self._database = database
        self._keys = keys
        self._outbox = outbox
        self._folder = folder

    def compact(self, upto: int) -> None:
        """Move events up to a sequence number from the outbox into files.

        Safe to be killed at any point, and to be run by several processes.

        Parameters
        ----------
        upto : int
            Watermark of the snapshot that holds them.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.tidy()
        while True:
            with self._database.read() as tx:
                start = tx.execute(select(tables.head.c.compacted)).scalar_one()
                stored = self._outbox.stored(tx, start, min(SEGMENT_ROWS, max(upto - start, 0)))
            stored = [event for event in stored if event.seq <= upto]
            if not stored:
                return
            _contiguous(stored, start, "the outbox")
            name = f"{stored[0].seq:012d}-{stored[-1].seq:012d}.seg"
            data = encode_segment(stored)
            write_durably(self._folder / name, data)
            try:
                with self._database.write() as tx:
                    _lock_head(tx)
                    self._take_over(tx, stored, name, hashlib.sha256(data).digest(), start)
            except _Overtaken:
                continue  # another process moved them, or tidied: look again

    def tidy(self) -> list[str]:
        """Delete files that a killed process left behind and that do not count."""
        with self._database.write() as tx:
            _lock_head(tx)
            counted = set(tx.execute(select(tables.segments.c.file)).scalars())
            gone = [
                path
                for path in self._folder.glob("*.seg*")
                if path.name not in counted and _NAME.match(path.name.lstrip("."))
            ]
            for path in gone:
                path.unlink()
        return sorted(path.name for path in gone)

    def events(self, tx: Connection) -> Iterator[Event]:
        """Whole history in order: every event once.

        Raises
        ------
        CorruptStore
            A file is missing or altered, or events are missing; the message names the file.
        """
        last = 0
        lines = tables.segments
        for line in tx.execute(select(lines).order_by(lines.c.first)).all():
            path = self._folder / line.file
            stored = _read_segment(path, line.sha256)
            _contiguous(stored, last, str(path))
            last = line.last
            yield from open_events(self._keys, tx, stored)
        end = self._outbox.head(tx).seq
        while last < end:
            stored = self._outbox.stored(tx, last, 5_000)
            if not stored:
                raise CorruptStore(f"events {last + 1} to {end} are missing from the outbox")
            _contiguous(stored, last, "the outbox")
            last = stored[-1].seq
            yield from open_events(self._keys, tx, stored)

    def _take_over(
        self, tx: Connection, stored: Sequence[StoredEvent], name: str, digest: bytes, start: int
    ) -> None:
        """Let the file count and the outbox forget, unless another process was quicker."""
        moved = tx.execute(
            update(tables.head)
            .where(tables.head.c.compacted == start)
            .values(compacted=stored[-1].seq)
        ).rowcount
        if not moved or not (self._folder / name).exists():
            raise _Overtaken
        tx.execute(
            insert(tables.segments),
            {"first": stored[0].seq, "last": stored[-1].seq, "file": name, "sha256": digest},
        )
        tx.execute(delete(tables.outbox).where(tables.outbox.c.seq <= stored[-1].seq))


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that it is there in full or not at all, even after a power cut."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def encode_segment(stored: Sequence[StoredEvent]) -> bytes:
    """Bytes of a segment file."""
    parts = [_MAGIC]
    for event in stored:
        texts = [event.kind.encode(), event.subject.encode(), event.category.encode(), event.tag]
        lengths = [len(text) for text in texts]
        body = b"".join(
            (
                _FIXED.pack(event.seq, event.at, *lengths, len(event.payload)),
                *texts,
                event.payload,
            )
        )
        parts.append(framed(body))
    parts.append(END)
    whole = b"".join(parts)
    return whole + hashlib.sha256(whole).digest()


def decode_segment(data: bytes) -> list[StoredEvent]:
    """Read :func:`encode_segment`'s bytes back.

    Raises
    ------
    ValueError
        Not one bit may differ.
    """
    whole, digest = data[:-32], data[-32:]
    if not whole.startswith(_MAGIC) or hashlib.sha256(whole).digest() != digest:
        raise ValueError("the digest differs")
    return [_decode_body(body) for body in unframed(whole, len(_MAGIC))]


def _decode_body(body: bytes) -> StoredEvent:
    seq, at, *lengths = _FIXED.unpack_from(body)
    parts = []
    start = _FIXED.size
    for length in lengths:
        parts.append(body[start : start + length])
        start += length
    kind, subject, category, tag, payload = parts
    return StoredEvent(seq, kind.decode(), subject.decode(), category.decode(), tag, payload, at)


def _read_segment(path: Path, digest: bytes) -> list[StoredEvent]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorruptStore(f"{path} cannot be read; restore it from a backup") from error
    try:
        if hashlib.sha256(data).digest() != digest:
            raise ValueError("the digest differs from the ledger's")
        return decode_segment(data)
    except (ValueError, struct.error) as error:
        raise CorruptStore(f"{path} was altered ({error}); restore it from a backup") from error


def _lock_head(tx: Connection) -> None:
    """Let one process at a time change which files count."""
    tx.execute(update(tables.head).values(compacted=tables.head.c.compacted))


def _contiguous(stored: Sequence[StoredEvent], last: int, where: str) -> None:
    for expected, event in enumerate(stored, last + 1):
        if event.seq != expected:
            raise CorruptStore(f"event {expected} is missing from {where}; restore a backup")
