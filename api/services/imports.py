"""Imports as the command line and REST offer them: receive, look, commit, undo, discard."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import PurePath
from typing import BinaryIO

from sqlalchemy import Connection

from api.services.backing import Backing
from api.services.interactions import append_promotion
from graph.errors import DataError, NotFound, NotReady
from graph.gate import BatchState, ImportBatch
from graph.ingest import (
    ISSUES_AT_ONCE,
    ImportResult,
    Preview,
    Refusal,
    RowIssue,
    commit_import,
    copy_of,
    discard_import,
    ending_of,
    forget_refusal,
    issues_of,
    own_import,
    preview_of,
    refusal_of,
    undo_import,
)
from graph.model import Actor, ItemId, ResidentId, Source, SourceClass, SourceId
from jobs.uploads import upload_args

__all__ = ["CorrectedCopy", "Imports", "Shown", "ending_for"]

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A batch, with one page of its issues."""

    batch: ImportBatch
    preview: Preview | None
    """None before it is validated."""
    refusal: Refusal | None
    """Why the file as a whole was refused."""
    issues: tuple[RowIssue, ...]
    next: int | None
    """Number of the first issue of the next page."""


@dataclass(frozen=True, slots=True)
class CorrectedCopy:
    """A file with its issues beside its rows."""

    kind: str
    """Kind of the import."""
    ending: str
    """``.csv`` or ``.xlsx``."""
    pieces: Iterator[bytes]


class Imports:
    """What is done with batches after, and through REST before, they are validated."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def receive(self, actor: Actor, kind: str, stream: BinaryIO, *, suffix: str) -> ImportBatch:
        """Take a file in and ask the jobs process to validate it, unless it is committed already.

        Raises
        ------
        DataError
            The file is empty.
        Conflict
            Another institution brought this file in.
        """
        uploads = self._backing.home.uploads
        uploads.mkdir(mode=0o700, exist_ok=True)
        file = uploads / (secrets.token_hex(16) + suffix)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as target:
                digest = _copy(stream, target)
            self._backing.gate.record_import(actor, f"import upload of {kind}")
            ledger, now = self._backing.ledger, self._backing.clock()
            with ledger.write() as tx:
                batch = ledger.imports.begin(
                    tx,
                    kind=kind,
                    file_hash=digest,
                    source=_uploaded(kind, actor),
                    at=now,
                    institution=actor.institution,
                )
                if batch.state is not BatchState.COMMITTED:
                    args = upload_args(actor, kind=kind, batch=batch.id, file=file.name)
                    ledger.runs.request(tx, "import", args, actor.id, now)
                    forget_refusal(ledger, tx, batch.id)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        if batch.state is BatchState.COMMITTED:
            file.unlink()
        return batch

    def get(self, actor: Actor, batch: str) -> ImportBatch:
        """Look a batch up, without what is in its file.

        Raises
        ------
        NotFound
            There is no such batch.
        Denied
            It is another institution's.
        """
        with self._backing.ledger.read() as tx:
            return own_import(self._backing.ledger, tx, batch, actor)

    def show(self, actor: Actor, batch: str, *, first: int = 0, limit: int = 100) -> Shown:
        """Look at a batch; who looks at a preview is on record before it is shown.

        Raises
        ------
        NotFound
            There is no such batch.
        Denied
            It is another institution's.
        """
        shown = self._page(actor, batch, first, limit)
        if shown.preview is not None:
            self._backing.gate.record_import(actor, f"import preview {batch}")
        return shown

    def _page(self, actor: Actor, batch: str, first: int, limit: int) -> Shown:
        ledger = self._backing.ledger
        with ledger.read() as tx:
            found = own_import(ledger, tx, batch, actor)
            staging = found.state is BatchState.STAGING
            refusal = refusal_of(ledger, tx, batch) if staging else None
            try:
                preview = preview_of(ledger, tx, batch)
            except NotFound:
                return Shown(found, None, refusal, (), None)
            some = list(islice(issues_of(ledger, tx, batch, first), limit + 1))
        more = len(some) > limit
        return Shown(found, preview, refusal, tuple(some[:limit]), first + limit if more else None)

    def issues(self, actor: Actor, batch: str) -> Iterator[RowIssue]:
        """Yield all issues of a batch, a page at a time; whoever asks has looked at it."""
        first: int | None = 0
        while first is not None:
            page = self._page(actor, batch, first, ISSUES_AT_ONCE)
            yield from page.issues
            first = page.next

    def copy(self, actor: Actor, batch: str) -> CorrectedCopy:
        """Return the file with its issues beside its rows; who asks is on record before.

        Raises
        ------
        NotFound
            There is no such batch, nothing was wrong with its file, or the copy was kept for its
            time and is gone.
        """
        kind = self.get(actor, batch).kind
        pieces = self._copied(actor, batch)
        first = next(pieces)
        return CorrectedCopy(kind, ending_of(first), chain([first], pieces))

    def _copied(self, actor: Actor, batch: str) -> Iterator[bytes]:
        ledger = self._backing.ledger
        with ledger.read() as tx:
            pieces = copy_of(ledger, tx, batch)
            first = next(pieces, None)
            if first is None:
                raise NotFound(f"import batch {batch} has no corrected copy; see its issues")
            self._backing.gate.record_import(actor, f"import copy {batch}")
            yield first
            yield from pieces

    def all(self, actor: Actor) -> list[ImportBatch]:
        """List the batches that this actor may see, newest first."""
        ledger = self._backing.ledger
        with ledger.read() as tx:
            found = ledger.imports.list(tx)
        own = actor.institution
        return [b for b in found if own in {self._backing.institution, b.institution}]

    def commit(self, actor: Actor, batch: str) -> ImportResult:
        """Make a batch count; see :func:`graph.ingest.commit_import`."""
        return commit_import(
            self._backing.ledger,
            batch,
            gate=self._backing.gate,
            actor=actor,
            clock=self._backing.clock,
            promote=self._promote,
        )

    def undo(self, actor: Actor, batch: str) -> bool:
        """Take a committed batch back; see :func:`graph.ingest.undo_import`."""
        return undo_import(
            self._backing.ledger,
            batch,
            gate=self._backing.gate,
            actor=actor,
            clock=self._backing.clock,
            promote=self._promote,
        )

    def discard(self, actor: Actor, batch: str) -> None:
        """Drop a batch that is not committed; see :func:`graph.ingest.discard_import`."""
        discard_import(self._backing.ledger, batch, gate=self._backing.gate, actor=actor)

    def _promote(self, tx: Connection, item: ItemId, who: ResidentId, cause: int) -> None:
        """Say in the log who moved up; of an item that nobody was ever shown nothing is said."""
        try:
            moment = self._backing.live.catch_up()
            kind = moment.item(moment.item_row(item)).kind
        except (NotFound, NotReady):
            return
        append_promotion(self._backing, tx, item, kind, who, cause=cause)


def ending_for(name: str) -> str:
    """Return the ending under which an upload of this name is kept: what is in it decides."""
    ending = PurePath(name).suffix.casefold()
    return ending if ending in {".xlsx", ".xlsm", ".xls"} else ".csv"


def _copy(stream: BinaryIO, target: BinaryIO) -> str:
    """Copy a file and return its SHA-256."""
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
        target.write(piece)
    if not target.tell():
        raise DataError("the file is empty")
    return digest.hexdigest()


def _uploaded(kind: str, actor: Actor) -> Source:
    """Stand in for the source until the file is read and tells its own."""
    return Source(
        id=SourceId(f"upload-{kind}"),
        source_class=SourceClass.GOVERNMENT,
        owner=actor.institution,
        title=kind,
        legal_basis="",
    )
