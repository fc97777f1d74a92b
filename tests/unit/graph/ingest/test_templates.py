"""Templates read back cleanly, and are kind to those who fill them in."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook

from graph.errors import ImportRefused
from graph.ingest.files import FILE_COLUMNS, read_file
from graph.ingest.templates import write_template
from tests.corruptor import Agreeable
from tests.factories import NOW

PEOPLE = Agreeable(
    {"r-1": ("张三", "15400000001"), "r-2": ("李四", "15400000002")},
    fields={"r-1": {"meter": "W000001"}},
)


def read(kind, path):
    return read_file(
        kind, path, pseudonym=lambda d, v: f"{d}:{v}", clock=lambda: NOW, register=PEOPLE
    )


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("kind", FILE_COLUMNS)
def test_a_template_is_read_without_any_issue(tmp_path, kind, ending):
    path = tmp_path / f"t.{ending}"
    write_template(kind, path)
    plan = read(kind, path)
    assert list(plan.issues) == []
    assert plan.rows == len(plan.sample) == 2


@pytest.mark.parametrize("kind", FILE_COLUMNS)
def test_a_template_marks_required_columns_and_keeps_long_numbers_as_text(tmp_path, kind):
    write_template(kind, tmp_path / "t.xlsx")
    book = load_workbook(tmp_path / "t.xlsx")
    sheet = book[kind]
    head = [cell.value for cell in sheet[1]]
    required = [column.zh for column in FILE_COLUMNS[kind] if column.required]
    assert [text[:-1] for text in head if text.endswith("*")] == required
    assert {cell.number_format for row in sheet["A2:D50"] for cell in row} == {"@"}
    assert sheet.freeze_panes == "A2"
    explained = {row[0].value for row in book["说明"].iter_rows(2)}
    assert explained == {text.rstrip("*") for text in head}


def test_coded_columns_offer_their_values(tmp_path):
    write_template("residents", tmp_path / "t.xlsx")
    sheet = load_workbook(tmp_path / "t.xlsx")["residents"]
    assert '"男,女"' in {rule.formula1 for rule in sheet.data_validations.dataValidation}


def test_people_in_templates_are_of_no_real_region(tmp_path):
    write_template("residents", tmp_path / "t.csv")
    numbers = [row.fields["id_number"] for row in read("residents", tmp_path / "t.csv").identities]
    assert [number[:2] for number in numbers] == ["99", "99"]


def test_other_endings_and_kinds_are_refused(tmp_path):
    with pytest.raises(ImportRefused, match="xlsx or"):
        write_template("residents", tmp_path / "t.pdf")
    with pytest.raises(ImportRefused, match="known are"):
        write_template("cats", tmp_path / "t.csv")
