"""Every named way to spoil a file is reported exactly, and the clean rows come through."""

from __future__ import annotations

from collections import Counter

import pytest

from graph.ingest.files import FILE_COLUMNS, read_file
from graph.ingest.plan import RecordKind
from tests.corruptor import CASES, CLEAN, Dirty, known_people
from tests.factories import NOW

CLEAN_ROWS = 3


def dirty(kind):
    known = [column for column in FILE_COLUMNS[kind] if not column.name.startswith("worker")]
    table = Dirty(kind, [column.zh for column in known])
    for _ in range(CLEAN_ROWS):
        table.add()
    return table


def read(table, path):
    return read_file(
        table.kind,
        table.write(path),
        pseudonym=lambda domain, value: f"{domain}:{value}",
        clock=lambda: NOW,
        register=known_people(len(table.rows)),
    )


def reported(plan):
    return sorted((issue.row, issue.column, issue.code) for issue in plan.issues)


def came_through(plan):
    """Count what was taken in, one per row."""
    counted = {
        "residents": plan.identities,
        "activities": plan.seats,
        "signups": plan.bookings,
        "grids": plan.grids,
        "services": plan.seats,
        "meters": plan.records,
        "buildings": [c for c in plan.changes if getattr(c, "label", "") == "Dwelling"],
        "volunteering": [c for c in plan.changes if getattr(c, "type", "") == "HELPED"],
        "visits": [r for r in plan.records if r.kind is RecordKind.VISIT],
    }
    return len(list(counted[plan.kind]))


def repeated(table):
    codes = Counter(code for _, _, code in table.expected)
    return sum(count for code, count in codes.items() if code.endswith("_repeated"))


@pytest.mark.parametrize("kind", CLEAN)
def test_a_clean_table_has_no_issues(kind, tmp_path):
    plan = read(dirty(kind), tmp_path / "t.csv")
    assert list(plan.issues) == []
    assert came_through(plan) == CLEAN_ROWS


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("one", CASES, ids=lambda c: f"{c.kind}-{c.name}")
def test_a_spoilt_table_is_reported_exactly(one, ending, tmp_path):
    table = dirty(one.kind)
    one.apply(table)
    plan = read(table, tmp_path / f"t.{ending}")
    assert reported(plan) == sorted(table.expected)
    assert came_through(plan) == len(table.rows) - len(table.lost) - repeated(table)


@pytest.mark.parametrize("kind", CLEAN)
def test_all_cases_in_one_file_are_reported_exactly(kind, tmp_path):
    table = dirty(kind)
    for one in CASES:
        if one.kind == kind:
            one.apply(table)
    plan = read(table, tmp_path / "t.csv")
    assert reported(plan) == sorted(table.expected)
    assert plan.rows == len(table.rows)
    assert came_through(plan) == len(table.rows) - len(table.lost) - repeated(table)


def test_every_kind_of_file_has_cases():
    assert set(CLEAN) == set(FILE_COLUMNS)
    assert {one.kind for one in CASES} == set(FILE_COLUMNS)
