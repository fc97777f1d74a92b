"""The notice board: items of the synthetic city as nodes with titles and summaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from graph.model import Category, ItemKind, ItemState, NodeChange, Op, Provenance, Scalar
from graph.schema import ITEM_LABELS
from graph.synthetic.items import LOCAL
from graph.synthetic.places import VENUES_EN
from graph.synthetic.wording import Notice, activity_notice, group_notice, services
from graph.view import ITEM_KINDS
from graph.vocabulary import interests, occupations

if TYPE_CHECKING:
    from graph.synthetic.city import City

__all__ = ["item_nodes", "organisations"]

_LECTURES = frozenset({"health_lectures", "film", "music_listening", "museums"})
"""Interests where people listen or look on rather than do something together."""


@cache
def organisations() -> dict[str, str]:
    """Return the id of each provider of services, by its name."""
    names = dict.fromkeys(entry.provider for entry in services())
    return {name: f"wuhu-org{n:02d}" for n, name in enumerate(names)}


def item_nodes(city: City, said: Provenance) -> Iterator[NodeChange]:
    """Yield one node per item."""
    items, places = city.truth.items, city.truth.places
    now = city.now.timestamp()
    named: Counter[str] = Counter()
    for n, item in enumerate(city.items):
        kind = ITEM_KINDS[int(items.kind[n])]
        notice, category = _notice(city, n)
        if kind is not ItemKind.ACTIVITY:
            notice = _told_apart(notice, named)
        over = kind is ItemKind.ACTIVITY and items.ends[n] < now
        about: dict[str, Scalar] = {
            "title": notice.title,
            "title_en": notice.title_en,
            "summary": notice.summary,
            "summary_en": notice.summary_en,
            "state": str(ItemState.CLOSED if over else ItemState.OPEN),
            "life_category": str(category),
            "seats": _limit(items.seats[n]),
            "min_age": _limit(items.min_age[n]),
            "max_age": _limit(items.max_age[n]),
            "languages": "zh,en" if items.english[n] else "zh",
            "cost_fen": int(items.cost_fen[n]),
            "step_free": bool(places.venue_step_free[items.venue[n]]),
            "participatory": interests().codes[items.interest[n]] not in _LECTURES,
            "opened_at": datetime.fromtimestamp(int(items.opened[n]), UTC),
        }
        offered = items.offered(n)
        if kind is ItemKind.ACTIVITY:
            about["starts_at"] = datetime.fromtimestamp(int(items.starts[n]), UTC)
            about["ends_at"] = datetime.fromtimestamp(int(items.ends[n]), UTC)
        elif kind is ItemKind.SERVICE and offered is not None:
            about["contact_hours"] = offered.hours
        elif kind is ItemKind.HELPER_ROLE and offered is not None:
            about["hours_per_week"] = offered.hours_per_week
        yield NodeChange(Op.PUT, ITEM_LABELS[kind], item, about, said)


def _notice(city: City, n: int) -> tuple[Notice, Category]:
    items, places = city.truth.items, city.truth.places
    area = places.area_names[places.grid_area[items.grid[n]]]
    offered = items.offered(n)
    if offered is not None:
        said = offered.notice
        titled = Notice(
            f"{area[0]}社区{said.title}",
            f"{said.title_en}, {area[1]}",
            said.summary,
            said.summary_en,
        )
        return titled, offered.category
    term = interests().terms[int(items.interest[n])]
    venue = (
        places.venue_names[items.venue[n]],
        VENUES_EN[int(places.venue_kind[items.venue[n]])],
    )
    pick = int(items.text[n])
    if ITEM_KINDS[int(items.kind[n])] is ItemKind.GROUP:
        notice = group_notice(term, area, venue, pick)
    else:
        local = datetime.fromtimestamp(int(items.starts[n]) + LOCAL, UTC)
        notice = activity_notice(term, local.weekday(), local.hour, venue, pick)
    if items.welcomes[n] >= 0:
        work = occupations().terms[int(items.welcomes[n])]
        notice = Notice(
            notice.title,
            notice.title_en,
            f"{notice.summary}特别欢迎{work.label_zh}邻居。",
            f"{notice.summary_en} Especially welcome: {work.label_en.lower()}.",
        )
    return notice, term.life_category or Category.FUN


def _told_apart(notice: Notice, named: Counter[str]) -> Notice:
    """Give a number to a second group or service that an area has under one name."""
    named[notice.title] += 1
    n = named[notice.title]
    if n == 1:
        return notice
    return replace(notice, title=f"{notice.title}（{n}）", title_en=f"{notice.title_en} ({n})")


def _limit(value: int) -> int | None:
    return int(value) if value >= 0 else None
