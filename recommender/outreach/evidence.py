"""What may be known of residents for care visits, as parallel arrays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["TIE_LAYERS", "UNKNOWN", "Evidence", "TieLayer"]

UNKNOWN = -1
"""Not authorised, or nobody said."""

Ints = NDArray[np.int64]


class TieLayer(StrEnum):
    """Kinds of ties, as ``KNOWS`` has them."""

    KIN = "kin"
    FRIEND = "friend"
    NEIGHBOUR = "neighbour"
    COLLEAGUE = "colleague"


TIE_LAYERS: tuple[TieLayer, ...] = tuple(TieLayer)
"""Columns of :attr:`Evidence.ties`."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One row per resident; :data:`UNKNOWN` (-1) wherever something is not known."""

    age: Ints
    """Years."""
    alone: Ints
    """1 lives alone, 0 with others."""
    ties: Ints
    """(n, 4) known ties by :data:`TIE_LAYERS`; a row of -1 where they may not be counted."""
    core: Ints
    """k-core number in those ties (:mod:`graph.measures.cores`)."""
    last_seen: Ints
    """Days since the resident last took part in anything or helped; 365 is a year and more."""
    recent: Ints
    """How often within 90 days."""
    earlier: Ints
    """How often in the 275 days before."""
    lsns: Ints
    """LSNS-6, 0 to 30; below 12 is isolated (Lubben et al. 2006)."""
    ucla: Ints
    """UCLA-3, 3 to 9; 6 and more is lonely (Hughes et al. 2004)."""
    answered: Ints
    """Days since the latest questionnaire."""
    silent: Ints
    """Days of the last 30 on which no water ran."""

    def __len__(self) -> int:
        """Return the number of residents."""
        return len(self.age)

    @classmethod
    def empty(cls, n: int) -> Evidence:
        """Know nothing of n residents; ``replace`` what is known."""
        none = np.full(n, UNKNOWN, np.int64)
        return cls(none, none, np.full((n, 4), UNKNOWN, np.int64), *([none] * 8))

    @property
    def shares_ties(self) -> NDArray[np.bool_]:
        """Whose ties may be counted."""
        flags: NDArray[np.bool_] = self.ties[:, 0] >= 0
        return flags
