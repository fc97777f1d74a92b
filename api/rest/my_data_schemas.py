"""Schemas of what residents are told of their own data."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.rest.schemas import In, Out, WordsOut
from api.services.looks import MOST_WORDS, LookBasis
from graph.gate import ComplaintState, Matter
from graph.model import Action, Category, DataCategory, Purpose, StaffRole

__all__ = [
    "ComplainIn",
    "ComplaintOut",
    "ComplaintsOut",
    "LookOut",
    "LooksOut",
    "LooksQuery",
    "PersonalisationIn",
    "PersonalisationOut",
    "TagOut",
    "TagsOut",
    "TogetherOut",
]


class PersonalisationIn(In):
    """Whether lists shall be personal."""

    on: bool


class PersonalisationOut(Out):
    """Whether lists are personal, as far as the resident authorises it."""

    on: bool


class TagOut(Out):
    """One word of a governed list that is the resident's."""

    list: str
    code: str
    label: WordsOut
    life_category: Category | None


class TagsOut(Out):
    """All words that are the resident's."""

    tags: list[TagOut]


class ComplaintOut(Out):
    """A complaint and by when it is answered."""

    id: str
    matter: Matter
    about: str = Field(description="reference of the look, or name of the fact")
    words: str
    state: ComplaintState
    filed_at: datetime
    due_at: datetime
    overdue: bool
    answer: str
    answered_at: datetime | None


class ComplaintsOut(Out):
    """All complaints of a resident, newest first."""

    complaints: list[ComplaintOut]


class LookOut(Out):
    """One look at a resident's data by somebody else."""

    ref: str
    at: datetime
    institution: str
    app: str
    role: StaffRole
    by_person: bool = Field(description="false = by a program")
    number: str = Field(description="of whoever looked; staff are told by number")
    action: Action
    purpose: Purpose | None
    categories: list[DataCategory]
    basis: LookBasis
    grant: str = Field(description="ids of the grants, comma-separated; empty = none was needed")
    law: str
    complaint: ComplaintOut | None


class TogetherOut(Out):
    """What was done with everybody's data at once, as far as each authorised it."""

    institution: str
    action: Action
    purpose: Purpose
    categories: list[DataCategory]
    basis: LookBasis
    law: str
    last_at: datetime
    times: int


class LooksQuery(In):
    """Which page of looks."""

    skip: int = Field(0, ge=0, le=1_000_000, description="`next` of the page before")


class LooksOut(Out):
    """One page of looks, newest first."""

    looks: list[LookOut]
    together: list[TogetherOut]
    next: int | None


class ComplainIn(In):
    """What a resident did not expect."""

    ref: str = Field(min_length=1, max_length=80, description="reference of the look")
    words: str = Field("", max_length=MOST_WORDS)
