"""Bodies of requests and answers about groups that could be founded."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.rest.schemas import Id, In, Out, of
from graph.model import DataCategory

__all__ = [
    "AnswerIn",
    "ApproveIn",
    "CharterOut",
    "ChartersOut",
    "ChartersQuery",
    "EditIn",
    "InvitationOut",
    "RejectIn",
]

Version = Annotated[int, Field(ge=0, description="the version that was looked at")]


class MeetingOut(Out, tells=DataCategory.PUBLIC):
    """Where and when."""

    place: str
    step_free: bool
    capacity: int
    dates: list[datetime]


class PersonOut(Out, tells=DataCategory.TIE):
    """Somebody who would be asked, or is in reserve; nobody once people were asked."""

    resident: str
    founder: bool
    host: bool
    likes_theme: bool = Field(json_schema_extra=of(DataCategory.INTEREST))
    walk_minutes: int | None = Field(json_schema_extra=of(DataCategory.DWELLING))
    born: int | None = Field(
        description="decade of birth", json_schema_extra=of(DataCategory.IDENTITY)
    )
    can_come_to_fallback: bool


class CharterOut(Out, tells=DataCategory.TIE):
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
    meeting: MeetingOut
    fallback: MeetingOut | None
    people: list[PersonOut]
    expected_ties: float = Field(description="lasting ties the founders are expected to make")
    broken: list[str] = Field(description="hard constraints that an edit or a withdrawal broke")
    answer_by: datetime | None
    group: str | None
    rejected: str | None


class ChartersOut(Out, tells=DataCategory.TIE):
    """Charters, those of a grid together."""

    charters: list[CharterOut]


class ChartersQuery(In):
    """Which charters."""

    grid: str = Field("", max_length=200, description="id of one grid; all without")


class EditIn(In):
    """What to change in a proposal."""

    version: Version
    theme: str = Field("", max_length=80, description="code of another interest")
    use_fallback: bool = Field(False, description="meet at the fallback instead")
    out: str = Field("", max_length=200, description="a founder to leave out")
    into: str = Field("", max_length=200, description="somebody in reserve to ask instead")


class ApproveIn(In):
    """Ask the founders."""

    version: Version


class RejectIn(In):
    """Drop a proposal."""

    version: Version
    reason: str = Field(min_length=1, max_length=500)


class AnswerIn(In):
    """What a resident who was asked says."""

    invitation: Id
    answer: Annotated[str, Field(pattern="^(yes|no|later)$")]


class InvitationOut(Out, tells=DataCategory.INTEREST):
    """What a resident is asked now; nothing of the others who are asked."""

    invitation: str | None
    theme_zh: str | None = None
    theme_en: str | None = None
    host: bool = False
    meeting: MeetingOut | None = None
    answer_by: datetime | None = None
    answer: str | None = None
