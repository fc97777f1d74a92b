from __future__ import annotations

import pytest
from flask import Flask

from api.security import operations
from api.security.operations import OPERATIONS, Line, check
from graph.errors import ConfigError
from graph.model import Purpose, StaffRole


def app_with(endpoints: set[str]) -> Flask:
    app = Flask("planted", static_folder=None)
    for n, endpoint in enumerate(sorted(endpoints)):
        app.add_url_rule(f"/{n}", endpoint.replace(".", "_"), lambda: "")
        rule = next(r for r in app.url_map.iter_rules() if r.rule == f"/{n}")
        rule.endpoint = endpoint
    return app


def test_an_app_with_exactly_the_lines_starts():
    check(app_with(set(OPERATIONS)))


def test_a_route_without_a_line_stops_the_start():
    with pytest.raises(ConfigError, match=r"routes without a policy line: api\.planted"):
        check(app_with({*OPERATIONS, "api.planted"}))


def test_a_line_without_a_route_stops_the_start():
    with pytest.raises(ConfigError, match=r"policy lines without a route: api\.feed"):
        check(app_with(set(OPERATIONS) - {"api.feed"}))


def test_every_line_for_keys_names_a_scope_and_no_line_is_for_nobody():
    keys = {StaffRole.INSTITUTION, StaffRole.OPERATOR}
    for endpoint, line in OPERATIONS.items():
        assert isinstance(line, Line)
        assert line.roles, endpoint
        if line.roles & keys and StaffRole.ANONYMOUS not in line.roles and not line.desk:
            assert line.scope, endpoint
        if line.operation in {"feed.read", "interaction.write"} and line.scope:
            assert line.purposes == {Purpose.FEED}, endpoint


def test_nothing_personal_is_open_to_everybody():
    open_to_all = {e for e, line in OPERATIONS.items() if StaffRole.ANONYMOUS in line.roles}
    assert open_to_all == {
        "api.vocabularies",
        "api.vocabulary",
        "health.alive",
        "health.ready",
        "openapi.spec",
        "resident.asset",
        "resident.look",
        "resident.sign_in",
        "resident.sign_out",
        "resident.signed_out",
    }
    assert not any(operations.OPERATIONS[e].about for e in open_to_all)


def test_the_desk_is_for_staff_alone_and_only_two_operations_take_a_file():
    desk = {e for e in OPERATIONS if e.startswith("desk.")}
    assert len(desk) > 10
    assert {e for e, line in OPERATIONS.items() if line.desk} == desk
    visits = {e for e in desk if e.startswith("desk.care")}
    assert all(OPERATIONS[e].roles == {StaffRole.SOCIAL_WORKER} for e in visits)
    of_grids = {e for e in desk if "charter" in e} | {"desk.home", "desk.communities"}
    both = {StaffRole.OPERATOR, StaffRole.SOCIAL_WORKER}
    assert all(OPERATIONS[e].roles == both for e in of_grids)
    others = desk - visits - of_grids
    assert all(OPERATIONS[e].roles == {StaffRole.OPERATOR} for e in others)
    assert {e for e, line in OPERATIONS.items() if line.upload} == {
        "api.receive_import",
        "desk.upload",
    }
