"""Bodies of requests and answers, as pydantic models; OpenAPI is made from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)
from pydantic.config import JsonDict

from graph.errors import ConfigError
from graph.model import (
    Category,
    DataCategory,
    GrantState,
    InteractionKind,
    ItemKind,
    ItemState,
    Purpose,
)
from recommender.base import ReasonCode
from recommender.network import Scale

__all__ = [
    "CATEGORY",
    "ActivityIn",
    "CardOut",
    "CommunitiesOut",
    "CommunitiesQuery",
    "CommunityOut",
    "ExplanationOut",
    "ExplorationIn",
    "ExplorationOut",
    "FeedOut",
    "FeedQuery",
    "GrantIn",
    "GrantOut",
    "GrantsOut",
    "HealthOut",
    "InteractionIn",
    "ItemOut",
    "JobsOut",
    "ListOut",
    "ListQuery",
    "OutreachOut",
    "OutreachQuery",
    "OwnIsolationOut",
    "PublishedOut",
    "ReadyOut",
    "ReceiptOut",
    "SessionOut",
    "SignUpIn",
    "VocabulariesOut",
    "VocabularyOut",
    "WithdrawQuery",
    "WithdrawnOut",
]

CATEGORY = "x-category"
"""Name under which the description of the API says which data category a field tells."""

Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._:@-]+$")]
RecIdText = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_=-]+$")]
Code = Annotated[str, Field(min_length=1, max_length=80)]


def _in_this_century(at: datetime) -> datetime:
    if not 2000 <= at.astimezone(UTC).year < 2100:
        raise ValueError("the year must lie between 2000 and 2099")
    return at


def _split(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


Moment = Annotated[AwareDatetime, AfterValidator(_in_this_century)]
Kinds = Annotated[list[ItemKind], BeforeValidator(_split)]
Seconds = Annotated[timedelta, PlainSerializer(lambda t: int(t.total_seconds()), int)]


class In(BaseModel):
    """What comes in: nothing unknown passes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _say_categories(schema: JsonDict, model: type[BaseModel]) -> None:
    """Write into a schema which data category each of its fields tells."""
    for said in cast("dict[str, JsonDict]", schema.get("properties", {})).values():
        said.setdefault(CATEGORY, cast("type[Out]", model).tells.value)


def of(category: DataCategory) -> JsonDict:
    """Say that one field tells another category than its class."""
    return {CATEGORY: category.value}


class Out(BaseModel):
    """What goes out, made from the services' views.

    Every class says which data category its fields tell; a field that tells another says so
    itself, by :func:`of`. A class that does not cannot be made. What is no fact but a resident's
    own affair (grants, complaints, looks) counts as *identity*.

    Raises
    ------
    ConfigError
        A class says no category.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True, json_schema_extra=_say_categories)
    tells: ClassVar[DataCategory]

    def __init_subclass__(cls, tells: DataCategory | None = None) -> None:
        """Keep what the class says it tells."""
        super().__init_subclass__()
        if tells is not None:
            cls.tells = tells
        elif not hasattr(cls, "tells"):
            raise ConfigError(f"{cls.__name__} says no data category; see api.rest.schemas.Out")


class WordsOut(Out, tells=DataCategory.PUBLIC):
    """One text in both languages; English may be empty."""

    zh: str
    en: str


class ReasonOut(Out, tells=DataCategory.INTEREST):
    """Why an item is suggested."""

    code: ReasonCode
    labels: dict[str, WordsOut]


class CardOut(Out, tells=DataCategory.PUBLIC):
    """One item, and where the viewer stands with it."""

    item_id: str
    kind: ItemKind
    title: WordsOut
    rec_id: str | None = Field(json_schema_extra=of(DataCategory.INTEREST))
    summary: WordsOut
    life_category: Category | None
    starts_at: datetime | None
    ends_at: datetime | None
    hours: WordsOut
    hours_per_week: float | None
    place: WordsOut | None
    walk_minutes: int | None = Field(
        description="from the middle of the viewer's grid", json_schema_extra=of(DataCategory.GRID)
    )
    seats: int | None
    seats_left: int | None = Field(description="null = no limit")
    waiting: int
    state: str = Field(
        description="none, liked, dismissed, joined or waitlist",
        json_schema_extra=of(DataCategory.ATTENDANCE),
    )
    position: int | None = Field(
        description="place on the waiting list; 1 is next",
        json_schema_extra=of(DataCategory.ATTENDANCE),
    )
    can_join: bool = Field(json_schema_extra=of(DataCategory.ATTENDANCE))
    cancelled: bool
    cost_fen: int | None
    step_free: bool | None
    organiser: WordsOut | None
    reason: ReasonOut | None


class FeedQuery(In):
    """What part of a feed is asked for."""

    n: int = Field(20, ge=1, le=50)
    kind: Kinds = Field(default_factory=list, description="comma-separated; empty = all")


class FeedOut(Out, tells=DataCategory.INTEREST):
    """One resident's feed, best first."""

    cards: list[CardOut]
    personalised: bool
    snapshot_age: Seconds = Field(description="seconds")


class InteractionIn(In):
    """One thing a resident did with an item."""

    resident: Id
    item: Id
    kind: InteractionKind
    rec_id: RecIdText | None = None


class SignUpIn(In):
    """Take part in an item."""

    item: Id
    rec_id: RecIdText | None = None


class ReceiptOut(Out, tells=DataCategory.ATTENDANCE):
    """The durable answer to an act."""

    item: str
    kind: InteractionKind
    rec_id: str | None
    at: datetime
    state: str | None = Field(description="confirmed or waitlist, for acts that take a place")
    position: int | None


class CommunitiesQuery(In):
    """Which communities to list."""

    scale: Scale = Scale.NEIGHBOURHOOD
    grid: Id | None = Field(None, description="only those with members in this grid")


class CommunityOut(Out, tells=DataCategory.PUBLIC):
    """One community."""

    id: str
    scale: Scale
    label: list[WordsOut] = Field(description="what tells it apart, the most telling first")
    people: str | None = Field(description="20-50, 50-200 or 200+; null below 20")
    inside: str | None = Field(description="the community of the next scale around it")


class CommunitiesOut(Out, tells=DataCategory.PUBLIC):
    """Communities, the largest first."""

    communities: list[CommunityOut]


class ListQuery(In):
    """Which items to list."""

    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=200)
    grid: Id | None = None
    life_category: Category | None = None
    text: str | None = Field(None, min_length=1, max_length=80)
    closed: bool = Field(False, description="closed and cancelled ones too")


class ListOut(Out, tells=DataCategory.PUBLIC):
    """One page of items."""

    items: list[CardOut]
    next_cursor: str | None


class ItemOut(Out, tells=DataCategory.PUBLIC):
    """One item with all that is public about it."""

    card: CardOut
    interests: list[WordsOut]
    needs: list[WordsOut]
    asks_for: list[WordsOut]
    languages: list[str]
    min_age: int | None
    max_age: int | None


class PlaceIn(In):
    """A venue."""

    name: str = Field(min_length=1, max_length=200)
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)


class ActivityIn(In):
    """An activity as it shall be from now on; ``state: cancelled`` calls it off."""

    title: str = Field(min_length=1, max_length=200)
    title_en: str | None = Field(None, max_length=200)
    summary: str | None = Field(None, max_length=2000)
    summary_en: str | None = Field(None, max_length=2000)
    state: ItemState = ItemState.OPEN
    life_category: Category | None = None
    starts_at: Moment
    ends_at: Moment | None = None
    seats: int | None = Field(None, ge=0, le=100_000)
    min_age: int | None = Field(None, ge=0, le=130)
    max_age: int | None = Field(None, ge=0, le=130)
    languages: list[Code] = Field(default_factory=list, max_length=10)
    cost_fen: int | None = Field(None, ge=0, le=1_000_000_000)
    step_free: bool | None = None
    participatory: bool | None = None
    interests: list[Code] = Field(default_factory=list, max_length=20)
    needs: list[Code] = Field(default_factory=list, max_length=20)
    occupations: list[Code] = Field(default_factory=list, max_length=20)
    group: Id | None = None
    place: PlaceIn | None = None
    organiser: str = Field("", max_length=200)


class PublishedOut(Out, tells=DataCategory.PUBLIC):
    """What became of an item that was published or changed."""

    item: str
    created: bool
    moved_up: int


class GrantIn(In):
    """One authorisation to give."""

    category: DataCategory
    purpose: Purpose
    institution: Id | None = Field(None, description="null = the operator of this home")
    app: Id = "linli"


class GrantOut(Out, tells=DataCategory.IDENTITY):
    """One authorisation."""

    id: str
    institution: str
    app: str
    category: DataCategory
    purpose: Purpose
    not_before: datetime
    expires_at: datetime
    state: GrantState
    channel: str
    notice_hash: str


class GrantsOut(Out, tells=DataCategory.IDENTITY):
    """All authorisations of one resident."""

    grants: list[GrantOut]


class WithdrawQuery(In):
    """What to withdraw; nothing named = everything."""

    institution: Id | None = None
    category: DataCategory | None = None
    purpose: Purpose | None = None


class WithdrawnOut(Out, tells=DataCategory.IDENTITY):
    """How many authorisations were withdrawn."""

    withdrawn: int


class SessionOut(Out, tells=DataCategory.IDENTITY):
    """Who is signed in."""

    resident: str
    csrf: str = Field(description="send it back in X-CSRF-Token with every change")


class SharedIn(In):
    """What two residents share."""

    kind: Literal["shared"]
    a: Id
    b: Id


class IntroducersIn(In):
    """Who could introduce a resident to a group."""

    kind: Literal["introducers"]
    resident: Id
    group: Id


class CircleIn(In):
    """Whom a resident knows, and whom those know."""

    kind: Literal["circle"]
    resident: Id
    depth: int = Field(2, ge=1, le=2)


class RareNeedIn(In):
    """Who lives near and has the same rare need."""

    kind: Literal["rare-need"]
    resident: Id
    need: str = Field("", max_length=80, description="code of one need; empty = all they have")
    within_m: int = Field(500, ge=100, le=2_000, description="metres")
    fewer_than: int = Field(20, ge=2, le=100, description="holders from which it is not rare")


class ExplorationIn(In):
    """One question about the network of people."""

    question: Annotated[
        SharedIn | IntroducersIn | CircleIn | RareNeedIn, Field(discriminator="kind")
    ]


class ThingOut(Out, tells=DataCategory.TIE):
    """Something two residents share."""

    what: str = Field(description="grid, interest, occupation, need, group, acquaintance ...")
    id: str
    zh: str
    en: str


class IntroducerOut(Out, tells=DataCategory.TIE):
    """Somebody who knows the resident and is in the group."""

    resident: str
    strength: float = Field(description="of the tie, 0 to 1")


class AcquaintanceOut(Out, tells=DataCategory.TIE):
    """Somebody in a resident's circle."""

    resident: str
    steps: int
    via: list[str] = Field(description="who knows both, for two steps")


class NeighbourOut(Out, tells=DataCategory.NEED):
    """Somebody near who has the same rare need."""

    resident: str
    need: str
    zh: str
    en: str
    within_m: int = Field(description="metres, rounded up to the next hundred")


class ExplorationOut(Out, tells=DataCategory.TIE):
    """A question and, once it is done, its answer; residents by pseudonym."""

    state: Literal["waiting", "done"]
    id: str | None = Field(description="null = answered at once, nothing is kept")
    entries: list[ThingOut | IntroducerOut | AcquaintanceOut | NeighbourOut]


class JobOut(Out, tells=DataCategory.PUBLIC):
    """One run of a job."""

    id: int
    job: str
    state: str
    done: int
    total: int
    note: str
    started_at: datetime
    finished_at: datetime | None


class JobsOut(Out, tells=DataCategory.PUBLIC):
    """Latest run of each job."""

    runs: list[JobOut]


class HealthOut(Out, tells=DataCategory.PUBLIC):
    """The process answers."""

    status: str


class ReadyOut(Out, tells=DataCategory.PUBLIC):
    """Whether there is something to serve from."""

    status: str
    snapshot: str
    snapshot_age: int = Field(description="seconds")
    model: str
    institution: str


class TermOut(Out, tells=DataCategory.PUBLIC):
    """One word of a governed list."""

    code: str
    label_zh: str
    label_en: str
    life_category: Category | None = None
    parent: str = ""
    synonyms: list[str] = []


class ReleaseOut(Out, tells=DataCategory.PUBLIC):
    """One governed list, without its words."""

    name: str
    version: str
    """Year and month of its last change."""
    entries: int
    digest: str


class VocabulariesOut(Out, tells=DataCategory.PUBLIC):
    """All governed lists."""

    version: str
    vocabularies: list[ReleaseOut]


class VocabularyOut(ReleaseOut, tells=DataCategory.PUBLIC):
    """One governed list in the order of its columns, and the groups above."""

    groups: list[TermOut]
    terms: list[TermOut]


class OutreachQuery(In):
    """Whom to list."""

    grid: Annotated[list[Id], BeforeValidator(_split)] = Field([], description="default: all")
    limit: int = Field(20, ge=1, le=60)
    minutes: int = Field(1_200, ge=0, le=100_000, description="time there is for it")


class PartOut(Out, tells=DataCategory.ISOLATION_SCORE):
    """One thing a score is made of."""

    factor: str
    points: float = Field(description="ten double the odds")
    seen: int
    usual: float | None = Field(description="what is usual here, for ties")
    category: DataCategory


class ExplanationOut(Out, tells=DataCategory.ISOLATION_SCORE):
    """What a score says and why."""

    enough: bool = Field(description="false: not enough data, the numbers say nothing")
    probability: float
    low: float
    high: float
    parts: list[PartOut]


class EntryOut(Out, tells=DataCategory.ISOLATION_SCORE):
    """One resident in a list."""

    place: int
    resident: str
    name: str = Field(
        description="empty where the resident does not authorise it",
        json_schema_extra=of(DataCategory.IDENTITY),
    )
    grid: str = Field(json_schema_extra=of(DataCategory.GRID))
    why: ExplanationOut
    action: str | None = Field(description="null: waits, minutes do not reach")
    item: str
    title: WordsOut | None


class OutreachOut(Out, tells=DataCategory.ISOLATION_SCORE):
    """Whom to look in on first, and what to do."""

    grids: list[str]
    entries: list[EntryOut]
    minutes: int
    planned: int = Field(description="minutes that the actions take")
    waiting: int | None = Field(description="seen lately; null below 20")
    unknown: int | None = Field(description="not enough data; null below 20")
    scored_at: datetime


class OwnIsolationOut(Out, tells=DataCategory.ISOLATION_SCORE):
    """What is computed of the resident who asks."""

    allowed: bool
    why: ExplanationOut | None = Field(description="null where there is none, or not any more")
