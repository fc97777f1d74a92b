"""Schemas of what residents are told of their own data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.rest.schemas import CardOut, In, Out, WordsOut
from api.services.known_facts import Correct
from api.services.looks import MOST_WORDS, LookBasis
from graph.gate import ComplaintState, Matter
from graph.model import Action, Basis, Category, DataCategory, Level, Purpose, StaffRole

__all__ = [
    "ComplainIn",
    "ComplaintOut",
    "ComplaintsOut",
    "DisputeIn",
    "ExportQuery",
    "FactGroupOut",
    "FactOut",
    "FactsOut",
    "LookOut",
    "LooksOut",
    "LooksQuery",
    "PersonalisationIn",
    "PersonalisationOut",
    "TagOut",
    "TagsOut",
    "TellIn",
    "TogetherOut",
    "UseOut",
    "WhatIfOut",
    "WhatIfQuery",
]


MOST_VALUE = 100
"""Characters of what somebody tells of themselves."""


class PersonalisationIn(In):
    """Whether lists shall be personal."""

    on: bool


class PersonalisationOut(Out, tells=DataCategory.INTEREST):
    """Whether lists are personal, as far as the resident authorises it."""

    on: bool


class TagOut(Out, tells=DataCategory.INTEREST):
    """One word of a governed list that is the resident's."""

    list: str
    code: str
    label: WordsOut
    life_category: Category | None


class TagsOut(Out, tells=DataCategory.INTEREST):
    """All words that are the resident's."""

    tags: list[TagOut]


class WhatIfQuery(In):
    """What a resident thinks of withdrawing."""

    purpose: Purpose = Purpose.FEED
    category: DataCategory | None = Field(None, description="empty = every category")
    institution: str = Field("", max_length=80, description="empty = Linli's operator")


class WhatIfOut(Out, tells=DataCategory.INTEREST):
    """The feed now, and as the withdrawal would leave it; best first."""

    before: list[CardOut]
    after: list[CardOut]
    gone: list[CardOut]
    come: list[CardOut]
    feed_concerned: bool
    personalised_after: bool


class ExportQuery(In):
    """Which file."""

    format: Literal["json", "csv"] = "json"


class TellIn(In):
    """What is right."""

    value: Annotated[str, Field(max_length=MOST_VALUE)] | Annotated[int, Field(strict=True)] | None
    """null = nothing shall be held."""


class DisputeIn(In):
    """What is wrong."""

    name: str = Field(min_length=1, max_length=200, description="name of the fact")
    words: str = Field("", max_length=MOST_WORDS)


class ComplaintOut(Out, tells=DataCategory.IDENTITY):
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


class ComplaintsOut(Out, tells=DataCategory.IDENTITY):
    """All complaints of a resident, newest first."""

    complaints: list[ComplaintOut]


class FactOut(Out, tells=DataCategory.IDENTITY):
    """One fact."""

    name: str = Field(description="by it a fact is complained of")
    kind: str
    category: DataCategory
    value: WordsOut
    source: str = Field(description="empty = not known")
    as_of: datetime
    basis: Basis
    confidence: float
    correct: Correct
    complaint: ComplaintOut | None


class UseOut(Out, tells=DataCategory.IDENTITY):
    """Who may use a category."""

    institution: str
    purpose: Purpose
    until: datetime


class FactGroupOut(Out, tells=DataCategory.IDENTITY):
    """Facts of one category, and who may use them."""

    category: DataCategory
    level: Level
    uses: list[UseOut]
    facts: list[FactOut]


class FactsOut(Out, tells=DataCategory.IDENTITY):
    """All facts about a resident."""

    groups: list[FactGroupOut]
    as_of: datetime


class LookOut(Out, tells=DataCategory.IDENTITY):
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


class TogetherOut(Out, tells=DataCategory.IDENTITY):
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


class LooksOut(Out, tells=DataCategory.IDENTITY):
    """One page of looks, newest first."""

    looks: list[LookOut]
    together: list[TogetherOut]
    next: int | None


class ComplainIn(In):
    """What a resident did not expect."""

    ref: str = Field(min_length=1, max_length=80, description="reference of the look")
    words: str = Field("", max_length=MOST_WORDS)
