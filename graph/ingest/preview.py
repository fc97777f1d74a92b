"""What a batch would do, for whoever decides whether it shall: its report and its issues."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import cast

from sqlalchemy import Connection

from graph.codec import Json
from graph.errors import NotFound
from graph.ingest.issues import fields_of, issue_of
from graph.ingest.plan import ColumnFate, ColumnUse, ImportPlan, RowIssue, Severity
from graph.ingest.shelves import RowSet
from graph.ledger.canonical import canonical, parse
from graph.ledger.imports import BatchState, ImportBatch
from graph.ledger.ledger import Ledger
from graph.ledger.staging import Part
from graph.model import Change, DataCategory, NodeChange

__all__ = [
    "ISSUES_AT_ONCE",
    "Preview",
    "Refusal",
    "Tally",
    "copy_of",
    "encode_issues",
    "forget_refusal",
    "issues_of",
    "preview_of",
    "refusal_of",
    "refuse_import",
    "why_no_report",
]

ISSUES_AT_ONCE = 1_000
"""Issues in one sealed piece, and on one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The report on a batch."""

    batch: ImportBatch
    rows: int
    """Data rows that were read."""
    left_out: int
    """Rows with an error."""
    notices: int
    codes: Mapping[str, int]
    """How often each issue was found, by code."""
    changes: Mapping[str, int]
    """Changes by label or relationship type."""
    new: Mapping[str, int] = field(default_factory=dict)
    """Ids seen for the first time, by kind of row."""
    known: Mapping[str, int] = field(default_factory=dict)
    """Ids that were there already and change."""
    brings: Mapping[str, int] = field(default_factory=dict)
    """Identities, grants, texts, seats, places and records that come with it."""
    missing: Mapping[str, int] = field(default_factory=dict)
    """Residents whose grant is missing, by category; with any the batch is not committed."""
    consented: tuple[DataCategory, ...] = ()
    statutory: tuple[DataCategory, ...] = ()
    law: str = ""
    columns: tuple[ColumnUse, ...] = ()
    sample: tuple[Mapping[str, str], ...] = ()

    @property
    def clean(self) -> int:
        """Rows that come through."""
        return self.rows - self.left_out

    def to_json(self) -> dict[str, Json]:
        """Turn it into what is kept, and shown to programs."""
        said = asdict(replace(self, batch=None))  # type: ignore[arg-type]
        del said["batch"]
        return cast("dict[str, Json]", json.loads(json.dumps({**said, "clean": self.clean})))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file was refused as a whole, and what to do about it."""

    zh: str
    en: str

    def __str__(self) -> str:
        """Both languages in one line."""
        return f"{self.zh}; {self.en}"


class Tally:
    """Counts what a plan says while it is staged, and keeps no more than the counts."""

    def __init__(self, plan: ImportPlan) -> None:
        self._plan = plan
        self._codes: Counter[str] = Counter()
        self._left_out = RowSet()
        self._notices = 0
        self._changes: Counter[str] = Counter()

    def change(self, change: Change) -> None:
        """Count a change."""
        self._changes[change.label if isinstance(change, NodeChange) else change.type] += 1

    def issue(self, issue: RowIssue) -> None:
        """Count an issue."""
        self._codes[issue.code] += 1
        if issue.severity is Severity.NOTICE:
            self._notices += 1
        elif issue.row:
            self._left_out.add(issue.row)

    def preview(self, batch: ImportBatch) -> Preview:
        """Make the report, as far as the plan alone tells."""
        plan = self._plan
        return Preview(
            batch=batch,
            rows=plan.rows,
            left_out=len(self._left_out),
            notices=self._notices,
            codes=dict(sorted(self._codes.items())),
            changes=dict(sorted(self._changes.items())),
            consented=tuple(sorted(plan.consented)),
            statutory=tuple(sorted(plan.statutory)),
            law=plan.law,
            columns=plan.columns,
            sample=plan.sample,
        )


def preview_of(ledger: Ledger, tx: Connection, batch: str) -> Preview:
    """Read the report on a batch.

    Raises
    ------
    NotFound
        There is no such batch, or it has no report; see :func:`why_no_report`.
    """
    found = ledger.imports.get(tx, batch)
    kept = next(ledger.staging.opened(tx, batch, Part.REPORT), None)
    if kept is None:
        raise NotFound(why_no_report(found))
    said = parse(kept)
    del said["clean"]
    columns = cast("list[dict[str, str]]", said.pop("columns"))
    consented = cast("list[str]", said.pop("consented"))
    statutory = cast("list[str]", said.pop("statutory"))
    return Preview(
        batch=found,
        columns=tuple(
            ColumnUse(use["header"], ColumnFate(use["fate"]), use["column"]) for use in columns
        ),
        sample=tuple(cast("list[Mapping[str, str]]", said.pop("sample"))),
        consented=tuple(DataCategory(category) for category in consented),
        statutory=tuple(DataCategory(category) for category in statutory),
        **said,  # type: ignore[arg-type]
    )


def why_no_report(batch: ImportBatch) -> str:
    """Say why there is no report on a batch, and what can be done."""
    if batch.state is BatchState.COMMITTED:
        return (
            f"import batch {batch.id} was committed by an earlier Linli, which kept no report: it "
            "counts, and can be neither shown nor undone; import a corrected file to change it"
        )
    return f"import batch {batch.id} is not validated to the end; import the file again"


def refuse_import(ledger: Ledger, batch: str, reason: Refusal) -> None:
    """Keep why the file of a batch was refused as a whole, for whoever asks about the batch."""
    with ledger.write() as tx:
        ledger.staging.drop_parts(tx, batch, Part.REFUSAL)
        said = canonical({"zh": reason.zh, "en": reason.en})
        ledger.staging.seal(tx, batch, Part.REFUSAL, 0, said)


def forget_refusal(ledger: Ledger, tx: Connection, batch: str) -> None:
    """Forget why a file was refused: it came again, and is read again."""
    ledger.staging.drop_parts(tx, batch, Part.REFUSAL)


def refusal_of(ledger: Ledger, tx: Connection, batch: str) -> Refusal | None:
    """Why the file of a batch was refused as a whole; ``None`` when it was not."""
    kept = next(ledger.staging.opened(tx, batch, Part.REFUSAL), None)
    if kept is None:
        return None
    said = parse(kept)
    return Refusal(str(said["zh"]), str(said["en"]))


def copy_of(ledger: Ledger, tx: Connection, batch: str) -> Iterator[bytes]:
    """Yield the copy of a batch's file with its issues beside the rows, in pieces."""
    return ledger.staging.opened(tx, batch, Part.COPY)


def encode_issues(issues: Iterable[RowIssue]) -> bytes:
    """One sealed piece of issues."""
    return canonical({"issues": [fields_of(issue) for issue in issues]})


def issues_of(ledger: Ledger, tx: Connection, batch: str, first: int = 0) -> Iterator[RowIssue]:
    """Yield the issues of a batch in the order of its rows, from a number on."""
    pieces = ledger.staging.opened(tx, batch, Part.ISSUES, first // ISSUES_AT_ONCE)
    skip = first % ISSUES_AT_ONCE
    for piece in pieces:
        said = cast("list[list[Json]]", parse(piece)["issues"])
        yield from map(issue_of, said[skip:])
        skip = 0
