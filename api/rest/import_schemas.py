"""Bodies of requests and answers about imports, as pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from api.rest.schemas import In, Out
from graph.ingest import FILE_COLUMNS
from graph.model import DataCategory

__all__ = [
    "CommittedOut",
    "ImportIn",
    "ImportOut",
    "ImportPage",
    "ImportsOut",
    "IssueOut",
    "PreviewOut",
    "ReceivedOut",
]


def _known(kind: str) -> str:
    if kind not in FILE_COLUMNS:
        raise ValueError(f"known kinds are {', '.join(FILE_COLUMNS)}")
    return kind


Kind = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(FILE_COLUMNS)})]


class ImportIn(In):
    """What an uploaded file is."""

    kind: Kind


class ImportPage(In):
    """Which issues of an import to show."""

    cursor: int = Field(default=0, ge=0)
    limit: int = Field(default=100, ge=1, le=1_000)


class ReceivedOut(Out, tells=DataCategory.PUBLIC):
    """An import and how far it is."""

    id: str
    state: str


class IssueOut(Out, tells=DataCategory.IDENTITY):
    """One thing to know about one cell of the file."""

    code: str
    severity: str
    row: int
    column: str
    message_zh: str
    message_en: str
    remedy_zh: str
    remedy_en: str


class ColumnUseOut(Out, tells=DataCategory.IDENTITY):
    """How one column of the file is understood."""

    header: str
    fate: str
    column: str


class PreviewOut(Out, tells=DataCategory.IDENTITY):
    """What an import would do."""

    rows: int
    clean: int
    left_out: int
    notices: int
    codes: dict[str, int]
    changes: dict[str, int]
    new: dict[str, int]
    known: dict[str, int]
    brings: dict[str, int]
    missing: dict[str, int] = Field(description="residents whose grant is missing, by category")
    consented: list[str]
    statutory: list[str]
    law: str
    columns: list[ColumnUseOut]
    sample: list[dict[str, str]]


class ImportOut(Out, tells=DataCategory.IDENTITY):
    """One import."""

    id: str
    kind: str
    state: str
    institution: str
    begun_at: datetime
    committed_at: datetime | None
    undone_at: datetime | None
    reason_zh: str = ""
    reason_en: str = ""
    preview: PreviewOut | None = None
    issues: list[IssueOut] = Field(default_factory=list)
    next_cursor: int | None = None


class ImportsOut(Out, tells=DataCategory.PUBLIC):
    """All imports of an institution."""

    imports: list[ImportOut]


class CommittedOut(Out, tells=DataCategory.PUBLIC):
    """What a commit did."""

    batch: str
    seq: int
    already: bool
    changes: int
    residents: int
    items: int
    grants: int
    bookings: int
