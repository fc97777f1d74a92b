"""Read the CSV files people have: a register of residents, activities, sign-ups.

Files are UTF-8, with or without a byte order mark, separated by commas, with a header whose names
may be Chinese or English (see ``RESIDENT_COLUMNS``, ``ACTIVITY_COLUMNS``, ``SIGNUP_COLUMNS``).
Rows with errors are left out and explained; clean rows come through. Null stays null: nothing is
made up to pass a check.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from graph.errors import ImportRefused
from graph.ingest.csv_activities import ACTIVITY_COLUMNS, plan_activities
from graph.ingest.csv_residents import RESIDENT_COLUMNS, plan_residents
from graph.ingest.csv_signups import SIGNUP_COLUMNS, plan_signups
from graph.ingest.plan import ImportPlan
from graph.ingest.register import EmptyRegister, Register
from graph.ingest.table import Column, read_table

__all__ = ["CSV_COLUMNS", "read_csv"]

CSV_COLUMNS: dict[str, tuple[Column, ...]] = {
    "residents": RESIDENT_COLUMNS,
    "activities": ACTIVITY_COLUMNS,
    "signups": SIGNUP_COLUMNS,
}
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
    columns = CSV_COLUMNS.get(kind)
    if columns is None:
        raise ImportRefused(f"unknown kind of file {kind!r}; known are {', '.join(CSV_COLUMNS)}")
    table = read_table(path, columns)
    now, known = clock(), register or EmptyRegister()
    if kind == "residents":
        return plan_residents(table, pseudonym=pseudonym, now=now, register=known)
    if kind == "activities":
        return plan_activities(table, now=now)
    return plan_signups(table, now=now, register=known)
