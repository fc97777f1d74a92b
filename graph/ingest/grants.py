"""Grants that come with an import: explicit, one per category and purpose, marked by channel."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from graph.model import (
    Action,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    Purpose,
    ResidentId,
)
from graph.schema import CATEGORY_LEVEL, LEVEL_MAX_GRANT

__all__ = ["GRANTED_CATEGORIES", "GRANTED_PURPOSES", "OPERATOR", "full_grants", "make_grant"]

GRANTED_CATEGORIES: tuple[DataCategory, ...] = (
    DataCategory.GRID,
    DataCategory.INTEREST,
    DataCategory.OFFER,
    DataCategory.ATTENDANCE,
    DataCategory.HELP,
    DataCategory.IDENTITY,
    DataCategory.DWELLING,
    DataCategory.OCCUPATION,
    DataCategory.NEED,
    DataCategory.TIE,
)
"""What feed and group matching may use."""

GRANTED_PURPOSES: tuple[Purpose, ...] = (Purpose.FEED, Purpose.GROUP_MATCHING)

OPERATOR = InstitutionId("operator")
"""Linli itself, as an institution."""

_NOTICE = "Nobody was asked: this person is made up, or a number in a published data set."
_NOTICE_HASH = hashlib.sha256(_NOTICE.encode()).hexdigest()
_ACTIONS = frozenset({Action.DERIVE, Action.TRAIN})


def make_grant(
    resident: ResidentId,
    category: DataCategory,
    purpose: Purpose,
    *,
    channel: str,
    start: datetime,
    lasts: timedelta | None = None,
) -> Grant:
    """Make one grant to the operator; by default it lasts as long as its level allows."""
    return Grant(
        id=f"{channel}-{resident}-{category}-{purpose}",
        resident=resident,
        institution=OPERATOR,
        app="linli",
        category=category,
        purpose=purpose,
        actions=_ACTIONS,
        not_before=start,
        expires_at=start + (lasts or LEVEL_MAX_GRANT[CATEGORY_LEVEL[category]]),
        state=GrantState.GIVEN,
        notice_hash=_NOTICE_HASH,
        channel=channel,
    )


def full_grants(
    residents: Iterable[ResidentId], *, channel: str, start: datetime
) -> Iterator[Grant]:
    """Yield all grants for members of a published data set, so that it can be measured with."""
    for resident in residents:
        for category in GRANTED_CATEGORIES:
            for purpose in GRANTED_PURPOSES:
                yield make_grant(resident, category, purpose, channel=channel, start=start)
