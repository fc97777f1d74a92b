"""How founded groups fare: the state that follows from who comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from graph.gate import CharterState

__all__ = ["FEWEST_AT_A_DATE", "next_state"]

FEWEST_AT_A_DATE = 3
"""People without whom a date was no meeting."""
_GIVEN_UP = timedelta(days=60)
"""How long a group sleeps before it is closed."""


def next_state(state: CharterState, heads: Sequence[int], *, idle: timedelta) -> CharterState:
    """Tell which state a founded group is in now.

    Parameters
    ----------
    state : CharterState
        Forming, active or dormant.
    heads : sequence of int
        People who came to its past dates, the first date first.
    idle : timedelta
        Since its state changed last.
    """
    met = [n >= FEWEST_AT_A_DATE for n in heads]
    if state is CharterState.FORMING and sum(met) >= 2:
        return CharterState.ACTIVE
    if state is CharterState.DORMANT:
        if met and met[-1]:
            return CharterState.ACTIVE
        return CharterState.CLOSED if idle > _GIVEN_UP else state
    if len(met) >= 3 and not any(met[-2:]):
        return CharterState.DORMANT
    return state
