"""Every cell of who may do what, against a table that is not made from the program.

Roles x actions x purposes x relation x state of consent x category, through the real gate. Who may
knock at which door stands in `test_api_doors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

import pytest

from api.rest.schemas import Out
from graph.errors import ConfigError
from graph.gate import Gate, Ledger
from graph.gate.question import bulk_needs
from graph.ledger.rows import RowKind
from graph.model import (
    Action,
    Actor,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    Purpose,
    ResidentId,
    StaffRole,
)
from graph.policy import Line, Relation, Requirement
from graph.schema import CATEGORY_LEVEL, LEVEL_MAX_GRANT, PURPOSE_CATEGORIES
from tests.conftest import FixedClock
from tests.privileges import RIGHTS

HERE, ELSEWHERE = InstitutionId("clinic"), InstitutionId("club")
CONSENTS = ("none", "given", "expired", "withdrawn", "other institution", "other purpose")

Cell = tuple[StaffRole, Action, Purpose, Relation, str, DataCategory]


def cells() -> Iterator[Cell]:
    return product(StaffRole, Action, Purpose, Relation, CONSENTS, DataCategory)


def expected_rights() -> dict[tuple[str, ...], str]:
    """(role, action, relation, purpose, category) -> what it needs."""
    found = {}
    for right in RIGHTS:
        purposes = [*Purpose] if right.purposes == "*" else right.purposes.split()
        categories = [*DataCategory] if right.categories == "*" else right.categories.split()
        for cell in product(
            right.roles.split(), right.does.split(), [right.to], purposes, categories
        ):
            if cell[4] == "public" or DataCategory(cell[4]) in PURPOSE_CATEGORIES[Purpose(cell[3])]:
                found[cell] = right.needs
    return found


def who_consents(consent: str, purpose: Purpose) -> ResidentId:
    """Whoever consented so; of "other purpose" there is one for each purpose."""
    return ResidentId(f"{consent}/{purpose}" if consent == "other purpose" else consent)


def grants_of(consent: str, now: datetime, purposes: list[Purpose], who: ResidentId) -> list[Grant]:
    long_ago = timedelta(days=400)
    return [
        Grant(
            id=f"{who}/{purpose}/{category}",
            resident=who,
            institution=ELSEWHERE if consent == "other institution" else HERE,
            app="linli",
            category=category,
            purpose=purpose,
            actions=frozenset(Action),
            not_before=now - (long_ago if consent == "expired" else timedelta(days=1)),
            expires_at=now + timedelta(days=-1 if consent == "expired" else 30),
            state=GrantState.GIVEN,
            notice_hash="",
            channel="app",
        )
        for purpose in purposes
        for category in PURPOSE_CATEGORIES[purpose]
        if CATEGORY_LEVEL[category] in LEVEL_MAX_GRANT
    ]


@dataclass(frozen=True, slots=True)
class Answers:
    """Asks the gate for one cell after another."""

    ledger: Ledger
    gate: Gate

    def allows(self, cell: Cell) -> bool:
        role, action, purpose, relation, consent, category = cell
        who = who_consents(consent, purpose)
        own = relation is Relation.SELF
        actor = Actor("a", role, HERE, "linli", who if own else None)
        if relation in {Relation.SELF, Relation.OTHER}:
            if own and role is not StaffRole.RESIDENT:
                return False  # nobody but a resident has data of their own
            return self.gate.may(
                actor, purpose=purpose, category=category, subject=who, action=action, law="a law"
            )
        needs, _ = bulk_needs(actor, purpose, frozenset({category}), action, "a law", relation)
        if needs is not Requirement.GRANT:
            return needs is not None
        return bool(
            self.gate.permitted_cells(
                actor, purpose=purpose, cells=[(who, category)], action=action, relation=relation
            )
        )


@pytest.fixture
def answers(ledger: Ledger, clock: FixedClock) -> Answers:
    now = clock()
    with ledger.write() as tx:
        for consent in CONSENTS[1:]:
            for asked in Purpose:
                who = who_consents(consent, asked)
                others = [p for p in Purpose if consent != "other purpose" or p is not asked]
                if consent != "other purpose" and asked is not Purpose.FEED:
                    continue  # these residents are the same for every purpose
                ledger.rows.assign(tx, RowKind.RESIDENT, [who])
                ledger.grants.give(tx, grants_of(consent, now, others, who), key=who, at=now)
        ledger.grants.withdraw(
            tx, ResidentId("withdrawn"), institution=None, category=None, purpose=None,
            at=now, key="withdraw",
        )  # fmt: skip
    return Answers(ledger, Gate(ledger, clock))


def deviations(answers: Answers) -> tuple[int, list[Cell]]:
    """How many cells were executed, and which of them are not as the table says."""
    rights, wrong, executed = expected_rights(), [], 0
    for cell in cells():
        role, action, purpose, relation, consent, category = cell
        needs = rights.get((role, action, relation, purpose, category))
        if role is StaffRole.RESIDENT and relation is not Relation.SELF:
            needs = None
        right = needs in {"nothing", "law"} or (needs == "grant" and consent == "given")
        executed += 1
        if answers.allows(cell) is not right:
            wrong.append(cell)
    return executed, wrong


def test_every_cell_of_the_matrix_is_as_the_table_says(answers: Answers):
    executed, wrong = deviations(answers)
    assert executed == 10 * 8 * 8 * 4 * 6 * 18
    assert wrong == []


def test_the_matrix_finds_one_line_too_many(answers: Answers, monkeypatch: pytest.MonkeyPatch):
    planted = Line(
        StaffRole.SOCIAL_WORKER,
        Action.DERIVE,
        Relation.OTHER,
        frozenset({Purpose.CARE_VISIT}),
        frozenset({DataCategory.HEALTH}),
        Requirement.GRANT,
    )
    from graph import policy

    monkeypatch.setattr(policy, "POLICY", (*policy.POLICY, planted))
    _, wrong = deviations(answers)
    assert [(c[0], c[3], c[4]) for c in wrong] == [
        (StaffRole.SOCIAL_WORKER, Relation.OTHER, "given")
    ]


def test_a_field_without_a_category_stops_the_start():
    with pytest.raises(ConfigError, match="Planted"):

        class Planted(Out):
            """An answer that does not say what it tells."""

            name: str
