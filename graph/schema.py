"""The one table of what may be stored: labels, relationships, categories, purposes, levels.

Validation, both stores' DDL, API schemas and docs are made from this module, so a rule stands
here once. Neo4j Community has only uniqueness constraints: every other rule is checked by
:func:`validate` before a change reaches the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from graph.errors import SchemaViolation
from graph.model import (
    Basis,
    Category,
    Change,
    DataCategory,
    InteractionKind,
    ItemKind,
    ItemState,
    Level,
    NodeChange,
    Op,
    Purpose,
    Scalar,
    SourceClass,
)

__all__ = [
    "CATEGORY_LEVEL",
    "ID_LIMIT",
    "INTERACTION_CONFIDENCE",
    "ITEM_LABELS",
    "LABELS",
    "LEVEL_MAX_GRANT",
    "PROVENANCE",
    "PURPOSE_CATEGORIES",
    "RELATIONSHIPS",
    "SCHEMA_VERSION",
    "STATUTORY_CATEGORIES",
    "Label",
    "Property",
    "PropertyType",
    "Relationship",
    "interaction_category",
    "validate",
]

SCHEMA_VERSION = 2

ID_LIMIT = 1000
"""Characters of a node's id at most: Neo4j's index takes no more than about 8,000 bytes."""


class PropertyType(StrEnum):
    """Types both engines share."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a node or relationship."""

    name: str
    type: PropertyType
    required: bool = False
    unit: str = ""
    values: tuple[str, ...] = ()
    """The only values allowed; empty = any."""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A kind of node. Every node has a unique text ``id`` besides these properties."""

    name: str
    category: DataCategory
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True)
class Relationship:
    """A kind of relationship, and between which labels it may stand."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    category: DataCategory
    properties: tuple[Property, ...] = ()


_T, _I, _F, _B, _D = (
    PropertyType.TEXT,
    PropertyType.INT,
    PropertyType.FLOAT,
    PropertyType.BOOL,
    PropertyType.TIME,
)

PROVENANCE: tuple[Property, ...] = (
    Property("source", _T, required=True),
    Property("as_of", _D, required=True),
    Property("recorded_at", _D, required=True),
    Property("confidence", _F, required=True, low=0.0, high=1.0),
    Property("category", _T, required=True, values=tuple(DataCategory)),
    Property("basis", _T, required=True, values=tuple(Basis)),
)
"""Properties that every node and relationship carries besides its own."""

_LAT = Property("lat", _F, unit="degrees WGS-84", low=-90, high=90)
_LON = Property("lon", _F, unit="degrees WGS-84", low=-180, high=180)
_WORDS = (Property("label_zh", _T, required=True), Property("label_en", _T, required=True))
_REC = Property("rec_id", _T)
_AT = Property("at", _D, required=True)

_ITEM = (
    Property("title", _T, required=True),
    Property("title_en", _T),
    Property("summary", _T),
    Property("summary_en", _T),
    Property("state", _T, required=True, values=tuple(ItemState)),
    Property("life_category", _T, values=tuple(Category)),
    Property("seats", _I, unit="people", low=0),
    Property("min_age", _I, unit="years", low=0, high=130),
    Property("max_age", _I, unit="years", low=0, high=130),
    Property("languages", _T, unit="comma-separated BCP 47 tags"),
    Property("cost_fen", _I, unit="0.01 CNY", low=0),
    Property("step_free", _B),
    Property("participatory", _B),
    Property("opened_at", _D),
)

PUBLIC = DataCategory.PUBLIC

HSDS_STATUS = ("active", "inactive", "defunct", "temporarily closed")
"""Status of a service as the Human Services Data Specification words it."""

LABELS: dict[str, Label] = {
    label.name: label
    for label in (
        Label(
            "Source",
            PUBLIC,
            (
                Property("source_class", _T, required=True, values=tuple(SourceClass)),
                Property("owner", _T, required=True),
                Property("title", _T, required=True),
                Property("legal_basis", _T, required=True),
                Property("licence", _T),
                Property("refresh", _T),
            ),
        ),
        Label(
            "Resident",
            DataCategory.IDENTITY,
            (
                Property("birth_year", _I, unit="year", low=1890, high=2100),
                Property("languages", _T, unit="comma-separated BCP 47 tags"),
                Property("walk_limit", _I, unit="metres", low=0),
                Property("status", _T, values=("active", "moved", "deceased")),
                Property("population", _T, values=("resident", "floating")),
                Property("registered_here", _B),
            ),
        ),
        Label("Household", DataCategory.HOUSEHOLD),
        Label(
            "Building",
            PUBLIC,
            (
                Property("name", _T),
                Property("estate", _T),
                _LAT,
                _LON,
                Property("floors", _I, low=0),
                Property("units", _I, low=0),
                Property("lift", _B),
            ),
        ),
        Label(
            "Dwelling",
            PUBLIC,
            (Property("unit", _T), Property("floor", _I), Property("room", _T)),
        ),
        Label(
            "Grid",
            PUBLIC,
            (
                Property("name", _T, required=True),
                _LAT,
                _LON,
                Property("kind", _T, values=("base", "dedicated")),
                Property("households", _I, low=0),
                Property("people", _I, unit="people", low=0),
            ),
        ),
        Label("ResidentialArea", PUBLIC, (Property("name", _T, required=True),)),
        Label("Street", PUBLIC, (Property("name", _T, required=True),)),
        Label("Occupation", PUBLIC, (*_WORDS, Property("parent", _T))),
        Label(
            "Interest",
            PUBLIC,
            (*_WORDS, Property("life_category", _T, values=tuple(Category))),
        ),
        Label("Need", PUBLIC, (*_WORDS, Property("life_category", _T, values=tuple(Category)))),
        Label("Offer", PUBLIC, (*_WORDS, Property("life_category", _T, values=tuple(Category)))),
        Label(
            "Venue",
            PUBLIC,
            (Property("name", _T, required=True), _LAT, _LON, Property("step_free", _B)),
        ),
        Label("Organisation", PUBLIC, (Property("name", _T, required=True),)),
        Label("Group", PUBLIC, _ITEM),
        Label("Activity", PUBLIC, (*_ITEM, Property("starts_at", _D), Property("ends_at", _D))),
        Label(
            "Service",
            PUBLIC,
            (
                *_ITEM,
                Property("contact_hours", _T),
                Property("schedule", _T, unit="MO,TU 08:30-11:30; ..."),
                Property("status", _T, values=HSDS_STATUS),
                Property("eligibility", _T),
                Property("required_documents", _T),
                Property("phone", _T),
            ),
        ),
        Label("HelperRole", PUBLIC, (*_ITEM, Property("hours_per_week", _F, low=0, high=168))),
    )
}

ITEM_LABELS: dict[ItemKind, str] = {
    ItemKind.GROUP: "Group",
    ItemKind.ACTIVITY: "Activity",
    ItemKind.SERVICE: "Service",
    ItemKind.HELPER_ROLE: "HelperRole",
}
_ITEMS = tuple(ITEM_LABELS.values())


def _from_resident(*labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(("Resident", label) for label in labels)


def _from_items(label: str) -> tuple[tuple[str, str], ...]:
    return tuple((item, label) for item in _ITEMS)


RELATIONSHIPS: dict[str, Relationship] = {
    kind.name: kind
    for kind in (
        Relationship("IN_GRID", _from_resident("Grid"), DataCategory.GRID),
        Relationship(
            "LIVES_IN",
            _from_resident("Building"),
            DataCategory.DWELLING,
            (Property("unit", _I, low=0), Property("floor", _I)),
        ),
        Relationship(
            "MEMBER_OF_HOUSEHOLD",
            _from_resident("Household"),
            DataCategory.HOUSEHOLD,
            (
                Property("relation", _T),
                Property(
                    "living",
                    _T,
                    values=("alone", "spouse", "family", "shared", "institution", "unknown"),
                ),
            ),
        ),
        Relationship("WORKS_AS", _from_resident("Occupation"), DataCategory.OCCUPATION),
        Relationship(
            "INTERESTED_IN",
            _from_resident("Interest"),
            DataCategory.INTEREST,
            (
                Property("weight", _F, required=True, low=0, high=1),
                Property("origin", _T, required=True, values=("declared", "inferred")),
            ),
        ),
        Relationship(
            "NEEDS",
            _from_resident("Need"),
            DataCategory.NEED,
            (Property("urgency", _I, low=0, high=3), Property("until", _D)),
        ),
        Relationship(
            "CAN_OFFER",
            _from_resident("Offer"),
            DataCategory.OFFER,
            (Property("hours_per_week", _F, low=0, high=168),),
        ),
        Relationship(
            "KNOWS",
            _from_resident("Resident"),
            DataCategory.TIE,
            (
                Property("strength", _F, required=True, low=0, high=1),
                Property("kind", _T, values=("kin", "friend", "neighbour", "colleague")),
            ),
        ),
        Relationship(
            "JOINED",
            _from_resident("Group", "HelperRole", "Service"),
            DataCategory.ATTENDANCE,
            (_AT, Property("role", _T, values=("founder", "host", "member", "greeter")), _REC),
        ),
        Relationship(
            "SIGNED_UP",
            _from_resident("Activity"),
            DataCategory.ATTENDANCE,
            (_AT, Property("state", _T, values=("confirmed", "waitlist")), _REC),
        ),
        Relationship("ATTENDED", _from_resident("Activity"), DataCategory.ATTENDANCE, (_AT, _REC)),
        Relationship(
            "HELPED",
            _from_resident("HelperRole", "Resident"),
            DataCategory.HELP,
            (_AT, Property("hours", _F, low=0), _REC),
        ),
        Relationship("LIKED", _from_resident(*_ITEMS), DataCategory.INTEREST, (_AT, _REC)),
        Relationship("DISMISSED", _from_resident(*_ITEMS), DataCategory.INTEREST, (_AT, _REC)),
        Relationship("VIEWED", _from_resident(*_ITEMS), DataCategory.INTEREST, (_AT, _REC)),
        Relationship("BLOCKS", _from_resident("Group", "Resident"), DataCategory.TIE, (_AT,)),
        Relationship("BUILT_IN", (("Building", "Grid"), ("Venue", "Grid")), PUBLIC),
        Relationship("IN_BUILDING", (("Dwelling", "Building"),), PUBLIC),
        Relationship(
            "PART_OF", (("Grid", "ResidentialArea"), ("ResidentialArea", "Street")), PUBLIC
        ),
        Relationship("HELD_AT", _from_items("Venue"), PUBLIC),
        Relationship("ABOUT", _from_items("Interest"), PUBLIC),
        Relationship("ANSWERS_NEED", _from_items("Need"), PUBLIC),
        Relationship("WELCOMES", _from_items("Occupation"), PUBLIC),
        Relationship("ASKS_FOR", (("HelperRole", "Offer"),), PUBLIC),
        Relationship("ORGANISED_BY", (("Activity", "Group"),), PUBLIC),
        Relationship("PROVIDED_BY", _from_items("Organisation"), PUBLIC),
        Relationship("SERVES", (("Service", "Grid"), ("Service", "ResidentialArea")), PUBLIC),
    )
}

CATEGORY_LEVEL: dict[DataCategory, Level] = {
    DataCategory.PUBLIC: Level.S0,
    DataCategory.GRID: Level.S1,
    DataCategory.INTEREST: Level.S1,
    DataCategory.OFFER: Level.S1,
    DataCategory.ATTENDANCE: Level.S1,
    DataCategory.HELP: Level.S1,
    DataCategory.IDENTITY: Level.S2,
    DataCategory.CONTACT: Level.S2,
    DataCategory.DWELLING: Level.S2,
    DataCategory.OCCUPATION: Level.S2,
    DataCategory.NEED: Level.S2,
    DataCategory.TIE: Level.S2,
    DataCategory.HOUSEHOLD: Level.S3,
    DataCategory.NEED_WORDS: Level.S3,
    DataCategory.HEALTH: Level.S3,
    DataCategory.SURVEY: Level.S3,
    DataCategory.ISOLATION_SCORE: Level.S3,
    DataCategory.UTILITY_WATER: Level.S3,
}
"""Sensitivity of each category. The order of the keys is the column order in arrays."""

LEVEL_MAX_GRANT: dict[Level, timedelta] = {
    Level.S1: timedelta(days=365),
    Level.S2: timedelta(days=180),
    Level.S3: timedelta(days=90),
}
"""The longest a grant may last, by level."""

STATUTORY_CATEGORIES = frozenset(
    {DataCategory.IDENTITY, DataCategory.HOUSEHOLD, DataCategory.CONTACT}
)
"""What a register import may hold without consent; it serves statutory duty only."""

_S1 = frozenset(c for c, level in CATEGORY_LEVEL.items() if level is Level.S1)
_S2 = frozenset(c for c, level in CATEGORY_LEVEL.items() if level is Level.S2)
_S3 = frozenset(c for c, level in CATEGORY_LEVEL.items() if level is Level.S3)

PURPOSE_CATEGORIES: dict[Purpose, frozenset[DataCategory]] = {
    Purpose.FEED: _S1 | _S2 - {DataCategory.CONTACT},
    Purpose.GROUP_MATCHING: _S1 | _S2 - {DataCategory.CONTACT},
    Purpose.NEEDS_MATCHING: _S1 | _S2 | {DataCategory.NEED_WORDS},
    Purpose.CARE_VISIT: _S1 | _S2 | _S3,
    Purpose.ALARM: frozenset(
        {
            DataCategory.IDENTITY,
            DataCategory.CONTACT,
            DataCategory.DWELLING,
            DataCategory.HOUSEHOLD,
            DataCategory.UTILITY_WATER,
        }
    ),
    Purpose.STATISTICS: _S1 | _S2 | {DataCategory.HOUSEHOLD, DataCategory.SURVEY},
    Purpose.STATUTORY_DUTY: STATUTORY_CATEGORIES,
    Purpose.EMERGENCY: frozenset(
        {
            DataCategory.IDENTITY,
            DataCategory.CONTACT,
            DataCategory.DWELLING,
            DataCategory.HOUSEHOLD,
            DataCategory.HEALTH,
        }
    ),
}
"""Which categories may be asked for, for which purpose. The order of the keys is the bit order."""

INTERACTION_CONFIDENCE: dict[InteractionKind, float] = {
    InteractionKind.VIEW: 0.2,
    InteractionKind.LIKE: 1.0,
    InteractionKind.JOIN: 2.0,
    InteractionKind.SIGN_UP: 2.0,
    InteractionKind.ATTEND: 3.0,
    InteractionKind.HELP: 3.0,
}
"""How much each kind says that a resident wants such items: going there says the most."""


def interaction_category(kind: InteractionKind) -> DataCategory:
    """Category that an interaction of this kind belongs to."""
    if kind is InteractionKind.HELP:
        return DataCategory.HELP
    if kind in {
        InteractionKind.VIEW,
        InteractionKind.LIKE,
        InteractionKind.DISMISS,
        InteractionKind.UNDO,
    }:
        return DataCategory.INTEREST
    return DataCategory.ATTENDANCE


_PYTHON_TYPES: dict[PropertyType, tuple[type, ...]] = {
    PropertyType.TEXT: (str,),
    PropertyType.INT: (int,),
    PropertyType.FLOAT: (float, int),
    PropertyType.BOOL: (bool,),
    PropertyType.TIME: (datetime,),
}


@dataclass(frozen=True, slots=True)
class _Rules:
    """What :func:`validate` asks of one kind, laid out once: it is asked for every change."""

    category: DataCategory
    properties: Mapping[str, Property]
    required: tuple[str, ...]
    plain: Mapping[str, type]
    """Properties that take any value of exactly this type."""
    pairs: frozenset[tuple[str, str]] = frozenset()


def _rules(kind: Label | Relationship) -> _Rules:
    return _Rules(
        category=kind.category,
        properties={p.name: p for p in kind.properties},
        required=tuple(p.name for p in kind.properties if p.required),
        plain={
            p.name: _PYTHON_TYPES[p.type][0]
            for p in kind.properties
            if not p.values and p.low is None and p.high is None and p.type is not PropertyType.TIME
        },
        pairs=frozenset(kind.pairs if isinstance(kind, Relationship) else ()),
    )


_LABEL_RULES = {name: _rules(label) for name, label in LABELS.items()}
_RELATIONSHIP_RULES = {name: _rules(kind) for name, kind in RELATIONSHIPS.items()}


def validate(change: Change) -> None:
    """Check one change against the table.

    Parameters
    ----------
    change : NodeChange or RelationshipChange

    Raises
    ------
    SchemaViolation
        Names the label or type, the id, the property and what is allowed.
    """
    rules = _rules_of(change)
    if change.op is Op.REMOVE:
        return
    given, plain = change.properties, rules.plain
    for name, value in given.items():
        if plain.get(name) is not type(value):
            _validate_property(change, rules, name, value)
    for name in rules.required:
        if given.get(name) is None:
            raise SchemaViolation(f"{_where(change)}: property {name!r} is missing")
    said = change.provenance
    if said is None:
        raise SchemaViolation(f"{_where(change)}: has no provenance")
    if said.category is not rules.category:
        raise SchemaViolation(
            f"{_where(change)}: is {rules.category} data, but its provenance says {said.category}"
        )
    if not 0 <= said.confidence <= 1:
        raise SchemaViolation(f"{_where(change)}: confidence must lie between 0 and 1")


def _where(change: Change) -> str:
    if isinstance(change, NodeChange):
        return f"{change.label} {change.id!r}"
    return f"{change.type} {change.start!r} -> {change.end!r}"


def _rules_of(change: Change) -> _Rules:
    if isinstance(change, NodeChange):
        rules = _LABEL_RULES.get(change.label)
        if rules is None:
            raise SchemaViolation(f"{_where(change)}: unknown label; known are {', '.join(LABELS)}")
        if not 0 < len(change.id) <= ID_LIMIT:
            raise SchemaViolation(f"{change.label}: empty id, or one of over {ID_LIMIT} characters")
        return rules
    rules = _RELATIONSHIP_RULES.get(change.type)
    if rules is None:
        raise SchemaViolation(f"{_where(change)}: unknown relationship type")
    if (change.start_label, change.end_label) not in rules.pairs:
        raise SchemaViolation(
            f"{_where(change)}: may not stand between {change.start_label} and {change.end_label}"
        )
    return rules


def _validate_property(change: Change, rules: _Rules, name: str, value: Scalar) -> None:
    prop = rules.properties.get(name)
    if prop is None:
        raise SchemaViolation(f"{_where(change)}: unknown property {name!r}")
    if value is None:
        return
    wrong_bool = isinstance(value, bool) and prop.type is not PropertyType.BOOL
    if wrong_bool or not isinstance(value, _PYTHON_TYPES[prop.type]):
        raise SchemaViolation(f"{_where(change)}: {name!r} must be {prop.type}, not {value!r}")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise SchemaViolation(f"{_where(change)}: {name!r} must carry a time zone")
    if prop.values and value not in prop.values:
        raise SchemaViolation(
            f"{_where(change)}: {name!r} is {value!r}, allowed are {', '.join(prop.values)}"
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        if prop.low is not None and value < prop.low:
            raise SchemaViolation(f"{_where(change)}: {name!r} is {value}, below {prop.low:g}")
        if prop.high is not None and value > prop.high:
            raise SchemaViolation(f"{_where(change)}: {name!r} is {value}, above {prop.high:g}")
