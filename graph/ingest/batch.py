"""Imports in two phases: preview, then commit or discard; a commit can be undone.

The preview validates and stages the whole plan (:mod:`graph.ingest.stage`); nobody sees any of
it. The commit is one transaction that needs no file: it gives out rows, moves what is staged into
its place and appends the batch's event, from which the graph is brought up to date. Undo takes
out what the import had brought, as if it had never come; what people did since stays in the log.

A fact about a resident enters only on a basis: a category that the plan's law covers, or one for
which this import or an earlier one brought the resident's grant. That is asked again at commit:
what was withdrawn since the preview is left out then, and the rest comes in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from graph.errors import Conflict, Denied
from graph.ingest.basis import ImportGate, authorise, refusal, still_missing
from graph.ingest.plan import ImportPlan
from graph.ingest.preview import Preview, preview_of
from graph.ingest.stage import Progress, stage_plan
from graph.ingest.withdrawn import leave_out
from graph.ledger.imports import BatchState, ImportBatch
from graph.ledger.ledger import Ledger
from graph.ledger.moving import move_in, move_out
from graph.ledger.staging import Part
from graph.model import Actor, ItemId, ResidentId, StaffRole

__all__ = [
    "ImportResult",
    "Promote",
    "commit_import",
    "discard_import",
    "import_plan",
    "own_import",
    "preview_import",
    "undo_import",
]

Clock = Callable[[], datetime]
Promote = Callable[[Connection, ItemId, ResidentId, int], None]
"""Called with (transaction, item, who moved up from its waiting list, causing event)."""


def _silent(done: int, total: int, note: str) -> None:
    """Show no progress."""


def _unheard(tx: Connection, item: ItemId, who: ResidentId, cause: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did."""

    batch: str
    seq: int
    """Sequence number of its event in the outbox."""
    already: bool
    """The same file had been imported before; nothing was done."""
    changes: int
    residents: int
    items: int
    grants: int
    bookings: int
    withdrawn: int = 0
    """Residents who withdrew an authorisation since the preview: those facts were left out."""


def preview_import(  # noqa: PLR0913 - whose, with what, and how it is told
    ledger: Ledger,
    plan: ImportPlan,
    *,
    gate: ImportGate,
    actor: Actor,
    clock: Clock,
    file: Path | None = None,
    progress: Progress = _silent,
) -> Preview:
    """Validate and stage a plan whole, so that it can be committed without its file.

    Parameters
    ----------
    ledger : Ledger
    plan : ImportPlan
    gate : ImportGate
        Asked for every category before anything is written.
    actor : Actor
        On whose responsibility.
    clock : callable
    file : Path, optional
        The table that was read: a copy of it with the issues beside its rows is kept.
    progress : callable, optional
        Called with (steps done, steps in all, what is being done).

    Returns
    -------
    Preview
        Of the earlier import where this file is committed already.

    Raises
    ------
    Denied
        The actor may not write these categories.
    ImportRefused
        A fact has no basis that the plan declares.
    Conflict
        Another process committed the same file meanwhile.
    """
    authorise(gate, actor, consented=plan.consented, statutory=plan.statutory, law=plan.law)
    staged = stage_plan(ledger, plan, actor=actor, file=file, at=clock(), progress=progress)
    if isinstance(staged, str):
        with ledger.read() as tx:
            return preview_of(ledger, tx, staged)
    missing = still_missing(gate, actor, staged.needs())
    preview = staged.report({category.value: len(who) for category, who in missing.items()})
    progress(3, 3, "validated")
    return preview


def commit_import(
    ledger: Ledger,
    batch: str,
    *,
    gate: ImportGate,
    actor: Actor,
    clock: Clock,
    promote: Promote = _unheard,
) -> ImportResult:
    """Make a previewed batch count, in one transaction; again changes nothing.

    Raises
    ------
    NotFound
        There is no such batch, or it was not previewed to the end.
    Denied
        The actor may not write its categories.
    ImportRefused
        A resident's grant was missing in the preview already, and still is.
    Conflict
        The batch was undone, or is being staged anew.
    """
    found, preview = _authorised(ledger, batch, gate, actor)
    if found.state is BatchState.COMMITTED:
        return ImportResult(batch, found.seq or 0, True, found.changes, 0, 0, 0, 0)
    gate.record_import(actor, f"import commit {batch}")
    now = clock()
    with ledger.write() as tx:
        state = ledger.imports.get(tx, batch).state
        if state is not BatchState.PREVIEWED:
            raise Conflict(f"import batch {batch} is {state}; import its file again")
        missing = still_missing(gate, actor, _needs(ledger, tx, batch))
        if missing and preview.missing:
            raise refusal(missing)
        withdrawn = leave_out(ledger, tx, batch, missing) if missing else 0
        moved = move_in(tx, batch, grants=ledger.grants, bookings=ledger.bookings, at=now)
        seq = ledger.imports.commit(tx, batch, now)
        changes = ledger.imports.get(tx, batch).changes
        for item, who in moved.moved_up:
            promote(tx, item, who, seq)
    tidy_imports(ledger, batch)
    return ImportResult(
        batch,
        seq,
        False,
        changes,
        preview.new["resident"] + preview.known["resident"],
        preview.new["item"] + preview.known["item"],
        moved.grants,
        moved.bookings,
        withdrawn,
    )


def tidy_imports(ledger: Ledger, batch: str) -> None:
    """Delete what a commit has moved; only the claims on places stay with the batch."""
    with ledger.write() as tx:
        ledger.staging.drop_rows(tx, batch, claims=False)
        ledger.staging.drop_parts(tx, batch, Part.NEEDS)


def import_plan(
    ledger: Ledger,
    plan: ImportPlan,
    *,
    gate: ImportGate,
    actor: Actor,
    clock: Clock,
    progress: Progress = _silent,
) -> ImportResult:
    """Preview a plan and commit it at once; see :func:`preview_import`, :func:`commit_import`."""
    preview = preview_import(ledger, plan, gate=gate, actor=actor, clock=clock, progress=progress)
    return commit_import(ledger, preview.batch.id, gate=gate, actor=actor, clock=clock)


def undo_import(
    ledger: Ledger,
    batch: str,
    *,
    gate: ImportGate,
    actor: Actor,
    clock: Clock,
    promote: Promote = _unheard,
) -> bool:
    """Take a committed import back, in one transaction.

    Rows stay given out, and what people did with what the import had brought stays in the log.

    Returns
    -------
    bool
        False when it had been undone before; nothing was changed then.

    Raises
    ------
    NotFound
        There is no such batch.
    Denied
        The actor may not write its categories.
    Conflict
        The batch is not committed.
    """
    _authorised(ledger, batch, gate, actor)
    gate.record_import(actor, f"import undo {batch}")
    now = clock()
    with ledger.write() as tx:
        seq = ledger.imports.undo(tx, batch, now)
        if seq is None:
            return False
        moved = move_out(tx, batch, grants=ledger.grants, bookings=ledger.bookings, at=now)
        ledger.staging.drop_rows(tx, batch, claims=True)
        ledger.staging.drop_parts(tx, batch, Part.ISSUES, Part.COPY, Part.NEEDS)
        for item, who in moved.moved_up:
            promote(tx, item, who, seq)
    return True


def discard_import(ledger: Ledger, batch: str, *, gate: ImportGate, actor: Actor) -> None:
    """Drop a batch that is not committed, with everything staged for it.

    Raises
    ------
    NotFound
        There is no such batch.
    Denied
        It is another institution's.
    Conflict
        It is committed: undo it.
    """
    with ledger.read() as tx:
        own_import(ledger, tx, batch, actor)
    gate.record_import(actor, f"import discard {batch}")
    with ledger.write() as tx:
        ledger.imports.discard(tx, batch)
        ledger.staging.drop_rows(tx, batch, claims=True)
        ledger.staging.drop_parts(tx, batch)


def _authorised(
    ledger: Ledger, batch: str, gate: ImportGate, actor: Actor
) -> tuple[ImportBatch, Preview]:
    with ledger.read() as tx:
        own_import(ledger, tx, batch, actor)
        preview = preview_of(ledger, tx, batch)
    authorise(
        gate, actor, consented=preview.consented, statutory=preview.statutory, law=preview.law
    )
    return preview.batch, preview


def own_import(ledger: Ledger, tx: Connection, batch: str, actor: Actor) -> ImportBatch:
    """Look a batch up for an actor; an institution reaches its own imports only.

    Raises
    ------
    NotFound
        There is no such batch.
    Denied
        It is another institution's.
    """
    found = ledger.imports.get(tx, batch)
    if actor.role is not StaffRole.OPERATOR and actor.institution != found.institution:
        raise Denied(f"import batch {batch} is another institution's")
    return found


def _needs(ledger: Ledger, tx: Connection, batch: str) -> Iterator[tuple[str, int]]:
    for piece in ledger.staging.opened(tx, batch, Part.NEEDS):
        yield from ((resident, bits) for resident, bits in json.loads(piece)["needs"])
