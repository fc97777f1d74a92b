"""The record of what was shown of residents to somebody else: one entry for all, one for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from graph.gate.question import subject_root
from graph.ledger.audit import AuditEntry
from graph.ledger.ledger import Ledger
from graph.ledger.rows import RowKind
from graph.model import Action, Actor, Cell, DataCategory, Purpose, ResidentId

__all__ = ["record_shown"]


def record_shown(ledger: Ledger, actor: Actor, purpose: Purpose, cells: Iterable[Cell]) -> None:
    """Write one entry for all, with the root of the set, and one that each of them finds.

    Raises
    ------
    AuditUnavailable
        It could not be recorded, so nothing may leave.
    """
    used: dict[ResidentId, set[DataCategory]] = defaultdict(set)
    for resident, category in cells:
        used[resident].add(category)
    with ledger.read() as tx:
        rows = ledger.rows.some(tx, RowKind.RESIDENT, sorted(used))
    everybody = AuditEntry(
        at=ledger.clock(),
        actor=actor.id,
        role=actor.role,
        institution=actor.institution,
        app=actor.app,
        action=Action.DERIVE,
        purpose=purpose,
        categories=tuple(sorted(set().union(*used.values()))),
        allowed=True,
        reason="grant",
        count=len(used),
        subject_root=subject_root(rows),
    )
    each = (
        replace(
            everybody,
            subject=resident,
            count=1,
            subject_root="",
            categories=tuple(sorted(categories)),
        )
        for resident, categories in sorted(used.items())
    )
    ledger.audit.record_all([everybody, *each])
