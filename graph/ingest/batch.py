"""Write an import plan into the ledger: nothing is visible before all of it is.

Changes are validated and staged as sealed chunks, which nobody reads. Then one transaction gives
out rows, seals identities and texts, records grants, sets seats and appends the batch's event.
A process killed before the end of that transaction leaves nothing visible; importing the same
plan again starts over. Importing a plan a second time changes nothing.

A fact about a resident enters only on a basis: a category that the plan's law covers, or one for
which this import or an earlier one brought the resident's grant. Otherwise all is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from graph.errors import Conflict, ImportRefused
from graph.ingest.plan import ImportPlan
from graph.ingest.register import GrantGate
from graph.ledger.imports import CHUNK, BatchState
from graph.ledger.ledger import Ledger
from graph.ledger.rows import RowKind
from graph.model import (
    Action,
    Actor,
    Basis,
    Change,
    DataCategory,
    NodeChange,
    Purpose,
    ResidentId,
)
from graph.policy import CATEGORY_COLUMN
from graph.schema import validate

__all__ = ["ImportGate", "ImportResult", "import_plan"]

Clock = Callable[[], datetime]
Progress = Callable[[int, int, str], None]
T = TypeVar("T")

CHUNKS_AT_ONCE = 8
"""Chunks staged in one transaction, so that others can write in between."""
_SOME = 5_000
_STEPS = 4


class ImportGate(GrantGate, Protocol):
    """What an import asks of the gate (:class:`graph.gate.Gate` has it)."""

    def authorise_bulk(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        categories: Iterable[DataCategory],
        action: Action,
        rows: NDArray[np.int64] | None,
        law: str = "",
    ) -> object:
        """Decide and record, or raise ``Denied``."""
        ...


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


def import_plan(
    ledger: Ledger,
    plan: ImportPlan,
    *,
    gate: ImportGate,
    actor: Actor,
    clock: Clock,
    progress: Progress = lambda done, total, note: None,
) -> ImportResult:
    """Import a plan.

    Parameters
    ----------
    ledger : Ledger
    plan : ImportPlan
    gate : ImportGate
        Asked for every category before anything is written.
    actor : Actor
        On whose responsibility.
    clock : callable
    progress : callable, optional
        Called with (steps done, steps in all, what is being done).

    Raises
    ------
    Denied
        The actor may not write these categories.
    ImportRefused
        A fact has no basis; nothing was written.
    SchemaViolation
        A change breaks a rule of the schema; nothing was written.
    Conflict
        Two imports of the same file ran at once; the other one may be going on.
    """
    _authorise(gate, actor, plan)
    now = clock()
    with ledger.write() as tx:
        batch = ledger.imports.begin(
            tx, kind=plan.kind, file_hash=plan.file_hash, source=plan.source, at=now
        )
        if batch.state is BatchState.STAGED:
            # What an earlier try left is dropped, so that no chunk of it can stay behind.
            ledger.imports.discard(tx, batch.id)
            ledger.imports.begin(
                tx, kind=plan.kind, file_hash=plan.file_hash, source=plan.source, at=now
            )
    if batch.state is BatchState.COMMITTED:
        return ImportResult(batch.id, batch.seq or 0, True, batch.changes, 0, 0, 0, 0)
    held = _Held(plan)
    staged = _stage(ledger, batch.id, plan, held, progress)
    progress(1, _STEPS, "rows and identities")
    with ledger.write() as tx:
        residents, items = _rows(ledger, tx, plan)
        _identities(ledger, tx, plan)
        progress(2, _STEPS, "grants")
        grants = _grants(ledger, tx, plan, f"import/{batch.id}", held, now)
        held.refuse_unfounded(gate, actor)
        progress(3, _STEPS, "seats")
        bookings = _seats(ledger, tx, plan)
        seq = ledger.imports.commit(tx, batch.id, now)
        if ledger.imports.get(tx, batch.id).changes != staged:
            raise Conflict(f"import batch {batch.id}: another import of this file is going on")
    progress(_STEPS, _STEPS, "done")
    return ImportResult(batch.id, seq, False, staged, residents, items, grants, bookings)


class _Held:
    """Which categories of whom were brought in on consent, and which were granted."""

    def __init__(self, plan: ImportPlan) -> None:
        self._plan = plan
        self._needed: dict[str, int] = {}
        self._granted: dict[str, int] = {}

    def note(self, change: Change) -> None:
        """Take down on what basis a change stands; refuse what the plan does not declare."""
        said = change.provenance
        if said is None or said.category is DataCategory.PUBLIC:
            return
        if said.basis is Basis.STATUTORY and said.category in self._plan.statutory:
            return
        if said.basis is not Basis.CONSENT or said.category not in self._plan.consented:
            raise ImportRefused(
                f"{_name(change)}: {said.category} data on the basis {said.basis}, which the plan "
                f"does not declare; nothing was imported"
            )
        for resident in _residents_of(change):
            self._need(resident, said.category)

    def grant(self, resident: ResidentId, category: DataCategory) -> None:
        """Take down a grant that comes with this import."""
        bit = 1 << CATEGORY_COLUMN[category]
        self._granted[resident] = self._granted.get(resident, 0) | bit

    def refuse_unfounded(self, gate: GrantGate, actor: Actor) -> None:
        """Raise when a needed grant came neither now nor before."""
        for resident, needed in self._needed.items():
            missing = needed & ~self._granted.get(resident, 0)
            if not missing:
                continue
            names = [
                category
                for category, column in CATEGORY_COLUMN.items()
                if missing >> column & 1
                and not gate.may(
                    actor,
                    purpose=Purpose.FEED,
                    category=category,
                    subject=ResidentId(resident),
                    action=Action.DERIVE,
                )
            ]
            if names:
                raise ImportRefused(
                    f"resident {resident} did not authorise {', '.join(names)}; nothing was "
                    f"imported: leave these facts out or record the grant first"
                )

    def _need(self, resident: str, category: DataCategory) -> None:
        bit = 1 << CATEGORY_COLUMN[category]
        self._needed[resident] = self._needed.get(resident, 0) | bit


def _authorise(gate: ImportGate, actor: Actor, plan: ImportPlan) -> None:
    asked: Mapping[Purpose, frozenset[DataCategory]] = {
        Purpose.STATUTORY_DUTY: plan.statutory,
        Purpose.FEED: plan.consented - {DataCategory.NEED_WORDS},
        Purpose.NEEDS_MATCHING: plan.consented & {DataCategory.NEED_WORDS},
    }
    for purpose, categories in asked.items():
        if categories:
            law = plan.law if purpose is Purpose.STATUTORY_DUTY else ""
            gate.authorise_bulk(
                actor,
                purpose=purpose,
                categories=categories,
                action=Action.WRITE,
                rows=None,
                law=law,
            )


def _stage(ledger: Ledger, batch: str, plan: ImportPlan, held: _Held, progress: Progress) -> int:
    done, n = 0, 0
    for chunks in _in_groups(_in_groups(_checked(plan, held), CHUNK), CHUNKS_AT_ONCE):
        with ledger.write() as tx:
            for chunk in chunks:
                ledger.imports.stage(tx, batch, n, chunk)
                n += 1
                done += len(chunk)
        progress(0, _STEPS, f"{done} changes staged")
    return done


def _checked(plan: ImportPlan, held: _Held) -> Iterator[Change]:
    for change in plan.changes:
        validate(change)
        held.note(change)
        yield change


def _rows(ledger: Ledger, tx: Connection, plan: ImportPlan) -> tuple[int, int]:
    counts = [
        len(ledger.rows.assign(tx, kind, list(keys)))
        for kind, keys in (
            (RowKind.RESIDENT, plan.residents),
            (RowKind.ITEM, plan.items),
            (RowKind.GRID, plan.grids),
            (RowKind.BUILDING, plan.buildings),
        )
    ]
    return counts[0], counts[1]


def _identities(ledger: Ledger, tx: Connection, plan: ImportPlan) -> None:
    for some in _in_groups(iter(plan.identities), _SOME):
        people = [(row.resident, row.fields) for row in some]
        ledger.identity.put_many(tx, people, some[0].at)


def _grants(
    ledger: Ledger, tx: Connection, plan: ImportPlan, key: str, held: _Held, now: datetime
) -> int:
    count = 0
    for n, some in enumerate(_in_groups(iter(plan.grants), _SOME)):
        for grant in some:
            held.grant(grant.resident, grant.category)
        ledger.grants.give(tx, some, key=f"{key}/grants/{n}", at=now)
        count += len(some)
    for row in plan.words:
        if row.category not in plan.consented:
            raise ImportRefused(f"{row.resident}: {row.category} texts are not declared")
        ledger.words.put(tx, row.resident, row.text, category=row.category, at=row.at)
    return count


def _seats(ledger: Ledger, tx: Connection, plan: ImportPlan) -> int:
    for seat in plan.seats:
        ledger.bookings.set_seats(tx, seat.item, seat.seats)
    count = 0
    for some in _in_groups(iter(plan.bookings), _SOME):
        wanted = [(row.item, row.resident, row.at) for row in some]
        count += ledger.bookings.book_many(tx, wanted)
    return count


def _in_groups(things: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(things, size)):
        yield some


def _residents_of(change: Change) -> Iterator[str]:
    if isinstance(change, NodeChange):
        if change.label == "Resident":
            yield change.id
        return
    if change.start_label == "Resident":
        yield change.start
    if change.end_label == "Resident":
        yield change.end


def _name(change: Change) -> str:
    if isinstance(change, NodeChange):
        return f"{change.label} {change.id}"
    return f"{change.type} {change.start} -> {change.end}"
