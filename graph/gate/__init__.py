"""The one door: who may see or do what is decided here and recorded before it happens.

The other floors reach ledger and graph store through this package only, so the types they name
are offered here too.
"""

from graph.gate.assigned import bulk_relation, looked_after, may_see_grid
from graph.gate.care import CareFacts, care_facts
from graph.gate.care_desk import CareDesk, Caseload, publish_scores
from graph.gate.charters import charter_people, may_be_asked
from graph.gate.decision import BulkDecision, Decision
from graph.gate.exploring import Explorer
from graph.gate.gate import Gate
from graph.gate.impressions import LEARNT_FROM, ImpressionBuffer
from graph.gate.opening import OpenGraph, copy_ledger, make_keys, open_graph, open_ledger
from graph.gate.processes import process_name
from graph.gate.shown import Shown, shown_and_done, tidy_impressions
from graph.gate.views import group_view, training_view, withdrawn_since
from graph.ledger.access import ApiKey, Principal, Session
from graph.ledger.audit import AuditEntry, Recorded
from graph.ledger.audit_file import VerifiedFile, verify_file
from graph.ledger.bookings import Booking, BookingState
from graph.ledger.cases import Case, Outcome
from graph.ledger.charters import Answer, Charter, CharterState, NewCharter
from graph.ledger.complaints import Complaint, ComplaintState, Matter
from graph.ledger.holdings import Holding
from graph.ledger.imports import BatchState, ImportBatch
from graph.ledger.impressions import Place, ShownList
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import Event, EventKind
from graph.ledger.records import Record
from graph.ledger.rows import RowKind
from graph.ledger.runs import Run, RunState
from graph.ledger.told import Word
from graph.store.base import CypherStore, GraphStore

__all__ = [
    "LEARNT_FROM",
    "Answer",
    "ApiKey",
    "AuditEntry",
    "BatchState",
    "Booking",
    "BookingState",
    "BulkDecision",
    "CareDesk",
    "CareFacts",
    "Case",
    "Caseload",
    "Charter",
    "CharterState",
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
    "NewCharter",
    "OpenGraph",
    "Outcome",
    "Place",
    "Principal",
    "Record",
    "Recorded",
    "RowKind",
    "Run",
    "RunState",
    "Session",
    "Shown",
    "ShownList",
    "VerifiedFile",
    "Word",
    "bulk_relation",
    "care_facts",
    "charter_people",
    "copy_ledger",
    "group_view",
    "looked_after",
    "make_keys",
    "may_be_asked",
    "may_see_grid",
    "open_graph",
    "open_ledger",
    "process_name",
    "publish_scores",
    "shown_and_done",
    "tidy_impressions",
    "training_view",
    "verify_file",
    "withdrawn_since",
]
