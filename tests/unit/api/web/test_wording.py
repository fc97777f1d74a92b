"""Reasons come from a closed list and leak nothing; times and prices read as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.services.views import HOME_ZONE, ReasonView, Words
from api.web.look import Language
from api.web.wording import MESSAGES, REASON_SLOTS, clean
from recommender.base import ReasonCode

ZH, EN = MESSAGES[Language.ZH], MESSAGES[Language.EN]
NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=HOME_ZONE)


def view(code: ReasonCode, **labels: tuple[str, str]) -> ReasonView:
    return ReasonView(code, {name: Words(*each) for name, each in labels.items()})


def test_every_code_has_its_slots_and_a_template_with_exactly_those():
    assert set(REASON_SLOTS) == set(ReasonCode)
    for code, names in REASON_SLOTS.items():
        filled = ReasonView(code, {name: Words("50-200", "50-200") for name in names})
        assert ZH.reason(filled) != ZH.table[f"reason.{code}"] or not names
        assert "{" not in ZH.reason(filled) + EN.reason(filled)


def test_reason_cites_own_interest_in_both_languages():
    reason = view(ReasonCode.OWN_INTEREST, interest=("太极拳", "tai chi"))
    assert ZH.reason(reason) == "您对「太极拳」感兴趣"
    assert EN.reason(reason) == "You are interested in tai chi"


@pytest.mark.parametrize("bucket", ["3", "19", "20", "0-20", "张三", "", "50-200 张三"])
def test_count_outside_the_buckets_is_told_as_general(bucket):
    reason = view(ReasonCode.POPULAR, bucket=(bucket, bucket))
    assert ZH.reason(reason) == ZH("reason.general")


def test_count_in_a_bucket_is_told():
    assert ZH.reason(view(ReasonCode.POPULAR, bucket=("20-50", ""))) == "20～50 位居民参加过"
    assert "More than 200" in EN.reason(view(ReasonCode.POPULAR, bucket=("200+", "")))


def test_missing_slot_is_told_as_general():
    assert ZH.reason(view(ReasonCode.OWN_INTEREST)) == ZH("reason.general")
    assert EN.reason(view(ReasonCode.OWN_OFFER, offer=("", ""))) == EN("reason.general")


@given(st.sampled_from(ReasonCode), st.text(max_size=12), st.text(max_size=12))
def test_slots_that_a_template_does_not_have_never_show(code, name, secret):
    """E4: whatever a scorer puts beside the typed slots stays out of the page."""
    marked = f"§{secret}§"
    extra = ReasonView(code, {f"extra-{name}": Words(marked, marked)})
    assert "§" not in ZH.reason(extra) + EN.reason(extra)


def test_slot_text_is_data_and_not_a_template():
    reason = view(ReasonCode.OWN_INTEREST, interest=("{bucket}", "{0.__class__}"))
    assert ZH.reason(reason) == "您对「{bucket}」感兴趣"
    assert "{0.__class__}" in EN.reason(reason)


def test_direction_overrides_and_zero_width_are_removed():
    assert clean("张\u202e三\u200b丰\u2066") == "张三丰"
    assert ZH.pick(Words("甲\u202e乙")).text == "甲乙"


def test_english_falls_back_to_chinese_and_says_so():
    text = EN.pick(Words("社区图书角"))
    assert (text.text, text.lang) == ("社区图书角", "zh-CN")
    assert EN.pick(Words("书", "book")).lang == ""
    assert not ZH.pick(None)


@pytest.mark.parametrize(
    ("starts", "ends", "zh", "en"),
    [
        ((2026, 11, 28, 9, 0), (2026, 11, 28, 10, 30), "周六 9:00-10:30", "Sat 9:00-10:30"),
        ((2026, 11, 26, 14, 0), (2026, 11, 26, 16, 0), "今天 14:00-16:00", "Today 14:00-16:00"),
        ((2026, 11, 27, 9, 5), None, "明天 9:05", "Tomorrow 9:05"),
        (
            (2026, 12, 5, 8, 0),
            (2026, 12, 6, 17, 0),
            "周六 8:00 - 12月6日 17:00",
            "Sat 8:00 - 6 Dec 17:00",
        ),
    ],
)
def test_time_span_reads_as_people_say_it(starts, ends, zh, en):
    start, end = local(*starts), local(*ends) if ends else None
    assert ZH.when(start, end, NOW).span == zh
    assert EN.when(start, end, NOW).span == en


def test_days_are_those_of_the_neighbourhood_not_of_utc():
    late = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai
    assert ZH.when(local(2026, 11, 27, 0, 15), None, late).span == "明天 0:15"
    assert ZH.when(datetime(2026, 11, 26, 16, 15, tzinfo=UTC), None, late).span == "明天 0:15"


def test_date_names_the_year_only_when_it_is_another():
    assert ZH.when(local(2026, 11, 28, 9, 0), None, NOW).date == "11月28日"
    assert ZH.when(local(2027, 1, 2, 9, 0), None, NOW).date == "2027年1月2日"
    assert EN.when(local(2027, 1, 2, 9, 0), None, NOW).date == "2 Jan 2027"


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=40), "Just updated"),
        (timedelta(minutes=1), "Updated 1 minute ago"),
        (timedelta(minutes=59), "Updated 59 minutes ago"),
        (timedelta(hours=5), "Updated 5 hours ago"),
        (timedelta(days=3), "Updated 3 days ago"),
    ],
)
def test_age_is_told_in_one_unit(age, text):
    assert EN.age(age) == text


def test_prices():
    assert [ZH.cost(fen) for fen in (0, 500, 2050)] == ["免费", "5 元", "20.50 元"]
    assert EN.cost(500) == "¥5"


def test_halves_of_an_hour_are_plural():
    assert EN.plural("effort", 1) == "About 1 hour a week"
    assert EN.plural("effort", 1.5) == "About 1.5 hours a week"
