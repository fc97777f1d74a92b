"""Errors as problem details (RFC 9457): stable types, titles in Chinese and English."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from apiflask import HTTPError
from flask import Response, current_app, g, json, request
from werkzeug.exceptions import HTTPException

from graph.codec import Json
from graph.errors import (
    AuditUnavailable,
    Conflict,
    DataError,
    Denied,
    IdempotencyConflict,
    LinliError,
    NotFound,
    NotReady,
    NotSignedIn,
    PurposeNotAuthorised,
    SchemaViolation,
    StoreUnavailable,
)

__all__ = ["PROBLEM", "PROBLEMS", "Problem", "problem_of", "respond"]

_log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
_TYPE = "urn:linli:problem:"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem."""

    name: str
    status: int
    zh: str
    en: str
    retry_after: int | None = None
    """Seconds after which it is worth trying again."""
    tells: bool = True
    """Whether the error's own message is for the caller."""

    @property
    def type(self) -> str:
        """URI that names it; it will not change."""
        return _TYPE + self.name


PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem("bad-request", 400, "请求无法理解", "The request cannot be understood"),
        Problem("unfit-data", 400, "数据不符合要求", "These data cannot be used as they are"),
        Problem("not-signed-in", 401, "未登录或凭证无效", "Nobody is signed in"),
        Problem("not-allowed", 403, "没有权限", "This is not allowed"),
        Problem(
            "purpose_not_authorised",
            403,
            "没有为此目的授权",
            "This purpose is not authorised",
        ),
        Problem("not-found", 404, "没有找到", "There is no such thing here"),
        Problem("method-not-allowed", 405, "不支持这种操作", "This method is not offered here"),
        Problem("not-acceptable", 406, "无法以所要的格式回答", "This format is not offered"),
        Problem("conflict", 409, "情况已经变化", "The state has moved on"),
        Problem(
            "idempotency-conflict",
            409,
            "这个幂等键已用于另一个请求",
            "This idempotency key belongs to another request",
        ),
        Problem("too-large", 413, "请求太大", "The request is too large"),
        Problem("unsupported-media", 415, "不支持这种格式", "This media type is not understood"),
        Problem("invalid", 422, "请求内容有误", "The request does not have the right form"),
        Problem("too-many-requests", 429, "请求过多", "Too many requests", 10),
        Problem("internal", 500, "服务器出错", "Something went wrong here", tells=False),
        Problem("audit-unavailable", 503, "暂时无法记录", "Auditing is away", 10, tells=False),
        Problem("not-ready", 503, "还没有准备好", "Not ready to serve yet", 30, tells=False),
        Problem("unavailable", 503, "暂时不可用", "Temporarily unavailable", 5, tells=False),
    )
}
"""Every problem an answer can name."""

_BY_ERROR: tuple[tuple[type[LinliError], str], ...] = (
    (NotSignedIn, "not-signed-in"),
    (PurposeNotAuthorised, "purpose_not_authorised"),
    (Denied, "not-allowed"),
    (NotFound, "not-found"),
    (IdempotencyConflict, "idempotency-conflict"),
    (Conflict, "conflict"),
    (SchemaViolation, "unfit-data"),
    (DataError, "unfit-data"),
    (NotReady, "not-ready"),
    (StoreUnavailable, "unavailable"),
    (AuditUnavailable, "audit-unavailable"),
)
_BY_STATUS = {
    400: "bad-request",
    401: "not-signed-in",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media",
    422: "invalid",
    429: "too-many-requests",
    503: "unavailable",
}


def problem_of(error: Exception) -> Problem:
    """Find the problem that an error is."""
    for kind, name in _BY_ERROR:
        if isinstance(error, kind):
            return PROBLEMS[name]
    if isinstance(error, HTTPException):
        return PROBLEMS[_BY_STATUS.get(error.code or 500, _fallback(error.code or 500))]
    if isinstance(error, HTTPError):
        return PROBLEMS[_BY_STATUS.get(error.status_code, _fallback(error.status_code))]
    return PROBLEMS["internal"]


def _fallback(status: int) -> str:
    return "bad-request" if 400 <= status < 500 else "internal"


def respond(error: Exception) -> Response:
    """Answer an error; what is not the caller's doing goes to the log, once."""
    problem = problem_of(error)
    chinese = request.accept_languages.best_match(["zh", "zh-CN", "en"], "zh") != "en"
    body: dict[str, Json] = {
        "type": problem.type,
        "title": problem.zh if chinese else problem.en,
        "status": problem.status,
        "request_id": g.get("request_id", ""),
    }
    if problem.tells and isinstance(error, LinliError):
        body["detail"] = _told(error)
    if isinstance(error, HTTPError) and error.detail:
        body["errors"] = error.detail
    if problem.status >= 500:
        _log.error("%s at %s", type(error).__name__, request.endpoint, exc_info=error)
    response = current_app.response_class(
        json.dumps(body, ensure_ascii=False), problem.status, mimetype=PROBLEM
    )
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name not in {"Content-Type", "Content-Length"}:
                response.headers[name] = value
    if problem.retry_after is not None:
        response.headers.setdefault("Retry-After", str(problem.retry_after))
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'ApiKey header="X-API-Key"'
    response.headers["Content-Language"] = "zh-CN" if chinese else "en"
    response.headers.add("Vary", "Accept-Language")
    return response


def _told(error: LinliError) -> str:
    """Say no more to those who may not know than that they may not."""
    if isinstance(error, Denied) and not isinstance(error, NotSignedIn | PurposeNotAuthorised):
        return "the caller may not do this"
    if isinstance(error, IdempotencyConflict):
        return "this Idempotency-Key was used for another request; take a new one"
    return str(error)
