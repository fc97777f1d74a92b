"""Links, sessions and API keys."""

from __future__ import annotations

from datetime import timedelta

import pytest

from graph.errors import (
    NotFound,
)
from graph.ledger.access import Principal
from graph.ledger.ledger import Ledger
from graph.model import (
    InstitutionId,
    StaffRole,
)
from tests.conftest import FixedClock
from tests.contract.ledger.data import (
    LI,
    OPERATOR,
)
from tests.ledger_worker import NOW

RESIDENT = Principal(LI, StaffRole.RESIDENT, OPERATOR)


class TestAccess:
    def test_a_link_works_once_and_not_for_long(self, ledger: Ledger, clock: FixedClock):
        with ledger.write() as tx:
            token = ledger.access.new_link(tx, RESIDENT, at=clock())
            late = ledger.access.new_link(tx, RESIDENT, at=clock())
            assert ledger.access.redeem(tx, "guess", at=clock()) is None
            secret = ledger.access.redeem(tx, token, at=clock())
            assert secret is not None
            assert ledger.access.redeem(tx, token, at=clock()) is None
            session = ledger.access.session(tx, secret, at=clock())
            assert session is not None
            assert session.principal == RESIDENT
            assert len(session.csrf) >= 32
            assert ledger.access.redeem(tx, late, at=clock.advance(hours=0.25)) is None

    def test_sessions_idle_out_and_end(self, ledger: Ledger, clock: FixedClock):
        access = ledger.access
        with ledger.write() as tx:
            secret = access.begin(tx, RESIDENT, at=clock())
            assert access.session(tx, secret, at=clock.advance(hours=7.9)) is not None
            assert access.due(tx, secret, at=clock())
            access.touch(tx, secret, at=clock())
            assert not access.due(tx, secret, at=clock())
            assert access.session(tx, secret, at=clock.advance(hours=7.9)) is not None
            assert access.session(tx, secret, at=clock.advance(hours=0.2)) is None
            assert access.clean(tx, at=clock()) == 1

    def test_sessions_of_staff_live_shorter(self, ledger: Ledger, clock: FixedClock):
        access = ledger.access
        staff = Principal("staff:wang", StaffRole.OPERATOR, OPERATOR)
        with ledger.write() as tx:
            secret = access.begin(tx, staff, at=clock())
            assert access.session(tx, secret, at=clock.advance(hours=0.49)) is not None
            assert access.session(tx, secret, at=clock.advance(hours=0.02)) is None
            secret = access.begin(tx, staff, at=clock())
            for _ in range(19):
                access.touch(tx, secret, at=clock.advance(hours=0.42))
            session = access.session(tx, secret, at=clock())
            assert session is not None
            assert session.principal == staff
            access.touch(tx, secret, at=clock.advance(hours=0.03))
            assert access.session(tx, secret, at=clock()) is None

    def test_a_session_is_the_same_by_the_short_way(self, ledger: Ledger, clock: FixedClock):
        with ledger.write() as tx:
            secret = ledger.access.begin(tx, RESIDENT, at=clock())
            assert ledger.session("guess", at=clock()) is None
        for hours in (0, 1, 6.9, 0.2):  # the last one is too late
            at = clock.advance(hours=hours)
            with ledger.read() as tx:
                assert ledger.session(secret, at=at) == ledger.access.session(tx, secret, at=at)
        assert ledger.session(secret, at=at) is None
        assert ledger.session(secret, at=NOW) is not None
        with ledger.write() as tx:
            ledger.access.end(tx, secret)
        assert ledger.session(secret, at=NOW) is None

    def test_no_session_outlives_seven_days(self, ledger: Ledger, clock: FixedClock):
        access = ledger.access
        with ledger.write() as tx:
            secret = access.begin(tx, RESIDENT, at=clock())
            for _ in range(23):
                clock.advance(hours=7)
                access.touch(tx, secret, at=clock())
                rotated = access.rotate(tx, secret, at=clock())
                assert rotated is not None
                assert access.session(tx, secret, at=clock()) is None  # the old one is dead
                secret = rotated
            assert access.session(tx, secret, at=clock.advance(hours=7)) is None
            assert access.rotate(tx, secret, at=clock()) is None

    def test_signing_out_everywhere(self, ledger: Ledger):
        with ledger.write() as tx:
            first = ledger.access.begin(tx, RESIDENT, at=NOW)
            second = ledger.access.begin(tx, RESIDENT, at=NOW)
            csrf = {ledger.access.session(tx, s, at=NOW).csrf for s in (first, second)}
            assert len(csrf) == 2
            ledger.access.end(tx, first)
            assert ledger.access.session(tx, first, at=NOW) is None
            link = ledger.access.new_link(tx, RESIDENT, at=NOW)
            assert ledger.access.end_all(tx, LI) == 1
            assert ledger.access.redeem(tx, link, at=NOW) is None
            assert ledger.access.session(tx, second, at=NOW) is None

    def test_api_keys_are_checked_and_revoked(self, ledger: Ledger, clock: FixedClock):
        with ledger.write() as tx:
            given = ledger.access.new_key(
                tx,
                title="Clinic",
                institution=InstitutionId("clinic"),
                app="visits",
                scopes=["feed:read"],
                at=clock(),
            )
            key = ledger.access.key(tx, given, at=clock())
            assert key is not None
            assert (key.institution, key.app, key.scopes) == ("clinic", "visits", {"feed:read"})
            for wrong in ("", "llk_", given[:-1], given + "x", "x" + given, "llk_0_0"):
                assert ledger.access.key(tx, wrong, at=clock()) is None
            assert ledger.access.key(tx, given, at=clock() + timedelta(days=366)) is None
            ledger.access.revoke_key(tx, key.id, at=clock())
            assert ledger.access.key(tx, given, at=clock()) is None
            assert [k.revoked_at for k in ledger.access.list_keys(tx)] == [clock()]
            with pytest.raises(NotFound):
                ledger.access.revoke_key(tx, "none", at=clock())
