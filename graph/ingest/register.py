"""What a reader may ask about people who are known already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from graph.ledger.rows import RowKind
from graph.model import DataCategory, ResidentId

__all__ = ["EmptyRegister", "Register"]


class Register(Protocol):
    """Finds known residents, exactly."""

    def expect(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Make ready to find these values of each kind: many at once cost little more than one."""
        ...

    def find(self, kind: str, value: str) -> ResidentId | None:
        """Return the one resident with this ``phone``, ``id_number`` or ``meter``, or ``None``."""
        ...

    def fields(self, resident: ResidentId) -> Mapping[str, str]:
        """Return what is recorded: ``name``, ``id_number``, ``status`` ...; absent if unknown."""
        ...

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Whether the resident authorises facts of this category now, for its ``purpose_of``."""
        ...

    def has(self, kind: RowKind, key: str) -> bool:
        """Whether an item, grid or building of this id was imported before."""
        ...

    def building(self, key: str) -> str | None:
        """Return the id of a building, if it was imported: under this id or renamed to it."""
        ...

    def street_of(self, grid: str) -> str | None:
        """Return the street of a grid, as the lists of grids that were imported say it."""
        ...


class EmptyRegister:
    """Knows nobody: what a reader sees before anything was imported."""

    def expect(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Do nothing."""

    def find(self, kind: str, value: str) -> ResidentId | None:
        """Return ``None``."""
        return None

    def fields(self, resident: ResidentId) -> Mapping[str, str]:
        """Return nothing."""
        return {}

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Return ``False``: what is not authorised is refused."""
        return False

    def has(self, kind: RowKind, key: str) -> bool:
        """Return ``False``."""
        return False

    def building(self, key: str) -> str | None:
        """Return ``None``."""
        return None

    def street_of(self, grid: str) -> str | None:
        """Return ``None``."""
        return None
