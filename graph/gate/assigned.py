"""Which grids a member of staff looks after, and how that stands to whom they ask about."""

from __future__ import annotations

from graph.ledger.ledger import Ledger
from graph.model import Actor, StaffRole
from graph.policy import Relation

__all__ = ["bulk_relation", "is_bound", "looked_after", "may_see_grid"]


def is_bound(actor: Actor) -> bool:
    """Whether an actor sees no more than the grids they look after: a social worker."""
    return actor.role is StaffRole.SOCIAL_WORKER


def looked_after(ledger: Ledger, actor: Actor) -> frozenset[str] | None:
    """Return the grids a social worker looks after, by name; ``None`` for whoever has no such."""
    if not is_bound(actor):
        return None
    with ledger.read() as tx:
        return frozenset(ledger.cases.grids_of(tx, actor.id))


def may_see_grid(ledger: Ledger, actor: Actor, grid: str) -> bool:
    """Whether a grid is one that an actor looks after, or the actor is bound to none."""
    own = looked_after(ledger, actor)
    return own is None or grid in own


def bulk_relation(actor: Actor) -> Relation:
    """How an actor stands to the many they ask about."""
    return Relation.ASSIGNED if is_bound(actor) else Relation.EVERYONE
