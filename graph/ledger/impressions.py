"""What residents were shown, sealed: kept to learn from, never needed to serve.

A list is sealed under a key that its resident has for nothing else, and lies in a file
(:mod:`graph.ledger.impression_files`). Whoever withdraws something the feed rests on loses that
key, and with it every list in every copy of the files; if they authorise again, a new key begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, func, select

from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.impression_files import Record, day_of, files_in, read_records, rewrite
from graph.ledger.keys import Box, KeyRing
from graph.model import ItemId, RecId, ResidentId

__all__ = ["Impressions", "Place", "ShownList"]

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


class Impressions:
    """Seals, reads, forgets."""

    def __init__(self, keys: KeyRing, folder: Path) -> None:
        self._keys = keys
        self.folder = folder

    def seal(self, tx: Connection, lists: Sequence[ShownList]) -> list[Record]:
        """Seal lists as records for a file.

        Parameters
        ----------
        tx : Connection
            A write transaction: a resident's first list makes a key.
        """
        generations = self._destroyed(tx, [one.resident for one in lists])
        empty = [
            Record(micros(one.at), one.row, generations.get(one.resident, 0), b"") for one in lists
        ]
        sealed = self._keys.seal_many(
            tx,
            [
                (_box(record, one.resident), _encoded(one))
                for record, one in zip(empty, lists, strict=True)
            ],
        )
        return [replace(record, sealed=body) for record, body in zip(empty, sealed, strict=True)]

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
        for path in files_in(self.folder):
            if day_of(path) < since.strftime("%Y%m%d"):
                continue
            records = [r for r in read_records(path) if r.at >= first and r.row < len(residents)]
            boxes = [(_box(r, residents[r.row]), r.sealed) for r in records]
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
        for path in files_in(self.folder):
            day = day_of(path)
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
        records = read_records(path)
        destroyed = self._destroyed(tx, [residents[r.row] for r in records])
        kept = [
            r
            for r in records
            if may_keep(r.row) and r.generation >= destroyed.get(residents[r.row], 0)
        ]
        if len(kept) < len(records):
            rewrite(path, kept)

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


def _box(record: Record, resident: str) -> Box:
    """Box of a list; bound to resident, key and time."""
    line = f"{record.row}/{record.at}"
    return Box("impressions", line, resident, f"{_KEY}{record.generation}")


def _chunks(residents: Sequence[str]) -> Iterator[list[str]]:
    names = sorted(set(residents))
    for start in range(0, len(names), _SOME):
        yield names[start : start + _SOME]


def _encoded(one: ShownList) -> bytes:
    return canonical(
        {
            "surface": one.surface,
            "model": one.model,
            "arm": one.arm,
            "places": [[p.rec_id, p.item, p.rank, p.propensity] for p in one.places],
        }
    )


def _decoded(record: Record, resident: ResidentId, plain: bytes) -> ShownList:
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
