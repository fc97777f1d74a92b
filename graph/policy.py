"""Pure rules of access: who may do what with which category, and which grants allow it.

Nothing here reads a store or a clock. :mod:`graph.gate` is the only caller of :func:`permits`
and :func:`permitted_rows`; both follow one rule, once for a single grant and once for arrays.

Deny by default: an operation without a line in :data:`POLICY` is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from graph.model import Action, DataCategory, Grant, GrantState, Level, Purpose, StaffRole
from graph.schema import (
    CATEGORY_LEVEL,
    LEVEL_MAX_GRANT,
    PURPOSE_CATEGORIES,
    STATUTORY_CATEGORIES,
)

__all__ = [
    "CARE_CATEGORIES",
    "CATEGORY_COLUMN",
    "POLICY",
    "PURPOSE_BIT",
    "Line",
    "Relation",
    "Requirement",
    "permits",
    "permitted_categories",
    "permitted_rows",
    "requirement",
]

CATEGORY_COLUMN: dict[DataCategory, int] = {c: n for n, c in enumerate(CATEGORY_LEVEL)}
"""Column of each category in consent arrays."""

PURPOSE_BIT: dict[Purpose, int] = {p: 1 << n for n, p in enumerate(PURPOSE_CATEGORIES)}
"""Bit of each purpose in consent arrays (uint16)."""


class Relation(StrEnum):
    """How the one who asks stands to the one asked about."""

    SELF = "self"
    ASSIGNED = "assigned"
    OTHER = "other"
    EVERYONE = "everyone"
    """A bulk operation over all residents."""


class Requirement(StrEnum):
    """What an allowed operation still needs."""

    NOTHING = "nothing"
    """One's own data, or public ones."""
    GRANT = "grant"
    STATUTE = "statute"
    """A law is named; only categories of a register."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the policy table."""

    role: StaffRole
    action: Action
    relation: Relation
    purposes: frozenset[Purpose]
    categories: frozenset[DataCategory]
    requirement: Requirement


_ALL = frozenset(CATEGORY_LEVEL)
_PERSONAL = _ALL - {DataCategory.PUBLIC}
_MATCHING = frozenset({Purpose.FEED, Purpose.GROUP_MATCHING, Purpose.NEEDS_MATCHING})
_UNSEALED = frozenset(c for c, level in CATEGORY_LEVEL.items() if level in {Level.S1, Level.S2}) - {
    DataCategory.CONTACT
}
_OWN_WORD = frozenset(
    {
        DataCategory.INTEREST,
        DataCategory.OFFER,
        DataCategory.NEED,
        DataCategory.OCCUPATION,
        DataCategory.IDENTITY,
    }
)
"""What residents tell of themselves, and correct."""
_EXPLORED = frozenset({Purpose.GROUP_MATCHING, Purpose.NEEDS_MATCHING})

_COMMUNITY = frozenset(
    {DataCategory.GRID, DataCategory.INTEREST, DataCategory.OFFER, DataCategory.OCCUPATION}
)
"""What tells a community apart."""
_FOUNDED = frozenset({DataCategory.DWELLING, DataCategory.IDENTITY, DataCategory.TIE})
"""What tells further who would found a group: how far they walk, how old, whom they know."""

_WATCHED = (
    (
        frozenset({Purpose.CARE_VISIT}),
        frozenset({DataCategory.HOUSEHOLD, DataCategory.HEALTH, DataCategory.SURVEY}),
    ),
    (frozenset({Purpose.ALARM}), frozenset({DataCategory.UTILITY_WATER})),
)
"""What is brought in about people who are visited, or whose meters are read."""
_WRITTEN = (frozenset({Purpose.NEEDS_MATCHING}), frozenset({DataCategory.NEED_WORDS}))
"""What people wrote of their needs, brought in with a register."""

CARE_CATEGORIES = frozenset(
    {
        DataCategory.GRID,
        DataCategory.INTEREST,
        DataCategory.OFFER,
        DataCategory.ATTENDANCE,
        DataCategory.HELP,
        DataCategory.IDENTITY,
        DataCategory.NEED,
        DataCategory.TIE,
        DataCategory.HOUSEHOLD,
        DataCategory.SURVEY,
        DataCategory.ISOLATION_SCORE,
        DataCategory.UTILITY_WATER,
    }
)
"""What may tell of isolation and what to do about it; contact and health may not."""
_CARE_VISIT = frozenset({Purpose.CARE_VISIT})

POLICY: tuple[Line, ...] = (
    Line(
        StaffRole.RESIDENT,
        Action.VIEW,
        Relation.SELF,
        frozenset(Purpose),
        _ALL,
        Requirement.NOTHING,
    ),
    Line(
        StaffRole.RESIDENT,
        Action.WRITE,
        Relation.SELF,
        frozenset({Purpose.FEED}),
        frozenset({DataCategory.ATTENDANCE, DataCategory.HELP}) | _OWN_WORD,
        Requirement.NOTHING,
    ),
    Line(
        StaffRole.RESIDENT,
        Action.DERIVE,
        Relation.SELF,
        frozenset({Purpose.FEED}),
        _UNSEALED,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.DERIVE,
        Relation.OTHER,
        frozenset({Purpose.FEED}),
        _UNSEALED,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.DERIVE,
        Relation.EVERYONE,
        frozenset({Purpose.FEED}),
        frozenset({DataCategory.OCCUPATION}),
        Requirement.GRANT,
    ),
    Line(
        StaffRole.RESIDENT,
        Action.DERIVE,
        Relation.SELF,
        frozenset({Purpose.GROUP_MATCHING}),
        _COMMUNITY,
        Requirement.GRANT,
    ),
    *(
        Line(
            StaffRole.OPERATOR,
            action,
            Relation.EVERYONE,
            frozenset({Purpose.GROUP_MATCHING}),
            _COMMUNITY,
            Requirement.GRANT,
        )
        for action in (Action.DERIVE, Action.EXPORT)
    ),
    Line(
        StaffRole.OPERATOR,
        Action.TRAIN,
        Relation.EVERYONE,
        _MATCHING,
        _UNSEALED,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.WRITE,
        Relation.EVERYONE,
        frozenset({Purpose.STATUTORY_DUTY}),
        STATUTORY_CATEGORIES,
        Requirement.STATUTE,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.WRITE,
        Relation.EVERYONE,
        _MATCHING,
        _PERSONAL - {DataCategory.ISOLATION_SCORE},
        Requirement.GRANT,
    ),
    *(
        Line(role, Action.WRITE, Relation.EVERYONE, purposes, categories, Requirement.GRANT)
        for role in (StaffRole.OPERATOR, StaffRole.INSTITUTION)
        for purposes, categories in _WATCHED
    ),
    *(
        Line(role, Action.DERIVE, Relation.OTHER, purposes, categories, Requirement.GRANT)
        for role in (StaffRole.OPERATOR, StaffRole.INSTITUTION)
        for purposes, categories in (*_WATCHED, _WRITTEN)
    ),
    *(
        Line(
            role,
            Action.WRITE,
            Relation.EVERYONE,
            frozenset({Purpose.FEED}),
            frozenset({DataCategory.PUBLIC}),
            Requirement.NOTHING,
        )
        for role in (StaffRole.OPERATOR, StaffRole.INSTITUTION)
    ),
    Line(
        StaffRole.INSTITUTION,
        Action.WRITE,
        Relation.EVERYONE,
        _MATCHING,
        _PERSONAL - {DataCategory.ISOLATION_SCORE},
        Requirement.GRANT,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.VIEW,
        Relation.EVERYONE,
        frozenset({Purpose.STATUTORY_DUTY}),
        STATUTORY_CATEGORIES,
        Requirement.STATUTE,
    ),
    Line(
        StaffRole.INSTITUTION,
        Action.DERIVE,
        Relation.OTHER,
        frozenset({Purpose.FEED}),
        _UNSEALED,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.INSTITUTION,
        Action.WRITE,
        Relation.OTHER,
        frozenset({Purpose.FEED}),
        frozenset({DataCategory.INTEREST, DataCategory.ATTENDANCE, DataCategory.HELP}),
        Requirement.GRANT,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.WRITE,
        Relation.OTHER,
        frozenset({Purpose.FEED}),
        frozenset({DataCategory.INTEREST, DataCategory.ATTENDANCE, DataCategory.HELP}),
        Requirement.GRANT,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.DERIVE,
        Relation.OTHER,
        _EXPLORED,
        _UNSEALED,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.INSTITUTION,
        Action.DERIVE,
        Relation.OTHER,
        _EXPLORED,
        _UNSEALED,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.OPERATOR,
        Action.DERIVE,
        Relation.EVERYONE,
        _CARE_VISIT,
        CARE_CATEGORIES,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.SOCIAL_WORKER,
        Action.DERIVE,
        Relation.ASSIGNED,
        frozenset({Purpose.GROUP_MATCHING}),
        _COMMUNITY | _FOUNDED,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.SOCIAL_WORKER,
        Action.DERIVE,
        Relation.ASSIGNED,
        _CARE_VISIT,
        CARE_CATEGORIES,
        Requirement.GRANT,
    ),
    Line(
        StaffRole.SOCIAL_WORKER,
        Action.WRITE,
        Relation.ASSIGNED,
        _CARE_VISIT,
        frozenset({DataCategory.ISOLATION_SCORE}),
        Requirement.GRANT,
    ),
)
"""What is allowed at all."""


def requirement(
    role: StaffRole,
    action: Action,
    relation: Relation,
    purpose: Purpose,
    category: DataCategory,
) -> Requirement | None:
    """Look up what the operation needs; ``None`` when no line allows it."""
    if category is not DataCategory.PUBLIC and category not in PURPOSE_CATEGORIES[purpose]:
        return None
    for line in POLICY:
        if (
            line.role is role
            and line.action is action
            and line.relation is relation
            and purpose in line.purposes
            and category in line.categories
        ):
            return line.requirement
    return None


def permits(
    grant: Grant, *, purpose: Purpose, category: DataCategory, action: Action, at: datetime
) -> bool:
    """Whether this grant allows this use at this moment.

    Expiry is decided here, at the moment of reading, never by a job. A grant longer than its
    level allows counts only up to the level's limit.
    """
    limit = LEVEL_MAX_GRANT.get(CATEGORY_LEVEL[category], timedelta(0))
    return (
        grant.state is GrantState.GIVEN
        and grant.purpose is purpose
        and grant.category is category
        and category in PURPOSE_CATEGORIES[purpose]
        and action in grant.actions
        and grant.not_before <= at < min(grant.expires_at, grant.not_before + limit)
        and (grant.uses_left is None or grant.uses_left > 0)
    )


def permitted_rows(
    masks: NDArray[np.uint16],
    expires: NDArray[np.int64],
    *,
    purpose: Purpose,
    category: DataCategory,
    at: int,
) -> NDArray[np.bool_]:
    """Rows whose grants allow this purpose and category at this moment.

    Parameters
    ----------
    masks : NDArray[uint16], (n_residents, n_categories)
        Bit :data:`PURPOSE_BIT` is set where a grant is in force.
    expires : NDArray[int64], (n_residents, n_categories)
        Earliest expiry among them, Unix seconds; 0 where there is none.
    at : int
        Unix seconds.

    Returns
    -------
    NDArray[bool], (n_residents,)
    """
    if category not in PURPOSE_CATEGORIES[purpose]:
        return np.zeros(len(masks), np.bool_)
    column = CATEGORY_COLUMN[category]
    allowed: NDArray[np.bool_] = ((masks[:, column] & PURPOSE_BIT[purpose]) != 0) & (
        expires[:, column] > at
    )
    return allowed


def permitted_categories(
    masks: NDArray[np.uint16], expires: NDArray[np.int64], *, purpose: Purpose, at: int
) -> frozenset[DataCategory]:
    """Categories that one resident's grants allow for this purpose at this moment.

    The same as :func:`permitted_rows` of every category, for one row: ``masks`` and ``expires``
    are (n_categories,).
    """
    bit = PURPOSE_BIT[purpose]
    pairs = zip(masks.tolist(), expires.tolist(), strict=True)
    allowed = [mask & bit != 0 and expiry > at for mask, expiry in pairs]
    return frozenset(c for c in PURPOSE_CATEGORIES[purpose] if allowed[CATEGORY_COLUMN[c]])
