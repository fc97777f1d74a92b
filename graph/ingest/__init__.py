"""Readers of files and folders, and the one place where what they read enters the ledger."""

from graph.ingest.batch import ImportGate, ImportResult, import_plan
from graph.ingest.csv_reader import read_csv
from graph.ingest.meetup import read_meetup
from graph.ingest.plan import (
    BookingRow,
    IdentityRow,
    ImportPlan,
    Lazy,
    RowIssue,
    SeatRow,
    Severity,
    WordsRow,
)
from graph.ingest.register import EmptyRegister, GrantGate, LedgerRegister, Register

__all__ = [
    "BookingRow",
    "EmptyRegister",
    "GrantGate",
    "IdentityRow",
    "ImportGate",
    "ImportPlan",
    "ImportResult",
    "Lazy",
    "LedgerRegister",
    "Register",
    "RowIssue",
    "SeatRow",
    "Severity",
    "WordsRow",
    "import_plan",
    "read_csv",
    "read_meetup",
]
