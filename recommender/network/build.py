"""From a view to the people network. Nothing but the view and the seed decides what comes out."""

from __future__ import annotations

from collections.abc import Callable

from graph.view import View
from recommender.network.network import PeopleNetwork

__all__ = ["network_of"]

Progress = Callable[[int, int, str], None]


def network_of(view: View, *, seed: int = 0, progress: Progress | None = None) -> PeopleNetwork:
    """Find ties, communities and their traits.

    Parameters
    ----------
    view : View
        As authorised for group-matching; S3 cells are in no view.
    seed : int
    progress : callable, optional
        Told (steps done, steps in all, what was done).
    """
    raise NotImplementedError
