"""How long to wait before something that keeps failing is tried again."""

from __future__ import annotations

from typing import Final

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "Pauses"]

FIRST_PAUSE: Final = 2.0
"""Seconds before the second try; each pause is twice the one before."""
LONGEST_PAUSE: Final = 30.0
"""Seconds that no pause exceeds; a try that went well for longer is a new beginning."""


class Pauses:
    """The pauses between tries of one thing."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, seconds: float) -> float:
        """Return the pause, in seconds, after a try that lasted so many seconds and failed."""
        if seconds > LONGEST_PAUSE:
            self.reset()
        pause = self._next
        self._next = min(2 * pause, LONGEST_PAUSE)
        return pause

    def reset(self) -> None:
        """Begin anew: a try went well."""
        self._next = FIRST_PAUSE
