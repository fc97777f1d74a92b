"""Builders by keyword, with defaults that make sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from graph.ledger.rows import RowKind
from graph.model import Actor, DataCategory, InstitutionId, ResidentId, StaffRole
from graph.synthetic.names import id_check_digit

__all__ = ["NOW", "KnownPeople", "csv_file", "make_id_number", "operator"]

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
"""The moment the fixture ``clock`` stands at."""


def operator() -> Actor:
    """Make the actor who imports."""
    return Actor("op-1", StaffRole.OPERATOR, InstitutionId("operator"), "linli")


def make_id_number(*, birth: str = "19580312", order: int = 11, region: str = "990101") -> str:
    """Make a well-formed identity number; an odd order is a man's."""
    first = f"{region}{birth}{order:03d}"
    return first + id_check_digit(first)


def csv_file(
    folder: Path,
    header: Sequence[str],
    *rows: Mapping[str, str] | Sequence[str],
    encoding: str = "utf-8",
    name: str = "file.csv",
) -> Path:
    """Write a CSV file; rows given as mappings leave the other cells empty."""
    lines = [",".join(header)]
    for row in rows:
        cells = [row.get(h, "") for h in header] if isinstance(row, Mapping) else row
        lines.append(",".join(f'"{cell}"' for cell in cells))
    path = folder / name
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return path


class KnownPeople:
    """A register of residents in memory."""

    def __init__(
        self,
        people: Mapping[str, tuple[str, str]],
        *,
        granted: Sequence[tuple[str, DataCategory]] = (),
        rows: Sequence[tuple[RowKind, str]] = (),
        fields: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
        streets: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._rows = set(rows)
        self._fields = {
            r: {"name": name, "phone": phone, **fields.get(r, {})}
            for r, (name, phone) in people.items()
        }
        self._found = {
            (kind, value): ResidentId(r)
            for r, said in self._fields.items()
            for kind, value in said.items()
        }
        self._streets = streets
        self._granted = set(granted)

    def expect(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Do nothing: all of it is at hand."""

    def find(self, kind: str, value: str) -> ResidentId | None:
        """Find by telephone, identity number or number of the water meter."""
        return self._found.get((kind, value))

    def fields(self, resident: ResidentId) -> Mapping[str, str]:
        """Return what is recorded."""
        return self._fields.get(resident, {})

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Tell what was authorised."""
        return (resident, category) in self._granted

    def has(self, kind: RowKind, key: str) -> bool:
        """Tell whether it was imported."""
        return (kind, key) in self._rows

    def building(self, key: str) -> str | None:
        """Return the id of a building."""
        return key if self.has(RowKind.BUILDING, key) else None

    def street_of(self, grid: str) -> str | None:
        """Return the street of a grid."""
        return self._streets.get(grid)
