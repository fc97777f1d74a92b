"""Workbooks as people make them, and as people make them to do harm."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time

import pytest
from openpyxl import Workbook
from openpyxl.workbook.protection import WorkbookProtection

from graph.errors import ImportRefused
from graph.ingest import package
from graph.ingest.columns import Column
from graph.ingest.files import read_file
from graph.ingest.table import read_table
from tests.clerk import clerks_signups
from tests.corruptor import Agreeable
from tests.factories import NOW

COLUMNS = (Column("name", "姓名", required=True), Column("phone", "电话"), Column("note", "备注"))


def book_of(*rows):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    return book


def table_of(folder, book, name="file.xlsx"):
    book.save(folder / name)
    return read_table(folder / name, COLUMNS)


def cells(table):
    return [tuple(row.cells.values()) for row in table.each()]


def told(table):
    list(table.each())
    return [(issue.row, issue.code) for issue in table.issues]


def test_values_are_read_as_a_person_would_type_them(tmp_path):
    values = [
        (15400000001, "15400000001"),
        (45123, "45123"),
        (340202195803120011, "3.40202E+17"),
        (2.5, "2.5"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime.fromisoformat("2024-02-29T14:30"), "2024-02-29 14:30"),
        (time(7, 30), "07:30"),
        (True, "TRUE"),
        ("文", "文"),
    ]
    book = book_of(["姓名", "备注"], *(["王", value] for value, _ in values))
    assert [note for _, note in cells(table_of(tmp_path, book))] == [text for _, text in values]


def test_rows_are_numbered_as_the_spreadsheet_shows_them(tmp_path):
    book = Workbook()
    book.active["B4"], book.active["C4"] = "姓名", "电话"
    book.active["B6"], book.active["C6"] = "王秀兰", 15400000001
    (row,) = table_of(tmp_path, book).each()
    assert (row.number, dict(row.cells)) == (6, {"name": "王秀兰", "phone": "15400000001"})


def test_merged_cells_all_take_the_value_seen_over_them(tmp_path):
    book = book_of(
        ["登记表", None, None],
        ["姓名", "联系", None],
        [None, "电话", "备注"],
        ["王", 1, "同住"],
        ["李", 2, None],
        ["张", "不用", None],
    )
    for merged in ("A1:C1", "A2:A3", "B2:C2", "C4:C5", "B6:C6"):
        book.active.merge_cells(merged)
    assert cells(table_of(tmp_path, book)) == [
        ("王", "1", "同住"),
        ("李", "2", "同住"),
        ("张", "不用", "不用"),
    ]


def test_what_is_hidden_is_not_read_and_said(tmp_path):
    book = book_of(["姓名", "电话", "备注"], ["王", 1, "甲"], ["李", 2, "乙"], ["张", 3, "丙"])
    book.active.row_dimensions[3].hidden = True
    book.active.column_dimensions["B"].hidden = True
    secret = book.create_sheet("底稿")
    secret.sheet_state = "hidden"
    secret.append(["姓名"])
    table = table_of(tmp_path, book)
    assert cells(table) == [("王", "甲"), ("张", "丙")]
    assert [row.number for row in table.each()] == [2, 4]
    assert told(table) == [(0, "sheets_hidden"), (0, "rows_hidden"), (0, "columns_hidden")]
    assert "底稿" in next(iter(table.issues)).message_zh


def test_the_sheet_whose_header_fits_is_read(tmp_path):
    book = book_of(["统计", "本月"], ["人数", 2])
    book.create_sheet("名单").append(["姓名", "电话"])
    book["名单"].append(["王", 1])
    table = table_of(tmp_path, book)
    assert cells(table) == [("王", "1")]
    assert told(table) == [(0, "sheets_others")]


def test_formulas_are_not_run_and_failed_ones_are_errors_of_their_cell(tmp_path):
    book = book_of(["姓名", "电话", "备注"], ["王", "=1+1", "甲"], ["李", "#REF!", "乙"])
    table = table_of(tmp_path, book)
    for row in table.each():
        row.read("phone", str)
    assert [(i.row, i.column, i.code) for i in table.issues] == [
        (0, "", "formula_value"),
        (2, "电话", "formula_empty"),
        (3, "电话", "cell_error"),
    ]


def test_the_saved_value_of_a_formula_is_taken(tmp_path):
    path = saved(tmp_path, book_of(["姓名", "备注"], ["王", "=1+1"]))
    change(path, "xl/worksheets/sheet1.xml", b"<v />", b"<v>2</v>", b"<v></v>", b"<v>2</v>")
    assert cells(read_table(path, COLUMNS)) == [("王", "2")]


def test_a_workbook_named_csv_and_a_csv_named_xlsx_are_read_as_what_they_are(tmp_path):
    book = book_of(["姓名"], ["王"])
    table = table_of(tmp_path, book, name="really.csv")
    assert (cells(table), told(table)) == ([("王",)], [(0, "file_renamed")])
    path = tmp_path / "text.xlsx"
    path.write_text("姓名\n王\n", encoding="utf-8")
    table = read_table(path, COLUMNS)
    assert (cells(table), told(table)) == ([("王",)], [(0, "file_renamed")])


def saved(folder, book):
    path = folder / "file.xlsx"
    book.save(path)
    return path


def change(path, part, *pairs):
    """Write a package anew with bytes of one part replaced."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    for before, after in zip(pairs[::2], pairs[1::2], strict=True):
        parts[part] = parts[part].replace(before, after)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in parts.items():
            new.writestr(name, content)


def add(path, name, content, **options):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content, **options)


def clean_book(folder):
    return saved(folder, book_of(["姓名"], ["王"]))


def bomb(path):
    add(path, "xl/media/image1.png", b"\0" * (20 * 1024 * 1024))


def many_parts(path):
    with zipfile.ZipFile(path, "a") as file:
        for n in range(package.MOST_PARTS):
            file.writestr(f"xl/{n}", b"")


def lying_bomb(path):
    bomb(path)
    raw = path.read_bytes()
    size = (20 * 1024 * 1024).to_bytes(4, "little")
    assert raw.count(size) == 2
    path.write_bytes(raw.replace(size, (1000).to_bytes(4, "little")))


def entities(path):
    change(
        path,
        "xl/workbook.xml",
        b"<workbook ",
        b'<!DOCTYPE workbook [<!ENTITY a "aaaa">]><workbook ',
    )


def far_cell(path):
    change(
        path,
        "xl/worksheets/sheet1.xml",
        b"</sheetData>",
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>',
    )


def far_empty_text(path):
    change(
        path,
        "xl/worksheets/sheet1.xml",
        b"</sheetData>",
        b'<row r="1048576"><c r="XFD1048576" t="str"><v></v></c></row></sheetData>',
    )


def nowhere_cell(path):
    change(
        path,
        "xl/worksheets/sheet1.xml",
        b"</sheetData>",
        b'<row r="1048576"><c r="ZZZZZZ1048576"><v>1</v></c></row></sheetData>',
    )


def promised_texts(path):
    add(path, "xl/sharedStrings.xml", b'<sst uniqueCount="99999999999"><si><t>x</t></si></sst>')


def workbook_elsewhere(path):
    change(path, "_rels/.rels", b"xl/workbook.xml", b"hidden/workbook.xml")


def twins_by_case(path):
    add(path, "xl/worksheets/SHEET1.xml", b"<worksheet/>")


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-200])


def encrypted_parts(path):
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)


def encrypted_book(path):
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + "EncryptedPackage".encode("utf-16-le")
    )


def old_document(path):
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))


def no_workbook(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("hello.txt", "hello")


HARMFUL = {
    bomb: "zip bomb",
    lying_bomb: "damaged|zip bomb",
    many_parts: "too many parts",
    entities: "damaged",
    far_cell: "too many cells",
    cut_off: "damaged",
    encrypted_parts: "encrypted",
    encrypted_book: "encrypted",
    old_document: "old format",
    far_empty_text: "too many cells",
    nowhere_cell: "damaged",
    promised_texts: "damaged",
    workbook_elsewhere: "damaged",
    twins_by_case: "same name",
    no_workbook: "not an xlsx",
    lambda path: add(path, "../../evil.xml", b"x"): "leads out",
    lambda path: add(path, "/etc/evil.xml", b"x"): "leads out",
    lambda path: add(path, "C:\\evil.xml", b"x"): "leads out",
}


@pytest.mark.parametrize(("harm", "reason"), HARMFUL.items())
def test_harmful_workbooks_are_refused_with_the_reason_in_both_languages(tmp_path, harm, reason):
    path = clean_book(tmp_path)
    assert cells(read_table(path, COLUMNS)) == [("王",)]
    harm(path)
    with pytest.raises(ImportRefused, match=reason) as refused:
        read_table(path, COLUMNS)
    assert any("\u4e00" <= sign <= "\u9fff" for sign in refused.value.zh)
    assert refused.value.en.isascii()


def test_a_workbook_beyond_the_limit_is_refused_before_it_is_opened(tmp_path):
    path = clean_book(tmp_path)
    with path.open("ab") as file:
        file.truncate(package.MOST_PACKED + 1)
    with pytest.raises(ImportRefused, match="64 MB"):
        read_table(path, COLUMNS)


def test_empty_sheets_are_refused(tmp_path):
    with pytest.raises(ImportRefused, match="empty"):
        table_of(tmp_path, Workbook())


def test_a_protected_workbook_that_opens_without_a_password_is_read(tmp_path):
    book = book_of(["姓名"], ["王"])
    book.security = WorkbookProtection(lockStructure=True)
    assert cells(table_of(tmp_path, book)) == [("王",)]


def test_macros_and_links_are_noticed_and_left_alone(tmp_path):
    path = clean_book(tmp_path)
    add(path, "xl/vbaProject.bin", b"macro")
    add(path, "xl/externalLinks/externalLink1.xml", b"<externalLink/>")
    table = read_table(path, COLUMNS)
    assert cells(table) == [("王",)]
    assert told(table) == [(0, "macros_ignored"), (0, "links_ignored")]


def test_a_clerks_list_of_sign_ups_is_read_as_one_sheet(tmp_path):
    known = {
        f"r-{n}": (name, f"1540000000{n}")
        for n, name in enumerate(("王秀兰", "李建国", "陈芳", "赵明"), 1)
    }
    plan = read_file(
        "signups",
        clerks_signups(tmp_path),
        pseudonym=lambda domain, value: f"{domain}:{value}",
        clock=lambda: NOW,
        register=Agreeable(known),
    )
    assert [(i.row, i.column, i.code) for i in plan.issues] == [
        (0, "", "sheets_hidden"),
        (0, "", "formula_value"),
        (5, "人数(带人)", "companions"),
        (6, "姓名", "resident_unknown"),
        (7, "备注", "person_gone"),
        (9, "人数(带人)", "companions"),
        (10, "", "row_total"),
        (12, "", "row_total"),
        (13, "", "row_total"),
    ]
    assert plan.rows == 6
    assert [(booking.item, booking.resident) for booking in plan.bookings] == [
        (plan.bookings[0].item, "r-1"),
        (plan.bookings[0].item, "r-2"),
        (plan.bookings[2].item, "r-1"),
        (plan.bookings[2].item, "r-2"),
    ]
    assert plan.sample[0]["name"] == "王**"
    assert plan.sample[0]["phone"] == "154****0001"
