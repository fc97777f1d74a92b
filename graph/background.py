"""Making the next one of something beside the requests that still use the present one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["Background"]

T = TypeVar("T")


class Background(Generic[T]):
    """One piece of work at a time, in a thread; its owner guards it with a lock."""

    def __init__(self) -> None:
        self._under_way: Future[T] | None = None

    def ask(self, make: Callable[[], T]) -> T | None:
        """Start the work, or return what came of it.

        Parameters
        ----------
        make : callable
            Used when nothing is under way.

        Returns
        -------
        T or None
            The result, once; ``None`` while it is not there yet.

        Raises
        ------
        Exception
            What ``make`` raised, once; asking again starts anew.
        """
        if self._under_way is None:
            self._under_way = Future()
            threading.Thread(target=_run, args=(make, self._under_way), daemon=True).start()
        if not self._under_way.done():
            return None
        done, self._under_way = self._under_way, None
        return done.result()


def _run(make: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(make())
    except BaseException as error:
        future.set_exception(error)  # raised to whoever asks next
