"""Records: visits, answers to questionnaires and meter readings, sealed, one line each."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from graph.codec import Json
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.keys import Box, KeyRing
from graph.model import DataCategory, ResidentId

__all__ = ["NewRecord", "Record", "Records"]

_records = tables.records
_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What was noted about a resident one day."""

    resident: ResidentId
    kind: str
    """See :class:`graph.ingest.RecordKind`."""
    category: DataCategory
    at: datetime
    fields: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Record(NewRecord):
    """A record as it is kept."""

    id: str


class Records:
    """Keeps records."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def put_many(self, tx: Connection, records: Sequence[NewRecord]) -> None:
        """Store records."""
        lines = self.lines(tx, records)
        if lines:
            tx.execute(insert(_records), lines)

    def lines(self, tx: Connection, records: Sequence[NewRecord]) -> list[dict[str, object]]:
        """Seal records, as lines of the table."""
        ids = ["r" + secrets.token_hex(12) for _ in records]
        sealed = self._keys.seal_many(
            tx,
            [
                (_box(id_, record.resident, record.category), canonical(record.fields))
                for id_, record in zip(ids, records, strict=True)
            ],
        )
        return [
            {
                "id": id_,
                "resident": record.resident,
                "kind": record.kind,
                "category": record.category.value,
                "at": micros(record.at),
                "sealed": body,
            }
            for id_, body, record in zip(ids, sealed, records, strict=True)
        ]

    def of(self, tx: Connection, resident: ResidentId, kind: str) -> list[Record]:
        """Return records of one kind about a resident, oldest first.

        Those whose key was destroyed are left out.
        """
        return self.of_many(tx, [resident], kind)

    def of_many(self, tx: Connection, residents: Sequence[ResidentId], kind: str) -> list[Record]:
        """Return records of one kind about residents, oldest first, as :meth:`of`."""
        found: list[Record] = []
        for start in range(0, len(residents), _CHUNK):
            some = _records.c.resident.in_(residents[start : start + _CHUNK])
            query = select(_records).where(some, _records.c.kind == kind)
            lines = tx.execute(query).all()
            boxes = [
                _box(line.id, ResidentId(line.resident), DataCategory(line.category))
                for line in lines
            ]
            plain = self._keys.open_many(
                tx, [(box, line.sealed) for box, line in zip(boxes, lines, strict=True)]
            )
            found += [
                Record(
                    ResidentId(line.resident),
                    kind,
                    DataCategory(line.category),
                    moment(line.at),
                    parse(body),
                    line.id,
                )
                for line, body in zip(lines, plain, strict=True)
                if body is not None
            ]
        return sorted(found, key=lambda record: (record.at, record.id))


def _box(id_: str, resident: ResidentId, category: DataCategory) -> Box:
    return Box("records", id_, resident, category.value)
