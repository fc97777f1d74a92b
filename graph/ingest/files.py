"""Read the files people have: a register of residents, activities, sign-ups.

A file may be CSV or a workbook, its header Chinese or English (see ``FILE_COLUMNS``). Rows with
errors are left out and explained; clean rows come through. Null stays null: nothing is made up to
pass a check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from graph.errors import ImportRefused
from graph.ingest.columns import Column
from graph.ingest.csv_activities import ACTIVITY_COLUMNS, plan_activities
from graph.ingest.csv_residents import RESIDENT_COLUMNS, plan_residents
from graph.ingest.csv_signups import SIGNUP_COLUMNS, plan_signups
from graph.ingest.plan import ImportPlan
from graph.ingest.register import EmptyRegister, Register
from graph.ingest.sample import sample_of
from graph.ingest.table import Table, read_table

__all__ = ["FILE_COLUMNS", "columns_of", "read_file"]

FILE_COLUMNS: dict[str, tuple[Column, ...]] = {
    "residents": RESIDENT_COLUMNS,
    "activities": ACTIVITY_COLUMNS,
    "signups": SIGNUP_COLUMNS,
}
"""Columns of each kind of file."""


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
) -> ImportPlan:
    """Read one file, CSV or a workbook.

    Parameters
    ----------
    kind : {"residents", "activities", "signups"}
    path : Path
    pseudonym : callable
        ``(domain, value) -> str``
    clock : callable
    register : Register, optional
        Who is known, and what they authorise; default: nobody and nothing. Sign-ups need it.

    Raises
    ------
    ImportRefused
        The file as a whole cannot be read, or its kind is unknown.
    """
    table = read_table(path, columns_of(kind))
    plan = _plan(kind, table, pseudonym, clock(), register or EmptyRegister())
    return replace(plan, columns=table.header.uses, sample=sample_of(table, plan.errors))


def _plan(
    kind: str,
    table: Table,
    pseudonym: Callable[[str, str], str],
    now: datetime,
    register: Register,
) -> ImportPlan:
    if kind == "residents":
        return plan_residents(table, pseudonym=pseudonym, now=now, register=register)
    if kind == "activities":
        return plan_activities(table, now=now)
    return plan_signups(table, now=now, register=register)
