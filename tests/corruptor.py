"""Spoils clean tables the way people's files are spoilt, and knows what must be said of each.

A case is one function that adds rows to a clean table, spoils them and notes (row, column, code)
of every issue that must be reported. Add a kind by registering how a clean row of it is made
(``clean_rows``) and its cases (``case``).
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from openpyxl import Workbook

from graph.ingest.issues import make_issue
from graph.ingest.plan import Severity
from graph.ledger.rows import RowKind
from graph.model import DataCategory, ResidentId
from tests.factories import KnownPeople, make_id_number

__all__ = ["CASES", "CLEAN", "Agreeable", "Case", "Dirty", "case", "clean_rows", "known_people"]

Issue = tuple[int, str, str]
"""Row, header of the column, code."""


@dataclass
class Dirty:
    """A table of one kind under its header, and what must be reported of it."""

    kind: str
    header: list[str]
    rows: list[dict[str, str]] = field(default_factory=list)
    expected: list[Issue] = field(default_factory=list)

    def add(self, **cells: str) -> int:
        """Add a clean row with some cells replaced; return its number in the file."""
        number = len(self.rows) + 2
        row = CLEAN[self.kind](number)
        assert set(cells) <= set(self.header)
        self.rows.append({**row, **cells})
        return number

    def expect(self, row: int, column: str, code: str) -> None:
        """Note what must be reported."""
        assert column == "" or column in self.header
        self.expected.append((row, column, code))

    def spoil(self, column: str, value: str, code: str, **others: str) -> int:
        """Add a row with one bad cell."""
        number = self.add(**{column: value}, **others)
        self.expect(number, column, code)
        return number

    @property
    def lost(self) -> set[int]:
        """Rows that must not come through."""
        severe = {c for _, _, c in self.expected if severity(c) is Severity.ERROR}
        return {row for row, _, code in self.expected if code in severe}

    def write(self, path: Path) -> Path:
        """Write as ``.csv`` or ``.xlsx``."""
        lines = [self.header, *([row.get(h, "") for h in self.header] for row in self.rows)]
        if path.suffix == ".xlsx":
            book = Workbook(write_only=True)
            sheet = book.create_sheet("表")
            for line in lines:
                # An apostrophe first is how a spreadsheet is told that a formula is a text.
                sheet.append([f"'{cell}" if cell[:1] in "=@" else cell for cell in line])
            book.save(path)
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(lines)
        return path


@dataclass(frozen=True)
class Case:
    """One way to spoil a table."""

    kind: str
    name: str
    apply: Callable[[Dirty], None]


CLEAN: dict[str, Callable[[int], dict[str, str]]] = {}
"""How a clean row of each kind is made, by its number."""
CASES: list[Case] = []


def clean_rows(kind: str):
    """Register how a clean row of a kind is made from its number."""

    def register(make: Callable[[int], dict[str, str]]):
        CLEAN[kind] = make
        return make

    return register


def case(*kinds: str):
    """Register a case for these kinds, under the name of its function."""

    def register(apply: Callable[[Dirty], None]):
        CASES.extend(Case(kind, apply.__name__, apply) for kind in kinds)
        return apply

    return register


def severity(code: str) -> Severity:
    """What becomes of the row of an issue."""
    return make_issue(code, row=0).severity


class Agreeable(KnownPeople):
    """People who authorise everything, so that nothing is reported but what was spoilt."""

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Return ``True``."""
        return True

    def has(self, kind: RowKind, key: str) -> bool:
        """Return ``True``, but for what says of itself that it is unknown."""
        return not key.startswith("unknown")


REGISTERED, TWIN, MOVED, DIED, RENAMED = 401, 402, 403, 404, 405
"""Numbers of people whom no clean row names and an earlier import brought."""
EARLIER: dict[int, dict[str, str]] = {
    REGISTERED: {},
    TWIN: {},
    MOVED: {"status": "moved"},
    DIED: {"status": "deceased"},
    RENAMED: {},
}
"""What is recorded of them besides name, number and telephone."""
OTHER_STREET = "g-other-street"
"""A grid that an earlier import brought, in another street than those of clean rows."""


def known_people(rows: int) -> KnownPeople:
    """Make a register that knows the person of each clean row, and what came earlier."""
    numbers = [*range(2, rows + 2), *EARLIER]
    return Agreeable(
        {f"r-{n}": (person(n), phone(n)) for n in numbers},
        fields={
            f"r-{n}": {
                "meter": meter(n),
                **({"id_number": id_number(n), **EARLIER[n]} if n in EARLIER else {}),
            }
            for n in numbers
        },
        streets={OTHER_STREET: "弋矶山街道"},
    )


def person(n: int) -> str:
    """Name of the person of row ``n``; no two are equal."""
    return "王李张刘陈杨赵黄"[n % 8] + "秀兰建国丽华明芳"[n // 8 % 8] + chr(0x4E00 + n)


def meter(n: int) -> str:
    """Number of the water meter of the person of row ``n``."""
    return f"W{n:06d}"


def phone(n: int) -> str:
    """Telephone of the person of row ``n``."""
    return f"154{n:08d}"


def id_number(n: int) -> str:
    """Identity number of the person of row ``n``: a man, born 1958-03-12."""
    return make_id_number(order=2 * n + 1)


def wrong_check(number: str) -> str:
    """Change the last character."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


@clean_rows("residents")
def _resident(n: int) -> dict[str, str]:
    return {
        "姓名": person(n),
        "公民身份号码": id_number(n),
        "性别": "男",
        "出生日期": "1958-03-12",
        "现住址": f"3幢2单元{n}",
        "网格编码": "340202001001",
        "户号": f"H{n}",
        "与户主关系": "户主",
        "联系方式": phone(n),
        "职业": "厨师",
    }


@case("residents")
def id_checksum_wrong(t: Dirty) -> None:
    number = id_number(len(t.rows) + 2)
    t.spoil("公民身份号码", wrong_check(number), "id_checksum")


@case("residents")
def id_of_15_digits(t: Dirty) -> None:
    t.spoil("公民身份号码", "340202580312001", "id_length15")


@case("residents")
def id_too_short(t: Dirty) -> None:
    t.spoil("公民身份号码", "34020219580312", "id_format")


@case("residents")
def id_masked(t: Dirty) -> None:
    t.spoil("公民身份号码", "3402**********1234", "id_masked")


@case("residents")
def id_lost_its_digits(t: Dirty) -> None:
    t.spoil("公民身份号码", "3.40202E+17", "id_scientific")


@case("residents")
def id_with_letter_o_that_fits(t: Dirty) -> None:
    number = id_number(len(t.rows) + 2)
    t.spoil("公民身份号码", number.replace("0", "O", 1), "id_repaired")


@case("residents")
def id_with_ideographic_zero(t: Dirty) -> None:
    number = id_number(len(t.rows) + 2)
    t.spoil("公民身份号码", number.replace("0", "\u3007", 1), "id_repaired")


@case("residents")
def id_with_letters_that_does_not_fit(t: Dirty) -> None:
    number = wrong_check(id_number(len(t.rows) + 2))
    t.spoil("公民身份号码", number.replace("0", "O", 1), "id_letters")


@case("residents")
def id_wide_and_spaced(t: Dirty) -> None:
    number = id_number(len(t.rows) + 2)
    wide = number.translate({ord(str(d)): 0xFF10 + d for d in range(10)})
    t.add(公民身份号码=f"\u3000 {wide[:6]} {wide[6:]}\u200b")


@case("residents")
def id_behind_an_apostrophe(t: Dirty) -> None:
    t.add(公民身份号码="'" + id_number(len(t.rows) + 2))


@case("residents")
def id_that_was_a_number_with_a_fraction(t: Dirty) -> None:
    t.spoil("公民身份号码", "340202580312001.0", "id_length15")


@case("residents")
def phone_that_was_a_number_with_a_fraction(t: Dirty) -> None:
    t.add(联系方式=phone(len(t.rows) + 2) + ".0")


@case("residents")
def remark_that_somebody_died(t: Dirty) -> None:
    t.spoil("备注", "4月已故", "remark_gone")


@case("residents")
def remark_that_the_status_says_too(t: Dirty) -> None:
    t.add(备注="4月已故", 状态="死亡")


@case("residents")
def birth_conflicts_with_id(t: Dirty) -> None:
    t.spoil("出生日期", "1984-03-12", "id_birth_conflict")


@case("residents")
def sex_conflicts_with_id(t: Dirty) -> None:
    t.spoil("性别", "女", "id_sex_conflict")


@case("residents")
def one_id_under_two_names(t: Dirty) -> None:
    first = t.add()
    t.spoil("公民身份号码", id_number(first), "id_duplicate")


@case("residents")
def id_registered_under_another_name(t: Dirty) -> None:
    t.spoil("公民身份号码", id_number(REGISTERED), "id_other_name")


@case("residents")
def name_changed_since_it_was_registered(t: Dirty) -> None:
    t.add(公民身份号码=id_number(RENAMED), 曾用名=person(RENAMED))


@case("residents")
def twin_of_somebody_registered(t: Dirty) -> None:
    t.spoil("联系方式", phone(TWIN), "shared_phone_known", 姓名=person(TWIN))


@case("residents")
def one_person_twice(t: Dirty) -> None:
    first = t.add()
    row = t.spoil("姓名", person(first), "row_repeated", 公民身份号码=id_number(first))
    assert row == first + 1


@case("residents")
def twins_on_one_phone(t: Dirty) -> None:
    first = t.add()
    t.spoil("联系方式", phone(first), "shared_phone", 姓名=person(first))


@case("residents")
def id_in_day_that_is_none(t: Dirty) -> None:
    t.spoil("公民身份号码", make_id_number(birth="19580230", order=7), "date_invalid")


DATES = {
    "day_that_is_none": ("2024/2/30", "date_invalid"),
    "excel_serial": ("45123", "date_serial"),
    "minguo": ("民国四十七年", "date_calendar"),
    "lunar": ("农历正月初三", "date_calendar"),
    "year_and_month": ("1950.3", "date_partial"),
    "year_alone": ("1950年", "date_partial"),
    "year_of_two_digits": ("58.3.12", "date_short"),
    "six_digits": ("580312", "date_short"),
}


def _date_case(name: str, value: str, code: str) -> None:
    def apply(t: Dirty) -> None:
        t.spoil("出生日期", value, code)

    apply.__name__ = f"birth_{name}"
    case("residents")(apply)

    def apply_to_activity(t: Dirty) -> None:
        t.spoil("日期", value, code)

    apply_to_activity.__name__ = f"date_{name}"
    case("activities", "signups")(apply_to_activity)


for _name, (_value, _code) in DATES.items():
    _date_case(_name, _value, _code)


@case("activities", "signups")
def day_and_hour_empty(t: Dirty) -> None:
    t.spoil("日期", "", "cell_empty")
    t.spoil("开始", "", "cell_empty")


@case("residents")
def age_of_150(t: Dirty) -> None:
    t.spoil("出生日期", "1876-01-01", "age_range", 公民身份号码="")


@case("residents")
def born_tomorrow(t: Dirty) -> None:
    t.spoil("出生日期", "2026-06-02", "age_range", 公民身份号码="")


@case("residents")
def nameless(t: Dirty) -> None:
    t.spoil("姓名", "\u3000", "name_missing")


@case("residents")
def rare_names(t: Dirty) -> None:
    for name in ("㛃", "\U0002c2ce", "阿依古丽·买买提"):
        t.add(姓名=name + chr(0x4E00 + len(t.rows)))


@case("residents", "signups")
def name_is_a_formula(t: Dirty) -> None:
    t.spoil("姓名", '=HYPERLINK("http://example.org")', "formula")


@case("residents")
def nothing_to_know_them_by(t: Dirty) -> None:
    row = t.add(公民身份号码="", 联系方式="", 现住址="")
    t.expect(row, "", "not_identifiable")


@case("residents", "signups")
def failed_formula(t: Dirty) -> None:
    t.spoil("姓名", "#REF!", "cell_error")


@case("residents")
def address_without_grid(t: Dirty) -> None:
    t.spoil("网格编码", "", "grid_missing")


@case("residents")
def grid_of_another_street(t: Dirty) -> None:
    t.spoil("网格编码", "340203009001", "grid_other_street")


@case("residents")
def grid_not_imported(t: Dirty) -> None:
    t.spoil("网格编码", "unknown-2", "grid_unknown")


@case("residents")
def range_of_buildings(t: Dirty) -> None:
    t.spoil("现住址", "1-10幢", "address_range")


@case("residents")
def two_heads(t: Dirty) -> None:
    first = t.add()
    t.spoil("与户主关系", "户主", "two_heads", 户号=f"H{first}")


@case("residents")
def no_head(t: Dirty) -> None:
    t.spoil("与户主关系", "配偶", "no_head")


@case("residents")
def child_older_than_the_head(t: Dirty) -> None:
    head = t.add()
    child = make_id_number(birth="19500101", order=2 * head + 1)
    t.spoil(
        "与户主关系",
        "子女",
        "relation_conflict",
        户号=f"H{head}",
        公民身份号码=child,
        出生日期="1950-01-01",
    )


@case("residents")
def status_unheard_of(t: Dirty) -> None:
    t.spoil("状态", "不好说", "status_unknown")


@case("residents")
def population_unheard_of(t: Dirty) -> None:
    t.spoil("人口类型", "外星人口", "population_unknown")


@case("residents")
def meter_in_words(t: Dirty) -> None:
    t.spoil("水表号", "楼下那只", "meter_not_kept")


@case("residents")
def occupation_unheard_of(t: Dirty) -> None:
    t.spoil("职业", "跑外卖的那个", "occupation_uncoded")


PHONES = {
    "phone_of_8_digits": ("12345678", "phone_invalid"),
    "phone_lost_its_digits": ("1.54E+10", "phone_scientific"),
    "phone_with_letter_o": ("154OOOOOO99", "phone_letters"),
    "phone_masked": ("154****0099", "phone_masked"),
}


def _phone_case(name: str, value: str, code: str) -> None:
    def apply(t: Dirty) -> None:
        t.spoil("联系方式", value, code)

    apply.__name__ = name
    case("residents")(apply)


for _name, (_value, _code) in PHONES.items():
    _phone_case(_name, _value, _code)


@case("residents")
def landline_and_phone_abroad(t: Dirty) -> None:
    t.add(联系方式="0553-1234567")
    t.add(联系方式="+44 20 7946 0000")
    t.add(联系方式="(0553)7654321、15400000000")


@clean_rows("activities")
def _activity(n: int) -> dict[str, str]:
    return {
        "活动名称": f"第{n}次太极",
        "日期": "2026-06-06",
        "开始": "19:30",
        "结束": "20:30",
        "地点": f"第{n}活动室",
        "类别": "健",
        "兴趣": "太极",
        "名额": "20",
        "费用": "免费",
        "语言": "普通话",
    }


ACTIVITY_CELLS = {
    "untitled": ("活动名称", "", "title_missing"),
    "nowhere": ("地点", "无", "venue_missing"),
    "title_is_a_formula": ("活动名称", "@SUM(A1)", "formula"),
    "ends_before_it_starts": ("结束", "18:00", "end_before_start"),
    "crosses_midnight": ("结束", "00:30", "crosses_midnight"),
    "is_over": ("日期", "2026-05-01", "in_past"),
    "time_is_words": ("开始", "下午", "time_invalid"),
    "seats_negative": ("名额", "-5", "seats_invalid"),
    "seats_in_words": ("名额", "看情况", "seats_invalid"),
    "cost_unclear": ("费用", "免费/按成本", "cost_unclear"),
    "cost_at_cost": ("费用", "按成本", "cost_unclear"),
    "category_unheard_of": ("类别", "其他", "category_unknown"),
    "interest_unheard_of": ("兴趣", "打发时间", "interest_unknown"),
    "language_unheard_of": ("语言", "火星话", "language_unknown"),
    "age_limit_in_words": ("最小年龄", "老年", "age_invalid"),
}


def _activity_case(name: str, column: str, value: str, code: str) -> None:
    def apply(t: Dirty) -> None:
        t.spoil(column, value, code)

    apply.__name__ = name
    case("activities")(apply)


for _name, (_column, _value, _code) in ACTIVITY_CELLS.items():
    _activity_case(_name, _column, _value, _code)


@case("activities")
def seats_without_limit(t: Dirty) -> None:
    t.add(名额="不限")


@case("activities")
def venue_clash(t: Dirty) -> None:
    first = t.add()
    t.spoil("地点", f" 第{first}活动室", "venue_clash", 开始="20:00", 结束="21:00")


@case("activities")
def activity_twice(t: Dirty) -> None:
    first = t.add()
    t.spoil("活动名称", f"第{first}次太极", "item_repeated")


@case("activities")
def place_out_of_the_world(t: Dirty) -> None:
    t.spoil("纬度", "931", "place_invalid", 经度="118")


@clean_rows("signups")
def _signup(n: int) -> dict[str, str]:
    return {
        "活动名称": "周六太极",
        "日期": "2026-06-06",
        "开始": "07:30",
        "姓名": person(n),
        "联系电话": phone(n),
        "人数": "1",
        "年龄": "68",
        "报名日期": "2026-05-20",
    }


@case("signups")
def nobody_known(t: Dirty) -> None:
    row = t.add(联系电话="0553-0000000")
    t.expect(row, "姓名", "resident_unknown")


@case("signups")
def phone_of_somebody_else(t: Dirty) -> None:
    other = t.add()
    row = t.add(联系电话=phone(other))
    t.expect(row, "姓名", "name_mismatch")


@case("signups")
def companions_without_names(t: Dirty) -> None:
    t.spoil("人数", "+3", "companions")
    t.spoil("人数", "4人", "companions")


@case("signups")
def person_who_died(t: Dirty) -> None:
    t.spoil("备注", "4月已故", "person_gone")


@case("signups")
def person_who_moved(t: Dirty) -> None:
    t.spoil("备注", "去年搬走了", "person_gone")


@case("signups")
def person_registered_as_gone(t: Dirty) -> None:
    for n in (MOVED, DIED):
        row = t.add(姓名=person(n), 联系电话=phone(n))
        t.expect(row, "姓名", "resident_gone")


@case("signups")
def age_unlike_that_in_the_register(t: Dirty) -> None:
    known = {"姓名": person(REGISTERED), "联系电话": phone(REGISTERED)}
    t.add(年龄="69", **known)
    row = t.add(年龄="70", 日期="2026-06-07", **known)
    t.expect(row, "年龄", "age_conflict")


@case("signups")
def age_and_birth_a_year_apart(t: Dirty) -> None:
    t.add(年龄="69", 公民身份号码=id_number(len(t.rows) + 2))


@case("signups")
def age_and_birth_ten_years_apart(t: Dirty) -> None:
    t.spoil("年龄", "78", "age_conflict", 公民身份号码=id_number(len(t.rows) + 2))


@case("signups")
def attended_before_it_began(t: Dirty) -> None:
    t.spoil("到场", "√", "attended_future")


@case("signups")
def signed_up_twice(t: Dirty) -> None:
    first = t.add()
    row = t.add(姓名=person(first), 联系电话=phone(first))
    t.expect(row, "姓名", "signup_repeated")


def wide(text: str) -> str:
    """Write digits full width."""
    return "".join(chr(ord(sign) + 0xFEE0) for sign in text)


@clean_rows("grids")
def _grid(n: int) -> dict[str, str]:
    return {
        "网格编码": f"g-{n}",
        "网格名称": f"第{n}网格",
        "社区": "凤凰社区",
        "街道": "赭山街道",
        "网格类型": "基础网格",
        "户数": "320户",
        "人数": "810",
        "中心经纬度": "118.38,31.33",
        "楼栋列表": "凤凰小区1-10幢、12栋",
    }


@case("grids")
def grid_without_name_or_area(t: Dirty) -> None:
    t.spoil("网格名称", "", "cell_empty")
    t.spoil("社区", " ", "cell_empty")


@case("grids")
def grid_code_in_words(t: Dirty) -> None:
    t.spoil("网格编码", "第一格", "grid_code_invalid")


@case("grids")
def grid_in_two_areas(t: Dirty) -> None:
    first = t.add()
    t.spoil("网格编码", f"g-{first}", "grid_two_areas", 社区="镜湖社区")


@case("grids")
def grid_twice(t: Dirty) -> None:
    first = t.add()
    t.spoil("网格编码", f"g-{first}", "grid_repeated")


@case("grids")
def grid_of_unknown_kind(t: Dirty) -> None:
    t.spoil("网格类型", "大网格", "grid_kind_unknown")


@case("grids")
def sizes_that_are_no_numbers(t: Dirty) -> None:
    t.spoil("户数", "三百多", "size_invalid")
    t.spoil("人数", "-5", "size_invalid")


@case("grids")
def centre_outside_the_world(t: Dirty) -> None:
    t.spoil("中心经纬度", "218.3,31.3", "place_invalid")


@case("grids")
def range_of_buildings_backwards(t: Dirty) -> None:
    t.spoil("楼栋列表", "10-1幢", "building_range_skipped")


@case("grids")
def building_in_words(t: Dirty) -> None:
    t.spoil("楼栋列表", "1幢、沿街门面", "building_unclear_skipped")


@clean_rows("buildings")
def _dwelling(n: int) -> dict[str, str]:
    return {
        "街道": "赭山街道",
        "社区": "凤凰社区",
        "网格": "g1",
        "小区": "凤凰小区",
        "幢": "3栋",
        "单元": "2单元",
        "层": "5层",
        "室": f"{n}室",
        "电梯": "是",
    }


@case("buildings")
def blank_where_none_is_meant(t: Dirty) -> None:
    for column in ("幢", "单元", "层", "室"):
        t.spoil(column, "", "address_blank")
        t.add(**{column: "无"})


@case("buildings")
def parts_of_an_address_in_words(t: Dirty) -> None:
    t.spoil("单元", "东边", "address_unclear")
    t.spoil("层", "顶楼", "address_unclear")
    t.spoil("室", "左手第一家", "address_unclear")


@case("buildings")
def address_as_a_formula(t: Dirty) -> None:
    t.spoil("室", "=A1", "formula")


@case("buildings")
def several_buildings_in_a_row(t: Dirty) -> None:
    t.spoil("幢", "1-10幢", "building_range")


@case("buildings")
def same_dwelling_spelled_otherwise(t: Dirty) -> None:
    t.add(室="9901室")
    t.spoil("室", wide("9901"), "dwelling_repeated", 幢="3号楼", 单元="2", 层="5F")


@case("buildings")
def dwelling_without_grid(t: Dirty) -> None:
    t.spoil("网格", "", "grid_missing")


@case("buildings")
def grid_that_was_not_imported(t: Dirty) -> None:
    t.spoil("网格", "unknown-1", "grid_unknown")


@case("buildings")
def grid_in_two_streets(t: Dirty) -> None:
    t.spoil("街道", "弋矶山街道", "grid_two_streets")


@case("buildings")
def grid_imported_in_another_street(t: Dirty) -> None:
    t.spoil("街道", "赭山街道", "grid_two_streets", 网格=OTHER_STREET)


@case("buildings")
def building_renamed(t: Dirty) -> None:
    t.add(幢="8幢", 曾用名="凤凰小区7幢")


@clean_rows("services")
def _service(n: int) -> dict[str, str]:
    return {
        "服务名称": f"服务{n}",
        "提供单位": "社区党群服务中心",
        "类别": "食",
        "费用": "免费",
        "时间": "周一至周五 8:30-11:30,14:00-17:00",
        "电话": "0553-1234567",
        "名额": "不限",
        "状态": "正常",
    }


@case("services")
def service_without_what_is_required(t: Dirty) -> None:
    for column in ("服务名称", "提供单位", "类别"):
        t.spoil(column, "", "cell_empty")


@case("services")
def service_of_unknown_status_or_expired(t: Dirty) -> None:
    t.spoil("状态", "看情况", "service_status_unknown")
    t.spoil("有效期至", "2025-12-31", "service_expired")


@case("services")
def service_at_cost(t: Dirty) -> None:
    t.spoil("费用", "按成本", "cost_unclear")
    t.spoil("类别", "法律", "category_unknown")


@case("services")
def service_hours_in_words(t: Dirty) -> None:
    t.spoil("时间", "随到随办", "schedule_unclear")
    t.spoil("时间", "周一 17:00-8:00", "schedule_unclear")


@case("services")
def service_phone_of_a_person(t: Dirty) -> None:
    t.spoil("电话", "13800000000", "mobile_dropped")
    t.spoil("电话", "123", "phone_invalid")


@case("services")
def service_limits(t: Dirty) -> None:
    t.spoil("名额", "-3", "seats_invalid")
    t.spoil("年龄下限", "老年", "age_invalid")
    t.spoil("年龄上限", "20", "age_order", 年龄下限="60")


@case("services")
def service_area_unknown(t: Dirty) -> None:
    t.spoil("服务网格", "unknown-1", "grid_unknown")
    t.spoil("服务社区", "凤凰社区", "street_missing")


@case("services")
def service_twice(t: Dirty) -> None:
    first = t.add()
    t.spoil("服务名称", f"服务{first}", "service_repeated")


@clean_rows("volunteering")
def _hours(n: int) -> dict[str, str]:
    return {
        "志愿者": person(n),
        "志愿者电话": phone(n),
        "受助者或项目": "社区花园",
        "对象类型": "项目",
        "日期": "2026-05-20",
        "时长": "1.5小时",
        "类别": "游",
    }


@case("volunteering")
def hours_that_are_none(t: Dirty) -> None:
    for hours in ("0", "1.3", "25", "半天", "-1"):
        t.spoil("时长", hours, "hours_invalid")
    t.spoil("时长", "", "cell_empty")


@case("volunteering")
def hours_of_the_future(t: Dirty) -> None:
    t.spoil("日期", "2030-01-01", "date_future")


@case("volunteering")
def person_or_project(t: Dirty) -> None:
    t.spoil("受助者或项目", "王五", "helped_unclear", 对象类型="")


@case("volunteering")
def helped_oneself(t: Dirty) -> None:
    n = len(t.rows) + 2
    t.spoil("受助者或项目", person(n), "helped_self", 对象类型="个人", 受助者电话=phone(n))


@case("volunteering")
def hours_twice(t: Dirty) -> None:
    first = t.add()
    row = t.add(志愿者=person(first), 志愿者电话=phone(first))
    t.expect(row, "时长", "hours_repeated")


@case("volunteering")
def volunteer_unknown(t: Dirty) -> None:
    row = t.add(志愿者电话="0553-0000000")
    t.expect(row, "志愿者", "resident_unknown")


@clean_rows("visits")
def _visit(n: int) -> dict[str, str]:
    answers = {f"LSNS-6 q{q}": "2" for q in range(1, 7)} | {f"UCLA q{q}": "1" for q in range(1, 4)}
    return {
        "对象": person(n),
        "联系电话": phone(n),
        "日期": "2026-05-20",
        "方式": "上门",
        "结果": "见到",
        "LSNS-6 总分": "12",
        "UCLA 总分": "3",
        **answers,
    }


@case("visits")
def answers_out_of_range(t: Dirty) -> None:
    for column, value in (("LSNS-6 q3", "6"), ("UCLA q1", "0"), ("UCLA q2", "4")):
        row = t.spoil(column, value, "scale_answer_range")
        t.expect(row, column, "scale_incomplete")


@case("visits")
def one_answer_missing(t: Dirty) -> None:
    t.spoil("LSNS-6 q4", "", "scale_incomplete")


@case("visits")
def total_that_is_another(t: Dirty) -> None:
    t.spoil("LSNS-6 总分", "13", "scale_total_differs")
    t.spoil("UCLA 总分", "三", "scale_total_unclear")


@case("visits")
def total_without_answers(t: Dirty) -> None:
    none = {f"UCLA q{q}": "" for q in range(1, 4)}
    t.spoil("UCLA 总分", "3", "scale_total_alone", **none)


@case("visits")
def ways_and_outcomes(t: Dirty) -> None:
    t.spoil("方式", "托人", "way_unknown")
    t.spoil("结果", "还行", "outcome_unknown")
    t.spoil("结果", "搬走", "status_to_check")
    t.spoil("结果", "", "cell_empty")


@case("visits")
def visit_of_the_future(t: Dirty) -> None:
    t.spoil("日期", "2030-01-01", "date_future")


@case("visits")
def visit_twice(t: Dirty) -> None:
    first = t.add()
    row = t.add(对象=person(first), 联系电话=phone(first))
    t.expect(row, "日期", "visit_repeated")


@clean_rows("meters")
def _reading(n: int) -> dict[str, str]:
    return {"户表号": meter(n), "时间": "2026-05-20 08:00", "累计": "120.5"}


@case("meters")
def meter_spoilt(t: Dirty) -> None:
    t.spoil("户表号", "1.2E+10", "meter_scientific")
    t.spoil("户表号", "水表一", "meter_invalid")
    t.spoil("户表号", "X999999", "meter_unknown")


@case("meters")
def reading_spoilt(t: Dirty) -> None:
    t.spoil("累计", "看不清", "reading_invalid")
    t.spoil("累计", "-3", "reading_invalid")
    t.spoil("单位", "加仑", "unit_unknown")
    t.spoil("时间", "2030-01-01 08:00", "date_future")


@case("meters")
def litres_beside_cubic_metres(t: Dirty) -> None:
    first = t.add()
    row = t.add(户表号=meter(first), 时间="2026-05-21 08:00", 累计="120900", 单位="L")
    t.expect(row, "累计", "reading_litres")
    row = t.add(户表号=meter(first), 时间="2026-05-22 08:00", 累计="121300")
    t.expect(row, "累计", "reading_jump")


@case("meters")
def meter_changed(t: Dirty) -> None:
    first = t.add()
    row = t.add(户表号=meter(first), 时间="2026-05-21 08:00", 累计="0.4")
    t.expect(row, "累计", "meter_reset")


@case("meters")
def meter_backwards(t: Dirty) -> None:
    first = t.add()
    row = t.add(户表号=meter(first), 时间="2026-05-21 08:00", 累计="118")
    t.expect(row, "累计", "reading_backwards")


@case("meters")
def same_moment_twice(t: Dirty) -> None:
    first = t.add()
    row = t.add(户表号=meter(first))
    t.expect(row, "时间", "reading_repeated")
    row = t.add(户表号=meter(first), 累计="121")
    t.expect(row, "时间", "reading_conflict")


@case("meters")
def gap_between_readings(t: Dirty) -> None:
    first = t.add()
    for hour in ("09", "10", "11"):
        t.add(户表号=meter(first), 时间=f"2026-05-20 {hour}:00")
    row = t.add(户表号=meter(first), 时间="2026-05-20 20:00")
    t.expect(row, "时间", "reading_gap")
