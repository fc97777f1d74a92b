"""What the ledger holds of one resident besides their grants: who they are, words, records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Table, select

from graph.codec import Json
from graph.ledger import tables
from graph.ledger.canonical import moment, parse
from graph.ledger.identity import CATEGORY_OF, Identity
from graph.ledger.records import Records
from graph.ledger.words import Words
from graph.model import DataCategory, ResidentId

__all__ = ["Holding", "Holdings"]


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that is held."""

    name: str
    """Unique among the things held of one resident."""
    kind: str
    """``phone``, ``address`` ..., ``words``, or the kind of a record."""
    category: DataCategory
    value: Json
    at: datetime
    source: str
    """Source of the import that brought it; empty when none did."""


class Holdings:
    """Reads everything of one resident, with its source; what has no key any more is left out."""

    def __init__(self, identity: Identity, words: Words, records: Records) -> None:
        self._identity = identity
        self._words = words
        self._records = records

    def of(self, tx: Connection, resident: ResidentId) -> list[Holding]:
        """Everything of a resident, in a fixed order."""
        return [
            *self._fields(tx, resident),
            *self._texts(tx, resident),
            *self._notes(tx, resident),
        ]

    def _fields(self, tx: Connection, resident: ResidentId) -> list[Holding]:
        known = _origins(tx, tables.identity, tables.identity.c.kind, resident)
        return [
            Holding(
                f"identity/{kind}",
                kind,
                CATEGORY_OF.get(kind, DataCategory.IDENTITY),
                value,
                *known[kind],
            )
            for kind, value in sorted(self._identity.get(tx, resident).items())
        ]

    def _texts(self, tx: Connection, resident: ResidentId) -> list[Holding]:
        known = _origins(tx, tables.words, tables.words.c.id, resident)
        return [
            Holding(f"words/{one.id}", "words", one.category, one.text, *known[one.id])
            for one in self._words.of(tx, resident)
        ]

    def _notes(self, tx: Connection, resident: ResidentId) -> list[Holding]:
        table = tables.records
        known = _origins(tx, table, table.c.id, resident)
        kinds = select(table.c.kind).where(table.c.resident == resident).distinct()
        return [
            Holding(f"records/{one.id}", kind, one.category, dict(one.fields), *known[one.id])
            for kind in sorted(tx.execute(kinds).scalars())
            for one in self._records.of(tx, resident, kind)
        ]


def _origins(
    tx: Connection, table: Table, key: Column[str], resident: ResidentId
) -> dict[str, tuple[datetime, str]]:
    """When each line is of, and the source of the import that brought it."""
    imports = tables.imports
    query = (
        select(key, table.c.at, imports.c.source)
        .select_from(table.outerjoin(imports, imports.c.id == table.c.batch))
        .where(table.c.resident == resident)
    )
    return {
        str(name): (moment(at), "" if source is None else str(parse(source.encode())["id"]))
        for name, at, source in tx.execute(query)
    }
