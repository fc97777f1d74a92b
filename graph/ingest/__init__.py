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
from graph.ingest.uncoded import (
    FEWEST,
    Uncoded,
    UncodedText,
    forget_coded,
    plan_recode,
    uncoded_occupations,
)

__all__ = [
    "FEWEST",
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
    "Uncoded",
    "UncodedText",
    "WordsRow",
    "forget_coded",
    "import_plan",
    "plan_recode",
    "purpose_of",
    "read_file",
    "read_meetup",
    "uncoded_occupations",
]
