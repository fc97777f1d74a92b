"""One resident as cards and feeds need them at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from api.services.backing import Backing
from graph.errors import NotFound
from graph.live import Moment
from graph.model import DataCategory, InteractionKind, Purpose, ResidentId
from graph.snapshot.snapshot import INTERACTION_KINDS
from recommender.base import NO_ROWS, Query

__all__ = [
    "Viewer",
    "as_wanted",
    "find_row",
    "own_categories",
    "view_as",
    "view_as_nobody",
]


@dataclass(frozen=True, slots=True, eq=False)
class Viewer:
    """A resident looking, and what may be used of them to decide what they see."""

    resident: ResidentId
    row: int
    permitted: frozenset[DataCategory]
    query: Query
    """A batch of one, made of permitted cells only."""
    done: Mapping[int, frozenset[InteractionKind]] = field(default_factory=dict)
    """Item row -> what the resident did with it; their own, shown to nobody else."""
    impersonal: bool = False
    """They want no list made for them personally: only where they live may tell what is near."""
    centre: tuple[float, float] | None = None
    """Latitude and longitude of the middle of their grid (never the dwelling); None unknown."""

    @property
    def personalised(self) -> bool:
        """Whether anything of theirs may shape a list."""
        return bool(self.permitted) and not self.impersonal


def find_row(moment: Moment, resident: ResidentId) -> int:
    """Row of a resident.

    Raises
    ------
    NotFound
        Nobody has this id; worded as for somebody else's id, so that nothing is told.
    """
    row = moment.resident_rows.get(resident)
    if row is None:
        raise NotFound("there is no such resident, or not for you")
    return row


def own_categories(backing: Backing, moment: Moment, row: int) -> frozenset[DataCategory]:
    """Categories that a resident lets Linli use for their feed, decided now."""
    masks, expires = moment.consent(row)
    granted = backing.gate.permitted_row(masks, expires, purpose=Purpose.FEED)
    return as_wanted(moment, row, granted)


def as_wanted(
    moment: Moment, row: int, granted: frozenset[DataCategory]
) -> frozenset[DataCategory]:
    """Leave what a resident wants lists to use: the grid alone when they turned personal ones off.

    The grid tells what is near, as a notice board in it would.
    """
    return granted & {DataCategory.GRID} if row in moment.impersonal else granted


def view_as(
    backing: Backing,
    moment: Moment,
    resident: ResidentId,
    permitted: frozenset[DataCategory],
    *,
    masked: NDArray[np.int64] = NO_ROWS,
) -> Viewer:
    """Make the viewer that these permissions leave."""
    return _viewer(backing, moment, find_row(moment, resident), resident, permitted, masked)


def view_as_nobody(backing: Backing, moment: Moment) -> Viewer:
    """Make a viewer of whom nothing is known: a newcomer who authorised nothing."""
    masked = moment.masked(int(backing.clock().timestamp()))
    row = len(moment.resident_rows)  # given to nobody yet
    return _viewer(backing, moment, row, ResidentId(""), frozenset(), masked)


def _viewer(
    backing: Backing,
    moment: Moment,
    row: int,
    resident: ResidentId,
    permitted: frozenset[DataCategory],
    masked: NDArray[np.int64],
) -> Viewer:
    view = moment.one(row, permitted)
    now = int(backing.clock().timestamp())
    query = Query.from_one(view, row, now=now, masked=masked)
    history = moment.history(row)
    done: dict[int, set[InteractionKind]] = {}
    for item, kind in zip(history.items.tolist(), history.kinds.tolist(), strict=True):
        done.setdefault(item, set()).add(INTERACTION_KINDS[kind])
    grid = int(view.grid[0])
    centre = moment.snapshot.grid_centre[grid].tolist() if grid >= 0 else None
    known = centre is not None and bool(np.isfinite(centre).all())
    return Viewer(
        resident=resident,
        row=row,
        permitted=permitted,
        query=query,
        done={item: frozenset(kinds) for item, kinds in done.items()},
        impersonal=row in moment.impersonal,
        centre=(centre[0], centre[1]) if centre is not None and known else None,
    )
