"""Rows for a question, each with the facts about residents that it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from graph.codec import Json
from graph.explore.questions import Question, question_of, question_said
from graph.model import Cell, DataCategory, ResidentId, Scalar

__all__ = ["Finding", "Findings", "What"]


class What(StrEnum):
    """What a row says."""

    GRID = "grid"
    INTEREST = "interest"
    OFFER = "offer"
    OCCUPATION = "occupation"
    NEED = "need"
    GROUP = "group"
    ACTIVITY = "activity"
    ROLE = "role"
    HELPED = "helped"
    ACQUAINTANCE = "acquaintance"
    INTRODUCER = "introducer"
    TIE = "tie"
    SECOND_TIE = "second-tie"
    HOLDER = "holder"
    HOME = "home"
    """Middle of a building somebody lives in."""
    HOME_GRID = "home-grid"
    """Middle of the grid somebody lives in."""
    BLOCK = "block"
    """One resident shall never be matched with another."""
    GONE = "gone"
    """Moved away, or dead."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row."""

    what: What
    row: Mapping[str, Scalar]
    rests_on: frozenset[Cell]

    @property
    def residents(self) -> frozenset[ResidentId]:
        """Everybody it is about."""
        return frozenset(resident for resident, _ in self.rests_on)

    def person(self, column: str) -> ResidentId:
        """Return the resident in a column."""
        return ResidentId(str(self.row[column]))


@dataclass(frozen=True, slots=True)
class Findings:
    """All rows for one question."""

    question: Question
    rows: tuple[Finding, ...]

    @property
    def cells(self) -> frozenset[Cell]:
        """Every fact about a resident that a row rests on."""
        return frozenset(cell for finding in self.rows for cell in finding.rests_on)

    @property
    def residents(self) -> frozenset[ResidentId]:
        """Everybody that a row is about."""
        return frozenset(resident for resident, _ in self.cells)

    def resting_on(self, permitted: frozenset[Cell]) -> Findings:
        """Leave only rows that rest on permitted facts alone."""
        return self.of(f for f in self.rows if f.rests_on <= permitted)

    def without(self, found: Iterable[Finding]) -> Findings:
        """Leave out rows about somebody gone, or about two of whom one blocks the other."""
        found = tuple(found)
        gone = {f.person("a") for f in found if f.what is What.GONE}
        pairs = [{f.person("a"), f.person("b")} for f in found if f.what is What.BLOCK]
        return self.of(
            f
            for f in self.rows
            if not gone & f.residents and not any(pair <= f.residents for pair in pairs)
        )

    def of(self, rows: Iterable[Finding]) -> Findings:
        """Make findings of these rows for the same question."""
        return replace(self, rows=tuple(rows))

    def said(self) -> dict[str, Json]:
        """Say them as JSON; :meth:`heard` reads it back."""
        rows: list[Json] = [
            [f.what.value, dict(cast("Mapping[str, Json]", f.row)), _cells(f)] for f in self.rows
        ]
        return {"question": question_said(self.question), "rows": rows}

    @classmethod
    def heard(cls, said: Mapping[str, Json]) -> Findings:
        """Read what :meth:`said` wrote."""
        rows = cast("list[tuple[str, dict[str, Scalar], list[tuple[str, str]]]]", said["rows"])
        return cls(
            question_of(cast("Mapping[str, Json]", said["question"])),
            tuple(
                Finding(
                    What(what),
                    row,
                    frozenset((ResidentId(r), DataCategory(c)) for r, c in cells),
                )
                for what, row, cells in rows
            ),
        )


def _cells(finding: Finding) -> list[Json]:
    return [[resident, category.value] for resident, category in sorted(finding.rests_on)]
