"""Who looked at a resident's data, for that resident alone; and what they did not expect of it.

Acts of residents are never told, their own nor others': their own looks are counted, and another's
attempt, which was refused, would tell that there is another. Staff are told by number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.security.sessions import STAFF
from api.services.backing import Backing
from api.services.viewing import find_row
from graph.errors import NotFound
from graph.gate import AuditEntry, Complaint, ComplaintState, Matter, Recorded
from graph.model import Action, DataCategory, InstitutionId, Purpose, ResidentId, StaffRole

__all__ = [
    "MOST_WORDS",
    "ComplaintView",
    "LookBasis",
    "LookView",
    "Looks",
    "LooksView",
    "TogetherView",
]

MOST_WORDS = 500
"""Characters of a complaint."""
PAGE = 30
"""Looks on one page."""
_BLOCK = 200
_BULK = 1_000
"""Operations on everybody that are looked through: some weeks of nightly work."""
_PEOPLE = (STAFF, "cli:")
"""How the names of people begin, whatever door they came by; everything else is a program."""


class LookBasis(StrEnum):
    """Why a look was allowed, or that it was not."""

    GRANT = "grant"
    LAW = "law"
    EMERGENCY = "emergency"
    OPERATION = "operation"
    """An operator's act on the system that concerned the resident, such as a sign-in link."""
    REFUSED = "refused"
    """Nothing was shown."""


@dataclass(frozen=True, slots=True)
class ComplaintView:
    """Where a resident's complaint stands."""

    id: str
    matter: Matter
    about: str
    words: str
    state: ComplaintState
    filed_at: datetime
    due_at: datetime
    overdue: bool
    answer: str
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class LookView:
    """One look."""

    ref: str
    at: datetime
    institution: InstitutionId
    app: str
    role: StaffRole
    by_person: bool
    number: str
    """Of whoever looked: the same person or program always has the same."""
    action: Action
    purpose: Purpose | None
    categories: tuple[DataCategory, ...]
    basis: LookBasis
    grant: str
    law: str
    complaint: ComplaintView | None = None


@dataclass(frozen=True, slots=True)
class TogetherView:
    """What was done with everybody's data at once, as far as each authorised it."""

    institution: InstitutionId
    action: Action
    purpose: Purpose
    categories: tuple[DataCategory, ...]
    basis: LookBasis
    law: str
    last_at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class LooksView:
    """One page of looks, newest first."""

    looks: tuple[LookView, ...]
    together: tuple[TogetherView, ...]
    """Only on the first page."""
    next: int | None
    """Where the next page begins; ``None`` when there is none."""


class Looks:
    """Tells residents who looked, and takes their complaints."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def page(self, resident: ResidentId, skip: int = 0) -> LooksView:
        """Tell who looked, newest first.

        Parameters
        ----------
        skip : int, optional
            ``next`` of the page before.
        """
        self._known(resident)
        complaints = {c.about: c for c in self.complaints(resident) if c.matter is Matter.LOOK}
        looks: list[LookView] = []
        after: int | None = None
        for place, one in self._others(resident, skip):
            if len(looks) == PAGE:
                after = place
                break
            looks.append(self._look(one, complaints.get(one.ref)))
        together = self._together() if skip == 0 else ()
        return LooksView(tuple(looks), together, after)

    def complaints(self, resident: ResidentId) -> list[ComplaintView]:
        """List a resident's complaints, newest first."""
        self._known(resident)
        with self._backing.ledger.read() as tx:
            found = self._backing.ledger.complaints.of(tx, resident)
        return [self._complaint(one) for one in found]

    def complain(self, resident: ResidentId, ref: str, words: str) -> ComplaintView:
        """Take "I did not expect this"; saying it again changes nothing.

        Raises
        ------
        NotFound
            It is not a look that the resident is shown.
        """
        self._known(resident)
        ledger = self._backing.ledger
        with ledger.read() as tx:
            entry = ledger.audit.find(tx, resident, ref)
        if entry is None or not _is_told(entry):
            raise NotFound("there is no such look, or not for you")
        return self.file(resident, Matter.LOOK, ref, words)

    def file(self, resident: ResidentId, matter: Matter, about: str, words: str) -> ComplaintView:
        """Keep a complaint about something that the resident is shown."""
        ledger = self._backing.ledger
        with ledger.write() as tx:
            now = self._backing.clock()
            kept = ledger.complaints.file(
                tx, resident, matter=matter, about=about, words=words, at=now
            )
        return self._complaint(kept)

    def _others(self, resident: ResidentId, skip: int) -> Iterator[tuple[int, Recorded]]:
        """Entries that are told, from a place on, each with its place."""
        ledger = self._backing.ledger
        while True:
            with ledger.read() as tx:
                block = ledger.audit.recorded(tx, resident, limit=_BLOCK, skip=skip)
            for n, one in enumerate(block):
                if _is_told(one.entry):
                    yield skip + n, one
            if len(block) < _BLOCK:
                return
            skip += _BLOCK

    def _look(self, one: Recorded, complaint: ComplaintView | None) -> LookView:
        entry = one.entry
        return LookView(
            ref=one.ref,
            at=entry.at,
            institution=entry.institution,
            app=entry.app,
            role=entry.role,
            by_person=entry.actor.startswith(_PEOPLE),
            number=self._number(entry.actor),
            action=entry.action,
            purpose=entry.purpose,
            categories=entry.categories,
            basis=_basis(entry),
            grant=entry.grant,
            law=entry.law,
            complaint=complaint,
        )

    def _number(self, actor: str) -> str:
        """Eight digits that say nothing of the name, and are the same each time."""
        name = self._backing.ledger.keys.pseudonym("staff-number", actor)
        return f"{int(name, 36) % 10**8:08}"

    def _together(self) -> tuple[TogetherView, ...]:
        with self._backing.ledger.read() as tx:
            entries = self._backing.ledger.audit.bulk(tx, limit=_BULK)
        grouped: dict[tuple[InstitutionId, Action, Purpose, str], list[AuditEntry]] = {}
        for entry in entries:
            if entry.allowed and entry.purpose is not None and _uses_everybody(entry):
                what = (entry.institution, entry.action, entry.purpose, entry.law)
                grouped.setdefault(what, []).append(entry)
        return tuple(_as_one(what[2], some) for what, some in grouped.items())

    def _complaint(self, one: Complaint) -> ComplaintView:
        late = one.state is ComplaintState.OPEN and self._backing.clock() > one.due_at
        return ComplaintView(
            id=one.id,
            matter=one.matter,
            about=one.about,
            words=one.words,
            state=one.state,
            filed_at=one.filed_at,
            due_at=one.due_at,
            overdue=late,
            answer=one.answer,
            answered_at=one.answered_at,
        )

    def _known(self, resident: ResidentId) -> None:
        find_row(self._backing.live.catch_up(), resident)


def _is_told(entry: AuditEntry) -> bool:
    return entry.role is not StaffRole.RESIDENT


def _uses_everybody(entry: AuditEntry) -> bool:
    return entry.count == -1 and entry.action in {Action.VIEW, Action.DERIVE, Action.TRAIN}


def _basis(entry: AuditEntry) -> LookBasis:
    if not entry.allowed:
        return LookBasis.REFUSED
    if entry.purpose is None:
        return LookBasis.OPERATION
    by_purpose = {
        Purpose.STATUTORY_DUTY: LookBasis.LAW,
        Purpose.EMERGENCY: LookBasis.EMERGENCY,
    }
    return by_purpose.get(entry.purpose, LookBasis.GRANT)


def _as_one(purpose: Purpose, entries: Sequence[AuditEntry]) -> TogetherView:
    """Make one line of operations that are alike, newest first."""
    last = entries[0]
    return TogetherView(
        institution=last.institution,
        action=last.action,
        purpose=purpose,
        categories=tuple(sorted({c for entry in entries for c in entry.categories})),
        basis=_basis(last),
        law=last.law,
        last_at=last.at,
        times=len(entries),
    )
