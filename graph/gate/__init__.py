"""The one door: who may see or do what is decided here and recorded before it happens.

The other floors reach ledger and graph store through this package only, so the types they name
are offered here too.
"""

from graph.gate.decision import BulkDecision, Decision
from graph.gate.exploring import Explorer
from graph.gate.gate import Gate
from graph.gate.impressions import (
    LEARNT_FROM,
    ImpressionBuffer,
    Shown,
    shown_and_done,
    tidy_impressions,
)
from graph.gate.opening import OpenGraph, copy_ledger, make_keys, open_graph, open_ledger
from graph.gate.processes import process_name
from graph.gate.views import training_view
from graph.ledger.access import ApiKey, Principal, Session
from graph.ledger.audit import AuditEntry, Recorded
from graph.ledger.audit_file import VerifiedFile, verify_file
from graph.ledger.bookings import Booking, BookingState
from graph.ledger.complaints import Complaint, ComplaintState, Matter
from graph.ledger.holdings import Holding
from graph.ledger.imports import BatchState, ImportBatch
from graph.ledger.impressions import Place, ShownList
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import Event, EventKind
from graph.ledger.rows import RowKind
from graph.ledger.runs import Run, RunState
from graph.ledger.told import Word
from graph.store.base import CypherStore, GraphStore

__all__ = [
    "LEARNT_FROM",
    "ApiKey",
    "AuditEntry",
    "BatchState",
    "Booking",
    "BookingState",
    "BulkDecision",
    "Complaint",
    "ComplaintState",
    "CypherStore",
    "Decision",
    "Event",
    "EventKind",
    "Explorer",
    "Gate",
    "GraphStore",
    "Holding",
    "ImportBatch",
    "ImpressionBuffer",
    "Ledger",
    "Matter",
    "OpenGraph",
    "Place",
    "Principal",
    "Recorded",
    "RowKind",
    "Run",
    "RunState",
    "Session",
    "Shown",
    "ShownList",
    "VerifiedFile",
    "Word",
    "copy_ledger",
    "make_keys",
    "open_graph",
    "open_ledger",
    "process_name",
    "shown_and_done",
    "tidy_impressions",
    "training_view",
    "verify_file",
]
