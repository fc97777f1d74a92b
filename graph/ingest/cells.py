"""Reading single cells: dates, times, identity numbers, telephones, counts. Pure functions.

Every function returns a clean value, ``None`` for an empty cell, or raises :class:`CellFault`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone

from graph.ingest.issues import CellFault
from graph.model import Category

__all__ = [
    "LOCAL_TIME",
    "birth_of",
    "clean",
    "read_category",
    "read_cost",
    "read_count",
    "read_date",
    "read_id_number",
    "read_phones",
    "read_text",
    "read_time",
    "read_yes",
    "utc",
]

LOCAL_TIME = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Times in files are local; China keeps one time all year."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_EMPTY = {"", "-", "—", "无", "不详", "null", "none", "n/a"}
_SCIENTIFIC = re.compile(r"\d(\.\d+)?e\+?\d+", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_TIME = re.compile(r"(\d{1,2})[:时点](\d{2})?分?(?::\d{2})?")
_CATEGORIES = {
    **dict(zip("食住行游购娱健", Category, strict=True)),
    "吃": Category.EAT,
    **{category.value: category for category in Category},
}


def clean(raw: str) -> str:
    """Fold full-width forms, drop spaces around, make "nothing" empty; keep everything else."""
    text = unicodedata.normalize("NFKC", raw).strip()
    return "" if text.casefold() in _EMPTY else text


def read_text(raw: str) -> str | None:
    """Read words; what a spreadsheet would run as a formula is refused."""
    text = clean(raw)
    if text[:1] in {"=", "@", "\t"} or (text[:1] in {"+", "-"} and not text[1:2].isdigit()):
        raise CellFault("formula", text[:1])
    return text or None


def read_date(raw: str) -> date | None:
    """Read a day of the common calendar."""
    text = clean(raw)
    if not text:
        return None
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        raise CellFault("date_serial", text)
    if text.startswith(("民国", "农历", "闰", "阴历")):
        raise CellFault("date_calendar", text)
    whole = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text) or _DATE.fullmatch(text)
    if whole is None:
        raise CellFault("date_invalid", text)
    try:
        return date(*(int(part) for part in whole.groups()))
    except ValueError:
        raise CellFault("date_invalid", text) from None


def read_time(raw: str) -> time | None:
    """Read a time of day."""
    text = clean(raw)
    if not text:
        return None
    found = _TIME.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2] or 0) > 59:
        raise CellFault("time_invalid", text)
    return time(int(found[1]), int(found[2] or 0))


def utc(day: date, at: time) -> datetime:
    """Make an aware UTC time from a local day and time."""
    return datetime.combine(day, at, LOCAL_TIME).astimezone(UTC)


def read_id_number(raw: str) -> str | None:
    """Read an identity number of 18 characters and check its last one."""
    text = "".join(clean(raw).split()).upper().lstrip("'")
    if not text:
        return None
    if "*" in text:
        raise CellFault("id_masked")
    if _SCIENTIFIC.fullmatch(text):
        raise CellFault("id_scientific", text)
    if re.fullmatch(r"\d{15}", text):
        raise CellFault("id_length15")
    if not re.fullmatch(r"\d{17}[\dX]", text):
        raise CellFault("id_format", f"{text[:2]}… ({len(text)})")
    total = sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False))
    if _CHECK[total % 11] != text[17]:
        raise CellFault("id_checksum")
    birth_of(text)
    return text


def birth_of(id_number: str) -> date:
    """Return the date of birth in a clean identity number."""
    return read_date(id_number[6:14]) or date.min


def read_phones(raw: str) -> str | None:
    """Read the first telephone of a list separated by commas or semicolons."""
    first = re.split(r"[,;、/]", clean(raw).replace("，", ",").replace("；", ";"))[0]
    digits = re.sub(r"[\s()-]", "", first).removeprefix("+86")
    if not digits:
        return None
    if _SCIENTIFIC.fullmatch(digits):
        raise CellFault("phone_scientific", digits)
    mobile = re.fullmatch(r"1[3-9]\d{9}", digits)
    landline = re.fullmatch(r"0\d{9,11}", digits)
    if not mobile and not landline and not re.fullmatch(r"\+\d{8,15}", digits):
        raise CellFault("phone_invalid", f"…{digits[-2:]} ({len(digits)})")
    return digits


def read_count(raw: str, code: str, *, high: int) -> int | None:
    """Read a whole number from 0 to ``high``; words for "any number" are ``None``."""
    text = clean(raw)
    if text.casefold() in {"", "不限", "无限", "unlimited", "any"}:
        return None
    found = re.fullmatch(r"(\d+)\s*[人名岁位]?", text)
    if found is None or int(found[1]) > high:
        raise CellFault(code, text)
    return int(found[1])


def read_cost(raw: str) -> int | None:
    """Read a price in yuan as fen."""
    text = clean(raw).casefold()
    if not text:
        return None
    if text in {"免费", "free", "不收费"}:
        return 0
    found = re.fullmatch(r"[¥￥]?(\d+(?:\.\d{1,2})?)\s*元?", text)
    if found is None:
        raise CellFault("cost_unclear", text)
    return round(float(found[1]) * 100)


def read_category(raw: str) -> Category | None:
    """Read one of the seven categories of life."""
    text = clean(raw).casefold()
    if text and text not in _CATEGORIES:
        raise CellFault("category_unknown", text)
    return _CATEGORIES.get(text)


def read_yes(raw: str) -> bool | None:
    """Read a mark: yes, no, or nothing."""
    text = clean(raw).casefold()
    if text in {"√", "✓", "是", "有", "1", "y", "yes", "true", "到", "已到"}:
        return True
    if text in {"×", "x", "否", "没有", "0", "n", "no", "false", "未到", "缺席"}:
        return False
    return None
