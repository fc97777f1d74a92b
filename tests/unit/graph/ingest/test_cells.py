"""Single cells."""

from __future__ import annotations

from datetime import date

import pytest

from graph.ingest.cells import clean, name_key, read_date, read_id_number, read_phones, read_text
from graph.ingest.issues import CellFault, make_issue
from graph.ingest.plan import Severity
from tests.factories import make_id_number

GOOD = make_id_number(order=12)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  a ", "a"),
        ("\u3000王\u200b秀兰\u202e", "王秀兰"),
        ("'0551", "0551"),
        ("\uff21\uff11", "A1"),
        ("—", ""),
        ("N/A", ""),
        ("不详", ""),
        ("无为市", "无为市"),
    ],
)
def test_cells_are_cleaned_of_what_nobody_sees(raw, text):
    assert clean(raw) == text


@pytest.mark.parametrize("dot", "·•‧∙⋅・")
def test_dots_in_names_are_one_for_comparison_only(dot):
    assert name_key(f"阿依古丽{dot}买买提") == name_key("阿依古丽·买买提")
    assert dot in clean(f"阿依古丽{dot}买买提")


@pytest.mark.parametrize(
    "raw",
    ["2024-02-29", "2024/2/29", "2024.2.29", "2024年2月29日", "20240229", "2024-02-29 00:00:00"],
)
def test_days_are_read_in_every_common_form(raw):
    assert read_date(raw) == date(2024, 2, 29)


@pytest.mark.parametrize("place", [0, 6, 17])
def test_a_letter_for_a_digit_is_taken_for_it_only_when_the_check_fits(place):
    number = next(n for n in map(make_numbers, range(1, 999)) if n[place] in "01")
    typed = number[:place] + ("O" if number[place] == "0" else "l") + number[place + 1 :]
    with pytest.raises(CellFault) as fault:
        read_id_number(typed)
    assert (fault.value.code, fault.value.instead) == ("id_repaired", number)
    assert number not in fault.value.value
    assert make_issue("id_repaired", row=1).severity is Severity.NOTICE
    other = typed[:10] + str((int(typed[10]) + 1) % 10) + typed[11:]
    with pytest.raises(CellFault, match="id_letters"):
        read_id_number(other)


def make_numbers(order):
    return make_id_number(region=f"1{order:05d}", order=order)


def test_a_small_x_is_read_as_a_large_one():
    number = next(n for n in map(make_numbers, range(1, 999)) if n.endswith("X"))
    assert read_id_number(number.lower()) == number


@pytest.mark.parametrize(
    ("raw", "phone"),
    [
        ("154 0000 0001", "15400000001"),
        ("+86 15400000001", "15400000001"),
        ("0553-1234567；15400000001", "05531234567"),
        ("+442079460000", "+442079460000"),
        ("", None),
    ],
)
def test_phones(raw, phone):
    assert read_phones(raw) == phone


@pytest.mark.parametrize("raw", ["=1+1", "@x", "+x", "-x", "\uff1d1+1", "'=1", "\u200b=1"])
def test_text_that_a_spreadsheet_would_run_is_refused(raw):
    with pytest.raises(CellFault, match="formula"):
        read_text(raw)
