"""What models and feeds may see: plain arrays, already filtered by purpose.

A :class:`View` comes from ``snapshot.view(purpose, institution, now)`` (or, for a published data
set, from :mod:`recommender.evaluation.datasets`). Rows are residents, columns are items or words
of a governed vocabulary. A cell that a resident has not authorised is simply not there; the
shapes stay, so a withdrawn cell leaves the same arrays as one that never existed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.model import Category, ItemKind

if TYPE_CHECKING:
    CSR = sp.csr_array[np.float32, tuple[int, int]]
else:
    CSR = sp.csr_array  # generic for type checkers only

__all__ = [
    "CSR",
    "ITEM_KINDS",
    "LANGUAGE_BIT",
    "LIFE_CATEGORIES",
    "NO_TIME",
    "ItemTable",
    "View",
    "empty_csr",
    "fingerprint",
]

ITEM_KINDS: tuple[ItemKind, ...] = tuple(ItemKind)
LIFE_CATEGORIES: tuple[Category, ...] = tuple(Category)
LANGUAGE_BIT: dict[str, int] = {"zh": 1, "en": 2, "wuu": 4, "yue": 8}
"""Bit of each language in uint8 arrays; 0 means any or unknown."""

NO_TIME = -1
"""Unix seconds of "not set" in time arrays."""


def empty_csr(n_rows: int, n_columns: int) -> CSR:
    """Make a float32 CSR of this shape without entries."""
    return cast("CSR", sp.csr_array((n_rows, n_columns), dtype=np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class ItemTable:
    """Everything public about items, one row each, as parallel arrays of length n_items."""

    ids: NDArray[np.str_]
    kind: NDArray[np.int8]
    """Index into :data:`ITEM_KINDS`."""
    open: NDArray[np.bool_]
    """May be suggested: state open (times and seats are checked by eligibility)."""
    life_category: NDArray[np.int8]
    """Index into :data:`LIFE_CATEGORIES`; -1 unknown."""
    starts: NDArray[np.int64]
    """Unix seconds; -1 not set."""
    ends: NDArray[np.int64]
    opened: NDArray[np.int64]
    """When it was first offered, Unix seconds; -1 unknown."""
    seats_left: NDArray[np.int32]
    """-1 unlimited."""
    lat: NDArray[np.float32]
    """Degrees WGS-84 of the venue; NaN unknown."""
    lon: NDArray[np.float32]
    grid: NDArray[np.int32]
    """Grid row of the venue; -1 unknown."""
    min_age: NDArray[np.int16]
    """Years; -1 no limit."""
    max_age: NDArray[np.int16]
    languages: NDArray[np.uint8]
    """Bits of :data:`LANGUAGE_BIT`; 0 any."""
    step_free: NDArray[np.bool_]
    participatory: NDArray[np.bool_]
    """People do something together, rather than listen."""
    group: NDArray[np.int32]
    """Item row of the group that organises it; -1 none."""
    tags: CSR
    """(n_items, n_interests) float32."""
    needs: CSR
    """(n_items, n_needs) float32: needs the item answers."""
    occupations: CSR
    """(n_items, n_occupations) float32: occupations it is meant for."""
    offers: CSR
    """(n_items, n_offers) float32: skills a helper role asks for."""

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ids)

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        *,
        n_interests: int = 0,
        n_needs: int = 0,
        n_occupations: int = 0,
        n_offers: int = 0,
    ) -> Self:
        """Make a table of open groups without further facts; ``replace`` what is known.

        Parameters
        ----------
        ids : sequence of str
        n_interests, n_needs, n_occupations, n_offers : int
            Widths of the vocabularies.
        """
        n = len(ids)

        return cls(
            ids=np.asarray(ids, dtype=np.str_) if n else np.empty(0, dtype="<U1"),
            kind=np.full(n, 0, np.int8),
            open=np.ones(n, np.bool_),
            life_category=np.full(n, -1, np.int8),
            starts=np.full(n, NO_TIME, np.int64),
            ends=np.full(n, NO_TIME, np.int64),
            opened=np.full(n, NO_TIME, np.int64),
            seats_left=np.full(n, -1, np.int32),
            lat=np.full(n, np.nan, np.float32),
            lon=np.full(n, np.nan, np.float32),
            grid=np.full(n, -1, np.int32),
            min_age=np.full(n, -1, np.int16),
            max_age=np.full(n, -1, np.int16),
            languages=np.zeros(n, np.uint8),
            step_free=np.zeros(n, np.bool_),
            participatory=np.zeros(n, np.bool_),
            group=np.full(n, -1, np.int32),
            tags=empty_csr(n, n_interests),
            needs=empty_csr(n, n_needs),
            occupations=empty_csr(n, n_occupations),
            offers=empty_csr(n, n_offers),
        )

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return the table of these rows only, in this order; groups are renumbered with it."""
        place = np.full(len(self) + 1, -1, np.int32)  # the last one is where -1 leads
        place[rows[::-1]] = np.arange(len(rows), dtype=np.int32)[::-1]
        taken = {f.name: getattr(self, f.name)[rows] for f in fields(self)}
        return replace(self, **{**taken, "group": place[self.group[rows]]})


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Residents, items and what connects them, as far as one purpose may see it."""

    as_of: int
    """Unix seconds the facts stand at; decay counts from here, never from the clock."""
    items: ItemTable
    active: NDArray[np.bool_]
    """(n_residents,) lives here and has not left."""
    birth_year: NDArray[np.int16]
    """0 unknown."""
    languages: NDArray[np.uint8]
    """Bits of :data:`LANGUAGE_BIT`; 0 unknown."""
    walk_limit: NDArray[np.int32]
    """Metres; -1 not given."""
    grid: NDArray[np.int32]
    """Grid row; -1 unknown."""
    home: NDArray[np.float32]
    """(n_residents, 2) lat, lon in degrees WGS-84: building, else grid centre, else NaN."""
    interests: CSR
    """(n_residents, n_interests) float32 weight 0 to 1."""
    offers: CSR
    occupations: CSR
    needs: CSR
    ties: CSR
    """(n_residents, n_residents) float32 strength 0 to 1, symmetric."""
    interactions: CSR
    """(n_residents, n_items) float32 confidence >= 0; indices sorted, no duplicates."""
    times: NDArray[np.int64]
    """Unix seconds of the latest interaction, aligned with ``interactions.data``; -1 unknown."""
    held: CSR
    """(n_residents, n_items) 1 where the resident is a member or signed up now."""
    dismissed: CSR
    """(n_residents, n_items) 1 where the resident said "not for me"."""
    blocked: CSR
    """(n_residents, n_items) 1 where the resident blocked the group."""

    @property
    def n_residents(self) -> int:
        """Number of resident rows, empty ones included."""
        return len(self.active)

    @property
    def n_items(self) -> int:
        """Number of item rows."""
        return len(self.items)

    def without_needs(self) -> Self:
        """Leave out needs and occupations of residents: they shape no model that all share."""
        return replace(
            self,
            needs=empty_csr(*self.needs.shape),
            occupations=empty_csr(*self.occupations.shape),
        )

    @classmethod
    def of(
        cls,
        interactions: CSR,
        *,
        items: ItemTable | None = None,
        as_of: int = 0,
        home: NDArray[np.float32] | None = None,
        times: NDArray[np.int64] | None = None,
    ) -> Self:
        """Make a view from an interaction matrix; everything else is empty.

        Parameters
        ----------
        interactions : csr_array, (n_residents, n_items), float32, confidence >= 0
        items : ItemTable, optional
            Default: open groups without tags.
        home : NDArray[float32], (n_residents, 2), optional
        times : NDArray[int64], (nnz,), optional
            Aligned with ``interactions.data`` after sorting its indices.
        """
        matrix = interactions.astype(np.float32)
        matrix.sum_duplicates()
        n, m = matrix.shape
        table = items if items is not None else ItemTable.of([str(i) for i in range(m)])
        return cls(
            as_of=as_of,
            items=table,
            active=np.ones(n, np.bool_),
            birth_year=np.zeros(n, np.int16),
            languages=np.zeros(n, np.uint8),
            walk_limit=np.full(n, -1, np.int32),
            grid=np.full(n, -1, np.int32),
            home=home if home is not None else np.full((n, 2), np.nan, np.float32),
            interests=empty_csr(n, table.tags.shape[1]),
            offers=empty_csr(n, table.offers.shape[1]),
            occupations=empty_csr(n, table.occupations.shape[1]),
            needs=empty_csr(n, table.needs.shape[1]),
            ties=empty_csr(n, n),
            interactions=matrix,
            times=times if times is not None else np.full(matrix.nnz, NO_TIME, np.int64),
            held=empty_csr(n, m),
            dismissed=empty_csr(n, m),
            blocked=empty_csr(n, m),
        )


def fingerprint(view: View) -> str:
    """Digest of everything in a view, the first 12 hex digits of a SHA-256.

    Two views with equal cells have equal fingerprints, wherever they come from; a cell that was
    withdrawn leaves the same fingerprint as one that never existed.
    """
    digest = hashlib.sha256(str(view.as_of).encode())

    def add(name: str, value: object) -> None:
        if isinstance(value, np.ndarray):
            digest.update(f"{name}:{value.dtype.str}:{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, sp.csr_array):
            digest.update(f"{name}:{value.shape}".encode())
            for array in ("indptr", "indices"):  # counted with 32 or 64 bits, as scipy likes
                add(f"{name}.{array}", getattr(value, array).astype(np.int64))
            add(f"{name}.data", value.data)
        elif isinstance(value, ItemTable):
            for field in fields(value):
                add(f"{name}.{field.name}", getattr(value, field.name))

    for field in fields(view):
        add(field.name, getattr(view, field.name))
    return digest.hexdigest()[:12]
