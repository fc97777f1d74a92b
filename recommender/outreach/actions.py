"""What to do for whom first, when minutes and seats do not suffice for all.

Whatever a worker does takes minutes, and much of it a seat: a volunteer who calls, a place in a
group, a helper role that is open. One mixed-integer program gives each resident on the list at most
one action so that the expected gain is largest. Gains are effects from trials and reviews, times
the probability that somebody is isolated; a visit gains most where little is known, since it finds
out. They rank actions and promise nobody anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from graph.errors import ConfigError, DataError

__all__ = ["GAIN", "MINUTES", "Action", "Capacity", "Option", "Plan", "plan_actions"]


class Action(StrEnum):
    """What a worker may do next."""

    VISIT = "visit"
    CALL_BUDDY = "call-buddy"
    HELPER_ROLE = "helper-role"
    GROUP = "group"
    REFERRAL = "referral"


MINUTES: Mapping[Action, int] = {
    Action.VISIT: 60,
    Action.CALL_BUDDY: 20,
    Action.HELPER_ROLE: 30,
    Action.GROUP: 30,
    Action.REFERRAL: 25,
}
"""What each takes of a worker's time, the way there included."""

GAIN: Mapping[Action, float] = {
    Action.VISIT: 0.18,
    Action.CALL_BUDDY: 0.32,
    Action.HELPER_ROLE: 0.41,
    Action.GROUP: 0.34,
    Action.REFERRAL: 0.15,
}
"""Standardised effects on loneliness: befriending 0.18 (Siette et al. 2017, not significant), calls
0.32 (Kahlon et al. 2021), being a helper 0.41 (HEAL-HOA 2024), a choir 0.34 (Johnson et al. 2020);
for referrals controlled studies mostly found nothing."""

_FINDING_OUT = 0.5
"""What a visit gains by finding out, for each unit of the interval's width."""


@dataclass(frozen=True, slots=True)
class Option:
    """Something that could be done for one resident."""

    resident: int
    """Place in the list."""
    action: Action
    item: str = ""
    """The seat it takes: id of a group, a role, a service or a volunteer."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What there is to give."""

    minutes: int
    seats: Mapping[str, int]
    """Free places by item; what is not named has none, except visits, which take no seat."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was chosen."""

    chosen: Mapping[int, Option]
    """By place in the list; who is not there waits."""
    gain: float
    minutes: int
    gap: float
    """Share by which the best plan might gain more; 0 is the best there is."""


def plan_actions(
    options: Sequence[Option],
    *,
    probability: NDArray[np.float64],
    width: NDArray[np.float64],
    capacity: Capacity,
) -> Plan:
    """Choose at most one action per resident within minutes and seats.

    Parameters
    ----------
    options : sequence of Option
        What is possible at all: blocks, walking distance and interests were looked at before.
    probability, width : NDArray[float64], (n,)
        Of each place in the list: how probable isolation is, and how wide its interval.
    capacity : Capacity

    Raises
    ------
    DataError
        There are fewer than no minutes.
    """
    if capacity.minutes < 0:
        raise DataError(f"{capacity.minutes} minutes: give 0 or more")
    if not options:
        return Plan({}, 0.0, 0, 0.0)
    gains = np.array([_gain(option, probability, width) for option in options])
    minutes = np.array([MINUTES[option.action] for option in options], float)
    found = milp(
        -gains,
        constraints=[
            LinearConstraint(minutes[None, :], ub=capacity.minutes),
            _at_most_one([option.resident for option in options]),
            _seats(options, capacity.seats),
        ],
        bounds=Bounds(0, 1),
        integrality=np.ones(len(gains), np.int64),
    )
    if found.x is None or found.mip_gap is None:  # never: doing nothing is always possible
        raise ConfigError(f"no plan was found: {found.message}")
    taken = np.flatnonzero(np.rint(found.x)).tolist()
    return Plan(
        chosen={options[n].resident: options[n] for n in taken},
        gain=float(gains[taken].sum()),
        minutes=int(minutes[taken].sum()),
        gap=float(found.mip_gap),
    )


def _gain(option: Option, probability: NDArray[np.float64], width: NDArray[np.float64]) -> float:
    p = float(probability[option.resident])
    gain = GAIN[option.action] * p
    if option.action is Action.VISIT:
        gain += _FINDING_OUT * float(width[option.resident]) * p
    return gain


def _at_most_one(residents: Sequence[int]) -> LinearConstraint:
    names, at = np.unique(residents, return_inverse=True)
    return LinearConstraint(_sums(at, np.arange(len(at)), len(names), len(at)), ub=1)


def _seats(options: Sequence[Option], seats: Mapping[str, int]) -> LinearConstraint:
    """Let each item be taken as often as it has seats; a visit takes none."""
    seated = [n for n, option in enumerate(options) if option.action is not Action.VISIT]
    names, at = np.unique([options[n].item for n in seated], return_inverse=True)
    most = [seats.get(str(name), 0) for name in names]
    sums = _sums(at, np.array(seated, np.int64), len(names), len(options))
    return LinearConstraint(sums, ub=np.array(most, float))


def _sums(
    rows: NDArray[np.int64], columns: NDArray[np.int64], n_rows: int, n_columns: int
) -> sp.csr_array:
    """One row per group of options, with a 1 for each of them."""
    shape = (n_rows, n_columns)
    return sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
