"""Workbooks as an office clerk keeps them by hand, with all that is usually wrong in them."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font

from tests.factories import make_id_number

__all__ = ["PEOPLE", "clerks_register", "clerks_signups"]

PEOPLE = {"王秀兰": "15400000001", "李建国": "15400000002", "陈芳": "15400000003"}
"""Who an earlier register knows, and by which telephone."""


def clerks_signups(folder: Path) -> Path:
    """Write sign-ups for two activities, their cells merged over the people who come."""
    book = Workbook()
    sheet = book.active
    sheet.title = "6月"
    head = "活动名称 日期 开始 结束 地点 序号 姓名 联系电话 楼栋 年龄 人数(带人) 到场(√) 备注"
    sheet.append(["某某社区六月活动报名表"])
    sheet["A1"].font, sheet["A1"].alignment = Font(bold=True, size=16), Alignment("center")
    sheet.merge_cells("A1:M1")
    sheet.append(["填报单位：某某社区", *[None] * 10, "2026年5月", None])
    sheet.append(head.split())
    sheet.cell(3, 1).value = "活动\n名称*"
    taichi = ["周六太极", date(2026, 6, 6), time(7, 30), time(8, 30), "滨江步道"]
    class_ = ["智能手机课", "2026.6.8", "14:00", "15:30", "活动室"]
    people = [
        [1, "王秀兰", 15400000001, "3幢", 68, 1, None, None],
        [2, "李建国", "154 0000 0002", "3幢", "７０岁", "+3", None, "带孙子"],
        [3, "陈芳", 1.54e10, "5幢", 66, 1, None, None],
        [4, "赵明", "15400000004", "5幢", 81, 1, None, "已故"],
    ]
    for n, someone in enumerate(people):
        sheet.append([*(taichi if n == 0 else [None] * 5), *someone])
    for n, someone in enumerate(people[:2]):
        sheet.append([*(class_ if n == 0 else [None] * 5), *someone])
    for column in "ABCDE":
        sheet.merge_cells(f"{column}4:{column}7")
        sheet.merge_cells(f"{column}8:{column}9")
    sheet.append(["合计", *[None] * 9, "=SUM(K4:K9)", None, None])
    sheet.append([None] * 13)
    sheet.append(["备注：陈芳的电话待核实"])
    sheet.append(["制表人：张三"])
    book.create_sheet("Sheet2")
    book.create_sheet("旧表").sheet_state = "hidden"
    path = folder / "6月报名表(最终版)(2).xlsx"
    book.save(path)
    return path


def clerks_register(folder: Path) -> Path:
    """Write a register with numbers spoilt by the spreadsheet, and a column nobody may keep."""
    book = Workbook()
    sheet = book.active
    sheet.append(["凤凰社区人口台账（2026年5月）"])
    sheet.merge_cells("A1:J1")
    head = "序号 姓名 性别 身份证号 出生年月日 住址 联系电话 户号 与户主关系 民族"
    sheet.append(head.split())
    good = make_id_number(order=12)
    wide = make_id_number(order=14).translate({ord(str(d)): 0xFF10 + d for d in range(10)})
    rows = [
        [1, "王秀兰", "女", good, "1958.3.12", "3幢2单元501", 15400000001, "H1", "户主", "汉"],
        [2, "　李建国", "女", wide, None, "3幢2单元501", "154 0000 0002", "H1", "配偶", "汉"],
        [3, "陈芳", "女", 9.90101e17, None, "5幢101", "0553-1234567", "H2", "户主", "汉"],
        [None] * 10,
        [4, "赵明", "男", None, "1950.3", "5幢102", "1540000000", "H3", "户主", None],
        [5, "孙丽", "女", None, 21621, "1-10幢", "15400000005", "H4", "子女", "回"],
        ["合计", "5人", *[None] * 8],
        ["说明：身份证号待核对的以派出所为准"],
    ]
    for row in rows:
        sheet.append(row)
    book.create_sheet("草稿").sheet_state = "hidden"
    path = folder / "人口台账5月.xlsx"
    book.save(path)
    return path
