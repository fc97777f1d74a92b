"""What residents were shown, in sealed files: kept to learn from, never needed to serve.

``<day>-<writer>.imp`` holds ``LINLIIMP`` and a version, then framed lists
(:mod:`graph.ledger.frames`). One process writes a file, only at its end, and does not wait for
the disk: a crash may cost the last second, and leaves at most one torn record behind.

A list is sealed under a key that its resident has for nothing else. Whoever withdraws something
the feed rests on loses that key, and with it every list in every copy of the files; if they
authorise again, a new key begins.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, func, select

from graph.errors import CorruptStore
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.frames import Torn, framed, unframed
from graph.ledger.keys import Box, KeyRing
from graph.ledger.log import write_durably
from graph.model import ItemId, RecId, ResidentId

__all__ = ["Impressions", "Place", "SegmentWriter", "ShownList"]

_MAGIC = b"LINLIIMP\x01"
_FIXED = struct.Struct(">qII")
_KEY = "impressions/"
"""Beginning of the names of these keys; behind it stands how many were destroyed before."""
_SOME = 5_000

Generations = dict[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """One item in a list, and how likely it was to stand there."""

    rec_id: RecId
    item: ItemId
    rank: int
    """1 is the top."""
    propensity: float
    """Probability of this item at this rank, given what was known of the resident then."""


@dataclass(frozen=True, slots=True)
class ShownList:
    """One list as one resident was shown it."""

    resident: ResidentId
    row: int
    at: datetime
    surface: str
    """Where it was shown."""
    model: str
    arm: str
    """Part of an experiment that the resident was in."""
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    """A list as it lies in a file."""

    at: int
    row: int
    generation: int
    sealed: bytes

    def box(self, resident: str) -> Box:
        """Box of the list; bound to resident, key and time."""
        line = f"{self.row}/{self.at}"
        return Box("impressions", line, resident, f"{_KEY}{self.generation}")

    def body(self) -> bytes:
        return _FIXED.pack(self.at, self.row, self.generation) + self.sealed

    @classmethod
    def of(cls, body: bytes) -> _Record:
        at, row, generation = _FIXED.unpack_from(body)
        return cls(at, row, generation, body[_FIXED.size :])


class Impressions:
    """Seals, reads, forgets. Files are written by :class:`SegmentWriter`."""

    def __init__(self, keys: KeyRing, folder: Path) -> None:
        self._keys = keys
        self.folder = folder

    def seal(self, tx: Connection, lists: Sequence[ShownList]) -> list[bytes]:
        """Seal lists as records for a file.

        Parameters
        ----------
        tx : Connection
            A write transaction: a resident's first list makes a key.
        """
        generations = self._destroyed(tx, [one.resident for one in lists])
        empty = [
            _Record(micros(one.at), one.row, generations.get(one.resident, 0), b"") for one in lists
        ]
        sealed = self._keys.seal_many(
            tx,
            [
                (record.box(one.resident), _encoded(one))
                for record, one in zip(empty, lists, strict=True)
            ],
        )
        return [framed(record.body() + plain) for record, plain in zip(empty, sealed, strict=True)]

    def forget(self, tx: Connection, residents: Sequence[ResidentId], *, at: datetime) -> int:
        """Make everything that these residents were shown unreadable, for good, in every copy.

        Returns
        -------
        int
            Residents of whom anything was kept.
        """
        known = self._living(tx, residents)
        for resident, name in known:
            self._keys.destroy(tx, resident, [name], at=at)
        return len(known)

    def lists(
        self, tx: Connection, residents: Sequence[str], *, since: datetime
    ) -> Iterator[ShownList]:
        """Read what is kept and not forgotten, file by file.

        Parameters
        ----------
        residents : sequence of str
            Pseudonyms by row.
        since : datetime
            Older lists are left out.

        Raises
        ------
        CorruptStore
            A file was altered.
        """
        first = micros(since)
        for path in self._files():
            if _day(path) < since.strftime("%Y%m%d"):
                continue
            records = [r for r in _read(path) if r.at >= first and r.row < len(residents)]
            boxes = [(r.box(residents[r.row]), r.sealed) for r in records]
            for record, plain in zip(records, self._keys.open_many(tx, boxes), strict=True):
                if plain is not None:
                    yield _decoded(record, ResidentId(residents[record.row]), plain)

    def tidy(
        self,
        tx: Connection,
        residents: Sequence[str],
        *,
        now: datetime,
        lasts: timedelta,
        may_keep: Callable[[int], bool],
    ) -> list[str]:
        """Delete old files, and from the others the records of residents who must not be kept.

        Files of today and yesterday may still be written to; they wait.

        Parameters
        ----------
        residents : sequence of str
            Pseudonyms by row.
        lasts : timedelta
            How long lists are kept.
        may_keep : callable
            Tells for a resident row whether lists may be kept.

        Returns
        -------
        list of str
            Files deleted.
        """
        gone = []
        for path in self._files():
            day = _day(path)
            if day < (now - lasts).strftime("%Y%m%d"):
                path.unlink()
                gone.append(path.name)
            elif day < (now - timedelta(days=1)).strftime("%Y%m%d"):
                self._rewrite(tx, path, residents, may_keep)
        return gone

    def _rewrite(
        self,
        tx: Connection,
        path: Path,
        residents: Sequence[str],
        may_keep: Callable[[int], bool],
    ) -> None:
        records = _read(path)
        destroyed = self._destroyed(tx, [residents[r.row] for r in records])
        kept = [
            r
            for r in records
            if may_keep(r.row) and r.generation >= destroyed.get(residents[r.row], 0)
        ]
        if len(kept) < len(records):
            write_durably(path, _MAGIC + b"".join(framed(r.body()) for r in kept))

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.imp"))

    def _destroyed(self, tx: Connection, residents: Sequence[str]) -> Generations:
        """Count the keys that residents had for this before; those without any are left out."""
        keys = tables.data_keys
        query = (
            select(keys.c.subject, func.count())
            .where(keys.c.category.like(f"{_KEY}%"), keys.c.wrapped.is_(None))
            .group_by(keys.c.subject)
        )
        found: Generations = {}
        for some in _chunks(residents):
            found.update(
                (subject, n) for subject, n in tx.execute(query.where(keys.c.subject.in_(some)))
            )
        return found

    def _living(self, tx: Connection, residents: Sequence[str]) -> list[tuple[str, str]]:
        keys = tables.data_keys
        query = select(keys.c.subject, keys.c.category).where(
            keys.c.category.like(f"{_KEY}%"), keys.c.wrapped.is_not(None)
        )
        return [
            (subject, name)
            for some in _chunks(residents)
            for subject, name in tx.execute(query.where(keys.c.subject.in_(some)))
        ]


class SegmentWriter:
    """Appends records to the file of the day. One per process, used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = secrets.token_hex(6)

    def append(self, records: Sequence[bytes], *, at: datetime) -> None:
        """Write records at the end of the file of this day.

        Raises
        ------
        OSError
            The disk is full or away; the next records go into another file, as this one may end
            in the middle of a record.
        """
        path = self._folder / f"{at:%Y%m%d}-{self._writer}.imp"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with path.open("ab") as file:
                file.write((b"" if file.tell() else _MAGIC) + b"".join(records))
        except OSError:
            self._writer = secrets.token_hex(6)
            raise


def _chunks(residents: Sequence[str]) -> Iterator[list[str]]:
    names = sorted(set(residents))
    for start in range(0, len(names), _SOME):
        yield names[start : start + _SOME]


def _day(path: Path) -> str:
    return path.name.partition("-")[0]


def _read(path: Path) -> list[_Record]:
    data = path.read_bytes()
    records: list[_Record] = []
    try:
        if data[: len(_MAGIC)] != _MAGIC[: len(data)]:
            raise ValueError("it does not begin as one")
        for body in unframed(data, len(_MAGIC)):
            records.append(_Record.of(body))
    except Torn:  # its writer was killed; what it was about to say is lost
        pass
    except (ValueError, struct.error) as error:
        raise CorruptStore(
            f"{path} is no file of impressions ({error}); delete it: nothing else depends on it"
        ) from error
    return records


def _encoded(one: ShownList) -> bytes:
    return canonical(
        {
            "surface": one.surface,
            "model": one.model,
            "arm": one.arm,
            "places": [[p.rec_id, p.item, p.rank, p.propensity] for p in one.places],
        }
    )


def _decoded(record: _Record, resident: ResidentId, plain: bytes) -> ShownList:
    said = parse(plain)
    places = cast("list[tuple[str, str, int, float]]", said["places"])
    return ShownList(
        resident=resident,
        row=record.row,
        at=moment(record.at),
        surface=str(said["surface"]),
        model=str(said["model"]),
        arm=str(said["arm"]),
        places=tuple(Place(RecId(r), ItemId(i), rank, p) for r, i, rank, p in places),
    )
