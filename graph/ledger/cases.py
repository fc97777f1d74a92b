"""Who of the staff looks after which grids, and what came of their visits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.dialect import insert_missing
from graph.ledger.keys import Box, KeyRing
from graph.model import DataCategory, ResidentId

__all__ = ["Case", "Cases", "Outcome"]

_cases, _postings = tables.cases, tables.postings
_CHUNK = 10_000


class Outcome(StrEnum):
    """What came of going there, as imported lists of visits have it."""

    MET = "met"
    NOT_HOME = "not home"
    REFUSED = "refused"
    MOVED = "moved"
    DEAD = "dead"
    HOSPITAL = "hospital"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was done for a resident, and when to come back."""

    resident: ResidentId
    staff: str
    at: datetime
    action: str
    """What was done: one of :class:`recommender.outreach.Action`."""
    outcome: Outcome
    again: date | None = None
    """Until this day the resident is on no list; ``None`` for not at all."""


class Cases:
    """Keeps postings and cases."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def post(self, tx: Connection, staff: str, grids: Iterable[str]) -> None:
        """Let a member of staff look after these grids and no others."""
        tx.execute(delete(_postings).where(_postings.c.staff == staff))
        lines = [{"staff": staff, "grid": grid} for grid in sorted(set(grids))]
        if lines:
            tx.execute(insert(_postings), lines)

    def grids_of(self, tx: Connection, staff: str) -> list[str]:
        """Grids a member of staff looks after, by name."""
        query = select(_postings.c.grid).where(_postings.c.staff == staff)
        return list(tx.execute(query.order_by(_postings.c.grid)).scalars())

    def note(self, tx: Connection, case: Case, *, key: str) -> None:
        """Keep what came of a visit, once per key."""
        id_ = self._keys.pseudonym("case", f"{case.staff}\0{case.resident}\0{key}")
        said = {
            "action": case.action,
            "outcome": case.outcome.value,
            "again": None if case.again is None else case.again.isoformat(),
        }
        line = {
            "id": id_,
            "resident": case.resident,
            "staff": case.staff,
            "at": micros(case.at),
            "sealed": self._keys.seal(tx, _box(id_, case.resident), canonical(said)),
        }
        insert_missing(tx, _cases, line)

    def of(self, tx: Connection, residents: Sequence[ResidentId]) -> dict[ResidentId, list[Case]]:
        """Cases of residents, the latest first; those whose key was destroyed are left out."""
        found: dict[ResidentId, list[Case]] = {}
        for start in range(0, len(residents), _CHUNK):
            some = _cases.c.resident.in_(residents[start : start + _CHUNK])
            query = select(_cases).where(some).order_by(_cases.c.at.desc(), _cases.c.id)
            lines = tx.execute(query).all()
            boxes = [(_box(line.id, line.resident), line.sealed) for line in lines]
            for line, body in zip(lines, self._keys.open_many(tx, boxes), strict=True):
                if body is None:
                    continue
                said = parse(body)
                again = said["again"]
                case = Case(
                    resident=ResidentId(line.resident),
                    staff=line.staff,
                    at=moment(line.at),
                    action=str(said["action"]),
                    outcome=Outcome(str(said["outcome"])),
                    again=None if again is None else date.fromisoformat(str(again)),
                )
                found.setdefault(case.resident, []).append(case)
        return found


def _box(id_: str, resident: str) -> Box:
    return Box("cases", id_, resident, DataCategory.ISOLATION_SCORE.value)
