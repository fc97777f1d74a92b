"""Which grids a member of staff looks after, and how that stands to whom they ask about."""

from __future__ import annotations

from graph.ledger.ledger import Ledger
from graph.model import Actor, StaffRole
from graph.policy import Relation

__all__ = ["bulk_relation", "looked_after"]


def looked_after(ledger: Ledger, actor: Actor) -> frozenset[str] | None:
    """Return the grids a social worker looks after, by name; ``None`` for whoever has no such."""
    if actor.role is not StaffRole.SOCIAL_WORKER:
        return None
    with ledger.read() as tx:
        return frozenset(ledger.cases.grids_of(tx, actor.id))


def bulk_relation(actor: Actor) -> Relation:
    """How an actor stands to the many they ask about."""
    return Relation.ASSIGNED if actor.role is StaffRole.SOCIAL_WORKER else Relation.EVERYONE
