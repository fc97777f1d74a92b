"""A register of residents: bad cells are named, clean rows come through, nothing is granted."""

from __future__ import annotations

import pytest

from graph.errors import ImportRefused
from graph.ingest import EmptyRegister, read_file
from graph.ingest.csv_residents import RESIDENT_COLUMNS
from graph.ingest.issues import codes
from graph.model import Basis, DataCategory, NodeChange
from graph.schema import STATUTORY_CATEGORIES, validate
from tests.conftest import ROOT
from tests.corruptor import Agreeable
from tests.factories import NOW, KnownPeople, csv_file, make_id_number

ZH = [column.zh for column in RESIDENT_COLUMNS]
EN = [column.name for column in RESIDENT_COLUMNS]
GOOD = {
    "姓名": "王秀兰",
    "公民身份号码": make_id_number(order=12),
    "性别": "女",
    "出生日期": "1958-03-12",
    "现住址": "3幢2单元501",
    "户号": "H001",
    "与户主关系": "户主",
    "联系方式": "15400000001",
}

LAST = GOOD["公民身份号码"][-1]
WRONG_ID = GOOD["公民身份号码"][:-1] + ("1" if LAST != "1" else "2")


def read(path, register=None):
    return read_file(
        "residents",
        path,
        pseudonym=lambda domain, value: f"{domain}:{value}",
        clock=lambda: NOW,
        register=register or EmptyRegister(),
    )


def codes_of(plan):
    return [issue.code for issue in plan.issues]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_clean_row_comes_through_with_or_without_byte_order_mark(tmp_path, encoding):
    plan = read(csv_file(tmp_path, ZH, GOOD, encoding=encoding))
    assert plan.errors == ()
    assert plan.rows == len(list(plan.residents)) == 1
    assert next(iter(plan.identities)).fields == {
        "name": "王秀兰",
        "id_number": GOOD["公民身份号码"],
        "phone": "15400000001",
    }


def test_headers_may_be_english(tmp_path):
    row = dict(zip(EN, (GOOD.get(zh, "") for zh in ZH), strict=True))
    english, chinese = csv_file(tmp_path, EN, row), csv_file(tmp_path, ZH, GOOD, name="zh.csv")
    assert list(read(english).residents) == list(read(chinese).residents)


def test_a_register_gives_the_law_as_basis_and_no_grant(tmp_path):
    plan = read(csv_file(tmp_path, ZH, {**GOOD, "职业": "厨师", "网格编码": "g1"}))
    assert list(plan.grants) == []
    assert plan.statutory == STATUTORY_CATEGORIES
    assert plan.law
    personal = [c for c in plan.changes if c.provenance.category is not DataCategory.PUBLIC]
    assert personal
    for change in personal:
        validate(change)
        assert change.provenance.basis is Basis.STATUTORY
        assert change.provenance.category in STATUTORY_CATEGORIES
    held_back = {i.column for i in plan.notices if i.code == "column_not_authorised"}
    assert held_back == {"现住址", "职业", "网格编码"}


def test_authorised_columns_come_through(tmp_path):
    resident = f"resident:id/{GOOD['公民身份号码']}"
    known = KnownPeople(
        {}, granted=[(resident, c) for c in (DataCategory.OCCUPATION, DataCategory.GRID)]
    )
    plan = read(csv_file(tmp_path, ZH, {**GOOD, "职业": "厨师", "网格编码": "g1"}), known)
    facts = {c.type: c.end for c in plan.changes if not isinstance(c, NodeChange)}
    assert facts["WORKS_AS"] == "512"
    assert facts["IN_GRID"] == "g1"
    assert plan.consented == {DataCategory.OCCUPATION, DataCategory.GRID}


def test_what_people_wrote_is_kept_as_words_and_never_in_the_graph(tmp_path):
    text = "腿脚不便，想有人陪着去医院"
    file = csv_file(tmp_path, ZH, {**GOOD, "困难及诉求": text})
    assert not list(read(file).words)
    plan = read(file, Agreeable({}))
    (words,) = plan.words
    assert words.text.startswith("腿脚不便")
    assert words.category is DataCategory.NEED_WORDS
    assert "腿脚" not in repr(list(plan.changes))


def test_an_address_that_names_no_imported_building_is_counted(tmp_path):
    plan = read(csv_file(tmp_path, ZH, {**GOOD, "现住址": "3幢2单元501室"}), Agreeable({}))
    told = [(i.row, i.column) for i in plan.notices if i.code == "dwelling_unknown"]
    assert told == []  # every building is known there
    granted = [(r, DataCategory.DWELLING) for r in plan.residents]
    people = dict.fromkeys(plan.residents, ("", ""))
    register = KnownPeople(people, granted=granted)
    plan = read(csv_file(tmp_path, ZH, {**GOOD, "现住址": "3幢2单元501室"}), register)
    told = [(i.row, i.column) for i in plan.notices if i.code == "dwelling_unknown"]
    assert told == [(0, "现住址")]


def test_refused_columns_are_dropped_unread_with_a_notice(tmp_path):
    header = [*ZH, "宗教信仰", "政治面貌", "民族", "重点人员", "爱吃什么"]
    row = {**GOOD, "宗教信仰": "甲教", "政治面貌": "乙党", "民族": "丙族", "重点人员": "是"}
    plan = read(csv_file(tmp_path, header, row))
    refused = [i.column for i in plan.notices if i.code == "column_refused"]
    assert refused == ["宗教信仰", "政治面貌", "民族", "重点人员"]
    assert [i.column for i in plan.notices if i.code == "column_unknown"] == ["爱吃什么"]
    everything = repr((list(plan.changes), list(plan.identities), list(plan.words)))
    assert not [word for word in ("甲教", "乙党", "丙族") if word in everything]


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"姓名": "　"}, "name_missing", "姓名"),
        ({"姓名": '=HYPERLINK(""x"")'}, "formula", "姓名"),
        ({"公民身份号码": make_id_number()[:-1] + "?"}, "id_format", "公民身份号码"),
        ({"公民身份号码": WRONG_ID}, "id_checksum", "公民身份号码"),
        ({"公民身份号码": "340202580312001"}, "id_length15", "公民身份号码"),
        ({"公民身份号码": "3402**********1234"}, "id_masked", "公民身份号码"),
        ({"公民身份号码": "9.90101E+17"}, "id_scientific", "公民身份号码"),
        ({"出生日期": "1984-03-12"}, "id_birth_conflict", "出生日期"),
        ({"性别": "男"}, "id_sex_conflict", "性别"),
        ({"出生日期": "2024/2/30"}, "date_invalid", "出生日期"),
        ({"出生日期": "1950.3"}, "date_partial", "出生日期"),
        ({"出生日期": "45123"}, "date_serial", "出生日期"),
        ({"出生日期": "民国三十九年"}, "date_calendar", "出生日期"),
        ({"公民身份号码": "", "出生日期": "1876-01-01"}, "age_range", "出生日期"),
        ({"公民身份号码": "", "联系方式": "", "现住址": ""}, "not_identifiable", ""),
    ],
)
def test_bad_cells_are_named_and_the_other_rows_come_through(tmp_path, cells, code, column):
    other = {"姓名": "李建国", "公民身份号码": make_id_number(order=33)}
    plan = read(csv_file(tmp_path, ZH, {**GOOD, **cells}, other))
    (issue,) = [i for i in plan.errors if i.code == code]
    assert (issue.row, issue.column) == (2, column)
    for text in (issue.message_zh, issue.message_en, issue.remedy_zh, issue.remedy_en):
        assert text
        assert "{" not in text
    assert [row.fields["name"] for row in plan.identities] == ["李建国"]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"联系方式": "12345678"}, "phone_invalid"),
        ({"联系方式": "1.54E+10"}, "phone_scientific"),
        ({"职业": "修时光机的"}, "occupation_uncoded"),
        ({"职业": "老师"}, "occupation_ambiguous"),
    ],
)
def test_doubtful_cells_are_left_out_with_a_notice(tmp_path, cells, code):
    plan = read(csv_file(tmp_path, ZH, {**GOOD, **cells}))
    assert code in [issue.code for issue in plan.notices]
    assert len(list(plan.residents)) == 1
    assert not [word for word in cells.values() if word in repr(list(plan.identities))]


def test_full_width_digits_and_several_phones_are_read(tmp_path):
    wide = GOOD["公民身份号码"].translate({ord(str(d)): 0xFF10 + d for d in range(10)})
    cells = {
        "公民身份号码": f" {wide}\u3000",
        "联系方式": "\uff11\uff15\uff14-0000-0001，0553-1234567",
    }
    plan = read(csv_file(tmp_path, ZH, {**GOOD, **cells}))
    assert plan.errors == ()
    assert next(iter(plan.identities)).fields["id_number"] == GOOD["公民身份号码"]
    assert next(iter(plan.identities)).fields["phone"] == "15400000001"


def test_rare_characters_and_dotted_names_are_kept(tmp_path):
    for name in ("㛃", "𬭎", "阿依古丽·买买提"):
        plan = read(csv_file(tmp_path, ZH, {**GOOD, "姓名": name}))
        assert next(iter(plan.identities)).fields["name"] == name


def test_one_number_under_two_names_is_an_error(tmp_path):
    plan = read(csv_file(tmp_path, ZH, GOOD, {**GOOD, "姓名": "王秀英"}))
    (issue,) = plan.errors
    assert (issue.code, issue.row) == ("id_duplicate", 3)
    assert "2" in issue.message_en


def test_the_same_person_twice_is_kept_once(tmp_path):
    plan = read(csv_file(tmp_path, ZH, GOOD, GOOD))
    assert len(list(plan.residents)) == 1
    assert "row_repeated" in codes_of(plan)


def test_twins_on_one_phone_and_two_heads_are_pointed_out(tmp_path):
    twin = {**GOOD, "公民身份号码": make_id_number(order=14)}
    plan = read(csv_file(tmp_path, ZH, GOOD, twin))
    assert {"shared_phone", "two_heads"} <= set(codes_of(plan))
    assert len(list(plan.residents)) == 2


def test_nothing_is_made_up_for_empty_cells(tmp_path):
    plan = read(csv_file(tmp_path, ZH, {"姓名": "张伟", "联系方式": "15400000009"}))
    (node,) = [c for c in plan.changes if getattr(c, "label", "") == "Resident"]
    assert node.properties == {"status": "active"}
    assert not [c for c in plan.changes if getattr(c, "type", "") == "MEMBER_OF_HOUSEHOLD"]


def test_a_known_resident_keeps_their_pseudonym(tmp_path):
    known = KnownPeople({"r-77": ("王秀兰", "15400000001")})
    plan = read(csv_file(tmp_path, ZH, {"姓名": "王秀兰", "联系方式": "15400000001"}), known)
    assert list(plan.residents) == ["r-77"]
    plan = read(csv_file(tmp_path, ZH, {"姓名": "别人", "联系方式": "15400000001"}), known)
    assert "r-77" not in list(plan.residents)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        ("姓名,联系方式\r\n".encode(), "no rows"),
        ("姓氏,联系方式\r\n王,1\r\n".encode(), "姓名"),
        (b"PK\x03\x04\0\0", "damaged"),
        (b"a,b\0", "binary data"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(tmp_path, content, reason):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ImportRefused, match=reason):
        read(path)


def test_rows_of_another_width_are_named(tmp_path):
    path = tmp_path / "ragged.csv"
    path.write_text("姓名,联系方式\n王秀兰,15400000001\n李,15400000002,多出来\n", encoding="utf-8")
    plan = read(path)
    assert [(i.code, i.row) for i in plan.errors] == [("row_width", 3)]
    assert len(list(plan.residents)) == 1


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(ImportRefused, match="known are residents, activities, signups"):
        read_file(
            "cats",
            csv_file(tmp_path, ZH, GOOD),
            pseudonym=lambda d, v: v,
            clock=lambda: NOW,
        )


def test_every_code_is_used_by_a_reader_and_expected_by_a_test():
    read = {
        folder: "".join(path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py"))
        for folder in ("graph", "tests")
    }
    for code in codes():
        for folder, text in read.items():
            used = code.removesuffix("_skipped") if folder == "graph" else code
            assert f'"{used}"' in text, f"{code} is nowhere in {folder}"


def test_every_code_has_words_in_both_languages():
    assert len(codes()) > 40


def test_what_must_not_come_twice_is_noticed_however_far_apart(tmp_path):
    def row(n, **cells):
        number = make_id_number(region=f"99{n // 400:04d}", order=n % 400 * 2 + 1)
        return {
            "姓名": f"王{chr(0x4E00 + n)}",
            "公民身份号码": number,
            "联系方式": f"154{n:08d}",
            **cells,
        }

    rows = [row(n) for n in range(4_500)]
    rows[0] = row(0, 户号="H1", 与户主关系="子")
    rows[2_500] = row(2_500, 户号="H1", 与户主关系="户主", 姓名="李明")
    rows[2_600] = row(2_500, 姓名="李 明")
    rows[4_400] = {**row(4_400), "公民身份号码": row(7)["公民身份号码"]}
    rows[4_450] = {**row(7), "公民身份号码": row(4_450)["公民身份号码"]}
    rows[4_460] = row(4_460, 户号="H2", 与户主关系="配偶")
    plan = read(csv_file(tmp_path, ZH, *rows))
    assert [(issue.row, issue.code) for issue in plan.issues] == [
        (2, "relation_conflict"),  # all were born the same day
        (2_602, "row_repeated"),
        (4_402, "id_duplicate"),
        (4_452, "shared_phone"),
        (4_462, "no_head"),
    ]
    residents = list(plan.residents)
    assert residents == sorted(residents)
    assert len(residents) == len(set(residents)) == len(rows) - 2
