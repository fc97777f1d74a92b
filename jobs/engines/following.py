"""A process that ends with the one that started it, however that one ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

__all__ = ["follow_parent"]

_EVERY = 0.5


def follow_parent(parent: int, end: Callable[[], object]) -> None:
    """Call ``end`` once, in a thread of its own, when this process has lost its parent.

    Parameters
    ----------
    parent : int
        Process id of the parent, as the parent knows it: to ask here who it is may be too late.
    end : callable
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_EVERY)
        end()

    threading.Thread(target=watch, daemon=True, name="follow-parent").start()
