"""Words of the pages: one message table per language, and reasons from a closed list of templates.

Explanation rules: a reason cites only the viewer's own S1 data, public facts of the item, or a
bucket of at least 20 residents (E1, E2); it is made from the templates ``reason.*`` with typed
slots, never from free text (E4); whatever is not on that list, or lacks a slot, is told as
``general``, which is always one possible true reason (E5).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from api.services.views import HOME_ZONE, ReasonView, Words
from api.web.look import Language
from recommender.base import ReasonCode

__all__ = ["MESSAGES", "REASON_SLOTS", "Messages", "Text", "When", "clean"]

_TABLES = Path(__file__).parent / "translations"

REASON_SLOTS: Mapping[ReasonCode, tuple[str, ...]] = {
    ReasonCode.OWN_INTEREST: ("interest",),
    ReasonCode.OWN_OFFER: ("offer",),
    ReasonCode.OWN_GROUP: ("item",),
    ReasonCode.SIMILAR_TO_OWN: ("item",),
    ReasonCode.POPULAR: ("bucket",),
    ReasonCode.IN_OWN_GRID: (),
    ReasonCode.GENERAL: (),
    ReasonCode.OWN_VENUE: ("item",),
    ReasonCode.OWN_TIME: ("item",),
}
"""The slots each template of a reason has."""

BUCKETS = frozenset({"20-50", "50-200", "200+"})


@dataclass(frozen=True, slots=True)
class Text:
    """A text with the language it is in, when that differs from the page's."""

    text: str
    lang: str = ""

    def __str__(self) -> str:
        """Return the text alone."""
        return self.text

    def __bool__(self) -> bool:
        """Tell whether there is anything to show."""
        return bool(self.text)


@dataclass(frozen=True, slots=True)
class When:
    """A time span in words."""

    span: str
    """``周六 9:00-10:30``."""
    date: str
    """``11月28日``."""
    iso: str
    """Start, for the ``datetime`` attribute."""


class Messages:
    """The words of one language.

    Parameters
    ----------
    language : Language
    table : Mapping[str, str]
        Message by key, with named slots in braces.
    """

    def __init__(self, language: Language, table: Mapping[str, str]) -> None:
        self.language = language
        self.table = table

    def __call__(self, key: str, **slots: str | int) -> str:
        """Return a message with its slots filled; an unknown key is a ``KeyError``."""
        return self.table[key].format_map(slots)

    def plural(self, key: str, n: float, **slots: str | int) -> str:
        """Return the form of a message that fits a number, with the number in slot ``n``."""
        said = f"{n:,}" if isinstance(n, int) else f"{n:g}"
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=said, **slots)

    def pick(self, words: Words | None) -> Text:
        """Choose the text of this language; what is missing in English is shown in Chinese."""
        if words is None:
            return Text("")
        if self.language is Language.EN:
            return Text(clean(words.en)) if words.en else Text(clean(words.zh), Language.ZH.value)
        return Text(clean(words.zh))

    def reason(self, reason: ReasonView | None) -> str:
        """Word a reason, ``general`` when it may not or cannot be cited."""
        if reason is None:
            return ""
        slots: dict[str, str] = {}
        for name in REASON_SLOTS.get(reason.code, ()):
            words = reason.labels.get(name)
            if words is None or not words.zh:
                return self("reason.general")
            if name == "bucket":
                if words.zh not in BUCKETS:
                    return self("reason.general")
                slots[name] = self(f"bucket.{words.zh}")
            else:
                slots[name] = self.pick(words).text
        code = reason.code if reason.code in REASON_SLOTS else ReasonCode.GENERAL
        return self(f"reason.{code}", **slots)

    def when(self, starts: datetime, ends: datetime | None, now: datetime) -> When:
        """Word a time span as people say it: ``周六 9:00-10:30`` and the date beside it."""
        start = starts.astimezone(HOME_ZONE)
        today = now.astimezone(HOME_ZONE).date()
        span = f"{self._day(start, now)} {_clock(start)}"
        if ends is not None:
            end = ends.astimezone(HOME_ZONE)
            other = "" if end.date() == start.date() else f" {self._date(end, today.year)} "
            span += f"-{other}{_clock(end)}".replace("- ", " - ")
        return When(span, self._date(start, today.year), start.isoformat(timespec="minutes"))

    def moment(self, at: datetime, now: datetime) -> str:
        """Word a moment that may be over: ``今天 9:00``, ``11月28日 9:00``."""
        there, today = at.astimezone(HOME_ZONE), now.astimezone(HOME_ZONE).date()
        on_day = self._date(there, today.year)
        date = self("when.today") if there.date() == today else on_day
        return self("when.moment", date=date, clock=_clock(there))

    def date(self, at: datetime, now: datetime) -> str:
        """Word a day: ``11月28日``, with the year when it is not this one."""
        return self._date(at.astimezone(HOME_ZONE), now.astimezone(HOME_ZONE).year)

    def age(self, age: timedelta) -> str:
        """Word how old the content of a page is."""
        minutes = int(age.total_seconds() // 60)
        if minutes < 1:
            return self("feed.updated.now")
        if minutes < 60:
            return self.plural("feed.updated.minutes", minutes)
        if minutes < 48 * 60:
            return self.plural("feed.updated.hours", minutes // 60)
        return self.plural("feed.updated.days", minutes // (24 * 60))

    def cost(self, fen: int) -> str:
        """Word a price."""
        return (
            self("cost.yuan", yuan=f"{fen / 100:.2f}".removesuffix(".00"))
            if fen
            else self("cost.free")
        )

    def _day(self, start: datetime, now: datetime) -> str:
        days = (start.date() - now.astimezone(HOME_ZONE).date()).days
        if days in {0, 1}:
            return self("when.today" if days == 0 else "when.tomorrow")
        return self(f"when.weekday.{start.weekday()}")

    def _date(self, at: datetime, this_year: int) -> str:
        key = "when.date" if at.year == this_year else "when.date.year"
        month = self(f"when.month.{at.month}")
        return self(key, year=at.year, month=month, day=at.day)


def clean(text: str) -> str:
    """Remove control and invisible formatting characters (bidi overrides, zero width) from text."""
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf"})


def _clock(at: datetime) -> str:
    return f"{at.hour}:{at.minute:02}"


def _load(language: Language) -> Messages:
    text = (_TABLES / f"{language.short}.json").read_text(encoding="utf-8")
    return Messages(language, json.loads(text))


MESSAGES: Mapping[Language, Messages] = {language: _load(language) for language in Language}
"""The words of every language, read once."""
