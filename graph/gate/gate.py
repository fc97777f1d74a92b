"""Decisions on who may see or do what, recorded before they take effect.

Deny by default. :func:`graph.policy.permits` and :func:`graph.policy.permitted_rows` are called
in this module only; a :class:`Decision` cannot be made anywhere else. Expiry is decided at the
moment of asking, against the clock, so no job has to run for a grant to end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from graph.errors import Denied
from graph.gate.decision import _SEAL, BulkDecision, Decision
from graph.gate.question import (
    Answer,
    Question,
    audit_entry,
    bulk_needs,
    needs_of,
    subject_root,
    whole_second,
)
from graph.ledger.audit import AuditEntry
from graph.ledger.ledger import Ledger
from graph.model import (
    Action,
    Actor,
    Cell,
    DataCategory,
    Grant,
    Purpose,
    ResidentId,
    StaffRole,
)
from graph.policy import (
    Relation,
    Requirement,
    permits,
    permitted_categories,
    permitted_rows,
    requirement,
)
from graph.schema import STATUTORY_CATEGORIES

__all__ = ["Gate"]

CLOCK_TOLERANCE = timedelta(seconds=5)
"""How far the clock may stand behind the last audit entry."""


class Gate:
    """Decides and records.

    Parameters
    ----------
    ledger : Ledger
    clock : callable
        Returns the aware UTC time.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def authorise(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        category: DataCategory,
        subject: ResidentId,
        action: Action,
        law: str = "",
    ) -> Decision:
        """Decide one operation on one resident's data.

        The audit entry is durable before this returns. Residents' looks at their own data are
        counted instead. Ask before opening a write transaction.

        Parameters
        ----------
        law : str, optional
            Law that demands it, for purposes that rest on one.

        Returns
        -------
        Decision

        Raises
        ------
        Denied
            No rule or no grant allows it, or the clock stands behind the last audit entry.
        AuditUnavailable
            It could not be recorded, so it does not happen.
        """
        question = Question(actor, purpose, category, subject, action, law)
        now = self._clock()
        answer = self._answer(question, now)
        if answer.allowed and question.own and action in {Action.VIEW, Action.DERIVE}:
            self._ledger.audit.count_own(subject, category, now)
        else:
            answer = self._record(question, answer, now)
        if not answer.allowed:
            raise Denied(
                f"{actor.role} {actor.id} may not {action} the {category} data of {subject} "
                f"for {purpose}: {answer.reason}"
            )
        return Decision(
            _SEAL,
            actor=actor,
            purpose=purpose,
            category=category,
            subject=subject,
            action=action,
            grant_id=None if answer.grant is None else answer.grant.id,
            at=now,
        )

    def authorise_some(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        categories: Iterable[DataCategory],
        subject: ResidentId,
        action: Action,
    ) -> frozenset[DataCategory]:
        """Decide one operation on several categories of a resident; one audit entry for all.

        Grants that count their uses are left out: each use is asked for by :meth:`authorise`.

        Returns
        -------
        frozenset of DataCategory
            Those that are allowed, at least one.

        Raises
        ------
        Denied
            None is allowed, or nobody has this id: the two look the same.
        AuditUnavailable
            It could not be recorded, so it does not happen.
        """
        now = self._clock()
        wanted = sorted(set(categories))
        if not wanted:
            raise Denied("no category is named")
        questions = [Question(actor, purpose, c, subject, action, "") for c in wanted]
        with self._ledger.read() as tx:
            fault = self._clock_fault(tx, now)
            grants = [] if fault else self._ledger.grants.of(tx, subject)
        found = {
            q.category: grant
            for q in questions
            if needs_of(q) is Requirement.GRANT
            for grant in grants
            if grant.uses_left is None and self._covers(grant, q, now)
        }
        said = "grant" if found else "no grant in force allows it"
        entry = audit_entry(questions[0], Answer(bool(found), fault or said), now)
        named = ",".join(sorted({grant.id for grant in found.values()}))
        covered = tuple(sorted(found)) or tuple(wanted)
        self._ledger.audit.record(replace(entry, categories=covered, grant=named))
        if not found:
            raise Denied(f"{actor.institution} is not authorised by {subject} for {purpose}")
        return frozenset(found)

    def may(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        category: DataCategory,
        subject: ResidentId,
        action: Action,
        law: str = "",
    ) -> bool:
        """Tell what :meth:`authorise` would say, recording nothing and opening nothing."""
        question = Question(actor, purpose, category, subject, action, law)
        return self._answer(question, self._clock()).allowed

    def may_among(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        category: DataCategory,
        subjects: Sequence[ResidentId] | None,
        action: Action,
    ) -> frozenset[ResidentId]:
        """Those residents whose grant would make :meth:`may` true; in one look-up for all.

        For actors who are not residents; grants that count their uses are left out.

        Parameters
        ----------
        subjects : sequence of ResidentId or None
            ``None`` for everybody.
        """
        now = self._clock()
        needs = requirement(actor.role, action, Relation.OTHER, purpose, category)
        if needs is not Requirement.GRANT:
            return frozenset()
        with self._ledger.read() as tx:
            if self._clock_fault(tx, now):
                return frozenset()
            grants = self._ledger.grants.held_for(
                tx, subjects, institution=actor.institution, category=category, purpose=purpose
            )
        return frozenset(
            grant.resident
            for grant in grants
            if grant.uses_left is None
            and self._covers(
                grant, Question(actor, purpose, category, grant.resident, action, ""), now
            )
        )

    def authorise_bulk(  # noqa: PLR0913 - the parts of the question
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        categories: Iterable[DataCategory],
        action: Action,
        rows: NDArray[np.int64] | None,
        law: str = "",
        relation: Relation = Relation.EVERYONE,
    ) -> BulkDecision:
        """Decide one operation on many residents at once; one audit entry for all.

        What it allows of whom, :meth:`permitted` then tells from the consent arrays.

        Parameters
        ----------
        rows : NDArray[int64] or None
            Resident rows; ``None`` for everyone.
        relation : Relation, optional
            ``ASSIGNED`` for staff and the residents of grids they look after
            (:func:`graph.gate.assigned.looked_after`).

        Raises
        ------
        Denied
            No rule allows it for one of the categories.
        AuditUnavailable
            It could not be recorded, so it does not happen.
        """
        now = self._clock()
        wanted = frozenset(categories)
        needs, reason = bulk_needs(actor, purpose, wanted, action, law, relation)
        with self._ledger.read() as tx:
            reason = self._clock_fault(tx, now) or reason
        root = subject_root(rows)
        self._ledger.audit.record(
            AuditEntry(
                at=now,
                actor=actor.id,
                role=actor.role,
                institution=actor.institution,
                app=actor.app,
                action=action,
                purpose=purpose,
                categories=tuple(sorted(wanted)),
                allowed=not reason,
                reason=reason or "policy",
                count=-1 if rows is None else len(rows),
                subject_root=root,
                law=law,
            )
        )
        if reason or needs is None:
            raise Denied(f"{actor.role} {actor.id} may not {action} for {purpose}: {reason}")
        return BulkDecision(
            _SEAL,
            actor=actor,
            purpose=purpose,
            categories=wanted,
            action=action,
            requirement=needs,
            at=now,
            subject_root=root,
        )

    def permitted(
        self,
        decision: BulkDecision,
        masks: NDArray[np.uint16],
        expires: NDArray[np.int64],
        *,
        rows: NDArray[np.int64] | None = None,
    ) -> dict[DataCategory, NDArray[np.bool_]]:
        """Rows that a bulk decision covers, by category, as of now.

        Parameters
        ----------
        masks : NDArray[uint16], (n_residents, n_categories)
        expires : NDArray[int64], (n_residents, n_categories)
            Consent arrays of the actor's institution (see :func:`graph.policy.permitted_rows`).
        rows : NDArray[int64] or None
            The rows that were asked for; no others are permitted.

        Returns
        -------
        dict of DataCategory to NDArray[bool], (n_residents,)

        Raises
        ------
        Denied
            The decision is about other rows.
        """
        if subject_root(rows) != decision.subject_root:
            raise Denied("the decision is about other residents; ask for these")
        asked = np.ones(len(masks), np.bool_)
        if rows is not None:
            asked = np.isin(np.arange(len(masks)), rows)
        now = max(self._clock(), decision.at)
        if decision.requirement is Requirement.STATUTE:
            return {c: asked & (c in STATUTORY_CATEGORIES) for c in decision.categories}
        return {
            c: asked
            & permitted_rows(
                masks, expires, purpose=decision.purpose, category=c, at=whole_second(now)
            )
            for c in decision.categories
        }

    def permitted_row(
        self,
        masks: NDArray[np.uint16],
        expires: NDArray[np.int64],
        *,
        purpose: Purpose,
    ) -> frozenset[DataCategory]:
        """Categories that one resident's consent arrays, (n_categories,) each, allow now."""
        now = whole_second(self._clock())
        return permitted_categories(masks, expires, purpose=purpose, at=now)

    def permitted_cells(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        cells: Iterable[Cell],
        action: Action,
        relation: Relation = Relation.OTHER,
    ) -> frozenset[Cell]:
        """Cells that their residents' grants allow this actor to use now.

        Records nothing: :class:`graph.gate.exploring.Explorer` does, before anything made of
        them leaves. Grants that count their uses are left out, as in :meth:`authorise_some`.

        Parameters
        ----------
        relation : Relation, optional
            As for :meth:`authorise_bulk`.
        """
        now = self._clock()
        asked = defaultdict(list)
        for resident, category in set(cells):
            question = Question(actor, purpose, category, resident, action, "")
            if needs_of(question, relation) is Requirement.GRANT:
                asked[resident].append(question)
        with self._ledger.read() as tx:
            fault = self._clock_fault(tx, now)
            grants = [] if fault else self._ledger.grants.of_many(tx, sorted(asked))
        return frozenset(
            (question.subject, question.category)
            for grant in grants
            if grant.uses_left is None
            for question in asked[grant.resident]
            if self._covers(grant, question, now)
        )

    def record_act(self, actor: Actor, what: str, subject: ResidentId | None = None) -> None:
        """Record an operator's act on the system itself, durably, before it happens.

        Parameters
        ----------
        actor : Actor
        what : str
            What is done, in words; nothing personal.
        subject : ResidentId, optional
            Whom it concerns.

        Raises
        ------
        Denied
            The actor is no operator.
        AuditUnavailable
            It could not be recorded, so it does not happen.
        """
        self._record_act(actor, what, subject, frozenset({StaffRole.OPERATOR}))

    def record_import(self, actor: Actor, what: str) -> None:
        """Record what an operator or an institution does with an import, before it happens.

        Parameters
        ----------
        actor : Actor
        what : str
            The act and the batch; nothing personal.

        Raises
        ------
        Denied
            The actor is neither.
        AuditUnavailable
            It could not be recorded, so it does not happen.
        """
        roles = frozenset({StaffRole.OPERATOR, StaffRole.INSTITUTION})
        self._record_act(actor, what, None, roles)

    def _record_act(
        self,
        actor: Actor,
        what: str,
        subject: ResidentId | None,
        roles: frozenset[StaffRole],
    ) -> None:
        allowed = actor.role in roles
        self._ledger.audit.record(
            AuditEntry(
                at=self._clock(),
                actor=actor.id,
                role=actor.role,
                institution=actor.institution,
                app=actor.app,
                action=Action.OPERATE,
                purpose=None,
                categories=(),
                allowed=allowed,
                reason=what,
                subject=subject,
            )
        )
        if not allowed:
            raise Denied(f"{actor.role} {actor.id} may not do this: {what}")

    def _answer(self, question: Question, now: datetime) -> Answer:
        needs = needs_of(question)
        if needs is None:
            return Answer(False, "no policy line allows it")
        with self._ledger.read() as tx:
            fault = self._clock_fault(tx, now)
            asks = needs is Requirement.GRANT and not fault
            grants = self._ledger.grants.of(tx, question.subject) if asks else []
        if fault:
            return Answer(False, fault)
        if needs is Requirement.NOTHING:
            return Answer(True, "own data")
        if needs is Requirement.STATUTE:
            return Answer(bool(question.law), "law" if question.law else "no law is named")
        for grant in grants:
            if self._covers(grant, question, now):
                return Answer(True, "grant", grant)
        return Answer(False, "no grant in force allows it")

    def _covers(self, grant: Grant, question: Question, now: datetime) -> bool:
        return (
            grant.resident == question.subject
            and grant.institution == question.actor.institution
            and grant.app == question.actor.app
            and permits(
                grant,
                purpose=question.purpose,
                category=question.category,
                action=question.action,
                at=now,
            )
        )

    def _record(self, question: Question, answer: Answer, now: datetime) -> Answer:
        """Write the audit entry; a counted grant loses one use in the same transaction."""
        grant = answer.grant
        if grant is not None and grant.uses_left is not None:
            name = grant.id
            used = self._ledger.audit.record(
                audit_entry(question, answer, now),
                also=lambda tx: self._ledger.grants.use(tx, name),
            )
            if used:
                return answer
            answer = Answer(False, "the last use of the grant was just taken")
        self._ledger.audit.record(audit_entry(question, answer, now))
        return answer

    def _clock_fault(self, tx: Connection, now: datetime) -> str:
        """Say what is wrong with the clock: one set back could bring ended grants to life."""
        last = self._ledger.audit.last_at(tx)
        if last is not None and now < last - CLOCK_TOLERANCE:
            return f"the clock stands at {now:%FT%TZ}, before the last audit entry"
        return ""
