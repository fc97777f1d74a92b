"""What an import is going to do, before any of it is done.

A reader turns a file or folder into an :class:`ImportPlan`; :mod:`graph.ingest.batch` writes the
plan into the ledger. A plan can be read over as often as is needed: it holds iterables that start
anew each time, so a file of any size needs no room in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from graph.codec import Json
from graph.model import Change, DataCategory, Grant, ItemId, Purpose, ResidentId, Source

__all__ = [
    "BookingRow",
    "ColumnFate",
    "ColumnUse",
    "IdentityRow",
    "ImportPlan",
    "Lazy",
    "RecordKind",
    "RecordRow",
    "RowIssue",
    "SeatRow",
    "Severity",
    "WordsRow",
    "purpose_of",
]

T = TypeVar("T")


class Severity(StrEnum):
    """What becomes of the row an issue is about."""

    ERROR = "error"
    """The row is left out."""
    NOTICE = "notice"
    """The row comes through; something in it was left out or is worth a look."""


@dataclass(frozen=True, slots=True)
class RowIssue:
    """One thing to know about one cell, for people who speak either language."""

    code: str
    """Stable name, e.g. ``id_checksum``."""
    severity: Severity
    row: int
    """1-based line of the table; the header is line 1; 0 is no row: the file, or a column of it."""
    column: str
    """Header as it stands in the file; empty for the row as a whole."""
    message_zh: str
    message_en: str
    remedy_zh: str
    remedy_en: str


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """Who a pseudonym is; sealed in the ledger, never in the graph."""

    resident: ResidentId
    fields: Mapping[str, str]
    """``name``, ``id_number``, ``phone``, ``address``; absent what is unknown."""
    at: datetime


@dataclass(frozen=True, slots=True)
class WordsRow:
    """A text that someone wrote; sealed in the ledger, never in the graph."""

    resident: ResidentId
    category: DataCategory
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatRow:
    """How many people an item takes; ``None`` = any number."""

    item: ItemId
    seats: int | None


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A seat that is taken, or waited for, in the order of the rows."""

    item: ItemId
    resident: ResidentId
    at: datetime


class RecordKind(StrEnum):
    """What a record is about."""

    VISIT = "visit"
    ASSESSMENT = "assessment"
    """Answers to a questionnaire: LSNS-6, UCLA-3."""
    READING = "reading"
    """Of a water meter, cubic metres since it was fitted."""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What was noted about a resident one day; sealed in the ledger, never in the graph."""

    resident: ResidentId
    category: DataCategory
    kind: RecordKind
    at: datetime
    fields: Mapping[str, Json]


class ColumnFate(StrEnum):
    """What becomes of a column of a file."""

    TAKEN = "taken"
    UNKNOWN = "unknown"
    """Not read."""
    REFUSED = "refused"
    """Dropped unread: Linli keeps no such thing."""


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """How one column of a file is understood."""

    header: str
    """As it stands in the file."""
    fate: ColumnFate
    column: str = ""
    """Name of the known column it is taken as."""


_PURPOSES: dict[DataCategory, Purpose] = {
    DataCategory.NEED_WORDS: Purpose.NEEDS_MATCHING,
    DataCategory.HOUSEHOLD: Purpose.CARE_VISIT,
    DataCategory.HEALTH: Purpose.CARE_VISIT,
    DataCategory.SURVEY: Purpose.CARE_VISIT,
    DataCategory.UTILITY_WATER: Purpose.ALARM,
}


def purpose_of(category: DataCategory) -> Purpose:
    """Purpose for which an import may take in facts of a category that a resident authorised."""
    return _PURPOSES.get(category, Purpose.FEED)


class Lazy(Generic[T]):
    """An iterable that begins anew each time, from a function that makes its iterator.

    Examples
    --------
    >>> evens = Lazy(lambda: (n * 2 for n in range(3)))
    >>> list(evens), list(evens)
    ([0, 2, 4], [0, 2, 4])
    """

    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[T]:
        return self._make()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """All that one import will write. Every iterable can be read again."""

    kind: str
    """What it is: A kind of file (``FILE_COLUMNS``), ``meetup`` or ``synthetic``."""
    source: Source
    file_hash: str
    """SHA-256 of what was read (or of the recipe it was made by): an import's identity."""
    as_of: datetime
    """When the facts were true at their source (aware, UTC)."""
    rows: int
    """Data rows that were read, those with errors included."""
    changes: Iterable[Change]
    """Nodes before the relationships that stand on them."""
    residents: Iterable[ResidentId] = ()
    """In the order in which rows of matrices are given out."""
    items: Iterable[ItemId] = ()
    grids: Iterable[str] = ()
    buildings: Iterable[str] = ()
    grants: Iterable[Grant] = ()
    identities: Iterable[IdentityRow] = ()
    words: Iterable[WordsRow] = ()
    seats: Iterable[SeatRow] = ()
    bookings: Iterable[BookingRow] = ()
    records: Iterable[RecordRow] = ()
    consented: frozenset[DataCategory] = frozenset()
    """Categories that are taken in because residents authorise them."""
    statutory: frozenset[DataCategory] = frozenset()
    """Categories that are taken in because a law demands it."""
    law: str = ""
    """That law."""
    issues: Collection[RowIssue] = ()
    """In the order of the rows."""
    columns: tuple[ColumnUse, ...] = ()
    """How each column of the file is understood; empty where there are none."""
    sample: tuple[Mapping[str, str], ...] = ()
    """First clean rows as they are understood, by column name, names and numbers masked."""

    @property
    def errors(self) -> tuple[RowIssue, ...]:
        """Issues whose row was left out."""
        return tuple(issue for issue in self.issues if issue.severity is Severity.ERROR)

    @property
    def notices(self) -> tuple[RowIssue, ...]:
        """Issues whose row came through."""
        return tuple(issue for issue in self.issues if issue.severity is Severity.NOTICE)
