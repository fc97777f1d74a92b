"""Texts that people wrote. They live here, sealed, and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from graph.ledger import tables
from graph.ledger.canonical import micros, moment
from graph.ledger.keys import Box, KeyRing
from graph.model import DataCategory, ResidentId

__all__ = ["Words", "Writing"]

_words = tables.words


@dataclass(frozen=True, slots=True)
class Writing:
    """One text of one resident."""

    id: str
    resident: ResidentId
    category: DataCategory
    text: str
    at: datetime


class Words:
    """Keeps texts."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def put(
        self,
        tx: Connection,
        resident: ResidentId,
        text: str,
        *,
        category: DataCategory = DataCategory.NEED_WORDS,
        at: datetime,
    ) -> str:
        """Store a text; returns its id."""
        (line,) = self.lines(tx, [(resident, category, text, at)])
        tx.execute(insert(_words), line)
        return str(line["id"])

    def lines(
        self, tx: Connection, texts: Sequence[tuple[ResidentId, DataCategory, str, datetime]]
    ) -> list[dict[str, object]]:
        """Seal texts of residents, as lines of the table."""
        ids = ["w" + secrets.token_hex(12) for _ in texts]
        boxes = [_box(id_, said[0], said[1]) for id_, said in zip(ids, texts, strict=True)]
        plain = [text.encode() for _, _, text, _ in texts]
        sealed = self._keys.seal_many(tx, list(zip(boxes, plain, strict=True)))
        return [
            {
                "id": id_,
                "resident": resident,
                "category": category.value,
                "sealed": body,
                "at": micros(at),
            }
            for id_, body, (resident, category, _, at) in zip(ids, sealed, texts, strict=True)
        ]

    def get(self, tx: Connection, id_: str) -> Writing | None:
        """Read a text; ``None`` when there is none or its key was destroyed."""
        line = tx.execute(select(_words).where(_words.c.id == id_)).first()
        if line is None:
            return None
        resident, category = ResidentId(line.resident), DataCategory(line.category)
        plain = self._keys.open(tx, _box(id_, resident, category), line.sealed)
        if plain is None:
            return None
        return Writing(id_, resident, category, plain.decode(), moment(line.at))

    def of(self, tx: Connection, resident: ResidentId) -> list[Writing]:
        """All texts of a resident, oldest first."""
        query = select(_words.c.id).where(_words.c.resident == resident)
        ids = tx.execute(query.order_by(_words.c.at, _words.c.id)).scalars().all()
        found = [self.get(tx, id_) for id_ in ids]
        return [writing for writing in found if writing is not None]

    def in_category(self, tx: Connection, category: DataCategory) -> Iterator[Writing]:
        """All texts of a category, oldest first; those whose key was destroyed are left out."""
        query = select(_words.c.id).where(_words.c.category == category.value)
        for id_ in tx.execute(query.order_by(_words.c.at, _words.c.id)).scalars().all():
            writing = self.get(tx, id_)
            if writing is not None:
                yield writing

    def remove(self, tx: Connection, id_: str) -> None:
        """Delete a text; again changes nothing."""
        tx.execute(delete(_words).where(_words.c.id == id_))


def _box(id_: str, resident: ResidentId, category: DataCategory) -> Box:
    return Box("words", id_, resident, category.value)
