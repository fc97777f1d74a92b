"""Pauses between tries grow, end growing, and begin anew."""

from __future__ import annotations

from jobs.pauses import FIRST_PAUSE, LONGEST_PAUSE, Pauses


def test_each_pause_is_twice_the_one_before_up_to_the_longest():
    pauses = Pauses()
    assert [pauses.after(0.1) for _ in range(6)] == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_try_that_went_well_for_long_is_a_new_beginning():
    pauses = Pauses()
    pauses.after(0.1)
    assert pauses.after(LONGEST_PAUSE + 1) == FIRST_PAUSE
    assert pauses.after(LONGEST_PAUSE) == 2 * FIRST_PAUSE


def test_reset_begins_anew():
    pauses = Pauses()
    pauses.after(0.1)
    pauses.reset()
    assert pauses.after(0.1) == FIRST_PAUSE
