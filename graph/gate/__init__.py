"""The one door: who may see or do what is decided here and recorded before it happens.

The other floors reach ledger and graph store through this package only, so the types they name
are offered here too.
"""

from graph.gate.decision import BulkDecision, Decision
from graph.gate.exploring import Explorer
from graph.gate.gate import Gate
from graph.gate.opening import OpenGraph, copy_ledger, make_keys, open_graph, open_ledger
from graph.gate.processes import process_name
from graph.gate.views import training_view
from graph.ledger.access import ApiKey, Principal, Session
from graph.ledger.bookings import Booking, BookingState
from graph.ledger.imports import BatchState, ImportBatch
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import Event, EventKind
from graph.ledger.rows import RowKind
from graph.ledger.runs import Run, RunState
from graph.store.base import CypherStore, GraphStore

__all__ = [
    "ApiKey",
    "BatchState",
    "Booking",
    "BookingState",
    "BulkDecision",
    "CypherStore",
    "Decision",
    "Event",
    "EventKind",
    "Explorer",
    "Gate",
    "GraphStore",
    "ImportBatch",
    "Ledger",
    "OpenGraph",
    "Principal",
    "RowKind",
    "Run",
    "RunState",
    "Session",
    "copy_ledger",
    "make_keys",
    "open_graph",
    "open_ledger",
    "process_name",
    "training_view",
]
