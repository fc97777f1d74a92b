"""What becomes of a founded group, by who comes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from graph.gate import CharterState
from recommender.groups.health import forecast, next_state

FORMING, ACTIVE, DORMANT = CharterState.FORMING, CharterState.ACTIVE, CharterState.DORMANT
DAY, YEAR = timedelta(days=1), timedelta(days=365)


def test_the_more_come_at_first_the_likelier_a_group_goes_on():
    chances = [forecast([n] * 3) for n in range(12)]
    assert chances == sorted(chances)
    assert 0 < chances[0] < 0.1 < 0.9 < chances[8] < 1
    assert forecast([8, 8, 8, 0, 0]) == forecast([8, 8, 8])  # only the first three count


@pytest.mark.parametrize(
    ("state", "heads", "idle", "then"),
    [
        (FORMING, [], YEAR, FORMING),
        (FORMING, [5], DAY, FORMING),
        (FORMING, [5, 6], DAY, ACTIVE),
        (FORMING, [5, 0, 4], DAY, ACTIVE),
        (FORMING, [1, 0, 0], DAY, DORMANT),
        (ACTIVE, [5, 6, 0], DAY, ACTIVE),
        (ACTIVE, [4, 1, 0, 0], DAY, DORMANT),
        (DORMANT, [1, 0, 0], DAY, DORMANT),
        (DORMANT, [1, 0, 0, 5], DAY, ACTIVE),
        (DORMANT, [1, 0, 0], YEAR, CharterState.CLOSED),
    ],
)
def test_the_state_follows_from_who_comes(state, heads, idle, then):
    assert next_state(state, heads, idle=idle) is then
