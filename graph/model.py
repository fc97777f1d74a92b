"""Words of the domain as types: ids, enums and frozen records (standard library only)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

__all__ = [
    "Action",
    "Actor",
    "Basis",
    "Category",
    "Cell",
    "Change",
    "DataCategory",
    "Grant",
    "GrantState",
    "InstitutionId",
    "Interaction",
    "InteractionKind",
    "ItemId",
    "ItemKind",
    "ItemState",
    "Level",
    "NodeChange",
    "Op",
    "Provenance",
    "Purpose",
    "RecId",
    "RelationshipChange",
    "ResidentId",
    "Scalar",
    "Source",
    "SourceClass",
    "SourceId",
    "StaffRole",
]

ResidentId = NewType("ResidentId", str)
"""Pseudonym of a resident in graph, models and API; says nothing about the person."""
ItemId = NewType("ItemId", str)
"""Id of anything that can be suggested: group, activity, service or helper role."""
SourceId = NewType("SourceId", str)
InstitutionId = NewType("InstitutionId", str)
RecId = NewType("RecId", str)
"""Id of one suggestion shown once; it stays with the tap, the sign-up and the tie."""

Scalar = str | int | float | bool | datetime | None
"""Values a graph property may hold; datetimes are aware and in UTC."""


class Level(StrEnum):
    """Sensitivity of a data category; a grant lasts shorter the higher it is."""

    S0 = "S0"
    S1 = "S1"
    S2 = "S2"
    S3 = "S3"


class DataCategory(StrEnum):
    """What a fact is about; a resident authorises each one separately."""

    PUBLIC = "public"
    GRID = "grid"
    INTEREST = "interest"
    OFFER = "offer"
    ATTENDANCE = "attendance"
    HELP = "help"
    IDENTITY = "identity"
    CONTACT = "contact"
    DWELLING = "dwelling"
    OCCUPATION = "occupation"
    NEED = "need"
    TIE = "tie"
    HOUSEHOLD = "household"
    NEED_WORDS = "need_words"
    HEALTH = "health"
    SURVEY = "survey"
    ISOLATION_SCORE = "isolation_score"
    UTILITY_WATER = "utility_water"


Cell = tuple[ResidentId, DataCategory]
"""What one resident's grants decide about as one: all their facts of a category."""


class Purpose(StrEnum):
    """What a datum is used for; a different purpose is a different grant."""

    FEED = "feed"
    GROUP_MATCHING = "group-matching"
    NEEDS_MATCHING = "needs-matching"
    CARE_VISIT = "care-visit"
    ALARM = "alarm"
    STATISTICS = "statistics"
    STATUTORY_DUTY = "statutory-duty"
    EMERGENCY = "emergency"


class Basis(StrEnum):
    """Why a fact may be held at all."""

    CONSENT = "consent"
    STATUTORY = "statutory"
    VITAL_INTEREST = "vital-interest"
    PUBLIC = "public"
    """Published by an organiser about an item, never about a resident."""


class Action(StrEnum):
    """What is done with a datum."""

    VIEW = "view"
    ANSWER = "answer"
    DERIVE = "derive"
    TRAIN = "train"
    CONTACT = "contact"
    EXPORT = "export"
    WRITE = "write"
    OPERATE = "operate"
    """An operator's act on the system itself: a raw query, a sign-in link."""


class StaffRole(StrEnum):
    """Role in access control (roles inside a group are ``MembershipRole``)."""

    ANONYMOUS = "anonymous"
    RESIDENT = "resident"
    PROXY = "proxy"
    GRID_WORKER = "grid-worker"
    SOCIAL_WORKER = "social-worker"
    ANALYST = "analyst"
    INSTITUTION = "institution"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class SourceClass(StrEnum):
    """The four classes of sources the origin paper names."""

    GOVERNMENT = "government"
    INTERNET = "internet"
    ENTERPRISE = "enterprise"
    PERSONAL = "personal"


class ItemKind(StrEnum):
    """What can be suggested. The order is the code used in arrays."""

    GROUP = "group"
    ACTIVITY = "activity"
    SERVICE = "service"
    HELPER_ROLE = "helper_role"


class ItemState(StrEnum):
    """Life of an item; only ``OPEN`` ones are suggested."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Category(StrEnum):
    """The seven categories of daily life, 食住行游购娱健. The order is the code in arrays."""

    EAT = "eat"
    DWELL = "dwell"
    MOVE = "move"
    TOUR = "tour"
    SHOP = "shop"
    FUN = "fun"
    HEALTH = "health"


class InteractionKind(StrEnum):
    """What a resident did with an item."""

    VIEW = "view"
    LIKE = "like"
    DISMISS = "dismiss"
    JOIN = "join"
    LEAVE = "leave"
    SIGN_UP = "sign_up"
    CANCEL = "cancel"
    ATTEND = "attend"
    HELP = "help"
    UNDO = "undo"
    """Takes back the resident's own latest like or dismissal of the same item."""


class GrantState(StrEnum):
    """States of a grant; ``GIVEN`` is the only one that allows, and none leads back."""

    REQUESTED = "requested"
    REFUSED = "refused"
    GIVEN = "given"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts come from: one entry of the source registry."""

    id: SourceId
    source_class: SourceClass
    owner: str
    title: str
    legal_basis: str
    licence: str = ""
    refresh: str = ""
    """How often the owner renews it, in words ("nightly", "once")."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Why a fact is believed; carried by every node and relationship."""

    source: SourceId
    as_of: datetime
    """When the fact was true at its source (aware, UTC)."""
    recorded_at: datetime
    """When Linli took it in (aware, UTC)."""
    confidence: float
    """0 to 1."""
    category: DataCategory
    basis: Basis


class Op(StrEnum):
    """What a change does to the graph. Both are idempotent."""

    PUT = "put"
    """Make it exist with exactly these properties."""
    REMOVE = "remove"
    """Make it not exist; removing a node also removes its relationships."""


@dataclass(frozen=True, slots=True)
class NodeChange:
    """One node, as it shall be from now on."""

    op: Op
    label: str
    id: str
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    provenance: Provenance | None = None
    """Required for ``PUT``."""


@dataclass(frozen=True, slots=True)
class RelationshipChange:
    """One relationship, as it shall be from now on; at most one per (type, start, end)."""

    op: Op
    type: str
    start_label: str
    start: str
    end_label: str
    end: str
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    provenance: Provenance | None = None
    """Required for ``PUT``."""


Change = NodeChange | RelationshipChange


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, in which capacity and for whom they work."""

    id: str
    role: StaffRole
    institution: InstitutionId
    app: str
    resident: ResidentId | None = None
    """The resident this actor is, when the role is ``RESIDENT``."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One resident lets one institution use one category for one purpose until a date."""

    id: str
    resident: ResidentId
    institution: InstitutionId
    app: str
    category: DataCategory
    purpose: Purpose
    actions: frozenset[Action]
    not_before: datetime
    expires_at: datetime
    state: GrantState
    notice_hash: str
    """SHA-256 of the notice text the resident saw."""
    channel: str
    """How it was given: ``app``, ``paper``, ``synthetic``, ``dataset`` ..."""
    basis: Basis = Basis.CONSENT
    uses_left: int | None = None
    proxy_mandate: str | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """Something a resident did with an item, as acknowledged."""

    resident: ResidentId
    item: ItemId
    kind: InteractionKind
    at: datetime
    rec_id: RecId | None = None
