"""Lists that need not be made again, as nothing that they rest on has changed.

Many looks at a feed come a moment after another one: a page turned back, another tab, a reload.
They are shown the same suggestions under the same ids, which are noted as shown once. A list is a
function of its :class:`Basis`; while that is the same, so is the list. A tap of the viewer, a
change of their grants, an item that opens, fills up or changes, somebody's withdrawal, a new
snapshot or model: each is another basis, and the list is made anew at that very request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from graph.live import Moment
from graph.model import DataCategory, ItemKind
from recommender.pipeline import Recommender

__all__ = ["Basis", "KeptLists"]

T = TypeVar("T")

_SECONDS = 60
"""How long time counts as standing still."""


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Everything that decides a list."""

    row: int
    kinds: tuple[ItemKind, ...]
    n: int
    own: bool
    """Shown to the resident themselves, not to an institution."""
    permitted: frozenset[DataCategory]
    explore: float
    masked: NDArray[np.int64]
    recommender: Recommender
    parts: tuple[object, ...]
    """Snapshot, items, the viewer's latest acts and own word: replaced whole when they change."""
    seats: int
    """How often seats were counted anew."""
    minute: int

    @classmethod
    def of(  # noqa: PLR0913 - what a list rests on
        cls,
        moment: Moment,
        row: int,
        *,
        wanted: tuple[tuple[ItemKind, ...], int, bool],
        permitted: frozenset[DataCategory],
        explore: float,
        recommender: Recommender,
        now: int,
    ) -> Basis:
        """Read it off, before anything is made: what changes later makes the next one differ."""
        kinds, n, own = wanted
        return cls(
            row=row,
            kinds=kinds,
            n=n,
            own=own,
            permitted=permitted,
            explore=explore,
            masked=moment.masked(now),
            recommender=recommender,
            parts=(
                moment.snapshot,
                moment.items,
                moment.histories.get(row),
                moment.own_words.get(row),
            ),
            seats=moment.seats_counted,
            minute=now // _SECONDS,
        )

    @property
    def who(self) -> tuple[object, ...]:
        """Whose list of what, for whom: of these only the latest is kept."""
        return self.row, self.kinds, self.n, self.own

    def same(self, other: Basis) -> bool:
        """Tell whether the same list comes of both."""
        return (
            self.who == other.who
            and self.permitted == other.permitted
            and self.explore == other.explore
            and self.recommender is other.recommender
            and all(a is b for a, b in zip(self.parts, other.parts, strict=True))
            and (self.seats, self.minute) == (other.seats, other.minute)
            and (self.masked is other.masked or np.array_equal(self.masked, other.masked))
        )


class KeptLists(Generic[T]):
    """The latest lists of this process. Safe for many threads.

    Parameters
    ----------
    most : int
        Lists kept; those not asked for the longest go first.
    """

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._lists: OrderedDict[tuple[object, ...], tuple[Basis, T]] = OrderedDict()
        self._world: tuple[object, object] = (None, None)

    def get(self, basis: Basis, make: Callable[[], T]) -> T:
        """Return the list of this basis, made now if it is not there."""
        with self._lock:
            basis_of, kept = self._lists.get(basis.who, (None, None))
        if basis_of is not None and kept is not None and basis_of.same(basis):
            return kept
        made = make()
        with self._lock:
            world = (basis.parts[0], basis.recommender)
            if world != self._world:  # an old snapshot or model is not held in memory for these
                self._lists.clear()
                self._world = world
            self._lists[basis.who] = basis, made
            self._lists.move_to_end(basis.who)
            while len(self._lists) > self._most:
                self._lists.popitem(last=False)
        return made
