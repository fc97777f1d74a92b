"""The closed list of questions, as values that can be kept and sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import ClassVar, cast

from graph.codec import Json
from graph.errors import DataError
from graph.model import DataCategory, ItemId, Purpose, ResidentId

__all__ = [
    "Circle",
    "Introducers",
    "Question",
    "QuestionKind",
    "RareNeed",
    "Shared",
    "question_of",
    "question_said",
]


class QuestionKind(StrEnum):
    """What is asked."""

    SHARED = "shared"
    INTRODUCERS = "introducers"
    CIRCLE = "circle"
    RARE_NEED = "rare-need"


@dataclass(frozen=True, slots=True)
class Shared:
    """What two residents share: interests, work, groups and so on; never the household."""

    kind: ClassVar = QuestionKind.SHARED
    purpose: ClassVar = Purpose.GROUP_MATCHING
    categories: ClassVar = frozenset(
        {
            DataCategory.GRID,
            DataCategory.INTEREST,
            DataCategory.OFFER,
            DataCategory.ATTENDANCE,
            DataCategory.HELP,
            DataCategory.OCCUPATION,
            DataCategory.NEED,
            DataCategory.TIE,
        }
    )

    a: ResidentId
    b: ResidentId

    def __post_init__(self) -> None:
        if self.a == self.b:
            raise DataError("name two different residents")

    @property
    def named(self) -> tuple[ResidentId, ...]:
        """Residents the question names."""
        return (self.a, self.b)


@dataclass(frozen=True, slots=True)
class Introducers:
    """Who knows a resident and is in a group, and so could introduce them."""

    kind: ClassVar = QuestionKind.INTRODUCERS
    purpose: ClassVar = Purpose.GROUP_MATCHING
    categories: ClassVar = frozenset({DataCategory.TIE, DataCategory.ATTENDANCE})

    resident: ResidentId
    group: ItemId

    @property
    def named(self) -> tuple[ResidentId, ...]:
        """Residents the question names."""
        return (self.resident,)


@dataclass(frozen=True, slots=True)
class Circle:
    """Whom a resident knows, and (depth 2) whom those know."""

    kind: ClassVar = QuestionKind.CIRCLE
    purpose: ClassVar = Purpose.GROUP_MATCHING
    categories: ClassVar = frozenset({DataCategory.TIE})

    resident: ResidentId
    depth: int = 2

    def __post_init__(self) -> None:
        if self.depth not in {1, 2}:
            raise DataError(f"depth {self.depth}: a circle reaches to depth 1 or 2")

    @property
    def named(self) -> tuple[ResidentId, ...]:
        """Residents the question names."""
        return (self.resident,)


@dataclass(frozen=True, slots=True)
class RareNeed:
    """Who lives near a resident and has the same need, where few in the city have it."""

    kind: ClassVar = QuestionKind.RARE_NEED
    purpose: ClassVar = Purpose.NEEDS_MATCHING
    categories: ClassVar = frozenset({DataCategory.NEED, DataCategory.DWELLING, DataCategory.GRID})

    resident: ResidentId
    need: str = ""
    """Code of one need; empty for all that the resident has."""
    within_m: int = 500
    """Metres."""
    fewer_than: int = 20
    """Holders from which a need is no longer rare, the resident counted with them."""

    def __post_init__(self) -> None:
        if not 100 <= self.within_m <= 2_000:
            raise DataError(f"{self.within_m} m: ask within 100 to 2,000 metres")
        if not 2 <= self.fewer_than <= 100:
            raise DataError(f"fewer than {self.fewer_than}: name 2 to 100 holders")

    @property
    def named(self) -> tuple[ResidentId, ...]:
        """Residents the question names."""
        return (self.resident,)


Question = Shared | Introducers | Circle | RareNeed

_KINDS: Mapping[str, type[Question]] = {
    each.kind.value: each for each in (Shared, Introducers, Circle, RareNeed)
}


def question_said(question: Question) -> dict[str, Json]:
    """Say a question as JSON; :func:`question_of` reads it back."""
    return {"kind": question.kind.value, **asdict(question)}


def question_of(said: Mapping[str, Json]) -> Question:
    """Read a question.

    Raises
    ------
    DataError
        There is no such question, or it asks for too much.
    """
    fields = {name: value for name, value in said.items() if name != "kind"}
    kind = _KINDS.get(str(said.get("kind")))
    if kind is None:
        raise DataError(f"no question {said.get('kind')!r}; there are {', '.join(_KINDS)}")
    try:
        return kind(**cast("dict[str, str]", fields))  # type: ignore[arg-type]
    except TypeError as error:
        raise DataError(f"question {kind.kind}: {error}") from error
