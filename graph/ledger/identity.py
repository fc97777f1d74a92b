"""Who residents are: sealed names, numbers and addresses, found by keyed digests only."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from graph.ledger import tables
from graph.ledger.canonical import micros
from graph.ledger.dialect import upsert
from graph.ledger.keys import Box, KeyRing
from graph.model import DataCategory, ResidentId

__all__ = ["CATEGORY_OF", "FOUND_BY", "Identity"]

CATEGORY_OF: dict[str, DataCategory] = {
    "phone": DataCategory.CONTACT,
    "wechat": DataCategory.CONTACT,
    "email": DataCategory.CONTACT,
    "address": DataCategory.DWELLING,
    "meter": DataCategory.UTILITY_WATER,
}
"""Category of each kind of field; all others are ``IDENTITY``."""

FOUND_BY = frozenset({"id_number", "phone", "wechat", "email", "meter"})
"""Kinds of fields by which somebody is found; of the others no digest is kept."""

_CATEGORY_NAMES = {kind: category.value for kind, category in CATEGORY_OF.items()}
_IDENTITY_NAME = DataCategory.IDENTITY.value
_identity = tables.identity
_CHUNK = 10_000
_ANYBODY = select(_identity.c.resident).limit(1)


class Identity:
    """Fields by which a person is known outside Linli."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def put(
        self, tx: Connection, resident: ResidentId, fields: Mapping[str, str], at: datetime
    ) -> None:
        """Store fields (``name``, ``phone``, ``id_number`` ...), replacing earlier ones."""
        self.put_many(tx, [(resident, fields)], at)

    def put_many(
        self,
        tx: Connection,
        people: Sequence[tuple[ResidentId, Mapping[str, str]]],
        at: datetime,
    ) -> None:
        """Store the fields of many residents at once."""
        lines = self.lines(tx, people, at)
        if lines:
            upsert(tx, _identity, [{**line, "batch": None} for line in lines])

    def lines(
        self,
        tx: Connection,
        people: Sequence[tuple[ResidentId, Mapping[str, str]]],
        at: datetime,
    ) -> list[dict[str, object]]:
        """Seal the fields of residents, as lines of the table."""
        moment = micros(at)
        fields = [(who, kind, value) for who, said in people for kind, value in said.items()]
        sealed = self._keys.seal_many(
            tx, [(_box(who, kind), value.encode()) for who, kind, value in fields]
        )
        return [
            {
                "resident": who,
                "kind": kind,
                "sealed": value_sealed,
                "blind": self._blind(kind, value) if kind in FOUND_BY else b"",
                "at": moment,
            }
            for (who, kind, value), value_sealed in zip(fields, sealed, strict=True)
        ]

    def get(self, tx: Connection, resident: ResidentId) -> dict[str, str]:
        """All fields of one resident; those whose key was destroyed are left out."""
        return self.get_many(tx, [resident]).get(resident, {})

    def get_many(
        self, tx: Connection, residents: Sequence[ResidentId]
    ) -> dict[ResidentId, dict[str, str]]:
        """All fields of residents, as :meth:`get`; who has none is left out."""
        found: dict[ResidentId, dict[str, str]] = {}
        query = select(_identity.c.resident, _identity.c.kind, _identity.c.sealed)
        for start in range(0, len(residents), _CHUNK):
            some = _identity.c.resident.in_(residents[start : start + _CHUNK])
            lines = tx.execute(query.where(some)).all()
            plain = self._keys.open_many(tx, [(_box(who, kind), s) for who, kind, s in lines])
            for (who, kind, _), value in zip(lines, plain, strict=True):
                if value is not None:
                    found.setdefault(ResidentId(who), {})[kind] = value.decode()
        return found

    def names(self, tx: Connection, residents: Sequence[ResidentId]) -> dict[ResidentId, str]:
        """Names of residents, in one batch; who has none is left out."""
        query = select(_identity.c.resident, _identity.c.sealed).where(_identity.c.kind == "name")
        lines: list[tuple[str, bytes]] = []
        for start in range(0, len(residents), _CHUNK):
            some = _identity.c.resident.in_(residents[start : start + _CHUNK])
            lines.extend((who, sealed) for who, sealed in tx.execute(query.where(some)))
        plain = self._keys.open_many(tx, [(_box(who, "name"), s) for who, s in lines])
        return {
            ResidentId(who): name.decode()
            for (who, _), name in zip(lines, plain, strict=True)
            if name is not None
        }

    def find(self, tx: Connection, kind: str, value: str) -> ResidentId | None:
        """Find the one resident with this value; ``None`` when there is none or are several."""
        return self.find_many(tx, kind, [value]).get(value)

    def find_many(self, tx: Connection, kind: str, values: Sequence[str]) -> dict[str, ResidentId]:
        """Find residents by values of a kind; those that none or several have are left out.

        Only kinds in :data:`FOUND_BY` are ever found.
        """
        if tx.execute(_ANYBODY).first() is None:
            return {}
        blinds = {value: self._blind(kind, value) for value in values}
        asked = list(set(blinds.values()))
        have: dict[bytes, ResidentId | None] = {}
        query = select(_identity.c.blind, _identity.c.resident).where(_identity.c.kind == kind)
        for start in range(0, len(asked), _CHUNK):
            some = _identity.c.blind.in_(asked[start : start + _CHUNK])
            for blind, who in tx.execute(query.where(some)):
                have[blind] = None if blind in have else ResidentId(who)
        found = ((value, have.get(blind)) for value, blind in blinds.items())
        return {value: who for value, who in found if who is not None}

    def _blind(self, kind: str, value: str) -> bytes:
        return self._keys.blind(f"identity/{kind}", _normal(kind, value).encode())


def _box(resident: str, kind: str) -> Box:
    category = _CATEGORY_NAMES.get(kind, _IDENTITY_NAME)
    return Box("identity", f"{resident}/{kind}", resident, category)


def _normal(kind: str, value: str) -> str:
    """Spelling by which values are compared: full-width forms, spaces and case do not count."""
    text = value if value.isascii() else unicodedata.normalize("NFKC", value)
    text = "".join(text.casefold().split())
    return text.replace("-", "").removeprefix("+86") if kind == "phone" else text
