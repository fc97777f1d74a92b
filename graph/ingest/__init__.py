"""Readers of files and folders, and the one place where what they read enters the ledger."""

from graph.ingest.batch import ImportGate, ImportResult, import_plan
from graph.ingest.files import read_file
from graph.ingest.meetup import read_meetup
from graph.ingest.plan import (
    BookingRow,
    ColumnFate,
    ColumnUse,
    IdentityRow,
    ImportPlan,
    Lazy,
    RecordKind,
    RecordRow,
    RowIssue,
    SeatRow,
    Severity,
    WordsRow,
    purpose_of,
)
from graph.ingest.register import EmptyRegister, GrantGate, LedgerRegister, Register

__all__ = [
    "BookingRow",
    "ColumnFate",
    "ColumnUse",
    "EmptyRegister",
    "GrantGate",
    "IdentityRow",
    "ImportGate",
    "ImportPlan",
    "ImportResult",
    "Lazy",
    "LedgerRegister",
    "RecordKind",
    "RecordRow",
    "Register",
    "RowIssue",
    "SeatRow",
    "Severity",
    "WordsRow",
    "import_plan",
    "purpose_of",
    "read_file",
    "read_meetup",
]
