"""Read the files a street office has: residents, grids, addresses, activities and more.

A file may be CSV or a workbook, its header Chinese or English (see ``FILE_COLUMNS``). Rows with
errors are left out and explained; clean rows come through. Null stays null: nothing is made up to
pass a check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from graph.errors import ImportRefused
from graph.ingest.columns import Column
from graph.ingest.csv_activities import ACTIVITY_COLUMNS, plan_activities
from graph.ingest.csv_buildings import BUILDING_COLUMNS, plan_buildings
from graph.ingest.csv_grids import GRID_COLUMNS, plan_grids
from graph.ingest.csv_meters import METER_COLUMNS, plan_meters
from graph.ingest.csv_residents import RESIDENT_COLUMNS, plan_residents
from graph.ingest.csv_services import SERVICE_COLUMNS, plan_services
from graph.ingest.csv_signups import SIGNUP_COLUMNS, plan_signups
from graph.ingest.csv_visits import VISIT_COLUMNS, plan_visits
from graph.ingest.csv_volunteering import VOLUNTEERING_COLUMNS, plan_volunteering
from graph.ingest.grants import OPERATOR
from graph.ingest.plan import ImportPlan
from graph.ingest.register import EmptyRegister, Register
from graph.ingest.sample import sample_of
from graph.ingest.table import Table, read_table
from graph.model import InstitutionId

__all__ = ["FILE_COLUMNS", "columns_of", "read_file"]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a reader may need besides the file."""

    pseudonym: Callable[[str, str], str]
    now: datetime
    register: Register
    institution: InstitutionId


_Plan = Callable[[Table, _Given], ImportPlan]


class _PlanWithRegister(Protocol):
    def __call__(self, table: Table, *, now: datetime, register: Register) -> ImportPlan: ...


class _PlanOfOwn(Protocol):
    def __call__(
        self, table: Table, *, now: datetime, register: Register, institution: InstitutionId
    ) -> ImportPlan: ...


def _with_register(plan: _PlanWithRegister) -> _Plan:
    return lambda table, given: plan(table, now=given.now, register=given.register)


def _of_own(plan: _PlanOfOwn) -> _Plan:
    """Make a plan of what the institution itself lists."""
    return lambda table, given: plan(
        table, now=given.now, register=given.register, institution=given.institution
    )


FILE_COLUMNS: dict[str, tuple[Column, ...]] = {
    "residents": RESIDENT_COLUMNS,
    "activities": ACTIVITY_COLUMNS,
    "signups": SIGNUP_COLUMNS,
    "grids": GRID_COLUMNS,
    "buildings": BUILDING_COLUMNS,
    "services": SERVICE_COLUMNS,
    "volunteering": VOLUNTEERING_COLUMNS,
    "visits": VISIT_COLUMNS,
    "meters": METER_COLUMNS,
}
"""Columns of each kind of file."""

_PLANS: dict[str, _Plan] = {
    "residents": lambda table, given: plan_residents(
        table, pseudonym=given.pseudonym, now=given.now, register=given.register
    ),
    "activities": lambda table, given: plan_activities(
        table, now=given.now, institution=given.institution
    ),
    "signups": _of_own(plan_signups),
    "grids": _with_register(plan_grids),
    "buildings": _with_register(plan_buildings),
    "services": _of_own(plan_services),
    "volunteering": _with_register(plan_volunteering),
    "visits": _with_register(plan_visits),
    "meters": _with_register(plan_meters),
}


def columns_of(kind: str) -> tuple[Column, ...]:
    """Return the columns of a kind of file, or raise ``ImportRefused``."""
    columns = FILE_COLUMNS.get(kind)
    if columns is None:
        raise ImportRefused(f"unknown kind of file {kind!r}; known are {', '.join(FILE_COLUMNS)}")
    return columns


def read_file(
    kind: str,
    path: Path,
    *,
    pseudonym: Callable[[str, str], str],
    clock: Callable[[], datetime],
    register: Register | None = None,
    institution: InstitutionId = OPERATOR,
) -> ImportPlan:
    """Read one file, CSV or a workbook.

    Parameters
    ----------
    kind : str
        A key of ``FILE_COLUMNS``.
    path : Path
    pseudonym : callable
        ``(domain, value) -> str``
    clock : callable
    register : Register, optional
        Who is known, and what they authorise; default: nobody and nothing.
    institution : InstitutionId, optional
        Whose file it is: its activities and services are its own, whatever others call theirs.

    Raises
    ------
    ImportRefused
        The file as a whole cannot be read, or its kind is unknown.
    """
    table = read_table(path, columns_of(kind))
    given = _Given(pseudonym, clock(), register or EmptyRegister(), institution)
    plan = _PLANS[kind](table, given)
    return replace(plan, columns=table.header.uses, sample=sample_of(table, table.issues.left_out))
