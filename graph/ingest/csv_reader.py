"""Read the CSV files a street office has: residents, grids, addresses, activities and more.

Files are UTF-8, with or without a byte order mark, separated by commas, with a header whose names
may be Chinese or English (see ``CSV_COLUMNS``).
Rows with errors are left out and explained; clean rows come through. Null stays null: nothing is
made up to pass a check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from graph.errors import ImportRefused
from graph.ingest.csv_activities import ACTIVITY_COLUMNS, plan_activities
from graph.ingest.csv_buildings import BUILDING_COLUMNS, plan_buildings
from graph.ingest.csv_grids import GRID_COLUMNS, plan_grids
from graph.ingest.csv_meters import METER_COLUMNS, plan_meters
from graph.ingest.csv_residents import RESIDENT_COLUMNS, plan_residents
from graph.ingest.csv_services import SERVICE_COLUMNS, plan_services
from graph.ingest.csv_signups import SIGNUP_COLUMNS, plan_signups
from graph.ingest.csv_visits import VISIT_COLUMNS, plan_visits
from graph.ingest.csv_volunteering import VOLUNTEERING_COLUMNS, plan_volunteering
from graph.ingest.plan import ImportPlan
from graph.ingest.register import EmptyRegister, Register
from graph.ingest.table import Column, Table, read_table

__all__ = ["CSV_COLUMNS", "read_csv"]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a reader may need besides the file."""

    pseudonym: Callable[[str, str], str]
    now: datetime
    register: Register


_Plan = Callable[[Table, _Given], ImportPlan]


def _from_now(plan: Callable[..., ImportPlan]) -> _Plan:
    return lambda table, given: plan(table, now=given.now, register=given.register)


_KINDS: dict[str, tuple[tuple[Column, ...], _Plan]] = {
    "residents": (
        RESIDENT_COLUMNS,
        lambda table, given: plan_residents(
            table, pseudonym=given.pseudonym, now=given.now, register=given.register
        ),
    ),
    "activities": (
        ACTIVITY_COLUMNS,
        lambda table, given: plan_activities(table, now=given.now),
    ),
    "signups": (SIGNUP_COLUMNS, _from_now(plan_signups)),
    "grids": (GRID_COLUMNS, _from_now(plan_grids)),
    "buildings": (BUILDING_COLUMNS, _from_now(plan_buildings)),
    "services": (SERVICE_COLUMNS, _from_now(plan_services)),
    "volunteering": (VOLUNTEERING_COLUMNS, _from_now(plan_volunteering)),
    "visits": (VISIT_COLUMNS, _from_now(plan_visits)),
    "meters": (METER_COLUMNS, _from_now(plan_meters)),
}

CSV_COLUMNS: dict[str, tuple[Column, ...]] = {kind: known[0] for kind, known in _KINDS.items()}
"""Columns of each kind of file."""


def read_csv(
    kind: str,
    path: Path,
    *,
    pseudonym: Callable[[str, str], str],
    clock: Callable[[], datetime],
    register: Register | None = None,
) -> ImportPlan:
    """Read one file.

    Parameters
    ----------
    kind : str
        A key of ``CSV_COLUMNS``.
    path : Path
    pseudonym : callable
        ``(domain, value) -> str``
    clock : callable
    register : Register, optional
        Who is known, and what they authorise; default: nobody and nothing.

    Raises
    ------
    ImportRefused
        The file as a whole cannot be read, or its kind is unknown.
    """
    if kind not in _KINDS:
        raise ImportRefused(f"unknown kind of file {kind!r}; known are {', '.join(CSV_COLUMNS)}")
    columns, plan = _KINDS[kind]
    return plan(read_table(path, columns), _Given(pseudonym, clock(), register or EmptyRegister()))
