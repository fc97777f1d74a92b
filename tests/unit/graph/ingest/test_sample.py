"""A sample shows how rows are understood and not who they are about."""

from __future__ import annotations

import pytest

from graph.ingest.sample import masked
from tests.factories import make_id_number


@pytest.mark.parametrize(
    ("column", "text", "shown"),
    [
        ("name", "张三", "张*"),
        ("volunteer_name", "阿依古丽·买买提", "阿***"),
        ("phone", "15412345678", "154****5678"),
        ("phone", "154 1234 5678", "154****5678"),
        ("phone", "154-1234-5678", "154****5678"),
        ("phone", "0553-1234567", "055****4567"),
        ("id_number", "990101 19580312 0115", "990101********0115"),
        ("venue", "找张三 15412345678", "找张三 154****5678"),
        ("venue", "找张三 154 1234 5678", "找张三 154****5678"),
        ("address", "3幢2单元501", "*幢*单元***"),
        ("difficulties", "腿脚不便", "… (4)"),
        ("date", "2026-06-06", "2026-06-06"),
        ("seats", "20", "20"),
    ],
)
def test_what_tells_who_somebody_is_is_starred(column, text, shown):
    assert masked(column, text) == shown


@pytest.mark.parametrize("column", ["phone", "id_number", "venue", "remark"])
def test_no_whole_number_is_ever_shown(column):
    for number in (make_id_number(), "15412345678", "+442079460000", "12345678"):
        assert number not in masked(column, f"{number}")
