"""What residents told Linli themselves: their own word, which stands above what others bring in.

An outbox event says that something was told; here stands what counts now, so that an import that
comes later, or is replayed into a new graph, does not silently overwrite it
(:mod:`graph.own_word`), and a switch that was turned off stays off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from graph.codec import Json
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.dialect import upsert
from graph.ledger.keys import Box, KeyRing
from graph.model import DataCategory, ResidentId

__all__ = ["Told", "Word"]

_told = tables.told
_IMPERSONAL, _FACT = "impersonal", "fact"
_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Word:
    """One thing a resident told."""

    slot: str
    """What it is about, as :mod:`graph.own_word` names it; a later word on it replaces this one."""
    category: DataCategory
    value: Json
    at: datetime


class Told:
    """Keeps the latest word of each resident on each thing, sealed."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def put(self, tx: Connection, resident: ResidentId, word: Word) -> None:
        """Keep a word in the place of an earlier one on the same thing."""
        id_ = self._id(resident, word.slot)
        said: dict[str, Json] = {"slot": word.slot, "value": word.value}
        box = _box(id_, resident, word.category)
        line = {
            "id": id_,
            "resident": resident,
            "kind": _FACT,
            "category": word.category.value,
            "said": self._keys.seal(tx, box, canonical(said)),
            "at": micros(word.at),
        }
        upsert(tx, _told, [line])

    def of(self, tx: Connection, resident: ResidentId) -> dict[str, Word]:
        """Everything a resident told, by slot."""
        return self.of_many(tx, [resident]).get(resident, {})

    def of_many(
        self, tx: Connection, residents: Sequence[ResidentId]
    ) -> dict[ResidentId, dict[str, Word]]:
        """Everything these residents told; who told nothing is left out."""
        facts = select(_told).where(_told.c.kind == _FACT)
        if tx.execute(facts.limit(1)).first() is None:
            return {}
        found: dict[ResidentId, dict[str, Word]] = {}
        for start in range(0, len(residents), _CHUNK):
            some = residents[start : start + _CHUNK]
            lines = tx.execute(facts.where(_told.c.resident.in_(some))).mappings().all()
            boxes = [(_box(x["id"], x["resident"], x["category"]), x["said"]) for x in lines]
            for line, plain in zip(lines, self._keys.open_many(tx, boxes), strict=True):
                if plain is not None:
                    word = _word(line["category"], line["at"], plain)
                    found.setdefault(ResidentId(line["resident"]), {})[word.slot] = word
        return found

    def be_impersonal(self, tx: Connection, resident: ResidentId, at: datetime) -> None:
        """Keep that this resident wants no list made for them personally."""
        line = {
            "id": self._id(resident, _IMPERSONAL),
            "resident": resident,
            "kind": _IMPERSONAL,
            "category": "",
            "said": b"",
            "at": micros(at),
        }
        upsert(tx, _told, [line])

    def be_personal(self, tx: Connection, resident: ResidentId) -> None:
        """Forget that; again changes nothing."""
        tx.execute(delete(_told).where(_told.c.id == self._id(resident, _IMPERSONAL)))

    def impersonal(self, tx: Connection) -> set[ResidentId]:
        """All residents who want no list made for them personally."""
        query = select(_told.c.resident).where(_told.c.kind == _IMPERSONAL)
        return {ResidentId(resident) for resident in tx.execute(query).scalars()}

    def _id(self, resident: ResidentId, slot: str) -> str:
        return self._keys.pseudonym("told", f"{resident}\0{slot}")


def _word(category: str, at: int, plain: bytes) -> Word:
    said = parse(plain)
    return Word(str(said["slot"]), DataCategory(category), said["value"], moment(at))


def _box(id_: str, resident: str, category: str) -> Box:
    return Box("told", id_, resident, category)
