"""Charters as plain values for `--json`, REST and tests: one shape for all doors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.services.charters import CharterView
from recommender.groups.body import Meeting

__all__ = ["CharterSaid", "MeetingSaid", "PersonSaid", "meeting_said", "said"]


@dataclass(frozen=True, slots=True)
class MeetingSaid:
    """Where and when."""

    place: str
    step_free: bool
    capacity: int
    dates: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class PersonSaid:
    """Somebody who would be asked, or is in reserve."""

    resident: str
    founder: bool
    host: bool
    likes_theme: bool
    walk_minutes: int | None
    born: int | None
    """Decade of birth."""
    can_come_to_fallback: bool


@dataclass(frozen=True, slots=True)
class CharterSaid:
    """One charter in full."""

    id: str
    state: str
    version: int
    grid: str
    community: str
    theme: str
    theme_zh: str
    theme_en: str
    language: str | None
    meeting: MeetingSaid
    fallback: MeetingSaid | None
    people: tuple[PersonSaid, ...]
    expected_ties: float
    broken: tuple[str, ...]
    answer_by: datetime | None
    group: str | None
    rejected: str | None


def said(view: CharterView) -> CharterSaid:
    """Lay one charter out as plain values."""
    body = view.body
    return CharterSaid(
        id=view.charter.id,
        state=view.charter.state.value,
        version=view.charter.version,
        grid=view.charter.grid,
        community=body.community,
        theme=body.theme,
        theme_zh=view.theme.label_zh,
        theme_en=view.theme.label_en,
        language=body.language or None,
        meeting=meeting_said(body.meeting),
        fallback=None if body.fallback is None else meeting_said(body.fallback),
        people=tuple(
            PersonSaid(
                resident=who,
                founder=why.founder,
                host=why.host,
                likes_theme=why.likes,
                walk_minutes=why.minutes or None,
                born=why.born or None,
                can_come_to_fallback=why.at_fallback,
            )
            for who, why in view.people
        ),
        expected_ties=body.expected_ties,
        broken=tuple(sorted(view.broken)),
        answer_by=view.charter.answer_by,
        group=body.group or None,
        rejected=body.rejected or None,
    )


def meeting_said(meeting: Meeting) -> MeetingSaid:
    """Lay a place and its dates out as plain values."""
    room = meeting.room
    return MeetingSaid(room.name, room.step_free, room.capacity, meeting.dates)
