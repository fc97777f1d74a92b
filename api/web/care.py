"""What the pages on care visits show: scores in words of one language, in either voice. No HTTP."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from api.services.care_views import CareCase, Entry, Explanation, Neighbour, Part, Worklist
from api.web.wording import Messages, Text
from graph.gate import Case, Outcome
from recommender.outreach.actions import Action
from recommender.outreach.points import Factor

__all__ = ["CarePresenter", "ListPage", "OwnPage", "ResidentPage"]

_SHOWN = 4
"""Reasons in a list; a resident's page has all."""
_WEIGHS = 0.5
"""Fewer points than this say nothing worth a line."""
_WEEK, _YEAR = 7, 365
_SOONER, _LATER = 0.2, 0.08
"""Probabilities from which residents are told that they come rather early, or later."""
_ID_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One reason."""

    text: str
    points: str
    """``+10``; empty in the resident's own voice."""
    more: bool
    """Whether it speaks for isolation."""
    category: str


@dataclass(frozen=True, slots=True)
class EntryCard:
    """One resident in a list."""

    id: str
    place: int
    name: str
    chance: str
    interval: str
    action: str
    action_code: str
    title: Text
    reasons: tuple[Line, ...]
    latest: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """A worker's list."""

    grids: str
    plan: str
    scored: str
    notes: tuple[str, ...]
    entries: tuple[EntryCard, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """Somebody in the drawing of whom a resident knows."""

    x: int
    y: int
    name: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The resident in the middle, and whom they know around; 320 x 240."""

    dots: tuple[Dot, ...]
    lines: tuple[tuple[int, int, int, int], ...]
    alt: str


@dataclass(frozen=True, slots=True)
class ResidentPage:
    """One resident, for the worker."""

    card: EntryCard
    enough: bool
    onset: str
    drawing: Drawing | None
    """``None`` where ties may not be looked at, or there are none."""
    ties_closed: bool
    more_ties: bool
    past: tuple[str, ...]
    actions: tuple[tuple[str, str], ...]
    outcomes: tuple[tuple[str, str], ...]
    key: str


@dataclass(frozen=True, slots=True)
class OwnPage:
    """The same, for the resident."""

    allowed: bool
    headline: str
    """Empty while there is none."""
    reasons: tuple[Line, ...]
    numbers: str
    key: str


class CarePresenter:
    """Turns views into words.

    Parameters
    ----------
    t : Messages
    now : datetime
        Aware.
    """

    def __init__(self, t: Messages, now: datetime) -> None:
        self._t, self._now = t, now

    def list(self, found: Worklist) -> ListPage:
        """Word a worker's list."""
        t = self._t
        counts = (("care.waiting", found.waiting), ("care.unknown", found.unknown))
        return ListPage(
            grids=t("care.grids", grids=t("import.and").join(found.grids) or "-"),
            plan=t("care.plan", minutes=found.minutes, planned=found.planned),
            scored=t("care.scored", when=t.moment(found.scored_at, self._now)),
            notes=tuple(t(key, n=count) for key, count in counts if count),
            entries=tuple(self._card(entry, _SHOWN) for entry in found.entries),
        )

    def resident(self, found: CareCase) -> ResidentPage:
        """Word one resident's page."""
        t, why = self._t, found.entry.why
        return ResidentPage(
            card=self._card(found.entry, None),
            enough=why.enough,
            onset=t("care.onset", p=_percent(why.onset[1])),
            drawing=self._drawing(found.neighbours) if found.neighbours else None,
            ties_closed=found.neighbours is None,
            more_ties=found.more,
            past=tuple(self._past(case) for case in found.cases),
            actions=tuple((action.value, t(f"care.action.{action}")) for action in Action),
            outcomes=tuple((out.value, t(f"care.outcome.{out}")) for out in Outcome),
            key=secrets.token_urlsafe(16),
        )

    def own(self, why: Explanation | None, *, allowed: bool) -> OwnPage:
        """Word what residents are told of their own score."""
        t = self._t
        key = secrets.token_urlsafe(16)
        if why is None:
            return OwnPage(allowed, "", (), "", key)
        if not why.enough:
            return OwnPage(allowed, t("own.care.thin"), self._lines("own", why, None), "", key)
        place = (
            "sooner"
            if why.probability >= _SOONER
            else "later"
            if why.probability < _LATER
            else "usual"
        )
        numbers = t(
            "own.care.numbers.said",
            p=_percent(why.probability),
            low=_percent(why.low),
            high=_percent(why.high),
        )
        return OwnPage(allowed, t(f"own.care.{place}"), self._lines("own", why, None), numbers, key)

    def _card(self, entry: Entry, most: int | None) -> EntryCard:
        t, why = self._t, entry.why
        action = entry.action.value if entry.action else "wait"
        return EntryCard(
            id=entry.resident,
            place=entry.place,
            name=entry.name or t("care.nameless", id=entry.resident[:_ID_SHOWN]),
            chance=t("care.chance", p=_percent(why.probability)),
            interval=t("care.interval", low=_percent(why.low), high=_percent(why.high)),
            action=t(f"care.action.{action}"),
            action_code=action,
            title=t.pick(entry.title),
            reasons=self._lines("care", why, most),
            latest=self._past(entry.latest) if entry.latest else "",
        )

    def _lines(self, voice: str, why: Explanation, most: int | None) -> tuple[Line, ...]:
        parts = [part for part in why.parts if abs(part.points) >= _WEIGHS]
        return tuple(self._line(voice, part) for part in parts[:most])

    def _line(self, voice: str, part: Part) -> Line:
        t, more = self._t, part.points > 0
        ending = "more" if more else "less"
        if part.factor is Factor.SEEN and not _WEEK < part.seen < _YEAR:
            ending = "year" if more else "week"
        usual = "" if part.usual is None else f"{part.usual:.1f}"
        return Line(
            text=t(f"{voice}.why.{part.factor}.{ending}", n=part.seen, usual=usual),
            points=f"{part.points:+.0f}",
            more=more,
            category=t(f"category.{part.category}"),
        )

    def _past(self, case: Case) -> str:
        t = self._t
        said = t(
            "care.past.line",
            when=t.moment(case.at, self._now),
            did=t(f"care.action.{case.action}"),
            outcome=t(f"care.outcome.{case.outcome}"),
        )
        if case.again is None or case.again == date.max:
            return said
        again = t("care.again", date=case.again.isoformat())
        return f"{said} · {again}"

    def _drawing(self, neighbours: Sequence[Neighbour]) -> Drawing:
        n = len(neighbours)
        places = [
            (
                round(160 + 112 * math.sin(2 * math.pi * k / n)),
                round(118 - 88 * math.cos(2 * math.pi * k / n)),
            )
            for k in range(n)
        ]
        around = [
            (*places[k], *places[other])
            for k, neighbour in enumerate(neighbours)
            for other in neighbour.knows
        ]
        return Drawing(
            dots=tuple(
                Dot(x, y, neighbour.name)
                for (x, y), neighbour in zip(places, neighbours, strict=True)
            ),
            lines=tuple([(160, 118, *place) for place in places] + around),
            alt=self._t("care.ego.alt", n=n),
        )


def _percent(share: float) -> int:
    return round(100 * share)
