"""Compact lists and tables do what lists and dicts do, in a fraction of the memory."""

from __future__ import annotations

import tracemalloc

import numpy as np

from graph.ingest.issues import Issues, make_issue
from graph.ingest.shelves import FirstRows, RowSet, Shelves, by_pseudonym


def test_values_come_back_by_key_and_equal_keys_in_the_order_they_came(rng: np.random.Generator):
    shelves: Shelves[int] = Shelves(lambda row: row // 100)
    lines = [
        [int(row), n, f"“{n}”\n,", None, {"x": n / 7}]
        for n, row in enumerate(rng.integers(0, 5_000, 20_000))
    ]
    for line in lines:
        shelves.add(*line)
    assert len(shelves) == len(lines)
    assert list(shelves) == sorted(lines, key=lambda line: line[0])
    assert list(shelves) == list(shelves)


def test_what_is_added_later_comes_along():
    shelves: Shelves[str] = Shelves(by_pseudonym)
    shelves.add("b2", 1)
    assert list(shelves) == [["b2", 1]]
    shelves.add("b1", 2)
    assert list(shelves) == [["b1", 2], ["b2", 1]]


def test_the_first_row_of_a_key_is_what_a_dict_says(rng: np.random.Generator):
    rows, expected = FirstRows(), {}
    for n, k in enumerate(rng.integers(0, 30_000, 50_000), 1):
        key, mark = f"key {k}", int(k) & 0xFF
        assert rows.first(key, n, mark) == expected.setdefault(key, (n, mark))
    for k in range(31_000):
        key = f"key {k}"
        assert rows.get(key) == expected.get(key)
        assert (key in rows) == (key in expected)


def test_keys_that_all_fall_on_the_last_place_are_kept_apart():
    class Last(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 1023 + 1024 * int(self)

    rows = FirstRows()
    for n in range(1, 500):
        assert rows.first(Last(n), n) == (n, 0)
    assert [rows.get(Last(n)) for n in range(1, 501)] == [*((n, 0) for n in range(1, 500)), None]


def test_rows_are_in_a_set_once(rng: np.random.Generator):
    rows, expected = RowSet(), set()
    for row in map(int, rng.integers(0, 10_000, 3_000)):
        rows.add(row)
        expected.add(row)
    assert len(rows) == len(expected)
    assert all((row in rows) == (row in expected) for row in range(20_000))
    assert "1" not in rows


def test_issues_come_by_row_and_those_of_one_row_as_they_were_found():
    found = [make_issue(code, row=row) for row, code in ((9, "no_head"), (2, "two_heads"))]
    later = [make_issue(code, row=row) for row, code in ((9, "age_range"), (0, "column_refused"))]
    issues = Issues(found)
    for issue in later:
        issues.append(issue)
    assert list(issues) == [later[1], found[1], found[0], later[0]]
    assert (len(issues), found[0] in issues) == (4, True)
    assert [row for row in range(12) if row in issues.left_out] == [9]  # an age is an error


def test_a_hundred_thousand_issues_take_a_tenth_of_what_a_list_of_them_takes():
    def memory(kept) -> int:
        tracemalloc.start()
        for row in range(100_000):
            kept.append(make_issue("row_repeated", row=row, column="姓名", value=str(row)))
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert memory(Issues()) * 10 < memory([])
