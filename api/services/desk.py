"""What the desk of a street office shows of imports besides the imports themselves."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from api.services.backing import Backing
from api.services.imports import Imports
from api.services.issue_groups import IssueGroup, group_issues
from graph.errors import NotFound
from graph.gate import BatchState, ImportBatch, Run, RunState
from graph.ingest import FILE_COLUMNS, own_import, preview_of, refusal_of, write_template
from graph.model import Actor
from jobs.scheduler import next_runs

__all__ = ["MOST_ISSUES", "CheckState", "Checking", "Desk", "Summary"]

_MOST_SHOWN = 50
MOST_ISSUES = 20_000
"""Issues that are gathered for one page; the copy of the file has them all."""


class CheckState(StrEnum):
    """How far the check of an upload is."""

    WAITING = "waiting"
    RUNNING = "running"
    BROKEN = "broken"
    """It ended without a result: the file has to be sent again."""


@dataclass(frozen=True, slots=True)
class Checking:
    """An upload that is not checked to the end."""

    batch: ImportBatch
    state: CheckState
    since: datetime
    """When it was asked for."""
    done: int = 0
    total: int = 0
    """Steps; 0 while the file is being read."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One import in a list."""

    batch: ImportBatch
    rows: int = 0
    """0 where there is no report."""
    clean: int = 0
    refused: bool = False
    broken: bool = False
    """Its check ended without a result."""


class Desk:
    """Lists imports, and tells how far they are."""

    def __init__(self, backing: Backing, imports: Imports) -> None:
        self._backing = backing
        self._imports = imports

    def check_own(self, actor: Actor, batch: str) -> None:
        """Refuse what is no import of a file by the clerk's own institution.

        Programs and commands of the home's operator reach every import; at the desk files of
        another institution, the clinic's say, are as if they were not there.

        Raises
        ------
        NotFound
            There is no such batch, or it is another institution's, or of a folder or made-up city.
        """
        found = self._imports.get(actor, batch)
        if not _at_desk(found, actor):
            raise NotFound(f"no import batch {batch!r} of {actor.institution} at the desk")

    def latest(self, actor: Actor) -> list[Summary]:
        """List the newest own imports; folders and made-up cities are the command line's."""
        batches = [batch for batch in self._imports.all(actor) if _at_desk(batch, actor)]
        return [self._summary(batch) for batch in batches[:_MOST_SHOWN]]

    def _summary(self, batch: ImportBatch) -> Summary:
        ledger = self._backing.ledger
        with ledger.read() as tx:
            if batch.state is BatchState.STAGING:
                check = self._check(tx, batch)
                broken = check is not None and check.state is CheckState.BROKEN
                return Summary(batch, refused=check is None, broken=broken)
            try:
                preview = preview_of(ledger, tx, batch.id)
            except NotFound:  # committed before reports were kept
                return Summary(batch)
        return Summary(batch, preview.rows, preview.clean)

    def checking(self, actor: Actor, batch: str) -> Checking | None:
        """Tell how far the check of an upload is; ``None`` once it has a result.

        Raises
        ------
        NotFound
            There is no such batch.
        Denied
            It is another institution's.
        """
        with self._backing.ledger.read() as tx:
            return self._check(tx, own_import(self._backing.ledger, tx, batch, actor))

    def _check(self, tx: Connection, batch: ImportBatch) -> Checking | None:
        ledger = self._backing.ledger
        if batch.state is not BatchState.STAGING or refusal_of(ledger, tx, batch.id) is not None:
            return None
        asked = ledger.runs.last_request(tx, "import", {"batch": batch.id})
        if asked is None:
            return Checking(batch, CheckState.BROKEN, batch.begun_at)
        run = ledger.runs.of_request(tx, asked.id)
        done, total = (run.done, run.total) if run else (0, 0)
        return Checking(batch, _state(run), asked.at, done, total)

    def groups(self, actor: Actor, batch: str) -> list[IssueGroup]:
        """Gather the issues of a batch by what is wrong."""
        return group_issues(islice(self._imports.issues(actor, batch), MOST_ISSUES))

    def update_due(self, batch: ImportBatch) -> datetime | None:
        """When residents will see what a batch brought or took back; ``None`` once they do."""
        since = batch.undone_at or batch.committed_at
        runs, now = self._backing.ledger.runs, self._backing.clock()
        with self._backing.ledger.read() as tx:
            done, last = runs.last_done(tx, "snapshot"), runs.last(tx, "snapshot")
        if since is None or (done is not None and since < done.started_at):
            return None
        latest = {"snapshot": last.started_at} if last else {}
        return next_runs(latest, now)["snapshot"]

    def template(self, kind: str) -> bytes:
        """Return the workbook to fill in for one kind of file.

        Raises
        ------
        NotFound
            There is no such kind.
        """
        if kind not in FILE_COLUMNS:
            raise NotFound(f"no kind of file {kind!r}; there are {', '.join(FILE_COLUMNS)}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{kind}.xlsx"
            write_template(kind, path)
            return path.read_bytes()


def _at_desk(batch: ImportBatch, actor: Actor) -> bool:
    return batch.kind in FILE_COLUMNS and batch.institution == actor.institution


def _state(run: Run | None) -> CheckState:
    if run is None or run.state is RunState.LOST:  # whoever leads next takes it up
        return CheckState.WAITING
    return CheckState.RUNNING if run.state is RunState.RUNNING else CheckState.BROKEN
