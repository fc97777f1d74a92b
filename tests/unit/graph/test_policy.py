"""The rules of access: deny by default, one rule for one grant and for arrays, every line used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.model import (
    Action,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    Level,
    Purpose,
    ResidentId,
    StaffRole,
)
from graph.policy import (
    CATEGORY_COLUMN,
    POLICY,
    PURPOSE_BIT,
    Relation,
    Requirement,
    permits,
    permitted_categories,
    permitted_rows,
    requirement,
)
from graph.schema import (
    CATEGORY_LEVEL,
    LEVEL_MAX_GRANT,
    PURPOSE_CATEGORIES,
    STATUTORY_CATEGORIES,
)

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
SECONDS = st.integers(-400 * 86_400, 400 * 86_400)


def often(value: object, values: type) -> st.SearchStrategy:
    """Mostly this value, sometimes any other."""
    return st.one_of(st.just(value), st.just(value), st.sampled_from(list(values)))


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    begin = NOW - timedelta(seconds=draw(st.one_of(st.integers(0, 86_400), SECONDS)))
    return Grant(
        id="g",
        resident=ResidentId("r"),
        institution=InstitutionId("operator"),
        app="linli",
        category=draw(often(DataCategory.INTEREST, DataCategory)),
        purpose=draw(often(Purpose.FEED, Purpose)),
        actions=frozenset(draw(st.sets(st.sampled_from(list(Action))))) | {Action.DERIVE},
        not_before=begin,
        expires_at=begin + timedelta(seconds=draw(st.integers(1, 500 * 86_400))),
        state=draw(st.sampled_from([GrantState.GIVEN] * 4 + list(GrantState))),
        notice_hash="",
        channel="app",
        uses_left=draw(st.sampled_from([None, None, 0, 1])),
    )


def arrays_of(grant: Grant, at: datetime) -> tuple[np.ndarray, np.ndarray]:
    """Arrays that hold one grant, written independently of the ledger."""
    masks = np.zeros((1, len(CATEGORY_COLUMN)), np.uint16)
    expires = np.zeros((1, len(CATEGORY_COLUMN)), np.int64)
    limit = LEVEL_MAX_GRANT.get(CATEGORY_LEVEL[grant.category], timedelta(0))
    ends = min(grant.expires_at, grant.not_before + limit)
    if grant.state is GrantState.GIVEN and grant.not_before <= at and grant.uses_left != 0:
        masks[0, CATEGORY_COLUMN[grant.category]] = PURPOSE_BIT[grant.purpose]
        expires[0, CATEGORY_COLUMN[grant.category]] = int(ends.timestamp())
    return masks, expires


@given(st.data())
def test_one_rule_for_a_grant_and_for_arrays(data: st.DataObject):
    grant = data.draw(grants())
    purpose = data.draw(often(grant.purpose, Purpose))
    category = data.draw(often(grant.category, DataCategory))
    masks, expires = arrays_of(grant, NOW)
    rows = permitted_rows(
        masks, expires, purpose=purpose, category=category, at=int(NOW.timestamp())
    )
    alike = permitted_categories(masks[0], expires[0], purpose=purpose, at=int(NOW.timestamp()))
    assert (category in alike) == bool(rows[0])
    for action in (Action.DERIVE, Action.TRAIN):
        alone = permits(grant, purpose=purpose, category=category, action=action, at=NOW)
        assert alone == (bool(rows[0]) and action in grant.actions)


@given(grants(), SECONDS)
def test_a_grant_ends_to_the_second_and_never_lasts_longer_than_its_level(grant: Grant, later: int):
    at = grant.not_before + timedelta(seconds=later)
    allowed = any(
        permits(grant, purpose=grant.purpose, category=grant.category, action=a, at=at)
        for a in Action
    )
    level = CATEGORY_LEVEL[grant.category]
    if allowed:
        assert grant.not_before <= at < grant.expires_at
        assert at < grant.not_before + LEVEL_MAX_GRANT[level]
        assert level is not Level.S0


@given(grants(), st.sampled_from(list(DataCategory)), st.sampled_from(list(Purpose)))
def test_no_grant_serves_another_category_or_purpose(
    grant: Grant, category: DataCategory, purpose: Purpose
):
    if (category, purpose) != (grant.category, grant.purpose):
        for action in Action:
            assert not permits(grant, purpose=purpose, category=category, action=action, at=NOW)


def cells() -> list[tuple[StaffRole, Action, Relation, Purpose, DataCategory]]:
    return list(product(StaffRole, Action, Relation, Purpose, DataCategory))


def test_every_cell_of_the_matrix_is_as_a_line_says_or_denied():
    hit = set()
    for role, action, relation, purpose, category in cells():
        lines = [
            line
            for line in POLICY
            if (line.role, line.action, line.relation) == (role, action, relation)
            and purpose in line.purposes
            and category in line.categories
        ]
        public = category is DataCategory.PUBLIC
        allowed = bool(lines) and (public or category in PURPOSE_CATEGORIES[purpose])
        found = requirement(role, action, relation, purpose, category)
        assert found == (lines[0].requirement if allowed else None)
        if found is not None:
            hit.add(lines[0])
    assert len(cells()) > 5_000
    assert hit == set(POLICY), "a line of the policy that nothing can ever use"


@pytest.mark.parametrize("role", [StaffRole.ANONYMOUS, StaffRole.ANALYST, StaffRole.AUDITOR])
def test_who_has_no_line_may_nothing(role: StaffRole):
    assert not any(requirement(role, a, r, p, c) for _, a, r, p, c in cells())


def test_nobody_sees_another_residents_data_without_a_grant_or_a_law():
    for role, action, relation, purpose, category in cells():
        found = requirement(role, action, relation, purpose, category)
        if relation is not Relation.SELF and category is not DataCategory.PUBLIC:
            assert found is not Requirement.NOTHING
        if found is Requirement.STATUTE:
            assert category in STATUTORY_CATEGORIES
            assert purpose is Purpose.STATUTORY_DUTY


def test_sensitive_categories_never_enter_training():
    for role, action, relation, purpose, category in cells():
        if action is Action.TRAIN and CATEGORY_LEVEL[category] is Level.S3:
            assert requirement(role, action, relation, purpose, category) is None


def test_a_residents_own_data_are_never_asked_about_another():
    for action, purpose, category in product(Action, Purpose, DataCategory):
        found = requirement(StaffRole.RESIDENT, action, Relation.OTHER, purpose, category)
        assert found is None
