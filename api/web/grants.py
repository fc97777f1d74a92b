"""What the page of authorisations shows: those in force by institution and purpose; the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.services.consents import in_force, until
from graph.model import Grant, InstitutionId, Purpose
from graph.schema import CATEGORY_LEVEL

__all__ = ["GrantsPage", "Use", "grants_page"]


@dataclass(frozen=True, slots=True)
class Use:
    """What one institution may use for one purpose."""

    institution: InstitutionId
    purpose: Purpose
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class GrantsPage:
    """The page."""

    uses: tuple[Use, ...]
    ended: tuple[Grant, ...]
    """Withdrawn, run out or ended otherwise; the latest first."""


def grants_page(grants: Sequence[Grant], now: datetime) -> GrantsPage:
    """Sort grants into what the page shows; of several for one use the longest."""
    longest: dict[tuple[InstitutionId, Purpose], dict[str, Grant]] = {}
    for grant in grants:
        if in_force(grant, now):
            held = longest.setdefault((grant.institution, grant.purpose), {})
            other = held.get(grant.category)
            if other is None or until(other) < until(grant):
                held[grant.category] = grant
    order = {category: n for n, category in enumerate(CATEGORY_LEVEL)}
    uses = (
        Use(institution, purpose, tuple(sorted(held.values(), key=lambda g: order[g.category])))
        for (institution, purpose), held in longest.items()
    )
    ended = [grant for grant in grants if not in_force(grant, now)]
    return GrantsPage(tuple(uses), tuple(sorted(ended, key=until, reverse=True)))
