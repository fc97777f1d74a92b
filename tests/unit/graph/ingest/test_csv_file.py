"""CSV files as programs save them: encodings, delimiters, ragged rows, limits."""

from __future__ import annotations

import tracemalloc

import pytest

from graph.errors import ImportRefused
from graph.ingest import csv_file
from graph.ingest.columns import Column
from graph.ingest.table import read_table

COLUMNS = (
    Column("name", "姓名", required=True),
    Column("phone", "联系方式", ("电话",)),
    Column("note", "备注"),
)
TEXT = "姓名,联系方式,备注\r\n王秀兰,15400000001,甲\r\n李建国,15400000002,乙\r\n"
NAMES = ["王秀兰", "李建国"]


def table_of(folder, content, name="file.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, COLUMNS)


def names(table):
    return [row.cells["name"] for row in table.each()]


def told(table):
    list(table.each())
    return [(issue.row, issue.code) for issue in table.issues]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"]
)
def test_every_common_encoding_is_found(tmp_path, encoding):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    table = table_of(tmp_path, mark + TEXT.encode(encoding))
    assert names(table) == NAMES
    assert list(table.issues) == []


@pytest.mark.parametrize("name", ["㛃", "\U0002c2ce", "阿依古丽·买买提"])
def test_characters_of_four_bytes_in_gb18030_are_kept(tmp_path, name):
    table = table_of(tmp_path, f"姓名,备注\n{name},甲\n".encode("gb18030"))
    assert names(table) == [name]


@pytest.mark.parametrize(("whole", "other"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_rows_in_another_encoding_are_errors_and_the_others_come_through(tmp_path, whole, other):
    lines = TEXT.splitlines(keepends=True)
    content = lines[0].encode(whole) + lines[1].encode(other) + lines[2].encode(whole)
    table = table_of(tmp_path, content)
    assert names(table) == ["李建国"]
    assert told(table) == [(2, "row_encoding")]


def test_a_file_in_no_encoding_shows_no_replacement_characters(tmp_path):
    table = table_of(tmp_path, TEXT.encode() + b"\xff\xff\xff,1,2\r\n")
    assert names(table) == NAMES
    assert told(table) == [(4, "row_encoding")]


def test_damaged_utf_16_is_refused(tmp_path):
    with pytest.raises(ImportRefused, match="UTF-16"):
        table_of(tmp_path, b"\xff\xfe" + TEXT.encode("utf-16-le") + b"\x00\xd8\x41\x00")


def test_surrogates_are_refused_as_no_utf_8(tmp_path):
    table = table_of(tmp_path, TEXT.encode() + b"\xed\xa0\x80,1,2\r\n")
    assert told(table) == [(4, "row_encoding")]


@pytest.mark.parametrize("mark", [";", "\t", "|", "，"])
def test_another_delimiter_is_found_and_noticed(tmp_path, mark):
    table = table_of(tmp_path, TEXT.replace(",", mark))
    assert names(table) == NAMES
    assert told(table) == [(0, "delimiter_other")]


def test_line_breaks_and_quotes_inside_cells_are_kept_and_rows_counted_as_seen(tmp_path):
    table = table_of(tmp_path, '姓名,备注\r\n"王\n秀兰","说""好"""\r\n李建国,乙\r\n')
    assert [(r.number, dict(r.cells)) for r in table.each()] == [
        (2, {"name": "王\n秀兰", "note": '说"好"'}),
        (3, {"name": "李建国", "note": "乙"}),
    ]


def test_quotes_that_do_not_match_spoil_their_row_only(tmp_path):
    table = table_of(tmp_path, '姓名,备注\n"王"秀兰,甲\n李建国,乙\n')
    assert names(table) == ["李建国"]
    assert told(table) == [(2, "row_quotes")]


def test_a_quote_that_is_never_closed_is_reported(tmp_path):
    table = table_of(tmp_path, '姓名,备注\n王秀兰,甲\n李建国,"乙\n张伟,丙\n')
    assert names(table) == ["王秀兰"]
    assert told(table) == [(3, "row_quotes")]


def test_ragged_rows_are_errors_unless_only_empty_cells_are_too_many(tmp_path):
    table = table_of(tmp_path, "姓名,备注\n王秀兰,甲,,\n李建国\n张伟,甲,乙\n")
    assert names(table) == ["王秀兰"]
    assert told(table) == [(3, "row_width"), (4, "row_width")]


def test_titles_notes_headers_again_and_totals_are_passed_over(tmp_path):
    text = (
        "某某街道人口台账,,\n填报单位：某某社区,,\n\n姓名,联系方式,备注\n必填,11 位,如：独居\n"
        "王秀兰,15400000001,甲\n\n姓名,联系方式,备注\n李建国,15400000002,乙\n合计：,2人,\n"
        "制表人：张三,审核人：李四,\n"
    )
    table = table_of(tmp_path, text)
    assert [(r.number, r.cells["name"]) for r in table.each()] == [(6, "王秀兰"), (9, "李建国")]
    assert table.rows == 2
    assert told(table) == [
        (5, "row_notes"),
        (8, "header_again"),
        (10, "row_total"),
        (11, "row_total"),
    ]


@pytest.mark.parametrize("name", ["总计划", "合计明", "备注"])
def test_people_are_no_totals(tmp_path, name):
    assert names(table_of(tmp_path, f"姓名,备注\n{name},甲\n")) == [name]


def test_one_cell_that_begins_like_a_note_makes_no_row_of_notes(tmp_path):
    assert names(table_of(tmp_path, "姓名,备注\n王秀兰,填写过问卷\n")) == ["王秀兰"]


def test_a_header_of_two_storeys_is_read(tmp_path):
    table = table_of(tmp_path, "姓名,其他,\n,电话,备注\n王秀兰,15400000001,甲\n")
    assert [dict(row.cells) for row in table.each()] == [
        {"name": "王秀兰", "phone": "15400000001", "note": "甲"}
    ]


@pytest.mark.parametrize(
    "header",
    [
        "姓 名*",
        "●姓名",
        "姓名（必填）",
        "\ufeff姓名：",
        '"姓\n名"',
        "\uff2e\uff21\uff2d\uff25",
        "name [text]",
    ],
)
def test_headers_are_understood_as_people_write_them(tmp_path, header):
    assert names(table_of(tmp_path, f"{header},备注\n王秀兰,甲\n")) == ["王秀兰"]


def test_repeated_and_unknown_headers_are_noticed(tmp_path):
    table = table_of(tmp_path, "姓名,电话,联系方式,血型\n王秀兰,1,2,A\n")
    assert [(i.column, i.code) for i in table.issues] == [
        ("联系方式", "column_repeated"),
        ("血型", "column_unknown"),
    ]
    assert [row.cells["phone"] for row in table.each()] == ["1"]


@pytest.mark.parametrize(
    "header",
    [
        "宗教信仰情况",
        "政治面貌(党员/群众)",
        "民 族*",
        "重点人员类别",
        "是否党员",
        "Religion",
        "key-person",
    ],
)
def test_refused_columns_are_never_read(tmp_path, header):
    table = table_of(tmp_path, f"姓名,{header}\n王秀兰,秘密\n")
    assert [i.code for i in table.issues] == ["column_refused"]
    assert "秘密" not in repr([dict(row.cells) for row in table.each()])


def test_a_table_can_be_gone_through_again_and_reports_once(tmp_path):
    table = table_of(tmp_path, "姓名,备注\n王秀兰,甲\n李建国\n")
    assert names(table) == names(table) == ["王秀兰"]
    assert table.rows == 2
    assert told(table) == [(3, "row_width")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\r\n\r\n", "is empty"),
        ("姓名,备注\n\n".encode(), "no rows"),
        ("姓氏,备注\n王,甲\n".encode(), "必填"),
        ("姓名,备注\n王\0,甲\n".encode(), "NUL"),
        ("姓名,备注\n王\0,甲\n".encode("utf-16"), "NUL"),
        ("姓名,备注\n王,".encode() + b"x" * (csv_file.MOST_LINE + 1), "1 MB"),
        (b"x" * (3 * csv_file.MOST_LINE), "1 MB"),
    ],
    ids=["empty", "blank", "header only", "no name", "nul", "nul 16", "long line", "one line"],
)
def test_what_is_no_table_is_refused(tmp_path, content, reason):
    with pytest.raises(ImportRefused, match=reason) as refused:
        table_of(tmp_path, content)
    assert refused.value.zh
    assert refused.value.en
    assert "file.csv" not in refused.value.zh + refused.value.en


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(csv_file.MOST_BYTES + 1)
    with pytest.raises(ImportRefused, match="512 MB"):
        read_table(path, COLUMNS)


def test_rows_are_streamed(tmp_path):
    path = tmp_path / "many.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("姓名,联系方式,备注\n")
        file.writelines(f"王{n},154{n:08d},{'甲' * 20}\n" for n in range(60_000))
    table = read_table(path, COLUMNS)
    tracemalloc.start()
    count = sum(1 for _ in table.each())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == table.rows == 60_000
    assert peak < path.stat().st_size / 4
