"""The application: doors registered, every request identified, limited, allowed and answered."""

from __future__ import annotations

import logging
import os
import re
import secrets
import time

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from api.rest.blueprints import BLUEPRINTS
from api.rest.openapi import SECURITY_SCHEMES, complete
from api.rest.problems import respond
from api.security.callers import identify
from api.security.headers import add_headers
from api.security.limits import install_limits
from api.security.operations import authorise_request, check
from api.services.backing import Backing
from api.services.services import make_services
from api.web.answers import error_page
from api.web.desk import desk_pages
from api.web.mydata import data_pages
from api.web.pages import resident_pages

__all__ = ["create_app"]

_log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
"""Largest request body, in bytes, unless an operation's line says that it takes a file."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MACHINES = ("/api/", "/health/", "/openapi")


def create_app(floors: Backing) -> APIFlask:
    """Make the WSGI application over opened floors.

    Parameters
    ----------
    floors : Backing
        What :func:`api.wiring.open_floors` opens. Nothing else is opened here, and nothing is
        opened later per request.

    Raises
    ------
    ConfigError
        A route has no policy line (see :mod:`api.security.operations`).
    """
    app = APIFlask(
        "api",
        title="Linli",
        version="1",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # the pages bring their own assets
    )
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        AUTO_TAGS=False,
        AUTO_SERVERS=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.security_schemes = dict(SECURITY_SCHEMES)
    app.spec_processor(complete)
    app.extensions["linli"] = make_services(floors)
    app.before_request(_begin)
    app.before_request(identify)
    install_limits(app)
    app.before_request(authorise_request)
    app.after_request(add_headers)
    app.after_request(_end)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for pages in (resident_pages(), data_pages(), desk_pages()):
        pages.enable_openapi = False  # type: ignore[attr-defined]  # APIFlask asks every blueprint
        app.register_blueprint(pages)
    for kind in (HTTPError, HTTPException, Exception):
        app.register_error_handler(kind, _answer)
    if "LINLI_BEHIND_TLS" in os.environ:  # said by whoever put a proxy in front
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    check(app)
    return app


def _answer(error: Exception) -> Response:
    """Answer every error, in the form that suits who asked."""
    if request.path.startswith(_MACHINES):
        return respond(error)
    if not isinstance(error, HTTPException):
        _log.error("%s at %s", type(error).__name__, request.endpoint, exc_info=error)
    return error_page(error)


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    """Log one line per request: never an address with what stands in it, a name or a secret."""
    if "request_id" in g:
        response.headers["X-Request-Id"] = g.request_id
        took = (time.perf_counter() - g.began) * 1000
        _log.info("%s %s %d %.1f ms", request.method, request.endpoint, response.status_code, took)
    return response
