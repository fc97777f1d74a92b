"""Reading single cells: dates, times, identity numbers, telephones, counts. Pure functions.

Every function returns a clean value, ``None`` for an empty cell, or raises :class:`CellFault`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone

from graph.ingest.issues import CellFault
from graph.model import Category
from graph.vocabulary import fold

__all__ = [
    "LOCAL_TIME",
    "birth_of",
    "clean",
    "name_key",
    "read_category",
    "read_cost",
    "read_count",
    "read_date",
    "read_id_number",
    "read_phones",
    "read_text",
    "read_time",
    "read_yes",
    "strip_marks",
    "utc",
]

LOCAL_TIME = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Times in files are local; China keeps one time all year."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_EMPTY = {"", "-", "—", "无", "不详", "null", "none", "n/a"}
_SCIENTIFIC = re.compile(r"\d(\.\d+)?e\+?\d+", re.IGNORECASE)
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?(?: 0?0:00(?::00)?)?"
)
_PARTIAL_DATE = re.compile(r"(?:1[89]|20)\d{2}(?:[-/.年]?\d{0,2}月?)?")
_SHORT_YEAR = re.compile(r"'?\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}[日号]?|\d{6}")
_PHONE = re.compile(r"1[3-9]\d{9}|0\d{9,11}|\+\d{8,15}", re.ASCII)
_TIME = re.compile(r"(\d{1,2})[:时点](\d{2})?分?(?::\d{2})?")
_FORMULA_STARTS = frozenset("=@+-")
_LONGEST_EMPTY = max(len(word) for word in _EMPTY)
_DOTS = dict.fromkeys(map(ord, "·•‧∙⋅・."), "·")
_SLIPS = str.maketrans("Oo\u3007○QIlL|", "00000" + "1111")
"""Letters that are typed, or read from paper, for digits."""
_CATEGORIES = {
    **dict(zip("食住行游购娱健", Category, strict=True)),
    "吃": Category.EAT,
    **{category.value: category for category in Category},
}


def clean(raw: str) -> str:
    """Fold full-width forms, drop unseen signs, make "nothing" empty; keep everything else.

    A leading apostrophe, by which spreadsheets mark a text, is dropped too.
    """
    if not raw:
        return raw
    text = raw.strip()
    if not text.isascii():
        text = strip_marks(unicodedata.normalize("NFKC", text)).strip()
    if text[:1] == "'":
        text = text[1:].lstrip()
    return "" if len(text) <= _LONGEST_EMPTY and text.casefold() in _EMPTY else text


def strip_marks(text: str) -> str:
    """Drop the signs that nobody sees: zero width, direction of writing, byte order."""
    if text.isprintable():
        return text
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf")


def name_key(name: str) -> str:
    """Fold a name for comparison only: width, case, space, and the kinds of dots in it."""
    return fold(name).translate(_DOTS)


def read_text(raw: str) -> str | None:
    """Read words; what a spreadsheet would run as a formula is refused."""
    text = clean(raw)
    if text[:1] in _FORMULA_STARTS and not (text[0] in "+-" and text[1:2].isdigit()):
        raise CellFault("formula", text[:1])
    return text or None


def read_date(raw: str) -> date | None:
    """Read a day of the common calendar."""
    text = clean(raw)
    if not text:
        return None
    if len(text) == 10 and text[4] == text[7] == "-":
        return _day(text[:4], text[5:7], text[8:], said=text)
    whole = _DATE.fullmatch(text) or re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text)
    if whole is None:
        raise CellFault(_not_a_day(text), text)
    return _day(*whole.groups(), said=text)


def _day(year: str, month: str, day: str, *, said: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise CellFault("date_invalid", said) from None


def _not_a_day(text: str) -> str:
    """Return the code of a text that is no whole date."""
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        return "date_serial"
    if text.startswith(("民国", "农历", "闰", "阴历", "旧历")):
        return "date_calendar"
    if _PARTIAL_DATE.fullmatch(text):
        return "date_partial"
    return "date_short" if _SHORT_YEAR.fullmatch(text) else "date_invalid"


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
    """Read an identity number of 18 characters and check its last one.

    A letter in the place of a digit (``O`` for 0, ``l`` for 1) is taken for that digit when the
    last character then fits; the fault says so as a notice and carries the number.
    """
    text = _whole("".join(clean(raw).split()))
    if not text:
        return None
    upper = text.upper()
    if len(upper) == 18 and upper.isascii() and upper[:17].isdigit() and upper[17] in _CHECK:
        _check_id(upper)
        return upper
    raise _id_fault(text, upper)


def _check_id(text: str) -> None:
    if _check_sign(text) != text[17]:
        raise CellFault("id_checksum")
    birth_of(text)


def _check_sign(text: str) -> str:
    """Return the last character that belongs to the first 17 digits (GB 11643)."""
    return _CHECK[sum(map(int.__mul__, map(int, text[:17]), _WEIGHTS)) % 11]


def _id_fault(text: str, upper: str) -> CellFault:
    if "*" in text:
        return CellFault("id_masked")
    if _SCIENTIFIC.fullmatch(text):
        return CellFault("id_scientific", text)
    if re.fullmatch(r"\d{15}", text):
        return CellFault("id_length15")
    meant = text[:17].translate(_SLIPS) + upper[17:].translate(_SLIPS)
    digits = meant.isascii() and meant[:17].isdigit() and meant[17:] in {*_CHECK}
    if len(text) != 18:
        return CellFault("id_format", f"{text[:2]}… ({len(text)})")
    if not digits:
        odd = (f"{n}: {sign}" for n, sign in enumerate(meant, 1) if sign not in _CHECK)
        return CellFault("id_format", "、".join(odd))
    slips = "、".join(
        f"{n}: {said} → {digit}"
        for n, (said, digit) in enumerate(zip(upper, meant.upper(), strict=True), 1)
        if said != digit
    )
    fits = _check_sign(meant) == meant[17]
    return (
        CellFault("id_repaired", slips, instead=meant) if fits else CellFault("id_letters", slips)
    )


def _whole(text: str) -> str:
    """Drop the fraction that a number took on its way through a program: ``15400000001.0``."""
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def birth_of(id_number: str) -> date:
    """Return the date of birth in a clean identity number."""
    said = id_number[6:14]
    return _day(said[:4], said[4:6], said[6:], said=said)


def read_phones(raw: str) -> str | None:
    """Read the first telephone of a list separated by commas or semicolons."""
    text = clean(raw)
    if len(text) == 11 and text.isdecimal() and text[0] == "1" and text[1] > "2":
        return text
    first = re.split(r"[,;、/，；\n]", text)[0]
    digits = _whole(re.sub(r"[\s()-]", "", first)).removeprefix("+86")
    if not digits:
        return None
    if _SCIENTIFIC.fullmatch(digits):
        raise CellFault("phone_scientific", digits)
    if "*" in digits:
        raise CellFault("phone_masked")
    if _PHONE.fullmatch(digits):
        return digits
    if _PHONE.fullmatch(digits.translate(_SLIPS)):
        raise CellFault("phone_letters")
    raise CellFault("phone_invalid", f"…{digits[-2:]} ({len(digits)})")


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
