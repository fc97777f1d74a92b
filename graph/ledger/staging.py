"""What waits for the commit of an import, and how it moves into its place and out again.

Rows are staged in tables that have the columns of their own table, sealed as they will be kept,
so that a commit is a handful of ``INSERT ... SELECT``. Everything carries its chunk's number and
a digest: a chunk that is staged again and equal is left as it lies, so an import that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Delete, Table, delete, func, insert, select

from graph.ledger import tables
from graph.ledger.canonical import canonical, micros
from graph.ledger.dialect import insert_missing
from graph.ledger.identity import CATEGORY_OF
from graph.ledger.keys import Box, KeyRing
from graph.ledger.rows import RowKind
from graph.model import DataCategory, ResidentId

__all__ = ["Part", "Staging"]

Lines = Sequence[Mapping[str, object]]

_parts = tables.import_parts
_AT_ONCE = 10_000


class Part(StrEnum):
    """What an import consists of, besides its changes and the ids that get row numbers."""

    IDENTITIES = "identities"
    GRANTS = "grants"
    WORDS = "words"
    SEATS = "seats"
    BOOKINGS = "bookings"
    RECORDS = "records"
    ISSUES = "issues"
    REPORT = "report"
    NEEDS = "needs"
    """Categories whose grant must be there already when the import is committed."""
    REFUSAL = "refusal"
    """Why the file as a whole was refused."""
    COPY = "copy"
    """The file with its issues beside its rows."""


AnyPart = Part | RowKind

_TABLES: dict[AnyPart, Table] = {
    **dict.fromkeys(RowKind, tables.staged_rows),
    Part.IDENTITIES: tables.staged_identity,
    Part.GRANTS: tables.staged_grants,
    Part.WORDS: tables.staged_words,
    Part.SEATS: tables.staged_seats,
    Part.BOOKINGS: tables.staged_bookings,
    Part.RECORDS: tables.staged_records,
}


class Staging:
    """Keeps the parts of batches that are not committed yet, and their reports."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def rows(
        self,
        tx: Connection,
        batch: str,
        part: AnyPart,
        n: int,
        said: bytes,
        make: Callable[[], Lines],
    ) -> bool:
        """Stage one chunk of rows.

        Parameters
        ----------
        n : int
            0, 1, 2 ...
        said : bytes
            What the chunk says; equal to that of an equal chunk.
        make : callable
            Makes the lines of the table; not called for a chunk that lies there already.

        Returns
        -------
        bool
            Whether anything was written.
        """
        digest = self._digest(part, said)
        if not self._changed(tx, batch, part, n, digest):
            return False
        lines = [{**line, "batch": batch, "n": n} for line in make()]
        if lines:
            insert_missing(tx, _TABLES[part], lines)
        self._write(tx, batch, part, n, b"", digest)
        return True

    def ids(self, tx: Connection, batch: str, kind: RowKind, n: int, keys: Sequence[str]) -> bool:
        """Stage one chunk of ids that will get row numbers, in their order. See :meth:`rows`."""
        return self.rows(
            tx,
            batch,
            kind,
            n,
            canonical({"keys": list(keys)}),
            lambda: [
                {"kind": kind.value, "key": key, "place": place} for place, key in enumerate(keys)
            ],
        )

    def seal(self, tx: Connection, batch: str, part: AnyPart, n: int, body: bytes) -> bool:
        """Keep bytes, compressed and sealed. See :meth:`rows`."""
        digest = self._digest(part, body)
        if not self._changed(tx, batch, part, n, digest):
            return False
        box = _box(batch, part, n)
        self._write(tx, batch, part, n, self._keys.seal(tx, box, zlib.compress(body)), digest)
        return True

    def end(self, tx: Connection, batch: str, part: AnyPart, n: int) -> None:
        """Forget chunks from a number on: an earlier reading had more of them."""
        mine = (_parts.c.batch == batch, _parts.c.part == part.value, _parts.c.n >= n)
        if tx.execute(delete(_parts).where(*mine)).rowcount and part in _TABLES:
            tx.execute(self._rows_from(batch, part, n))

    def opened(self, tx: Connection, batch: str, part: AnyPart, first: int = 0) -> Iterator[bytes]:
        """Yield sealed bytes by number, from one on."""
        query = select(_parts.c.n).where(_parts.c.batch == batch, _parts.c.part == part.value)
        numbers = tx.execute(query.where(_parts.c.n >= first).order_by(_parts.c.n)).scalars().all()
        for n in numbers:
            query = select(_parts.c.sealed).where(
                _parts.c.batch == batch, _parts.c.part == part.value, _parts.c.n == n
            )
            plain = self._keys.open(tx, _box(batch, part, n), tx.execute(query).scalar_one())
            if plain is not None:
                yield zlib.decompress(plain)

    def counts(self, tx: Connection, batch: str) -> dict[AnyPart, int]:
        """How many rows of each part are staged."""
        found = {}
        for part, table in _TABLES.items():
            query = select(func.count()).select_from(table).where(table.c.batch == batch)
            if isinstance(part, RowKind):
                query = query.where(table.c.kind == part.value)
            found[part] = int(tx.execute(query).scalar_one())
        return found

    def new_ids(self, tx: Connection, batch: str) -> dict[RowKind, int]:
        """How many staged ids have no row number yet."""
        staged, rows = tables.staged_rows, tables.rows
        known = select(rows.c.key).where(rows.c.kind == staged.c.kind, rows.c.key == staged.c.key)
        query = select(staged.c.kind, func.count()).where(staged.c.batch == batch, ~known.exists())
        found = {kind: int(n) for kind, n in tx.execute(query.group_by(staged.c.kind))}
        return {kind: found.get(kind.value, 0) for kind in RowKind}

    def drop_rows(self, tx: Connection, batch: str, *, claims: bool) -> None:
        """Forget staged rows; of the claims on places only when asked to."""
        kept = set() if claims else {tables.staged_bookings}
        for table in set(_TABLES.values()) - kept:
            tx.execute(delete(table).where(table.c.batch == batch))

    def leave_out(
        self, tx: Connection, batch: str, category: DataCategory, residents: Sequence[ResidentId]
    ) -> None:
        """Forget what is staged of residents in a category that is not the law's."""
        kinds = [kind for kind, of in CATEGORY_OF.items() if of is category]
        words, records = tables.staged_words, tables.staged_records
        identity = tables.staged_identity
        for start in range(0, len(residents), _AT_ONCE):
            some = residents[start : start + _AT_ONCE]
            for table, which in (
                (identity, identity.c.kind.in_(kinds)),
                (words, words.c.category == category.value),
                (records, records.c.category == category.value),
            ):
                mine = (table.c.batch == batch, table.c.resident.in_(some))
                tx.execute(delete(table).where(*mine, which))

    def tidy(self, tx: Connection, before: datetime) -> None:
        """Forget what committed batches no longer need.

        Their staged rows, which a killed process may have left, and the issues and copies of
        those that were committed before a time.
        """
        imports = tables.imports
        done = select(imports.c.id).where(imports.c.state == "committed")
        for table in set(_TABLES.values()) - {tables.staged_bookings}:
            tx.execute(delete(table).where(table.c.batch.in_(done)))
        old = done.where(imports.c.committed_at < micros(before))
        told = [Part.ISSUES.value, Part.COPY.value]
        tx.execute(delete(_parts).where(_parts.c.batch.in_(old), _parts.c.part.in_(told)))

    def drop_parts(self, tx: Connection, batch: str, *parts: Part) -> None:
        """Forget parts of a batch; all of them when none is named."""
        query = delete(_parts).where(_parts.c.batch == batch)
        if parts:
            query = query.where(_parts.c.part.in_([part.value for part in parts]))
        tx.execute(query)

    def _digest(self, part: AnyPart, said: bytes) -> bytes:
        return self._keys.blind(f"import/{part}", said)

    def _changed(self, tx: Connection, batch: str, part: AnyPart, n: int, digest: bytes) -> bool:
        """Whether a chunk differs from what lies there; makes room for it if so."""
        mine = (_parts.c.batch == batch, _parts.c.part == part.value, _parts.c.n == n)
        before = tx.execute(select(_parts.c.digest).where(*mine)).scalar()
        if before == digest:
            return False
        if before is not None:
            self.end(tx, batch, part, n)
        return True

    def _write(
        self, tx: Connection, batch: str, part: AnyPart, n: int, sealed: bytes, digest: bytes
    ) -> None:
        line = {"batch": batch, "part": part.value, "n": n, "sealed": sealed, "digest": digest}
        tx.execute(insert(_parts), line)

    def _rows_from(self, batch: str, part: AnyPart, n: int) -> Delete:
        table = _TABLES[part]
        query = delete(table).where(table.c.batch == batch, table.c.n >= n)
        return query.where(table.c.kind == part.value) if isinstance(part, RowKind) else query


def _box(batch: str, part: AnyPart, n: int) -> Box:
    return Box("import_parts", f"{batch}/{part}/{n}", batch, "import")
