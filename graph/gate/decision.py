"""What the gate hands out: proof that it was asked. Nothing else can make one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from graph.model import Action, Actor, DataCategory, Purpose, ResidentId
from graph.policy import Requirement

__all__ = ["BulkDecision", "Decision"]

_SEAL = object()
"""Shown by the gate alone (``tests/architecture/test_one_gate.py``)."""


@dataclass(frozen=True, slots=True, init=False)
class Decision:
    """The gate said yes to one operation on one resident's category; good for one request."""

    actor: Actor
    purpose: Purpose
    category: DataCategory
    subject: ResidentId
    action: Action
    grant_id: str | None
    """``None`` where no grant is needed: one's own data, public ones, or a law."""
    at: datetime

    def __init__(self, seal: object, **fields: object) -> None:
        _fill(self, seal, fields)


@dataclass(frozen=True, slots=True, init=False)
class BulkDecision:
    """The gate said yes to one operation on many residents; good for one run."""

    actor: Actor
    purpose: Purpose
    categories: frozenset[DataCategory]
    action: Action
    requirement: Requirement
    at: datetime
    subject_root: str
    """SHA-256 of the sorted rows that were asked for, or of ``everyone``."""

    def __init__(self, seal: object, **fields: object) -> None:
        _fill(self, seal, fields)


def _fill(decision: Decision | BulkDecision, seal: object, fields: dict[str, object]) -> None:
    if seal is not _SEAL:
        raise TypeError("decisions are made by graph.gate.Gate.authorise only")
    for name in decision.__dataclass_fields__:
        object.__setattr__(decision, name, fields.pop(name))
    if fields:
        raise TypeError(f"a decision has no {', '.join(fields)}")
