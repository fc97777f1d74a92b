from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException, default_exceptions

from api.rest.problems import PROBLEM, PROBLEMS, problem_of, respond
from graph import errors
from graph.errors import Conflict, DataError, Denied, LinliError, NotFound


def all_errors(root: type[LinliError]) -> list[type[LinliError]]:
    return [root, *(e for child in root.__subclasses__() for e in all_errors(child))]


EXPECTED = {
    "AuditUnavailable": 503,
    "ConfigError": 500,
    "Conflict": 409,
    "CorruptStore": 500,
    "DataError": 400,
    "Denied": 403,
    "IdempotencyConflict": 409,
    "LeaseHeld": 503,
    "LinliError": 500,
    "NotFound": 404,
    "NotReady": 503,
    "NotSignedIn": 401,
    "PurposeNotAuthorised": 403,
    "SchemaViolation": 400,
    "StoreUnavailable": 503,
}


@pytest.mark.parametrize(("name", "status"), EXPECTED.items())
def test_each_error_has_its_status(name: str, status: int):
    assert problem_of(getattr(errors, name)("x")).status == status


def test_every_error_and_every_http_status_finds_a_problem():
    for kind in all_errors(LinliError):
        assert problem_of(kind("x")).name in PROBLEMS
    for status, kind in default_exceptions.items():
        found = problem_of(kind()).status
        assert found == status or found in {400, 500}
        assert (found >= 500) == (status >= 500)


def test_every_problem_has_both_titles_and_worth_retrying_says_when():
    for problem in PROBLEMS.values():
        assert any("\u4e00" <= sign <= "\u9fff" for sign in problem.zh)
        assert problem.en.isascii()
        assert (problem.retry_after is not None) == (problem.status in {429, 503})


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DataError("seats must be 0 or more"), "seats must be 0 or more"),
        (NotFound("no group 'x'"), "no group 'x'"),
        (Conflict("it is over"), "it is over"),
        (Denied("resident-7 has no grant"), "the caller may not do this"),
        (LinliError("a path on the disk"), None),
        (ZeroDivisionError("secret"), None),
    ],
)
def test_says_what_the_caller_may_know(error: Exception, told: str | None):
    app = Flask("problems")
    with app.test_request_context("/", headers={"Accept-Language": "en-GB"}):
        response = respond(error)
    assert response.mimetype == PROBLEM
    assert response.json is not None
    assert response.json.get("detail") == told
    assert b"secret" not in response.data
    assert response.headers["Content-Language"] == "en"


def test_chinese_is_what_nobody_asked_for():
    app = Flask("problems")
    with app.test_request_context("/"):
        response = respond(HTTPException())
    assert response.headers["Content-Language"] == "zh-CN"
