"""Imported batches: validated changes in sealed chunks, kept so that the graph can be rebuilt.

A batch is staged, then previewed: nobody sees any of it. It is committed in one transaction, or
discarded; a committed one can be undone. The same file of the same kind is one batch, until it
is undone: then it may come again, as another attempt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import cast

from sqlalchemy import Connection, delete, func, insert, select, update

from graph.codec import Json
from graph.errors import Conflict, CorruptStore, DataError, NotFound
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.chunks import pack_changes, unpack_changes
from graph.ledger.dialect import insert_missing
from graph.ledger.keys import Box, KeyRing
from graph.ledger.outbox import EventKind, Outbox
from graph.model import Change, DataCategory, InstitutionId, Source, SourceClass, SourceId

__all__ = ["CHUNK", "BatchState", "ImportBatch", "Imports"]

CHUNK = 1_000
"""Most changes in one staged chunk."""

_imports, _chunks = tables.imports, tables.import_chunks


class BatchState(StrEnum):
    """How far a batch is."""

    STAGING = "staging"
    PREVIEWED = "previewed"
    """All of it is validated and staged."""
    COMMITTED = "committed"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """One file on its way into the graph."""

    id: str
    kind: str
    file_hash: str
    source: Source
    institution: InstitutionId
    """Who brought it in."""
    state: BatchState
    begun_at: datetime
    committed_at: datetime | None
    undone_at: datetime | None
    seq: int | None
    """Sequence number of its event once committed."""
    changes: int
    """Changes staged, once it is previewed."""


OPERATOR = InstitutionId("operator")
_OPEN = (BatchState.STAGING, BatchState.PREVIEWED)


class Imports:
    """Stages and commits batches."""

    def __init__(self, keys: KeyRing, outbox: Outbox) -> None:
        self._keys = keys
        self._outbox = outbox

    def begin(
        self,
        tx: Connection,
        *,
        kind: str,
        file_hash: str,
        source: Source,
        at: datetime,
        institution: InstitutionId = OPERATOR,
    ) -> ImportBatch:
        """Open a batch for a file; the same file of the same kind again gives the same batch.

        Raises
        ------
        Conflict
            The file is an import of another institution.
        """
        attempt = tx.execute(
            select(func.count())
            .select_from(_imports)
            .where(_imports.c.kind == kind, _imports.c.file_hash == file_hash)
            .where(_imports.c.state == BatchState.UNDONE.value)
        ).scalar_one()
        id_ = _id_of(kind, file_hash, attempt)
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
                "attempt": attempt,
                "source": canonical(said).decode(),
                "institution": institution,
                "state": BatchState.STAGING.value,
                "begun_at": micros(at),
                "changes": 0,
            },
        )
        if self.get(tx, id_).institution != institution:
            raise Conflict(f"import batch {id_} is this file, of another institution")
        open_ = _imports.c.state.in_([state.value for state in _OPEN])
        said_now = {"source": canonical(said).decode()}
        tx.execute(update(_imports).where(_imports.c.id == id_, open_).values(said_now))
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

    def stage(self, tx: Connection, batch: str, n: int, changes: Sequence[Change]) -> bool:
        """Keep one chunk, sealed; a chunk staged again replaces the earlier one if it differs.

        Parameters
        ----------
        batch : str
        n : int
            0, 1, 2 ...
        changes : sequence of Change
            At most :data:`CHUNK`, validated.

        Returns
        -------
        bool
            Whether anything was written.

        Raises
        ------
        Conflict
            The batch is committed.
        """
        if len(changes) > CHUNK:
            raise DataError(f"{len(changes)} changes in one chunk; {CHUNK} is the most")
        if self.get(tx, batch).state not in _OPEN:
            raise Conflict(f"import batch {batch} is committed; nothing can be added")
        packed = pack_changes(changes)
        digest = self._keys.blind("import/changes", packed.said)
        mine = (_chunks.c.batch == batch, _chunks.c.n == n)
        before = tx.execute(select(_chunks.c.digest).where(*mine)).scalar()
        if before == digest:
            return False
        tx.execute(delete(_chunks).where(*mine))
        line = {"batch": batch, "n": n, "changes": len(changes), "digest": digest}
        sealed = self._keys.seal(tx, _box(batch, n), packed.body)
        tx.execute(insert(_chunks), {**line, "sealed": sealed})
        return True

    def end(self, tx: Connection, batch: str, n: int) -> None:
        """Forget chunks from a number on: an earlier reading had more of them."""
        tx.execute(delete(_chunks).where(_chunks.c.batch == batch, _chunks.c.n >= n))

    def set_previewed(self, tx: Connection, batch: str) -> ImportBatch:
        """Say that all of a batch is staged.

        Raises
        ------
        Conflict
            Another process committed it meanwhile.
        """
        total = select(func.coalesce(func.sum(_chunks.c.changes), 0))
        done = tx.execute(
            update(_imports)
            .where(_imports.c.id == batch, _imports.c.state.in_([s.value for s in _OPEN]))
            .values(
                state=BatchState.PREVIEWED.value,
                changes=total.where(_chunks.c.batch == batch).scalar_subquery(),
            )
        ).rowcount
        if not done:
            raise Conflict(f"import batch {batch}: another import of this file is done")
        return self.get(tx, batch)

    def changes(self, tx: Connection, batch: str) -> Iterator[list[Change]]:
        """Staged chunks in order; none of a batch that was undone.

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
            changes = unpack_changes(plain)
            seen += len(changes)
            yield changes
        if said.state is BatchState.COMMITTED and seen != said.changes:
            raise CorruptStore(f"import batch {batch}: {said.changes - seen} changes are missing")

    def commit(self, tx: Connection, batch: str, at: datetime) -> int:
        """Make a batch count: its event goes into the outbox; again changes nothing.

        Returns
        -------
        int
            Sequence number of the event.

        Raises
        ------
        Conflict
            It was undone.
        """
        staged = self.get(tx, batch)
        if staged.state is BatchState.COMMITTED and staged.seq is not None:
            return staged.seq
        if staged.state is not BatchState.PREVIEWED:
            staged = self.set_previewed(tx, batch)
        seq = self._append(tx, EventKind.IMPORT, batch, at)
        values = {"state": BatchState.COMMITTED.value, "committed_at": micros(at), "seq": seq}
        tx.execute(update(_imports).where(_imports.c.id == batch).values(values))
        return seq

    def undo(self, tx: Connection, batch: str, at: datetime) -> int | None:
        """Let a batch count no more: its changes go, the log says so; again changes nothing.

        Returns
        -------
        int or None
            Sequence number of the event; ``None`` when it was undone before.

        Raises
        ------
        Conflict
            The batch is not committed.
        """
        said = self.get(tx, batch)
        if said.state is BatchState.UNDONE:
            return None
        if said.state is not BatchState.COMMITTED:
            raise Conflict(f"import batch {batch} is {said.state}; discard it instead")
        seq = self._append(tx, EventKind.UNDO, batch, at)
        values = {"state": BatchState.UNDONE.value, "undone_at": micros(at)}
        tx.execute(update(_imports).where(_imports.c.id == batch).values(values))
        tx.execute(delete(_chunks).where(_chunks.c.batch == batch))
        return seq

    def discard(self, tx: Connection, batch: str) -> None:
        """Drop a batch that was not committed.

        Raises
        ------
        Conflict
            The batch is committed.
        """
        if self.get(tx, batch).state not in _OPEN:
            raise Conflict(f"import batch {batch} is committed; undo it instead")
        tx.execute(delete(_chunks).where(_chunks.c.batch == batch))
        tx.execute(delete(_imports).where(_imports.c.id == batch))

    def _append(self, tx: Connection, kind: EventKind, batch: str, at: datetime) -> int:
        return self._outbox.append(
            tx,
            kind=kind,
            key=f"{kind}/{batch}",
            subject=batch,
            category=DataCategory.PUBLIC,
            payload={},
            at=at,
        ).seq

    def list(self, tx: Connection) -> list[ImportBatch]:
        """All batches, newest first."""
        query = select(_imports).order_by(_imports.c.begun_at.desc(), _imports.c.id)
        return [_batch(dict(line)) for line in tx.execute(query).mappings()]


def _id_of(kind: str, file_hash: str, attempt: int) -> str:
    """Name of a batch; that of the first attempt is made of kind and file alone."""
    said = f"{kind}\0{file_hash}" + (f"\0{attempt}" if attempt else "")
    return "b" + hashlib.sha256(said.encode()).hexdigest()[:19]


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
    committed, undone, seq = line["committed_at"], line["undone_at"], line["seq"]
    return ImportBatch(
        id=str(line["id"]),
        kind=str(line["kind"]),
        file_hash=str(line["file_hash"]),
        source=source,
        institution=InstitutionId(str(line["institution"])),
        state=BatchState(str(line["state"])),
        begun_at=moment(cast("int", line["begun_at"])),
        committed_at=None if committed is None else moment(cast("int", committed)),
        undone_at=None if undone is None else moment(cast("int", undone)),
        seq=cast("int | None", seq),
        changes=cast("int", line["changes"]),
    )
