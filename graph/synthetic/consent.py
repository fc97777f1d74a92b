"""What the synthetic residents authorise: most everything, some a part, a few nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from graph.ingest.grants import GRANTED_CATEGORIES, GRANTED_PURPOSES, make_grant
from graph.model import DataCategory, Grant, Purpose, ResidentId
from graph.synthetic.items import DAY

__all__ = ["Consent", "make_consent"]

_NOTHING = 0.04
_PART = 0.14
_LAPSED = 0.02
_SHORT = timedelta(days=5)
"""How long a lapsed grant lasted."""
_NEEDS_MATCHING = frozenset({DataCategory.NEED, DataCategory.DWELLING, DataCategory.GRID})
"""What those who authorise it for group matching authorise for needs matching, too."""


@dataclass(frozen=True, slots=True, eq=False)
class Consent:
    """Grants as arrays; columns follow :mod:`graph.ingest.grants`."""

    given: NDArray[np.bool_]
    """(n_residents, n_categories, n_purposes) was ever given."""
    since: NDArray[np.int64]
    """(n_residents,) Unix seconds."""
    lapsed: NDArray[np.bool_]
    """(n_residents,) all grants ran out before now: facts are held, nothing may be used."""

    def holds(self, category: DataCategory) -> NDArray[np.bool_]:
        """Rows for which a fact of this category was taken in, as it was authorised then."""
        column: NDArray[np.bool_] = self.given[:, GRANTED_CATEGORIES.index(category)]
        return np.asarray(column.any(axis=1))

    def in_force(self, category: DataCategory, purpose: Purpose) -> NDArray[np.bool_]:
        """Rows whose grant for this category and purpose has not run out."""
        column = GRANTED_CATEGORIES.index(category)
        given: NDArray[np.bool_] = self.given[:, column, GRANTED_PURPOSES.index(purpose)]
        return given & ~self.lapsed

    def grants(self, residents: Sequence[ResidentId], channel: str) -> Iterator[Grant]:
        """Yield every grant, resident by resident."""
        starts = [datetime.fromtimestamp(int(at), UTC) for at in self.since.tolist()]
        for row, column, purpose in np.argwhere(self.given).tolist():
            category = GRANTED_CATEGORIES[column]
            purposes = [GRANTED_PURPOSES[purpose]]
            if purposes == [Purpose.GROUP_MATCHING] and category in _NEEDS_MATCHING:
                purposes.append(Purpose.NEEDS_MATCHING)
            for each in purposes:
                yield make_grant(
                    residents[row],
                    category,
                    each,
                    channel=channel,
                    start=starts[row],
                    lasts=_SHORT if self.lapsed[row] else None,
                )


def make_consent(rng: np.random.Generator, n: int, now: int) -> Consent:
    """Draw what each resident authorises.

    About 82 % authorise everything for feed and group matching, 14 % a part, 4 % nothing. Some
    grants have lapsed: their facts are still there and must not be used.
    """
    roll = rng.random(n)
    shape = (n, len(GRANTED_CATEGORIES), len(GRANTED_PURPOSES))
    part = (roll >= _NOTHING) & (roll < _NOTHING + _PART)
    given = np.broadcast_to((roll >= _NOTHING)[:, None, None], shape).copy()
    given[part] &= rng.random((int(part.sum()), *shape[1:])) < 0.6
    lapsed = rng.random(n) < _LAPSED
    # Short enough ago that every grant of today's still holds for months.
    since = now - rng.integers(1, 20, n) * DAY
    return Consent(given=given, since=since - np.where(lapsed, 30 * DAY, 0), lapsed=lapsed)
