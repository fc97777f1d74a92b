"""Imported batches: validated changes in sealed chunks, kept so that the graph can be rebuilt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import cast

from sqlalchemy import Connection, delete, func, insert, select, update

from graph.codec import Json, decode_change, encode_change
from graph.errors import Conflict, CorruptStore, DataError, NotFound
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.dialect import insert_missing
from graph.ledger.keys import Box, KeyRing
from graph.ledger.outbox import EventKind, Outbox
from graph.model import Change, DataCategory, Source, SourceClass, SourceId

__all__ = ["CHUNK", "BatchState", "ImportBatch", "Imports"]

CHUNK = 1_000
"""Most changes in one staged chunk."""

_imports, _chunks = tables.imports, tables.import_chunks


class BatchState(StrEnum):
    """How far a batch is."""

    STAGED = "staged"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """One file on its way into the graph."""

    id: str
    kind: str
    file_hash: str
    source: Source
    state: BatchState
    begun_at: datetime
    committed_at: datetime | None
    seq: int | None
    """Sequence number of its event once committed."""
    changes: int
    """Changes staged."""


class Imports:
    """Stages and commits batches."""

    def __init__(self, keys: KeyRing, outbox: Outbox) -> None:
        self._keys = keys
        self._outbox = outbox

    def begin(
        self, tx: Connection, *, kind: str, file_hash: str, source: Source, at: datetime
    ) -> ImportBatch:
        """Open a batch for a file; the same file of the same kind again gives the same batch."""
        id_ = "b" + hashlib.sha256(f"{kind}\0{file_hash}".encode()).hexdigest()[:19]
        said: dict[str, Json] = {
            "id": source.id,
            "source_class": source.source_class.value,
            "owner": source.owner,
            "title": source.title,
            "legal_basis": source.legal_basis,
            "licence": source.licence,
            "refresh": source.refresh,
        }
        insert_missing(
            tx,
            _imports,
            {
                "id": id_,
                "kind": kind,
                "file_hash": file_hash,
                "source": canonical(said).decode(),
                "state": BatchState.STAGED.value,
                "begun_at": micros(at),
                "changes": 0,
            },
        )
        return self.get(tx, id_)

    def get(self, tx: Connection, batch: str) -> ImportBatch:
        """Look a batch up.

        Raises
        ------
        NotFound
            There is no batch with this id.
        """
        line = tx.execute(select(_imports).where(_imports.c.id == batch)).mappings().first()
        if line is None:
            raise NotFound(f"no import batch {batch!r}; every import tells its own")
        return _batch(dict(line))

    def stage(self, tx: Connection, batch: str, n: int, changes: Sequence[Change]) -> None:
        """Keep one chunk, sealed; a chunk staged again replaces the earlier one.

        Parameters
        ----------
        batch : str
        n : int
            0, 1, 2 ...
        changes : sequence of Change
            At most :data:`CHUNK`, validated.

        Raises
        ------
        Conflict
            The batch is committed.
        """
        if len(changes) > CHUNK:
            raise DataError(f"{len(changes)} changes in one chunk; {CHUNK} is the most")
        if self.get(tx, batch).state is BatchState.COMMITTED:
            raise Conflict(f"import batch {batch} is committed; nothing can be added")
        body = canonical({"changes": [encode_change(change) for change in changes]})
        sealed = self._keys.seal(tx, _box(batch, n), body)
        tx.execute(delete(_chunks).where(_chunks.c.batch == batch, _chunks.c.n == n))
        tx.execute(
            insert(_chunks), {"batch": batch, "n": n, "changes": len(changes), "sealed": sealed}
        )

    def changes(self, tx: Connection, batch: str) -> Iterator[list[Change]]:
        """Staged chunks in order.

        Raises
        ------
        CorruptStore
            A chunk is missing or altered.
        """
        said = self.get(tx, batch)
        mine = _chunks.c.batch == batch
        numbers = tx.execute(select(_chunks.c.n).where(mine).order_by(_chunks.c.n)).scalars().all()
        seen = 0
        for expected, n in enumerate(numbers):
            if n != expected:
                raise CorruptStore(f"import batch {batch}: chunk {expected} is missing")
            sealed = tx.execute(select(_chunks.c.sealed).where(mine, _chunks.c.n == n)).scalar_one()
            plain = self._keys.open(tx, _box(batch, n), sealed)
            if plain is None:
                return
            encoded = cast("list[Mapping[str, Json]]", parse(plain)["changes"])
            seen += len(encoded)
            yield [decode_change(change) for change in encoded]
        if said.state is BatchState.COMMITTED and seen != said.changes:
            raise CorruptStore(f"import batch {batch}: {said.changes - seen} changes are missing")

    def commit(self, tx: Connection, batch: str, at: datetime) -> int:
        """Make a batch count: its event goes into the outbox; again changes nothing.

        Returns
        -------
        int
            Sequence number of the event.
        """
        staged = self.get(tx, batch)
        if staged.seq is not None:
            return staged.seq
        done = self._outbox.append(
            tx,
            kind=EventKind.IMPORT,
            key=f"import/{batch}",
            subject=batch,
            category=DataCategory.PUBLIC,
            payload={},
            at=at,
        )
        total = tx.execute(
            select(func.coalesce(func.sum(_chunks.c.changes), 0)).where(_chunks.c.batch == batch)
        ).scalar_one()
        tx.execute(
            update(_imports)
            .where(_imports.c.id == batch)
            .values(
                state=BatchState.COMMITTED.value,
                committed_at=micros(at),
                seq=done.seq,
                changes=int(total),
            )
        )
        return done.seq

    def discard(self, tx: Connection, batch: str) -> None:
        """Drop a batch that was not committed.

        Raises
        ------
        Conflict
            The batch is committed.
        """
        if self.get(tx, batch).state is BatchState.COMMITTED:
            raise Conflict(f"import batch {batch} is committed; it can no longer be dropped")
        tx.execute(delete(_chunks).where(_chunks.c.batch == batch))
        tx.execute(delete(_imports).where(_imports.c.id == batch))

    def list(self, tx: Connection) -> list[ImportBatch]:
        """All batches, newest first."""
        query = select(_imports).order_by(_imports.c.begun_at.desc(), _imports.c.id)
        return [_batch(dict(line)) for line in tx.execute(query).mappings()]


def _box(batch: str, n: int) -> Box:
    return Box("import_chunks", f"{batch}/{n}", batch, "import")


def _batch(line: Mapping[str, object]) -> ImportBatch:
    said = parse(str(line["source"]).encode())
    source = Source(
        id=SourceId(str(said["id"])),
        source_class=SourceClass(str(said["source_class"])),
        owner=str(said["owner"]),
        title=str(said["title"]),
        legal_basis=str(said["legal_basis"]),
        licence=str(said["licence"]),
        refresh=str(said["refresh"]),
    )
    committed, seq = line["committed_at"], line["seq"]
    return ImportBatch(
        id=str(line["id"]),
        kind=str(line["kind"]),
        file_hash=str(line["file_hash"]),
        source=source,
        state=BatchState(str(line["state"])),
        begun_at=moment(cast("int", line["begun_at"])),
        committed_at=None if committed is None else moment(cast("int", committed)),
        seq=cast("int | None", seq),
        changes=cast("int", line["changes"]),
    )
