"""Phase one of an import: everything is validated and staged, and a report is made of it.

Nothing of it is visible. Whatever is staged already and equal is left as it lies, so the same
command goes on where an earlier one was interrupted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from graph.codec import Json
from graph.errors import Conflict, SchemaViolation
from graph.ingest.basis import Footing
from graph.ingest.corrected import corrected_copy
from graph.ingest.issues import make_issue
from graph.ingest.plan import IdentityRow, ImportPlan, RowIssue
from graph.ingest.preview import ISSUES_AT_ONCE, Preview, Tally, encode_issues, issues_of
from graph.ledger.canonical import canonical, micros
from graph.ledger.identity import CATEGORY_OF
from graph.ledger.imports import CHUNK, BatchState
from graph.ledger.ledger import Ledger
from graph.ledger.records import NewRecord
from graph.ledger.rows import RowKind
from graph.ledger.staging import Part
from graph.model import Actor, Change, DataCategory, Grant
from graph.schema import validate

__all__ = ["Progress", "stage_plan"]

Progress = Callable[[int, int, str], None]
T = TypeVar("T")
Lines = Sequence[Mapping[str, object]]

CHUNKS_AT_ONCE = 8
"""Chunks staged in one transaction, so that others can write in between."""
_SOME = 5_000
_PIECE = 1 << 20
_SCHEMA_ISSUES = 1_000
"""Most violations of the schema that are listed one by one."""


class Stager:
    """Stages one plan."""

    def __init__(self, ledger: Ledger, batch: str, plan: ImportPlan, progress: Progress) -> None:
        self._ledger = ledger
        self._batch = batch
        self._plan = plan
        self._progress = progress
        self._violations: list[RowIssue] = []
        self.footing = Footing(plan)
        self.tally = Tally(plan)

    def changes(self) -> None:
        """Stage the changes, those of the graph."""
        n = done = 0
        for chunks in _in_groups(_in_groups(self._valid(), CHUNK), CHUNKS_AT_ONCE):
            with self._open() as tx:
                for chunk in chunks:
                    self._ledger.imports.stage(tx, self._batch, n, chunk)
                    n += 1
                    done += len(chunk)
            self._progress(0, 3, f"{done} changes staged")
        with self._open() as tx:
            self._ledger.imports.end(tx, self._batch, n)

    def ids(self) -> None:
        """Stage the ids that get row numbers."""
        for kind, ids in (
            (RowKind.RESIDENT, self._plan.residents),
            (RowKind.ITEM, self._plan.items),
            (RowKind.GRID, self._plan.grids),
            (RowKind.BUILDING, self._plan.buildings),
        ):
            n = 0
            for some in _in_groups(iter(ids), _SOME):
                with self._open() as tx:
                    self._ledger.staging.ids(tx, self._batch, kind, n, some)
                n += 1
            with self._open() as tx:
                self._ledger.staging.end(tx, self._batch, kind, n)

    def people(self) -> None:
        """Stage who residents are, what they grant and what they wrote."""
        ledger = self._ledger
        self._rows(
            Part.IDENTITIES,
            self._needed_identities(),
            lambda _, row: [row.resident, dict(row.fields)],
            lambda tx, _, rows: ledger.identity.lines(
                tx, [(row.resident, row.fields) for row in rows], rows[0].at
            ),
        )
        self._rows(
            Part.GRANTS,
            self._granted(),
            lambda _, grant: [grant.id, micros(grant.not_before), micros(grant.expires_at)],
            lambda tx, _, grants: ledger.grants.lines(grants),
        )
        self._rows(
            Part.WORDS,
            self._plan.words,
            lambda _, row: [row.resident, row.category.value, row.text],
            lambda tx, _, rows: ledger.words.lines(
                tx, [(row.resident, row.category, row.text, row.at) for row in rows]
            ),
        )
        self._rows(
            Part.RECORDS,
            self._needed_records(),
            lambda _, row: [row.resident, row.kind, micros(row.at), dict(row.fields)],
            lambda tx, _, rows: ledger.records.lines(tx, rows),
        )

    def places(self) -> None:
        """Stage seats and the places that are taken."""
        self._rows(
            Part.SEATS,
            self._plan.seats,
            lambda _, row: [row.item, row.seats],
            lambda tx, _, rows: [{"item": row.item, "seats": row.seats} for row in rows],
        )
        self._rows(
            Part.BOOKINGS,
            self._plan.bookings,
            lambda place, row: [row.item, row.resident, place],
            lambda tx, first, rows: [
                {
                    "item": row.item,
                    "resident": row.resident,
                    "place": first + n,
                    "at": micros(row.at),
                }
                for n, row in enumerate(rows)
            ],
        )

    def issues(self) -> None:
        """Keep the issues, and what must still be authorised."""
        n = 0
        for some in _in_groups(self._issues(), ISSUES_AT_ONCE):
            self._seal(Part.ISSUES, n, encode_issues(some))
            n += 1
        self._end(Part.ISSUES, n)
        n = 0
        for needs in _in_groups(self.footing.uncovered(), _SOME):
            self._seal(Part.NEEDS, n, canonical({"needs": list(needs)}))
            n += 1
        self._end(Part.NEEDS, n)

    def copy(self, file: Path | None) -> None:
        """Keep a copy of the file with the issues beside its rows, where a row has any."""
        n = 0
        if file is not None and file.is_file():
            with tempfile.TemporaryDirectory(prefix="linli-") as folder:
                target = Path(folder) / file.name
                with self._ledger.read() as tx:
                    every = issues_of(self._ledger, tx, self._batch)
                    found = (issue for issue in every if issue.row)
                    first = next(found, None)
                    if first is None:
                        copied = None
                    else:
                        of_rows = chain([first], found)
                        copied = corrected_copy(self._plan.kind, file, of_rows, target)
                if copied is not None:
                    with copied.open("rb") as opened:
                        while piece := opened.read(_PIECE):
                            self._seal(Part.COPY, n, piece)
                            n += 1
        self._end(Part.COPY, n)

    def report(self, missing: Mapping[str, int]) -> Preview:
        """Make and keep the report; from here on the batch can be committed."""
        ledger = self._ledger
        with self._open() as tx:
            batch = ledger.imports.set_previewed(tx, self._batch)
            counts = ledger.staging.counts(tx, self._batch)
            new = ledger.staging.new_ids(tx, self._batch)
            preview = replace(
                self.tally.preview(batch),
                new={kind.value: new[kind] for kind in RowKind},
                known={kind.value: counts[kind] - new[kind] for kind in RowKind},
                brings={p.value: counts[p] for p in counts if isinstance(p, Part) and counts[p]},
                missing=missing,
            )
            ledger.staging.seal(tx, self._batch, Part.REPORT, 0, canonical(preview.to_json()))
        return preview

    def needs(self) -> Iterator[tuple[str, int]]:
        """Yield what must still be authorised."""
        for resident, bits in self.footing.uncovered():
            yield str(resident), int(str(bits))

    def _valid(self) -> Iterator[Change]:
        for change in self._plan.changes:
            try:
                validate(change)
            except SchemaViolation as error:
                if len(self._violations) < _SCHEMA_ISSUES:
                    self._violations.append(make_issue("schema", row=0, value=str(error)))
                continue
            self.footing.note(change)
            self.tally.change(change)
            yield change

    def _issues(self) -> Iterator[RowIssue]:
        for issues in (self._plan.issues, self._violations):
            for issue in issues:
                self.tally.issue(issue)
                yield issue

    def _granted(self) -> Iterator[Grant]:
        for grant in self._plan.grants:
            self.footing.grant(grant.resident, grant.category)
            yield grant

    def _needed_identities(self) -> Iterator[IdentityRow]:
        by_law = self._plan.statutory
        asked = {kind: of for kind, of in CATEGORY_OF.items() if of not in by_law}
        other = None if DataCategory.IDENTITY in by_law else DataCategory.IDENTITY
        for row in self._plan.identities:
            for kind in row.fields:
                category = asked.get(kind, None if kind in CATEGORY_OF else other)
                if category is not None:
                    self.footing.need(row.resident, category)
            yield row

    def _needed_records(self) -> Iterator[NewRecord]:
        for row in self._plan.records:
            self.footing.need(row.resident, row.category)
            yield NewRecord(row.resident, row.kind.value, row.category, row.at, row.fields)

    def _rows(
        self,
        part: Part,
        rows: Iterable[T],
        said: Callable[[int, T], Json],
        lines: Callable[[Connection, int, Sequence[T]], Lines],
    ) -> None:
        n = 0
        for some in _in_groups(iter(rows), _SOME):
            first = n * _SOME
            with self._open() as tx:
                self._ledger.staging.rows(
                    tx,
                    self._batch,
                    part,
                    n,
                    canonical({"rows": [said(first + k, row) for k, row in enumerate(some)]}),
                    partial(lines, tx, first, some),
                )
            n += 1
            self._progress(1, 3, f"{first + len(some)} {part}")
        self._end(part, n)

    def _seal(self, part: Part, n: int, body: bytes) -> None:
        with self._open() as tx:
            self._ledger.staging.seal(tx, self._batch, part, n, body)

    def _end(self, part: Part, n: int) -> None:
        with self._open() as tx:
            self._ledger.staging.end(tx, self._batch, part, n)

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        """Open a write transaction on a batch that may still be added to."""
        with self._ledger.write() as tx:
            state = self._ledger.imports.get(tx, self._batch).state
            if state not in {BatchState.STAGING, BatchState.PREVIEWED}:
                raise Conflict(f"import batch {self._batch}: another import of this file is done")
            yield tx


def _in_groups(things: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(things, size)):
        yield some


def stage_plan(
    ledger: Ledger,
    plan: ImportPlan,
    *,
    actor: Actor,
    file: Path | None,
    at: datetime,
    progress: Progress,
) -> Stager | str:
    """Stage a plan; returns what still has to be reported, or the id of a committed batch."""
    with ledger.write() as tx:
        batch = ledger.imports.begin(
            tx,
            kind=plan.kind,
            file_hash=plan.file_hash,
            source=plan.source,
            at=at,
            institution=actor.institution,
        )
        ledger.staging.drop_parts(tx, batch.id, Part.REFUSAL)
    if batch.state is BatchState.COMMITTED:
        return batch.id
    stager = Stager(ledger, batch.id, plan, progress)
    stager.changes()
    stager.ids()
    stager.people()
    stager.places()
    stager.issues()
    stager.copy(file)
    return stager
