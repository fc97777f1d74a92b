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

from graph.ingest import EmptyRegister
from graph.ingest.issues import make_issue
from graph.ingest.plan import Severity
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


def known_people(rows: int) -> EmptyRegister | KnownPeople:
    """Make a register that knows the person of each clean row."""
    return Agreeable({f"r-{n}": (person(n), phone(n)) for n in range(2, rows + 2)})


def person(n: int) -> str:
    """Name of the person of row ``n``; no two are equal."""
    return "王李张刘陈杨赵黄"[n % 8] + "秀兰建国丽华明芳"[n // 8 % 8] + chr(0x4E00 + n)


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
