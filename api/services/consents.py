"""What residents authorise: list, give, withdraw. Their own only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from api.services.backing import LINLI_APP, Backing
from api.services.viewing import find_row
from graph.errors import DataError
from graph.model import (
    Action,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    Purpose,
    ResidentId,
)
from graph.schema import CATEGORY_LEVEL, LEVEL_MAX_GRANT, PURPOSE_CATEGORIES

__all__ = ["NOTICE", "OFFERED_PURPOSES", "Asked", "Consents", "in_force", "until"]

OFFERED_PURPOSES = frozenset(Purpose) - {Purpose.STATUTORY_DUTY, Purpose.EMERGENCY}
"""Purposes that rest on consent; the others rest on a law."""

NOTICE = (
    "{institution} may use your {category} data for {purpose}, until {days} days from now or "
    "until you withdraw it, which you can do at any time and without giving a reason."
)
"""What one agrees to; its digest is kept with the grant."""

_ACTIONS = frozenset({Action.DERIVE, Action.TRAIN, Action.WRITE})


@dataclass(frozen=True, slots=True)
class Asked:
    """One authorisation."""

    category: DataCategory
    purpose: Purpose
    institution: InstitutionId | None = None
    """None for Linli's operator."""
    app: str = LINLI_APP


def until(grant: Grant) -> datetime:
    """Tell when a grant ends: on its own day, or when its level's limit is reached."""
    limit = LEVEL_MAX_GRANT[CATEGORY_LEVEL[grant.category]]
    return min(grant.expires_at, grant.not_before + limit)


def in_force(grant: Grant, now: datetime) -> bool:
    """Whether a grant stands, for its resident to read; the gate alone decides what it allows."""
    return grant.state is GrantState.GIVEN and grant.not_before <= now < until(grant)


class Consents:
    """Gives and withdraws on behalf of the resident who is signed in."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def list(self, resident: ResidentId) -> list[Grant]:
        """List all grants of a resident, in every state, oldest first."""
        self._known(resident)
        with self._backing.ledger.read() as tx:
            return self._backing.ledger.grants.of(tx, resident)

    def give(self, resident: ResidentId, asked: Asked, key: str) -> Grant:
        """Authorise one category for one purpose, for as long as its level allows.

        Raises
        ------
        DataError
            The purpose does not rest on consent, or may not have this category.
        """
        if asked.purpose not in OFFERED_PURPOSES:
            raise DataError(f"{asked.purpose} does not rest on consent")
        if asked.category not in PURPOSE_CATEGORIES[asked.purpose]:
            raise DataError(f"{asked.category} data may not serve {asked.purpose}")
        self._known(resident)
        now = self._backing.clock()
        lasts = LEVEL_MAX_GRANT[CATEGORY_LEVEL[asked.category]]
        institution = asked.institution or self._backing.institution
        notice = NOTICE.format(
            institution=institution,
            category=asked.category,
            purpose=asked.purpose,
            days=lasts.days,
        )
        name = f"{resident}/{institution}/{asked.app}/{asked.category}/{asked.purpose}/{key}"
        grant = Grant(
            id=f"app-{hashlib.sha256(name.encode()).hexdigest()[:24]}",
            resident=resident,
            institution=institution,
            app=asked.app,
            category=asked.category,
            purpose=asked.purpose,
            actions=_ACTIONS,
            not_before=now,
            expires_at=now + lasts,
            state=GrantState.GIVEN,
            notice_hash=hashlib.sha256(notice.encode()).hexdigest(),
            channel="app",
        )
        ledger = self._backing.ledger
        with ledger.write() as tx:
            ledger.grants.give(tx, [grant], key=f"grant/{resident}/{key}", at=now)
            kept = [g for g in ledger.grants.of(tx, resident) if g.id == grant.id]
        return kept[0]

    def withdraw(
        self,
        resident: ResidentId,
        *,
        institution: InstitutionId | None,
        category: DataCategory | None,
        purpose: Purpose | None,
        key: str,
    ) -> int:
        """Withdraw grants (None = all); the next request in every process obeys.

        Returns
        -------
        int
            How many were in force.
        """
        self._known(resident)
        ledger = self._backing.ledger
        with ledger.write() as tx:
            return ledger.grants.withdraw(
                tx,
                resident,
                institution=institution,
                category=category,
                purpose=purpose,
                at=self._backing.clock(),
                key=f"withdraw/{resident}/{key}",
            )

    def _known(self, resident: ResidentId) -> None:
        find_row(self._backing.live.catch_up(), resident)
