"""How many requests one caller may make. Counted in this process's memory, per actor."""

from __future__ import annotations

import threading
import time

from flask import Flask, Response, g, request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from api.security.callers import Door, caller
from api.security.operations import OPERATIONS

__all__ = ["READS", "UPLOADS", "WRITES", "install_limits"]

_PEOPLE = (Door.SESSION, Door.STAFF, Door.NOBODY)


def _a_minute(key: int, people: int) -> dict[Door, RateLimitItem]:
    return {
        Door.KEY: RateLimitItemPerMinute(key),
        **dict.fromkeys(_PEOPLE, RateLimitItemPerMinute(people)),
    }


READS = _a_minute(12_000, 600)
WRITES = _a_minute(3_000, 120)
UPLOADS = _a_minute(60, 20)
"""Each keeps a file on the disk until a jobs process has read it."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FREE = frozenset({"health.alive", "health.ready", "resident.asset", "api.withdraw_grants"})


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


def _limit(endpoint: str) -> RateLimitItem:
    """How often the caller may ask for this."""
    line = OPERATIONS.get(endpoint)
    limits = UPLOADS if line and line.upload else READS if request.method in _SAFE else WRITES
    return limits.get(caller().door, limits[Door.NOBODY])


def install_limits(app: Flask) -> None:
    """Count and limit requests; register it after :func:`api.security.callers.identify`.

    Each operation is counted by itself. Whoever is over the limit gets 429 with ``Retry-After``.
    Withdrawing an authorisation is never refused for having asked too often.
    """
    storage = ProcessStorage()
    windows = FixedWindowRateLimiter(storage)

    def count() -> None:
        endpoint = request.endpoint
        if endpoint is None or endpoint in _FREE:
            return
        limit, who = _limit(endpoint), caller().name
        within = windows.hit(limit, who, endpoint)
        g.limit = limit.amount, windows.get_window_stats(limit, who, endpoint)
        if not within:
            raise TooManyRequests

    app.before_request(count)
    app.after_request(_tell)


def _tell(response: Response) -> Response:
    if "limit" in g:
        amount, window = g.limit
        response.headers.add("X-RateLimit-Limit", str(amount))
        response.headers.add("X-RateLimit-Remaining", str(window.remaining))
        response.headers.add("X-RateLimit-Reset", str(int(window.reset_time)))
    return response
