"""Headers that every answer carries; pages bring a policy of their own that allows their assets."""

from __future__ import annotations

from flask import Response, request

__all__ = ["HEADERS", "add_headers"]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Answers that are no pages load nothing, stand in no frame and stay in no cache."""

_YEAR = 365 * 24 * 3600


def add_headers(response: Response) -> Response:
    """Add what is not there yet."""
    given = {name.lower() for name in response.headers.keys()}  # noqa: SIM118 - pairs else
    for name, value in HEADERS.items():
        if name.lower() not in given:
            response.headers.add(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR}")
    return response
