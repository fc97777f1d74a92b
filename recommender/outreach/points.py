"""The additive score: each thing that is known adds or takes points; ten points double the odds.

Every factor stands here with its source; nothing is learnt from anybody's fate. Sex and where
somebody is registered add nothing. Ties are held against what is usual among those who tell theirs:
Linli knows of few ties, so that having none means little where hardly anybody has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from graph.model import DataCategory
from recommender.outreach.evidence import UNKNOWN, Evidence

__all__ = ["CATEGORY_OF", "FACTORS", "POINT", "SURVEYED", "Factor", "Points", "points_of"]

POINT = float(np.log(2) / 10)
"""What a point adds to the log odds."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Factor(StrEnum):
    """What points are given for. The order is the column order of arrays."""

    AGE = "age"
    ALONE = "alone"
    KIN = "kin"
    OTHERS = "others"
    """Friends, neighbours and colleagues."""
    CORE = "core"
    SEEN = "seen"
    """How long ago somebody took part."""
    FADING = "fading"
    """Whether somebody takes part less than before."""
    SILENT = "silent"
    UCLA = "ucla"
    LSNS = "lsns"


FACTORS: tuple[Factor, ...] = tuple(Factor)
SURVEYED = FACTORS.index(Factor.LSNS)
"""Column of the one factor that measures isolation itself."""

CATEGORY_OF: dict[Factor, DataCategory] = {
    Factor.AGE: DataCategory.IDENTITY,
    Factor.ALONE: DataCategory.HOUSEHOLD,
    Factor.KIN: DataCategory.TIE,
    Factor.OTHERS: DataCategory.TIE,
    Factor.CORE: DataCategory.TIE,
    Factor.SEEN: DataCategory.ATTENDANCE,
    Factor.FADING: DataCategory.ATTENDANCE,
    Factor.SILENT: DataCategory.UTILITY_WATER,
    Factor.UCLA: DataCategory.SURVEY,
    Factor.LSNS: DataCategory.SURVEY,
}
"""What a resident must have authorised for care visits, for points to be given."""

SPREAD: dict[Factor, float] = {
    Factor.AGE: 5.0,
    Factor.ALONE: 4.0,
    Factor.KIN: 4.0,
    Factor.OTHERS: 6.0,
    Factor.CORE: 1.5,
    Factor.SEEN: 5.0,
    Factor.FADING: 2.0,
    Factor.SILENT: 1.0,
    Factor.UCLA: 0.0,
    Factor.LSNS: 0.0,
}
"""Standard deviation of the points among people: what not knowing a factor leaves open. A
questionnaire nobody filled in leaves nothing open that the probability does not say."""

_AGES = ((18, -5.0), (40, -2.0), (55, 0.0), (65, 4.0), (75, 7.0), (85, 10.0))
"""Points from this age on: 5 % isolated below 40, 22 % at 70 to 79 (Roehr et al. 2021)."""
_ALONE, _WITH_OTHERS = 10.0, -2.0
"""Odds of 2 and more (Iliffe et al. 2007; Wei et al. 2022: 1.9)."""
_FEWER = 0.4
"""Share of the usual number of ties that the isolated have: by LSNS-6, some 3 people and not 8."""
_UNEVEN = 1.2
"""Shape of the spread of ties among people (negative binomial)."""
_SEEN = ((0, -6.0), (31, -3.0), (91, 2.0), (181, 5.0), (365, 6.0))
"""Points by days since the last time; Cudjoe et al. 2020 count not taking part as isolation."""
_FADED, _OFTEN = 6.0, 4
_CORE = 3.0
_SILENT_DAYS, _SILENT = 3, 4.0
_UCLA = ((3, -5.0), (4, 0.0), (6, 10.0), (8, 14.0))
_LSNS_MIDDLE, _LSNS_EACH, _LSNS_MOST = 14, 9.0, 40.0
"""A total of 12 is measured with an error of some 2.5 (reliability 0.83), so each point of it is
worth 9 and 14 is where the answer tells nothing."""
_HALF = 730.0
"""Days after which an answer counts half."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of n residents for each of :data:`FACTORS`."""

    given: Floats
    """(n, 10); 0 where unknown."""
    known: Flags
    """(n, 10) whether anything is known of it."""
    usual_kin: float
    """Ties of that kind known per resident who tells theirs."""
    usual_others: float

    @property
    def before_survey(self) -> Floats:
        """(n,) sum of all but LSNS-6."""
        return np.asarray(self.given[:, :SURVEYED].sum(axis=1))

    @property
    def surveyed(self) -> Floats:
        """(n,) points for LSNS-6."""
        return self.given[:, SURVEYED]

    @property
    def open(self) -> Floats:
        """(n,) standard deviation, in points, of what is not known."""
        spread = np.array([SPREAD[factor] for factor in FACTORS])
        return np.asarray(np.sqrt((~self.known * spread**2).sum(axis=1)))


def points_of(evidence: Evidence) -> Points:
    """Give points.

    Parameters
    ----------
    evidence : Evidence
        Of all residents whose ties may be held against each other.
    """
    shared = evidence.shares_ties
    kin, others = evidence.ties[:, 0], evidence.ties[:, 1:].sum(axis=1)
    usual_kin, usual_others = (
        float(count[shared].mean()) if shared.any() else 0.0 for count in (kin, others)
    )
    taking = evidence.last_seen >= 0
    columns: dict[Factor, tuple[Floats, Flags]] = {
        Factor.AGE: (_steps(evidence.age, _AGES), evidence.age >= 0),
        Factor.ALONE: (
            np.where(evidence.alone == 1, _ALONE, _WITH_OTHERS),
            evidence.alone >= 0,
        ),
        Factor.KIN: (_ties(kin, usual_kin), shared),
        Factor.OTHERS: (_ties(others, usual_others), shared),
        Factor.CORE: (_core(evidence), shared),
        Factor.SEEN: (_steps(evidence.last_seen, _SEEN), taking),
        Factor.FADING: (_fading(evidence), taking),
        Factor.SILENT: (
            np.where(evidence.silent >= _SILENT_DAYS, _SILENT, 0.0),
            evidence.silent >= 0,
        ),
        Factor.UCLA: (_stale(_steps(evidence.ucla, _UCLA), evidence), evidence.ucla >= 0),
        Factor.LSNS: (_stale(_lsns(evidence), evidence), evidence.lsns >= 0),
    }
    known = np.column_stack([columns[factor][1] for factor in FACTORS])
    given = np.column_stack([columns[factor][0] for factor in FACTORS])
    return Points(np.where(known, given, 0.0), known, usual_kin, usual_others)


def _steps(values: NDArray[np.int64], steps: tuple[tuple[int, float], ...]) -> Floats:
    """Points of the highest step reached."""
    starts, points = zip(*steps, strict=True)
    at = np.searchsorted(np.array(starts), values, side="right") - 1
    return np.asarray(np.array(points)[np.maximum(at, 0)])


def _ties(count: NDArray[np.int64], usual: float) -> Floats:
    """Points for a number of ties: how much likelier it is if people have fewer than usual.

    The logarithm of the ratio of two negative binomial probabilities with means ``usual`` and
    0.4 x ``usual``. Zero ties where 0.3 are usual are worth 2 points, where 3 are usual 8.
    """
    few = _FEWER * usual
    if usual == 0:
        return np.zeros(len(count))
    whole = np.log((_UNEVEN + usual) / (_UNEVEN + few))
    ratio = (count + _UNEVEN) * whole + count * np.log(_FEWER)
    return np.asarray(np.clip(ratio / POINT, -20, 20))


def _core(evidence: Evidence) -> Floats:
    """Points for hanging on by a thread: ties, but to people who do not know each other."""
    tied = evidence.ties.sum(axis=1) >= 2
    return np.where(tied, np.where(evidence.core <= 1, _CORE, -_CORE), 0.0)


def _fading(evidence: Evidence) -> Floats:
    """Points for taking part less than a third as often as before."""
    usual = evidence.earlier * (90 / 275)
    faded = (evidence.earlier >= _OFTEN) & (evidence.recent < usual / 3)
    return np.where(faded, _FADED, 0.0)


def _lsns(evidence: Evidence) -> Floats:
    points = _LSNS_EACH * (_LSNS_MIDDLE - evidence.lsns)
    return np.asarray(np.clip(points, -_LSNS_MOST, _LSNS_MOST))


def _stale(points: Floats, evidence: Evidence) -> Floats:
    """Let an answer count less the older it is."""
    days = np.where(evidence.answered == UNKNOWN, 0, evidence.answered)
    return np.asarray(points * 0.5 ** (days / _HALF))
