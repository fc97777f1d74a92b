"""Lists of activities and of sign-ups."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from graph.ingest import read_file
from graph.ingest.csv_activities import ACTIVITY_COLUMNS
from graph.ingest.csv_signups import SIGNUP_COLUMNS
from graph.ingest.grants import OPERATOR
from graph.model import DataCategory, InstitutionId
from graph.schema import validate
from tests.factories import NOW, KnownPeople, csv_file

ZH = [column.zh for column in ACTIVITY_COLUMNS]
GOOD = {
    "活动名称": "周六太极",
    "英文名称": "Tai chi on Saturday",
    "日期": "2026-06-06",
    "开始": "7:30",
    "结束": "8:30",
    "地点": "滨江步道",
    "类别": "健",
    "兴趣": "太极、八段锦",
    "名额": "20人",
    "最小年龄": "50",
    "语言": "普通话",
    "费用": "免费",
    "无障碍": "√",
    "网格编码": "g1",
    "纬度": "31.33",
    "经度": "118.38",
}
SIGN = [column.zh for column in SIGNUP_COLUMNS]
SIGNED = {
    "活动名称": "周六太极",
    "日期": "2026-06-06",
    "开始": "07:30",
    "姓名": "王秀兰",
    "联系电话": "15400000001",
}
PEOPLE = {"r-1": ("王秀兰", "15400000001"), "r-2": ("李建国", "15400000002")}


def read(kind, path, register=None, institution=OPERATOR):
    plan = read_file(
        kind,
        path,
        pseudonym=lambda d, v: f"{d}:{v}",
        clock=lambda: NOW,
        register=register,
        institution=institution,
    )
    for change in plan.changes:
        validate(change)
    return plan


def the_activity(plan):
    (node,) = [c for c in plan.changes if getattr(c, "label", "") == "Activity"]
    return node


def links(plan):
    return {(c.type, c.end) for c in plan.changes if hasattr(c, "type")}


def test_an_activity_comes_through_with_all_its_facts(tmp_path):
    plan = read("activities", csv_file(tmp_path, ZH, GOOD))
    assert list(plan.issues) == []
    about = the_activity(plan).properties
    assert about["starts_at"] == datetime(2026, 6, 5, 23, 30, tzinfo=UTC)
    assert about["seats"] == 20
    assert about["cost_fen"] == 0
    assert about["step_free"] is True
    assert about["life_category"] == "health"
    assert about["languages"] == "zh"
    assert {("ABOUT", "taichi"), ("ABOUT", "baduanjin"), ("BUILT_IN", "g1")} <= links(plan)
    assert [(s.item, s.seats) for s in plan.seats] == [(the_activity(plan).id, 20)]


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"活动名称": ""}, "title_missing", "活动名称"),
        ({"地点": ""}, "venue_missing", "地点"),
        ({"日期": "2026-13-01"}, "date_invalid", "日期"),
        ({"开始": "早上"}, "time_invalid", "开始"),
        ({"结束": "7:00"}, "end_before_start", "结束"),
        ({"名额": "-5"}, "seats_invalid", "名额"),
        ({"最小年龄": "老人"}, "age_invalid", "最小年龄"),
    ],
)
def test_bad_rows_are_left_out_and_named(tmp_path, cells, code, column):
    plan = read("activities", csv_file(tmp_path, ZH, {**GOOD, **cells}, GOOD))
    assert [(i.code, i.row, i.column) for i in plan.errors] == [(code, 2, column)]
    assert len(plan.items) == 1


@pytest.mark.parametrize(
    ("cells", "code", "property_", "value"),
    [
        ({"名额": "不限"}, None, "seats", None),
        ({"费用": "按成本"}, "cost_unclear", "cost_fen", None),
        ({"类别": "学"}, "category_unknown", "life_category", None),
        ({"兴趣": "太极,打卡"}, "interest_unknown", "title", "周六太极"),
        ({"语言": "zh,klingon"}, "language_unknown", "languages", "zh"),
        ({"日期": "2026-05-02"}, "in_past", "state", "closed"),
        ({"纬度": "北"}, "place_invalid", "title", "周六太极"),
    ],
)
def test_doubtful_cells_stay_empty_and_are_said(tmp_path, cells, code, property_, value):
    plan = read("activities", csv_file(tmp_path, ZH, {**GOOD, **cells}))
    assert [i.code for i in plan.issues] == ([code] if code else [])
    assert the_activity(plan).properties[property_] == value


def test_what_two_institutions_call_the_same_stays_apart(tmp_path):
    listed = csv_file(tmp_path, ZH, GOOD)
    signed = csv_file(tmp_path, SIGN, SIGNED, name="signed.csv")
    offices = [OPERATOR, InstitutionId("street-a"), InstitutionId("street-b")]
    plans = [read("activities", listed, institution=office) for office in offices]
    ids = [the_activity(plan).id for plan in plans]
    venues = [end for plan in plans for type_, end in links(plan) if type_ == "HELD_AT"]
    assert len(set(ids)) == len(set(venues)) == 3
    for office, id_ in zip(offices, ids, strict=True):
        plan = read("signups", signed, KnownPeople(PEOPLE), office)
        assert [booking.item for booking in plan.bookings] == [id_]


def test_a_clash_of_venue_and_a_repeated_row_are_pointed_out(tmp_path):
    clash = {**GOOD, "活动名称": "合唱", "开始": "8:00", "结束": "9:00"}
    later = {**GOOD, "活动名称": "读书", "开始": "8:30", "结束": "9:00", "地点": "图书室"}
    plan = read("activities", csv_file(tmp_path, ZH, GOOD, clash, later, GOOD))
    assert [(i.code, i.row) for i in plan.notices] == [("venue_clash", 3), ("item_repeated", 5)]
    assert len(plan.items) == 3


def test_a_sign_up_takes_a_seat_and_needs_a_grant_for_the_graph(tmp_path):
    path = csv_file(tmp_path, SIGN, SIGNED, {**SIGNED, "姓名": "李建国", "联系电话": "15400000002"})
    known = KnownPeople(PEOPLE, granted=[("r-1", DataCategory.ATTENDANCE)])
    plan = read("signups", path, known)
    item = the_activity(read("activities", csv_file(tmp_path, ZH, GOOD, name="a.csv"))).id
    assert [(b.resident, b.item) for b in plan.bookings] == [("r-1", item), ("r-2", item)]
    assert [c.start for c in plan.changes] == ["r-1"]
    assert [(i.code, i.row) for i in plan.notices] == [("attendance_not_authorised", 3)]


def test_attendance_is_kept_with_its_time(tmp_path):
    known = KnownPeople(PEOPLE, granted=[("r-1", DataCategory.ATTENDANCE)])
    path = csv_file(tmp_path, SIGN, {**SIGNED, "日期": "2026-05-02", "到场": "√"})
    plan = read("signups", path, known)
    assert {c.type for c in plan.changes} == {"SIGNED_UP", "ATTENDED"}
    assert list(plan.bookings) == []


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"姓名": "张三", "联系电话": "15400000099"}, "resident_unknown"),
        ({"姓名": "王秀英"}, "name_mismatch"),
        ({"姓名": ""}, "name_missing"),
        ({"到场": "√"}, "attended_future"),
    ],
)
def test_sign_ups_of_nobody_known_are_left_out(tmp_path, cells, code):
    plan = read("signups", csv_file(tmp_path, SIGN, {**SIGNED, **cells}), KnownPeople(PEOPLE))
    assert [i.code for i in plan.errors] == [code]
    assert list(plan.bookings) == []


def test_companions_without_names_are_said_not_invented(tmp_path):
    plan = read("signups", csv_file(tmp_path, SIGN, {**SIGNED, "人数": "+3"}), KnownPeople(PEOPLE))
    (issue,) = [i for i in plan.notices if i.code == "companions"]
    assert "3" in issue.message_en
    assert len(list(plan.bookings)) == 1
