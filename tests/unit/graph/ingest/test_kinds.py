"""What the kinds of files beyond registers become, and what they do without authorisation."""

from __future__ import annotations

import pytest

from graph.ingest.addresses import building_id, read_address
from graph.ingest.files import read_file
from graph.ingest.plan import RecordKind
from graph.ledger.rows import RowKind
from graph.model import DataCategory
from graph.schema import validate
from tests.corruptor import CLEAN, meter, person, phone
from tests.factories import NOW, KnownPeople, csv_file

PEOPLE = {f"r-{n}": (person(n), phone(n)) for n in (2, 3)}


def read(folder, kind, *rows, granted=(), rows_known=()):
    header = list(dict.fromkeys(name for row in rows for name in row))
    known = KnownPeople(
        PEOPLE, granted=granted, fields={"r-2": {"meter": meter(2)}}, rows=rows_known
    )
    plan = read_file(
        kind,
        csv_file(folder, header, *rows),
        pseudonym=lambda domain, value: f"{domain}:{value}",
        clock=lambda: NOW,
        register=known,
    )
    for change in plan.changes:
        validate(change)
    return plan


def links(plan, type_):
    return [c for c in plan.changes if getattr(c, "type", "") == type_]


def nodes(plan, label):
    return {c.id: c.properties for c in plan.changes if getattr(c, "label", "") == label}


def codes(plan):
    return [issue.code for issue in plan.issues]


def test_grids_stand_in_area_and_street_and_ranges_are_expanded(tmp_path):
    plan = read(tmp_path, "grids", {**CLEAN["grids"](2), "网格员": "张三", "手机": "13800000000"})
    assert len(nodes(plan, "Building")) == 11
    assert [(c.start_label, c.end_label) for c in links(plan, "PART_OF")] == [
        ("ResidentialArea", "Street"),
        ("Grid", "ResidentialArea"),
    ]
    assert codes(plan) == ["staff_dropped", "staff_dropped"]
    assert "张三" not in str(list(plan.changes))


def test_a_building_known_from_addresses_is_not_overwritten_by_a_list_of_grids(tmp_path):
    known = [(RowKind.BUILDING, building_id("g-2", "凤凰小区", "12幢"))]
    plan = read(tmp_path, "grids", CLEAN["grids"](2), rows_known=known)
    assert len(nodes(plan, "Building")) == 10


def test_addresses_become_dwellings_of_a_building_that_knows_its_size(tmp_path):
    one, two = CLEAN["buildings"](2), {**CLEAN["buildings"](3), "单元": "无", "层": "-1"}
    plan = read(tmp_path, "buildings", one, two, rows_known=[(RowKind.GRID, "g1")])
    (about,) = nodes(plan, "Building").values()
    assert (about["name"], about["floors"], about["units"], about["lift"]) == ("3幢", 5, 1, True)
    assert [(d["unit"], d["floor"], d["room"]) for d in nodes(plan, "Dwelling").values()] == [
        ("2", 5, "2"),
        (None, -1, "3"),
    ]
    assert list(plan.issues) == []


@pytest.mark.parametrize("granted", [True, False])
def test_a_home_is_linked_only_when_it_is_authorised(tmp_path, granted):
    building = building_id("g1", "凤凰小区", "3幢")
    row = {
        "姓名": "王五",
        "联系方式": phone(9),
        "网格编码": "g1",
        "现住址": "凤凰小区3栋2单元5层501室",
    }
    resident = f"resident:name/王五/{phone(9)}"
    plan = read(
        tmp_path,
        "residents",
        row,
        granted=[(resident, DataCategory.DWELLING)] if granted else (),
        rows_known=[(RowKind.BUILDING, building)],
    )
    found = [(c.end, dict(c.properties)) for c in links(plan, "LIVES_IN")]
    assert found == ([(building, {"unit": 2, "floor": 5})] if granted else [])


def test_a_whole_address_is_taken_apart():
    address = read_address("安徽省芜湖市镜湖区赭山街道凤凰社区凤凰小区3号楼2单元501室")
    assert address is not None
    assert (address.estate, address.building, address.unit, address.room) == (
        "凤凰小区",
        "3幢",
        "2",
        "501",
    )
    assert read_address("不知道") is None


@pytest.mark.parametrize("agree", [("r-2", "r-3"), ("r-2",), ("r-3",), ()])
def test_help_needs_both_and_hours_of_a_pair_are_summed(tmp_path, agree):
    rows = [
        {
            "志愿者": person(2),
            "志愿者电话": phone(2),
            "受助者或项目": person(3),
            "受助者电话": phone(3),
            "日期": day,
            "时长": "1.5",
        }
        for day in ("2026-05-20", "2026-05-21")
    ]
    granted = [(who, DataCategory.HELP) for who in agree]
    plan = read(tmp_path, "volunteering", *rows, granted=granted)
    hours = [(c.start, c.end, c.properties["hours"]) for c in links(plan, "HELPED")]
    assert hours == ([("r-2", "r-3", 3.0)] if len(agree) == 2 else [])


@pytest.mark.parametrize("granted", [True, False])
def test_visits_are_records_of_those_who_authorise_them_and_never_in_the_graph(tmp_path, granted):
    allowed = [("r-2", DataCategory.SURVEY)] if granted else ()
    plan = read(tmp_path, "visits", {**CLEAN["visits"](2), "LSNS-6 q1": "1"}, granted=allowed)
    assert list(plan.changes) == []
    assert [r.kind for r in plan.records] == (
        [RecordKind.VISIT, RecordKind.ASSESSMENT, RecordKind.ASSESSMENT] if granted else []
    )
    if granted:
        lsns = list(plan.records)[1].fields
        assert (lsns["total"], lsns["at_risk"]) == (11, True)
    assert ("record_not_authorised" in codes(plan)) is not granted


@pytest.mark.parametrize("granted", [True, False])
def test_meters_are_read_only_with_consent(tmp_path, granted):
    allowed = [("r-2", DataCategory.UTILITY_WATER)] if granted else ()
    plan = read(tmp_path, "meters", CLEAN["meters"](2), granted=allowed)
    assert [r.fields["m3"] for r in plan.records] == ([120.5] if granted else [])
    assert codes(plan) == ([] if granted else ["column_not_authorised"])
