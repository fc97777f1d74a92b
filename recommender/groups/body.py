"""What is kept of a charter: its body, which says nothing of people, and why each founder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Self, cast

from graph.codec import Json
from recommender.groups.checks import Rule
from recommender.groups.problem import DATES, FEWEST, HOSTS, MOST, WEEK

__all__ = ["Body", "Meeting", "Reason", "Room", "broken"]


@dataclass(frozen=True, slots=True)
class Room:
    """Where a group meets."""

    name: str
    lat: float
    lon: float
    """Degrees WGS-84."""
    step_free: bool
    capacity: int
    """People."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A room and the first of the weekly dates there."""

    room: Room
    starts: datetime

    @property
    def dates(self) -> tuple[datetime, ...]:
        """The first dates."""
        return tuple(self.starts + timedelta(seconds=WEEK * n) for n in range(DATES))

    def to_json(self) -> dict[str, Json]:
        """Turn it into what the ledger keeps."""
        return {"room": asdict(self.room), "starts": self.starts.isoformat()}

    @classmethod
    def from_json(cls, said: Mapping[str, Json]) -> Self:
        """Read what :meth:`to_json` made."""
        room = cast("dict[str, Json]", said["room"])
        return cls(Room(**room), datetime.fromisoformat(str(said["starts"])))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Body:
    """A group that could be founded."""

    theme: str
    """Code of the interest."""
    language: str
    """BCP 47 tag; empty for any."""
    community: str
    """Id of the community it was found in; empty once a worker changed its people."""
    meeting: Meeting
    fallback: Meeting | None
    """Where and when else most of the founders can come."""
    expected_ties: float
    """Lasting ties the founders are expected to make."""
    rejected: str = ""
    """Why a worker said no."""
    group: str = ""
    """Id of the group that was founded."""

    def to_json(self) -> dict[str, Json]:
        """Turn it into what the ledger keeps."""
        fallback = None if self.fallback is None else self.fallback.to_json()
        return {
            "theme": self.theme,
            "language": self.language,
            "community": self.community,
            "meeting": self.meeting.to_json(),
            "fallback": fallback,
            "expected_ties": self.expected_ties,
            "rejected": self.rejected,
            "group": self.group,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Json]) -> Self:
        """Read what :meth:`to_json` made."""
        fallback = cast("dict[str, Json] | None", said["fallback"])
        return cls(
            theme=str(said["theme"]),
            language=str(said["language"]),
            community=str(said["community"]),
            meeting=Meeting.from_json(cast("dict[str, Json]", said["meeting"])),
            fallback=None if fallback is None else Meeting.from_json(fallback),
            expected_ties=float(cast("float", said["expected_ties"])),
            rejected=str(said["rejected"]),
            group=str(said["group"]),
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one person would be asked; for the worker who approves it."""

    founder: bool
    """Would be asked; else in reserve."""
    host: bool
    """Would receive the others; of somebody in reserve, could."""
    minutes: int
    """Walk to the room, at a slow pace; 0 unknown."""
    likes: bool
    """Named the theme as an interest."""
    born: int
    """Decade of birth, for instance 1950; 0 unknown."""
    few_ties: bool
    bridges: bool
    """Has ties into several circles."""
    at_fallback: bool
    """Can come to the fallback."""

    def to_json(self) -> dict[str, Json]:
        """Turn it into what the ledger keeps."""
        return cast("dict[str, Json]", asdict(self))

    @classmethod
    def from_json(cls, said: Mapping[str, Json]) -> Self:
        """Read what :meth:`to_json` made."""
        return cls(
            founder=bool(said["founder"]),
            host=bool(said["host"]),
            minutes=int(cast("int", said["minutes"])),
            likes=bool(said["likes"]),
            born=int(cast("int", said["born"])),
            few_ties=bool(said["few_ties"]),
            bridges=bool(said["bridges"]),
            at_fallback=bool(said["at_fallback"]),
        )


def broken(meeting: Meeting, founders: Sequence[Reason]) -> frozenset[Rule]:
    """Rules that a charter breaks as it stands, after an edit or a withdrawal."""
    fails = {
        Rule.SIZE: not FEWEST <= len(founders) <= MOST,
        Rule.ROOM: len(founders) > meeting.room.capacity,
        Rule.HOSTS: sum(each.host for each in founders) < HOSTS,
        Rule.FEW_TIES: not any(each.few_ties for each in founders),
        Rule.BRIDGE: not any(each.bridges for each in founders),
    }
    return frozenset(rule for rule, fails_it in fails.items() if fails_it)
