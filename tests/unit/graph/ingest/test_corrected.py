"""The copy that says what is wrong: complete, harmless, and readable again."""

from __future__ import annotations

import csv

import pytest
from openpyxl import load_workbook

from graph.ingest.columns import PROBLEMS
from graph.ingest.corrected import corrected_copy
from graph.ingest.files import read_file
from tests.corruptor import CASES, Agreeable, Dirty
from tests.factories import NOW
from tests.unit.graph.ingest.test_bad_input import dirty, known_people, reported

HEADER = ["姓名", "公民身份号码", "宗教信仰", "联系方式", "备注"]


def read(kind, path, register=None):
    return read_file(
        kind,
        path,
        pseudonym=lambda d, v: f"{d}:{v}",
        clock=lambda: NOW,
        register=register or Agreeable({}),
    )


def lines_of(path):
    if path.suffix == ".xlsx":
        return [list(row) for row in load_workbook(path).active.values]
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("kind", ["residents", "activities", "signups"])
def test_a_copy_is_read_again_as_it_is(tmp_path, kind, ending):
    table = dirty(kind)
    for one in CASES:
        if one.kind == kind:
            one.apply(table)
    people = known_people(len(table.rows))
    source = table.write(tmp_path / f"t.{ending}")
    plan = read(kind, source, people)
    copy = corrected_copy(kind, source, plan.issues, tmp_path / "copy")
    again = read(kind, copy, people)
    assert copy.suffix == source.suffix
    assert reported(again) == reported(plan) == sorted(table.expected)
    assert again.rows == plan.rows


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_copy_says_beside_each_row_what_is_wrong_in_both_languages(tmp_path, ending):
    table = Dirty("residents", HEADER[:2])
    table.rows = [{"姓名": "王秀兰", "公民身份号码": "12"}, {"姓名": "李", "公民身份号码": ""}]
    source = table.write(tmp_path / f"t.{ending}")
    plan = read("residents", source)
    lines = lines_of(corrected_copy("residents", source, plan.issues, tmp_path / "copy"))
    assert lines[0] == [PROBLEMS, "姓名", "公民身份号码"]
    for text in ("18 位", "18 characters", "公民身份号码", "id_format"):
        assert text in lines[1][0]
    assert lines[1][1:] == ["王秀兰", "12"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_refused_columns_are_in_no_copy_and_no_sample(tmp_path, ending):
    table = Dirty("residents", HEADER)
    table.rows = [{"姓名": "王秀兰", "宗教信仰": "甲教", "联系方式": "15400000001"}]
    source = table.write(tmp_path / f"t.{ending}")
    plan = read("residents", source)
    lines = lines_of(corrected_copy("residents", source, plan.issues, tmp_path / "copy"))
    assert lines[0] == [PROBLEMS, "姓名", "公民身份号码", "联系方式", "备注"]
    assert lines[1][3] == "15400000001"
    assert "甲教" not in repr((lines, plan.sample, list(plan.issues), plan.columns))


def test_a_row_whose_cells_have_moved_shows_nothing_from_a_refused_column_on(tmp_path):
    source = tmp_path / "t.csv"
    source.write_text(
        "姓名,公民身份号码,宗教信仰,联系方式\n王秀兰,,1,2,甲教\n李,\n", encoding="utf-8"
    )
    lines = lines_of(corrected_copy("residents", source, (), tmp_path / "copy"))
    assert lines[1:] == [["", "王秀兰", ""], ["", "李", ""]]


def test_nothing_in_a_copy_is_run_as_a_formula(tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("姓名,备注\n=1+1,@SUM(A1)\n李,-2+3\n", encoding="utf-8")
    lines = lines_of(corrected_copy("residents", source, (), tmp_path / "copy"))
    assert lines[1:] == [["", "'=1+1", "'@SUM(A1)"], ["", "李", "'-2+3"]]
