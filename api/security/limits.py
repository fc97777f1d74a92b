"""How many requests one caller may make. Counted in this process's memory, per actor."""

from __future__ import annotations

import threading
import time

from flask import Flask, request
from flask_limiter import HeaderNames, Limiter
from limits.storage import Storage

from api.security.callers import Door, caller
from api.security.operations import OPERATIONS

__all__ = ["READS", "UPLOADS", "WRITES", "install_limits"]

_PEOPLE = (Door.SESSION, Door.STAFF, Door.NOBODY)
READS = {Door.KEY: "12000/minute", **dict.fromkeys(_PEOPLE, "600/minute")}
WRITES = {Door.KEY: "3000/minute", **dict.fromkeys(_PEOPLE, "120/minute")}
UPLOADS = {Door.KEY: "60/minute", **dict.fromkeys(_PEOPLE, "20/minute")}
"""Each keeps a file on the disk until a jobs process has read it."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FREE = frozenset({"health.alive", "health.ready", "resident.asset"})


class ProcessStorage(Storage):
    """Counters in this process; a window that ended is forgotten when its key is used again.

    The library's own storage in memory starts a thread for every request to forget old windows,
    which costs more than the rest of the check.
    """

    STORAGE_SCHEME = ["process"]  # noqa: RUF012 - declared so by the base class
    _MOST = 100_000

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, **options: str
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Errors the library may wrap; there are none."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a request in the window of this key."""
        now = time.time()
        with self._lock:
            count, ends = self._windows.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + expiry
                if len(self._windows) >= self._MOST:
                    self._windows = {k: w for k, w in self._windows.items() if w[1] > now}
            self._windows[key] = (count + amount, ends)
            return count + amount

    def get(self, key: str) -> int:
        """Count so far."""
        count, ends = self._windows.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Time at which the window ends, Unix seconds."""
        return self._windows.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Tell that it works."""
        return True

    def reset(self) -> int:
        """Forget everything; returns how many windows there were."""
        with self._lock:
            n = len(self._windows)
            self._windows.clear()
        return n

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._windows.pop(key, None)


def _limit() -> str:
    door = caller().door
    line = OPERATIONS.get(request.endpoint or "")
    limits = UPLOADS if line and line.upload else READS if request.method in _SAFE else WRITES
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
        storage_uri="process://",
        headers_enabled=True,
        # Else it would tell everybody, those refused because the ledger is away included, to come
        # back when their window ends.
        header_name_mapping={HeaderNames.RETRY_AFTER: "X-RateLimit-Retry-After"},
    )
    limiter.init_app(app)
    return limiter


def _is_free() -> bool:
    return request.endpoint in _FREE or request.endpoint == "api.withdraw_grants"
