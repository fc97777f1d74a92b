"""Grants: given, withdrawn, counted, and as arrays."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from graph.errors import (
    Conflict,
    IdempotencyConflict,
    SchemaViolation,
)
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import EventKind
from graph.ledger.rows import RowKind
from graph.model import (
    Action,
    DataCategory,
    GrantState,
    InstitutionId,
    Purpose,
    ResidentId,
)
from graph.policy import CATEGORY_COLUMN, PURPOSE_BIT, permitted_rows
from tests.conftest import FixedClock
from tests.contract.ledger.data import (
    LI,
    OPERATOR,
    WANG,
    make_grant,
)
from tests.ledger_worker import NOW


class TestGrants:
    def test_given_grants_reach_the_arrays_and_the_head(self, ledger: Ledger, clock: FixedClock):
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI, WANG])
            before = ledger.outbox.head(tx).epoch
            ledger.grants.give(tx, [make_grant()], key="k")
            assert ledger.outbox.head(tx).epoch == before + 1
            assert ledger.grants.of(tx, LI) == [make_grant()]
            event = ledger.outbox.after(tx, 0)[0]
            assert (event.kind, event.subject) == (EventKind.GRANT, LI)
            masks, expires = ledger.grants.arrays(tx, 2, institution=OPERATOR, at=NOW)
            changed = ledger.grants.changed_since(tx, before, institution=OPERATOR, at=NOW)
        column = CATEGORY_COLUMN[DataCategory.INTEREST]
        assert masks[0, column] == PURPOSE_BIT[Purpose.FEED]
        assert expires[0, column] == int((NOW + timedelta(days=30)).timestamp())
        assert np.count_nonzero(masks) == 1
        assert [row for row, _, _ in changed] == [0]
        np.testing.assert_array_equal(changed[0][1], masks[0])
        np.testing.assert_array_equal(changed[0][2], expires[0])

    @pytest.mark.parametrize(
        "change",
        [
            {"institution": InstitutionId("clinic")},
            {"app": "other"},
            {"actions": frozenset({Action.DERIVE})},
            {"actions": frozenset({Action.VIEW, Action.TRAIN})},
            {"not_before": NOW + timedelta(seconds=1)},
            {"not_before": NOW - timedelta(days=9), "expires_at": NOW},
            {"not_before": NOW - timedelta(days=365), "expires_at": NOW + timedelta(days=9)},
            {"uses_left": 0},
        ],
    )
    def test_what_is_not_in_force_is_not_in_the_arrays(
        self, ledger: Ledger, change: dict[str, object]
    ):
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI])
            ledger.grants.give(tx, [make_grant(**change)], key="k")
            masks, expires = ledger.grants.arrays(tx, 1, institution=OPERATOR, at=NOW)
        assert not masks.any()
        assert not expires.any()

    def test_the_longer_of_two_counts_and_the_earliest_purpose_ends_the_cell(self, ledger: Ledger):
        longer = make_grant(id="g2", expires_at=NOW + timedelta(days=60))
        group = make_grant(
            id="g3", purpose=Purpose.GROUP_MATCHING, expires_at=NOW + timedelta(days=40)
        )
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI])
            ledger.grants.give(tx, [make_grant(), longer, group], key="k")
            masks, expires = ledger.grants.arrays(tx, 1, institution=OPERATOR, at=NOW)
        column = CATEGORY_COLUMN[DataCategory.INTEREST]
        both = PURPOSE_BIT[Purpose.FEED] | PURPOSE_BIT[Purpose.GROUP_MATCHING]
        assert masks[0, column] == both
        assert expires[0, column] == int((NOW + timedelta(days=40)).timestamp())

    def test_withdrawal_ends_a_grant_for_good(self, ledger: Ledger):
        need = make_grant(id="g2", category=DataCategory.NEED)
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, [LI, WANG])
            ledger.grants.give(tx, [make_grant(), need, make_grant(WANG)], key="k")
        withdraw = {"institution": OPERATOR, "purpose": None, "at": NOW, "key": "w"}
        for _ in range(2):  # the second is a retry
            with ledger.write() as tx:
                done = ledger.grants.withdraw(tx, LI, category=DataCategory.NEED, **withdraw)
                assert done == 1
        with ledger.read() as tx:
            head = ledger.outbox.head(tx)
            states = {g.id: g.state for g in ledger.grants.of(tx, LI)}
            changed = ledger.grants.changed_since(tx, 1, institution=OPERATOR, at=NOW)
            masks, _ = ledger.grants.arrays(tx, 2, institution=OPERATOR, at=NOW)
        assert head.epoch == 2
        assert states == {"g-r-li": GrantState.GIVEN, "g2": GrantState.WITHDRAWN}
        assert [row for row, _, _ in changed] == [0]
        assert masks[0, CATEGORY_COLUMN[DataCategory.NEED]] == 0
        assert masks[:, CATEGORY_COLUMN[DataCategory.INTEREST]].tolist() == [1, 1]
        with ledger.write() as tx:
            everything = {"institution": None, "category": None, "purpose": None}
            assert ledger.grants.withdraw(tx, LI, **everything, at=NOW, key="w2") == 1
            assert ledger.grants.withdraw(tx, LI, **everything, at=NOW, key="w3") == 0
            assert ledger.outbox.head(tx).epoch == 3

    def test_giving_twice_gives_once(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.grants.give(tx, [make_grant()], key="k")
        with ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(id="another id")], key="k")
            assert len(ledger.grants.of(tx, LI)) == 1
            assert ledger.outbox.head(tx).epoch == 1
        with pytest.raises(IdempotencyConflict), ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(purpose=Purpose.STATISTICS)], key="k")
        with pytest.raises(Conflict), ledger.write() as tx:
            ledger.grants.give(tx, [make_grant()], key="same id under another key")

    def test_bulk_grants_make_one_event(self, ledger: Ledger):
        many = [make_grant(ResidentId(f"r{n}"), channel="import") for n in range(50)]
        with ledger.write() as tx:
            ledger.grants.give(tx, many, key="batch")
            assert ledger.outbox.head(tx).seq == 1
            assert ledger.outbox.head(tx).epoch == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"state": GrantState.WITHDRAWN},
            {"category": DataCategory.HEALTH},
            {"category": DataCategory.PUBLIC},
            {"expires_at": NOW},
        ],
    )
    def test_impossible_grants_are_refused(self, ledger: Ledger, change: dict[str, object]):
        with pytest.raises(SchemaViolation), ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(**change)], key="k")

    def test_counted_use_runs_out(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.grants.give(tx, [make_grant(uses_left=1)], key="k")
            assert ledger.grants.use(tx, "g-r-li")
            assert not ledger.grants.use(tx, "g-r-li")

    def test_sixty_thousand_grants_agree_with_the_policy(self, ledger: Ledger):
        names = [ResidentId(f"r{n}") for n in range(1_000)]
        kinds = (DataCategory.INTEREST, DataCategory.NEED, DataCategory.OFFER)
        many = [
            make_grant(
                who,
                id=f"{who}/{kind}",
                category=kind,
                channel="import",
                expires_at=NOW + timedelta(days=1 + n % 200),
            )
            for n, who in enumerate(names)
            for kind in kinds
        ]
        with ledger.write() as tx:
            ledger.rows.assign(tx, RowKind.RESIDENT, names)
            ledger.grants.give(tx, many, key="k")
            masks, expires = ledger.grants.arrays(tx, 1_000, institution=OPERATOR, at=NOW)
        at = int((NOW + timedelta(days=100)).timestamp())
        rows = permitted_rows(
            masks, expires, purpose=Purpose.FEED, category=DataCategory.NEED, at=at
        )
        assert rows.tolist() == [1 + n % 200 > 100 for n in range(1_000)]
