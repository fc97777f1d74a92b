"""People, grants and taps that the ledger's tests share."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta

from graph.ledger.outbox import EventKind, NewEvent
from graph.model import (
    Action,
    Basis,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    ItemId,
    NodeChange,
    Op,
    Provenance,
    Purpose,
    ResidentId,
    Source,
    SourceClass,
    SourceId,
)
from tests.ledger_worker import NOW

LI, WANG, ZHAO = ResidentId("r-li"), ResidentId("r-wang"), ResidentId("r-zhao")
TAICHI = ItemId("a-taichi")
OPERATOR = InstitutionId("operator")
WORKER = (sys.executable, "-m", "tests.ledger_worker")
FULL_WIDTH = {ord("0") + n: ord("\uff10") + n for n in range(10)}
BOTH = frozenset({Action.DERIVE, Action.TRAIN})


class Interrupted(Exception):
    """Something failed in the middle of a decision."""


def make_grant(resident: ResidentId = LI, **changes: object) -> Grant:
    grant = Grant(
        id=f"g-{resident}",
        resident=resident,
        institution=OPERATOR,
        app="linli",
        category=DataCategory.INTEREST,
        purpose=Purpose.FEED,
        actions=BOTH,
        not_before=NOW,
        expires_at=NOW + timedelta(days=30),
        state=GrantState.GIVEN,
        notice_hash="0" * 64,
        channel="app",
    )
    return replace(grant, **changes)


def tap(n: int = 0, *, key: str | None = None, subject: ResidentId = LI) -> NewEvent:
    return NewEvent(
        kind=EventKind.INTERACTION,
        key=key or f"tap-{n}",
        subject=subject,
        category=DataCategory.INTEREST,
        payload={"kind": "like", "item": f"i{n}", "at": NOW.isoformat()},
        at=NOW,
    )


SOURCE = Source(SourceId("register"), SourceClass.GOVERNMENT, "street", "Register", "law")


def node(n: int) -> NodeChange:
    said = Provenance(SOURCE.id, NOW, NOW, 1.0, DataCategory.IDENTITY, Basis.STATUTORY)
    return NodeChange(Op.PUT, "Resident", f"r{n}", {"birth_year": 1950}, said)
