"""How many requests one caller may make. Counted in this process's memory, per actor."""

from __future__ import annotations

from flask import Flask, request
from flask_limiter import Limiter

from api.security.callers import Door, caller

__all__ = ["READS", "WRITES", "install_limits"]

READS = {Door.KEY: "12000/minute", Door.SESSION: "600/minute", Door.NOBODY: "600/minute"}
WRITES = {Door.KEY: "3000/minute", Door.SESSION: "120/minute", Door.NOBODY: "120/minute"}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FREE = frozenset({"health.alive", "health.ready", "resident.asset"})


def _limit() -> str:
    door = caller().door
    limits = READS if request.method in _SAFE else WRITES
    return limits.get(door, limits[Door.NOBODY])


def install_limits(app: Flask) -> Limiter:
    """Count and limit requests; register it after :func:`api.security.callers.identify`.

    Whoever is over the limit gets 429 with ``Retry-After``. Withdrawing an authorisation is
    never refused for having asked too often.
    """
    limiter = Limiter(
        key_func=lambda: caller().name,
        default_limits=[_limit],
        default_limits_exempt_when=_is_free,
        storage_uri="memory://",
        headers_enabled=True,
    )
    limiter.init_app(app)
    return limiter


def _is_free() -> bool:
    return request.endpoint in _FREE or request.endpoint == "api.withdraw_grants"
