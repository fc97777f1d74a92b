"""The one door: who may see or do what is decided here and recorded before it happens."""

from graph.gate.decision import BulkDecision, Decision
from graph.gate.gate import Gate
from graph.gate.opening import OpenGraph, open_graph, open_ledger

__all__ = ["BulkDecision", "Decision", "Gate", "OpenGraph", "open_graph", "open_ledger"]
