"""Questions about the network of people that wait for a job, and what it found; for a day.

What is kept is what was found, not what is told: whoever reads it asks the gate again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection, Row, delete, select, update

from graph.codec import Json
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, parse
from graph.ledger.dialect import insert_missing
from graph.ledger.keys import HOME, Box, KeyRing
from graph.model import Actor, DataCategory, InstitutionId, StaffRole

__all__ = ["Answers", "Asked"]

_answers = tables.answers


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that somebody asked."""

    id: str
    actor: Actor
    question: Mapping[str, Json]
    found: Mapping[str, Json] | None
    """``None`` until the job has run."""
    request: int
    """The request for that job."""


class Answers:
    """Keeps questions and what was found."""

    LASTS = timedelta(hours=24)

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def id_of(self, actor: Actor, key: str) -> str:
        """Id of the question an asker sends under this idempotency key."""
        asker = f"{actor.institution}\0{actor.app}\0{actor.id}"
        return self._keys.pseudonym("exploration", f"{asker}\0{key}")

    def ask(
        self,
        tx: Connection,
        id_: str,
        actor: Actor,
        question: Mapping[str, Json],
        *,
        request: int,
        at: datetime,
    ) -> None:
        """Keep a question that waits; what is too old is forgotten first."""
        self.clean(tx, at)
        said: dict[str, Json] = {
            "question": dict(question),
            "actor": [actor.id, actor.role.value, actor.institution, actor.app],
        }
        values = {
            "id": id_,
            "asked": self._keys.seal(tx, _box(id_, "asked"), canonical(said)),
            "request": request,
            "expires_at": micros(at + self.LASTS),
        }
        insert_missing(tx, _answers, values)

    def get(self, tx: Connection, id_: str, actor: Actor, at: datetime) -> Asked | None:
        """Look up what this actor asked; ``None`` when it is another's, or too old."""
        query = select(_answers).where(_answers.c.id == id_, _answers.c.expires_at > micros(at))
        line = tx.execute(query).first()
        asked = None if line is None else self._asked(tx, line)
        return asked if asked is not None and asked.actor == actor else None

    def waiting(self, tx: Connection, at: datetime) -> list[Asked]:
        """Questions that nothing was found for yet, the oldest first."""
        query = select(_answers).where(
            _answers.c.found.is_(None), _answers.c.expires_at > micros(at)
        )
        lines = tx.execute(query.order_by(_answers.c.expires_at, _answers.c.id)).all()
        return [self._asked(tx, line) for line in lines]

    def fill(self, tx: Connection, id_: str, found: Mapping[str, Json]) -> None:
        """Keep what was found."""
        sealed = self._keys.seal(tx, _box(id_, "found"), canonical(found))
        tx.execute(update(_answers).where(_answers.c.id == id_).values(found=sealed))

    def clean(self, tx: Connection, at: datetime) -> int:
        """Forget what is too old; returns how many."""
        return tx.execute(delete(_answers).where(_answers.c.expires_at <= micros(at))).rowcount

    def _asked(self, tx: Connection, line: Row[tuple[object, ...]]) -> Asked:
        row = line._mapping
        said = self._open(tx, row["id"], "asked", row["asked"])
        found = row["found"]
        id_, role, institution, app = cast("list[str]", said["actor"])
        return Asked(
            id=row["id"],
            actor=Actor(id_, StaffRole(role), InstitutionId(institution), app),
            question=cast("dict[str, Json]", said["question"]),
            found=None if found is None else self._open(tx, row["id"], "found", found),
            request=row["request"],
        )

    def _open(self, tx: Connection, id_: str, column: str, sealed: bytes) -> dict[str, Json]:
        plain = self._keys.open(tx, _box(id_, column), sealed)
        return {} if plain is None else parse(plain)


def _box(id_: str, column: str) -> Box:
    return Box("answers", f"{id_}/{column}", HOME, DataCategory.PUBLIC)
