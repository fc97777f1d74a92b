"""One question to the gate, its answer, and how both are put on record."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from graph.ledger.audit import AuditEntry
from graph.model import Action, Actor, DataCategory, Grant, Purpose, ResidentId, StaffRole
from graph.policy import Relation, Requirement, requirement

__all__ = [
    "Answer",
    "Question",
    "audit_entry",
    "bulk_needs",
    "needs_of",
    "subject_root",
    "whole_second",
]


@dataclass(frozen=True, slots=True)
class Question:
    """One operation somebody asks for."""

    actor: Actor
    purpose: Purpose
    category: DataCategory
    subject: ResidentId
    action: Action
    law: str

    @property
    def own(self) -> bool:
        """Whether residents ask about themselves."""
        return self.actor.role is StaffRole.RESIDENT and self.actor.resident == self.subject


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules say."""

    allowed: bool
    reason: str
    grant: Grant | None = None


def needs_of(question: Question, others: Relation = Relation.OTHER) -> Requirement | None:
    """Look up what the operation needs; ``None`` when no line of the policy allows it.

    Parameters
    ----------
    others : Relation, optional
        How the actor stands to residents who are not themself.
    """
    relation = Relation.SELF if question.own else others
    actor, purpose = question.actor, question.purpose
    return requirement(actor.role, question.action, relation, purpose, question.category)


def audit_entry(question: Question, answer: Answer, now: datetime) -> AuditEntry:
    """Entry that records an answer."""
    actor = question.actor
    return AuditEntry(
        at=now,
        actor=actor.id,
        role=actor.role,
        institution=actor.institution,
        app=actor.app,
        action=question.action,
        purpose=question.purpose,
        categories=(question.category,),
        allowed=answer.allowed,
        reason=answer.reason,
        subject=question.subject,
        grant="" if answer.grant is None else answer.grant.id,
        law=question.law,
    )


def subject_root(rows: NDArray[np.int64] | None) -> str:
    """SHA-256 of a set of rows, or of ``everyone``."""
    whole = b"everyone" if rows is None else np.sort(rows).astype("<i8").tobytes()
    return hashlib.sha256(whole).hexdigest()


def whole_second(at: datetime) -> int:
    """Unix seconds, rounded up: a grant never lasts longer in an array than by itself."""
    return math.ceil(at.timestamp())


def bulk_needs(
    actor: Actor,
    purpose: Purpose,
    categories: frozenset[DataCategory],
    action: Action,
    law: str,
    relation: Relation,
) -> tuple[Requirement | None, str]:
    """Look up what an operation on many residents needs, or why it is refused."""
    if not categories:
        return None, "no category is named"
    found = set()
    for category in sorted(categories):
        needs = requirement(actor.role, action, relation, purpose, category)
        if needs is None:
            return None, f"no policy line allows {category}"
        found.add(needs)
    if len(found) > 1:
        return None, "the categories need different bases; ask for each"
    needs = found.pop()
    if needs is Requirement.STATUTE and not law:
        return None, "no law is named"
    return needs, ""
