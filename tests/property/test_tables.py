"""Tables come through every way of saving them, and no bytes bring the reader down."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from graph.errors import ImportRefused
from graph.ingest.columns import Column
from graph.ingest.table import read_table

COLUMNS = (Column("name", "姓名", required=True), Column("phone", "电话"), Column("note", "备注"))
HEADER = [column.zh for column in COLUMNS]
EVERY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

signs = st.characters(
    codec="utf-8",
    exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp"),
    exclude_characters="\ufffe\uffff",
) | st.sampled_from("\n,;|，\"'㛃\U0002c2ce·")
words = st.text(signs, max_size=12)
tables = st.lists(st.tuples(st.just("王"), words, words), min_size=1, max_size=8)


def rows_of(path):
    return [tuple(row.cells[c.name] for c in COLUMNS) for row in read_table(path, COLUMNS).each()]


def csv_bytes(rows, delimiter, encoding):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([HEADER, *rows])
    return text.getvalue().encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "，"])
@given(rows=tables)
@EVERY
def test_a_csv_file_comes_through_in_every_encoding_and_delimiter(
    tmp_path, encoding, delimiter, rows
):
    content = csv_bytes(rows, delimiter, encoding)
    # Bytes that are valid UTF-8 as well are rightly read as that.
    assume(encoding != "gb18030" or not is_utf8(content))
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert rows_of(path) == rows


def is_utf8(content):
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(rows=tables)
@EVERY
def test_a_workbook_comes_through(tmp_path, rows):
    book = Workbook()
    for n, row in enumerate([HEADER, *rows], 1):
        for column, text in enumerate(row, 1):
            cell = book.active.cell(n, column)
            cell.value, cell.data_type = text, "s"
    path = tmp_path / "t.xlsx"
    book.save(path)
    # Blanks at the ends of a cell do not survive in every workbook, and mean nothing.
    assert stripped(rows_of(path)) == stripped(rows)


def stripped(rows):
    return [tuple(text.strip() for text in row) for row in rows]


@given(content=st.binary(max_size=2_000), start=st.sampled_from(["", "姓名,电话,备注\n"]))
@EVERY
def test_random_bytes_are_read_or_refused_and_nothing_else(tmp_path, content, start):
    path = tmp_path / "t.csv"
    path.write_bytes(start.encode() + content)
    read_or_refuse(path)


def read_or_refuse(path):
    try:
        rows_of(path)
    except ImportRefused:
        return


def workbook_bytes():
    book = Workbook()
    for row in (HEADER, ["王", 15400000001, "=1+1"], ["李", "2", None]):
        book.active.append(row)
    book.active.merge_cells("A2:A3")
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


WORKBOOK = workbook_bytes()


@given(data=st.data())
@EVERY
def test_a_damaged_package_is_read_or_refused(tmp_path, data):
    content = bytearray(WORKBOOK)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "t.xlsx"
    path.write_bytes(content[: data.draw(st.integers(8, len(content)))])
    read_or_refuse(path)


PARTS = ["xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml"]


@given(data=st.data(), part=st.sampled_from([*PARTS, "xl/styles.xml"]))
@EVERY
def test_a_package_with_damaged_parts_is_read_or_refused(tmp_path, data, part):
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    content = bytearray(parts[part])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        for name, raw in {**parts, part: bytes(content)}.items():
            package.writestr(name, raw)
    read_or_refuse(path)
