"""What the notice board says, in Chinese and English.

The sentences lie in three tables beside this module: ``phrases.csv`` (put together for groups and
activities), ``services.csv`` and ``roles.csv`` (whole notices that every area has).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

from graph.model import Category
from graph.vocabulary import Term

__all__ = ["Notice", "Offered", "activity_notice", "group_notice", "roles", "services"]

Pair = tuple[str, str]
"""Chinese and English."""

WEEKDAYS: tuple[Pair, ...] = (
    ("周一", "Monday"),
    ("周二", "Tuesday"),
    ("周三", "Wednesday"),
    ("周四", "Thursday"),
    ("周五", "Friday"),
    ("周六", "Saturday"),
    ("周日", "Sunday"),
)
PARTS: tuple[tuple[int, str, str], ...] = (
    (12, "上午", "morning"),
    (14, "中午", "noon"),
    (18, "下午", "afternoon"),
    (24, "晚上", "evening"),
)
"""Until which hour a part of the day lasts."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A title and a few sentences, in both languages."""

    title: str
    title_en: str
    summary: str
    summary_en: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A service or helper role that every area has."""

    notice: Notice
    category: Category
    interest: str
    needs: tuple[str, ...]
    """Codes of the needs it answers."""
    offers: tuple[str, ...]
    """Codes of the skills it asks for."""
    provider: str
    hours: str
    """Opening hours of a service."""
    hours_per_week: float | None
    min_age: int | None


@cache
def services() -> tuple[Offered, ...]:
    """Return the services that an area may have."""
    return _offered("services")


@cache
def roles() -> tuple[Offered, ...]:
    """Return the helper roles that an area may have."""
    return _offered("roles")


def group_notice(term: Term, area: Pair, venue: Pair, pick: int) -> Notice:
    """Announce a group.

    Parameters
    ----------
    term : Term
        The interest it is about.
    area, venue : tuple of str
        Chinese and English name.
    pick : int
        Chooses among the phrases.
    """
    category = term.life_category or Category.FUN
    name, name_en = _choose("group_name", category, pick)
    summary, summary_en = _summary(category, venue, pick)
    return Notice(
        title=f"{area[0]}{term.label_zh}{name}",
        title_en=f"{term.label_en} {name_en}, {area[1]}",
        summary=summary,
        summary_en=summary_en,
    )


def activity_notice(term: Term, weekday: int, hour: int, venue: Pair, pick: int) -> Notice:
    """Announce an activity; weekday 0 is Monday, hour is local."""
    category = term.life_category or Category.FUN
    day, day_en = WEEKDAYS[weekday]
    part, part_en = next((zh, en) for until, zh, en in PARTS if hour < until)
    hook, hook_en = _choose("hook", category, pick)
    summary, summary_en = _summary(category, venue, pick)
    return Notice(
        title=f"{day}{part}{term.label_zh}：{hook}",
        title_en=f"{term.label_en} on {day_en} {part_en}: {hook_en}",
        summary=summary,
        summary_en=summary_en,
    )


def _summary(category: Category, venue: Pair, pick: int) -> Pair:
    opening, opening_en = _choose("opening", category, pick // 3)
    place, place_en = _choose("place", None, pick // 11)
    welcome, welcome_en = _choose("welcome", None, pick // 37)
    return (
        opening + place.format(venue=venue[0]) + welcome,
        " ".join((opening_en, place_en.format(venue_en=venue[1]), welcome_en)),
    )


def _choose(slot: str, category: Category | None, pick: int) -> Pair:
    options = _phrases()[slot, category.value if category else ""]
    return options[pick % len(options)]


@cache
def _phrases() -> dict[tuple[str, str], list[Pair]]:
    out: dict[tuple[str, str], list[Pair]] = {}
    for row in _rows("phrases"):
        out.setdefault((row["slot"], row["category"]), []).append((row["zh"], row["en"]))
    return out


def _offered(name: str) -> tuple[Offered, ...]:
    return tuple(
        Offered(
            notice=Notice(row["title"], row["title_en"], row["summary"], row["summary_en"]),
            category=Category(row["category"]),
            interest=row["interest"],
            needs=tuple(row["needs"].split()),
            offers=tuple(row["offers"].split()),
            provider=row["provider"],
            hours=row["hours"],
            hours_per_week=float(row["hours_per_week"]) if row["hours_per_week"] else None,
            min_age=int(row["min_age"]) if row["min_age"] else None,
        )
        for row in _rows(name)
    )


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("graph.synthetic").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
