"""A circuit breaker: who asks for a server that is away is told so at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from graph.errors import StoreUnavailable

__all__ = ["FAILURES", "PAUSE", "Breaker"]

FAILURES: Final = 3
"""Failures in a row after which no call is let through."""
PAUSE: Final = 10.0
"""Seconds until one call is let through to try again."""


class Breaker:
    """Counts failures in a row; after a few of them it stays open for a while.

    Parameters
    ----------
    name : str
        What is away, for the message.
    clock : callable, optional
        Returns seconds that never go back.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._clock = name, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0

    def admit(self) -> None:
        """Let a call through; while open, only one per pause.

        Raises
        ------
        StoreUnavailable
            The breaker is open.
        """
        with self._lock:
            if self._failures < FAILURES:
                return
            left = self._next_try - self._clock()
            if left > 0:
                raise StoreUnavailable(
                    f"{self._name} failed {self._failures} times in a row; "
                    f"it is tried again in {left:.0f} s"
                )
            self._next_try = self._clock() + PAUSE

    def succeeded(self) -> None:
        """Close it: the server answered."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """Count a failure; the pause begins anew."""
        with self._lock:
            self._failures += 1
            self._next_try = self._clock() + PAUSE
