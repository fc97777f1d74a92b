"""The files of an office on the command line, in its order: places, people, what is on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from api.services.services import make_services
from api.wiring import load_config, open_floors
from graph.gate import RowKind
from tests.conftest import FixedClock
from tests.corruptor import meter, person, phone
from tests.factories import csv_file
from tests.integration.command_line import CommandLine
from tests.office import Office

PEOPLE = range(2, 22)
WROTE = "老伴走后睡不着"
SECRETS = (WROTE, meter(2), "120.5", "ucla", "UCLA", person(2), phone(2), "3幢1单元2室")
"""What is sealed in the ledger and nowhere else."""
STREET, AREA, GRID = "赭山街道", "凤凰社区", "340202001001"


def files(folder: Path):
    """Yield (kind, table); where there is no table, residents authorise everything."""
    known = [(person(n), phone(n)) for n in PEOPLE]
    past = "2026-05-09"

    def table(columns, *rows):
        return csv_file(folder, columns.split(), *rows)

    yield "grids", table("网格编码 网格名称 社区 街道", (GRID, "第一网格", AREA, STREET))
    columns = "街道 社区 网格 小区 幢 单元 层 室"
    homes = [(STREET, AREA, GRID, "凤凰小区", "3幢", "1", "1", f"{n}室") for n in PEOPLE]
    yield "buildings", table(columns, *homes)
    columns = "姓名 联系电话 现住址 网格编码 水表号 困难及诉求"
    people = [
        (*who, f"凤凰小区3幢1单元{n}室", GRID, meter(n), WROTE)
        for n, who in zip(PEOPLE, known, strict=True)
    ]
    yield "residents", table("姓名 联系电话", *known)
    yield "grants", None
    yield "residents", table(columns, *people)
    columns = "活动名称 日期 开始 地点"
    ahead = ("太极", "2099-06-06", "07:30", "步道")
    yield "activities", table(columns, ahead, ("读书会", past, "07:30", "书屋"))
    columns = "活动名称 日期 开始 姓名 联系电话 到场"
    yield "signups", table(columns, *(("读书会", past, "07:30", *who, "√") for who in known))
    columns = "服务名称 提供单位 类别 状态 服务网格"
    yield "services", table(columns, ("老年食堂", "党群中心", "食", "正常", GRID))
    columns = "志愿者 志愿者电话 受助者或项目 受助者电话 日期 时长"
    yield "volunteering", table(columns, (*known[0], *known[1], past, "1.5"))
    header = ["对象", "联系电话", "日期", "方式", "结果", "UCLA q1", "UCLA q2", "UCLA q3"]
    visit = (*known[0], past, "上门", "见到", "3", "2", "3")
    yield "visits", csv_file(folder, header, visit)
    yield "meters", table("户表号 时间 累计", (meter(2), f"{past} 08:00", "120.5"))


def written(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_all_kinds_of_files_come_in_are_served_and_stay_where_they_belong(tmp_path):
    linli = CommandLine(tmp_path / "home")
    linli.text("init")
    folder = tmp_path / "files"
    folder.mkdir()
    config = load_config(home=linli.home)
    for kind, file in files(folder):
        if file is None:
            with open_floors(config, clock=FixedClock(datetime.now(UTC))) as floors:
                here = Office(floors.site, None, folder)
                here.agree(here.residents())
            continue
        said = linli.json("import", kind, str(file), "--yes", "--json")
        assert said["state"] == "committed", (kind, said)
        assert said["left_out"] == 0, (kind, said)
    linli.text("snapshot")
    linli.text("train")
    with open_floors(config) as floors:
        ledger = floors.ledger
        with ledger.read() as tx:
            first = ledger.identity.find(tx, "phone", phone(2))
            kinds = {
                k: len(ledger.records.of(tx, first, k)) for k in ("visit", "assessment", "reading")
            }
            assert kinds == {"visit": 1, "assessment": 1, "reading": 1}
            assert ledger.rows.count(tx, RowKind.ITEM) == 3
            words = [w.text for w in ledger.words.of(tx, first)]
        assert words == [WROTE]
        cards = make_services(floors).feeds.own(first, (), 10).cards
        assert {card.kind for card in cards} >= {"service", "activity"}
    counts = linli.json("graph", "status", "--json")["counts"]
    assert {k: counts[k] for k in ("HELPED", "ATTENDED", "LIVES_IN", "Service", "Dwelling")} == {
        "HELPED": 1,
        "ATTENDED": len(PEOPLE),
        "LIVES_IN": len(PEOPLE),
        "Service": 1,
        "Dwelling": len(PEOPLE),
    }
    kept = written(linli.home / "graph") + written(linli.home / "snapshots")
    kept += written(linli.home / "models")
    assert "老年食堂".encode() in kept  # the control: what is public is found by the same search
    for secret in SECRETS:
        assert secret.encode() not in kept, secret
