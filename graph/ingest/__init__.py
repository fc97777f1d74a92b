"""Readers of files and folders, and the one place where what they read enters the ledger."""

from graph.ingest.basis import ImportGate
from graph.ingest.batch import (
    ImportResult,
    Promote,
    commit_import,
    discard_import,
    import_plan,
    own_import,
    preview_import,
    undo_import,
)
from graph.ingest.corrected import ending_of
from graph.ingest.files import FILE_COLUMNS, read_file
from graph.ingest.ledger_register import GrantGate, LedgerRegister
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
from graph.ingest.preview import (
    ISSUES_AT_ONCE,
    Preview,
    Refusal,
    copy_of,
    forget_refusal,
    issues_of,
    preview_of,
    refusal_of,
    refuse_import,
    why_no_report,
)
from graph.ingest.register import EmptyRegister, Register
from graph.ingest.templates import write_template
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
    "FILE_COLUMNS",
    "ISSUES_AT_ONCE",
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
    "Preview",
    "Promote",
    "RecordKind",
    "RecordRow",
    "Refusal",
    "Register",
    "RowIssue",
    "SeatRow",
    "Severity",
    "Uncoded",
    "UncodedText",
    "WordsRow",
    "commit_import",
    "copy_of",
    "discard_import",
    "ending_of",
    "forget_coded",
    "forget_refusal",
    "import_plan",
    "issues_of",
    "own_import",
    "plan_recode",
    "preview_import",
    "preview_of",
    "purpose_of",
    "read_file",
    "read_meetup",
    "refusal_of",
    "refuse_import",
    "uncoded_occupations",
    "undo_import",
    "why_no_report",
    "write_template",
]
