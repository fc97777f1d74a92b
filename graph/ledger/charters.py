"""Charters: groups that could be founded, and the people asked to found them.

``proposed > inviting > forming > active > dormant > closed``. A worker approves, edits or rejects
what is proposed; then everybody in it is asked, and at a moment fixed beforehand the group forms
of those who said yes. Until then nothing that can be seen changes with any answer, and afterwards
a no, a later and silence are one: nobody's hold ends earlier for having said no.

Each resident is in one charter at a time: a conditional update of their hold decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Row, Select, delete, or_, select, update

from graph.codec import Json
from graph.errors import Conflict, NotFound
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.dialect import insert_missing
from graph.ledger.keys import HOME, Box, KeyRing
from graph.model import DataCategory, ResidentId

__all__ = ["Answer", "Charter", "CharterState", "Charters", "Invited", "NewCharter"]

_charters, _places, _holds = tables.charters, tables.charter_places, tables.charter_holds

FACTS, ANSWERS = DataCategory.INTEREST, DataCategory.ATTENDANCE
"""Whose keys seal why somebody is in a charter, and what they answered."""
_OPEN_END = timedelta(days=36_500)
"""How long a hold lasts whose end is not known yet."""


class CharterState(StrEnum):
    """Life of a charter."""

    PROPOSED = "proposed"
    INVITING = "inviting"
    FORMING = "forming"
    ACTIVE = "active"
    DORMANT = "dormant"
    CLOSED = "closed"


_NEXT: dict[CharterState, frozenset[CharterState]] = {
    CharterState.PROPOSED: frozenset({CharterState.INVITING, CharterState.CLOSED}),
    CharterState.INVITING: frozenset({CharterState.FORMING, CharterState.CLOSED}),
    CharterState.FORMING: frozenset(
        {CharterState.ACTIVE, CharterState.DORMANT, CharterState.CLOSED}
    ),
    CharterState.ACTIVE: frozenset({CharterState.DORMANT, CharterState.CLOSED}),
    CharterState.DORMANT: frozenset({CharterState.ACTIVE, CharterState.CLOSED}),
    CharterState.CLOSED: frozenset(),
}


_UNTOUCHED = select(_charters.c.id).where(
    _charters.c.state == CharterState.PROPOSED.value, _charters.c.version == 0
)


class Answer(StrEnum):
    """What somebody who was asked said; one letter each, so that all are sealed equally long."""

    NONE = "-"
    YES = "y"
    NO = "n"
    LATER = "l"


@dataclass(frozen=True, slots=True)
class Charter:
    """One charter, without its people."""

    id: str
    grid: str
    state: CharterState
    version: int
    """Counts edits; 0 as it was proposed."""
    body: Mapping[str, Json]
    """Theme, place, dates and what else is to be told; nothing about people."""
    made_at: datetime
    changed_at: datetime
    answer_by: datetime | None
    """When the group forms of those who said yes; set with the invitation."""


@dataclass(frozen=True, slots=True)
class NewCharter:
    """A charter to propose."""

    id: str
    grid: str
    body: Mapping[str, Json]
    people: Mapping[ResidentId, Mapping[str, Json]]
    """Who would found it, and why each of them."""


@dataclass(frozen=True, slots=True)
class Invited:
    """What one resident is asked."""

    charter: Charter
    why: Mapping[str, Json]
    """Why this resident."""
    said: Answer


class Charters:
    """Keeps charters."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def propose(self, tx: Connection, new: NewCharter, *, at: datetime) -> bool:
        """Keep a proposal and hold its people.

        Returns
        -------
        bool
            False, with nothing kept, when one of them is in another charter.
        """
        held = [who for who in sorted(new.people) if self._hold(tx, new.id, who, at)]
        if len(held) < len(new.people):
            self._release(tx, new.id, held)
            return False
        insert_missing(
            tx,
            _charters,
            {
                "id": new.id,
                "grid": new.grid,
                "state": CharterState.PROPOSED.value,
                "version": 0,
                "body": self._keys.seal(tx, _body_box(new.id), canonical(new.body)),
                "made_at": micros(at),
                "changed_at": micros(at),
                "answer_by": None,
            },
        )
        self._seat(tx, new.id, new.people)
        return True

    def drop_untouched(self, tx: Connection) -> int:
        """Forget proposals that no worker edited, with their holds; returns how many.

        Newer ones take their place.
        """
        ids = tx.execute(_UNTOUCHED).scalars().all()
        for table, column in (
            (_holds, _holds.c.charter),
            (_places, _places.c.charter),
            (_charters, _charters.c.id),
        ):
            tx.execute(delete(table).where(column.in_(ids)))
        return len(ids)

    def get(self, tx: Connection, id_: str) -> Charter:
        """Look up one charter.

        Raises
        ------
        NotFound
            There is none with this id.
        """
        found = self._read(tx, select(_charters).where(_charters.c.id == id_))
        if not found:
            raise NotFound(f"no charter {id_!r}; ids are shown by `linli charters`")
        return found[0]

    def all(self, tx: Connection, states: Iterable[CharterState] | None = None) -> list[Charter]:
        """List charters, those of a grid together, the oldest first."""
        query = select(_charters).order_by(_charters.c.grid, _charters.c.made_at, _charters.c.id)
        if states is not None:
            query = query.where(_charters.c.state.in_([state.value for state in states]))
        return self._read(tx, query)

    def people(self, tx: Connection, id_: str) -> dict[ResidentId, Mapping[str, Json]]:
        """Who would found a group, and why each; whoever's key was destroyed is left out."""
        query = select(_places.c.resident, _places.c.facts).where(_places.c.charter == id_)
        lines = tx.execute(query.order_by(_places.c.resident)).all()
        boxes = [(_box(id_, who, FACTS), facts) for who, facts in lines]
        opened = self._keys.open_many(tx, boxes)
        pairs = zip(lines, opened, strict=True)
        return {ResidentId(who): parse(facts) for (who, _), facts in pairs if facts is not None}

    def invitation(self, tx: Connection, resident: ResidentId) -> Invited | None:
        """Return what a resident is asked now; ``None`` when nothing is."""
        query = (
            select(_charters, _places.c.facts, _places.c.answer)
            .join(_places, _places.c.charter == _charters.c.id)
            .where(_places.c.resident == resident)
            .where(_charters.c.state == CharterState.INVITING.value)
        )
        line = tx.execute(query).first()
        if line is None:
            return None
        charter = self._charter(tx, line)
        facts = self._keys.open(tx, _box(charter.id, resident, FACTS), line.facts)
        answer = self._keys.open(tx, _box(charter.id, resident, ANSWERS), line.answer)
        if facts is None or answer is None:
            return None
        return Invited(charter, parse(facts), Answer(answer.decode()))

    def taken(self, tx: Connection, *, at: datetime) -> frozenset[ResidentId]:
        """Residents who are in a charter that newer proposals do not replace."""
        query = (
            select(_holds.c.resident)
            .where(_holds.c.until > micros(at))
            .where(_holds.c.charter.not_in(_UNTOUCHED))
        )
        return frozenset(ResidentId(who) for who in tx.execute(query).scalars())

    def edit(
        self,
        tx: Connection,
        id_: str,
        version: int,
        *,
        body: Mapping[str, Json],
        people: Mapping[ResidentId, Mapping[str, Json]],
        at: datetime,
    ) -> None:
        """Change what is proposed, and whom it would bring together.

        Raises
        ------
        Conflict
            It is no proposal any more, somebody else edited it, or one of the people is in
            another charter.
        """
        won = tx.execute(
            update(_charters)
            .where(_charters.c.id == id_, _charters.c.version == version)
            .where(_charters.c.state == CharterState.PROPOSED.value)
            .values(
                version=version + 1,
                body=self._keys.seal(tx, _body_box(id_), canonical(body)),
                changed_at=micros(at),
            )
        ).rowcount
        if not won:
            raise Conflict(f"charter {id_} was changed meanwhile; look at it again")
        before = set(self._seated(tx, id_))
        for who in sorted(people.keys() - before):
            if not self._hold(tx, id_, who, at):
                raise Conflict(f"resident {who} is in another charter; choose somebody else")
        gone = sorted(before - people.keys())
        self._release(tx, id_, gone)
        tx.execute(delete(_places).where(_places.c.charter == id_))
        self._seat(tx, id_, people)

    def move(
        self,
        tx: Connection,
        id_: str,
        to: CharterState,
        *,
        at: datetime,
        answer_by: datetime | None = None,
    ) -> None:
        """Let a charter enter another state.

        Raises
        ------
        Conflict
            It is in no state that leads there, for instance because somebody was faster.
        """
        before = [state.value for state, after in _NEXT.items() if to in after]
        values: dict[str, object] = {"state": to.value, "changed_at": micros(at)}
        if answer_by is not None:
            values["answer_by"] = micros(answer_by)
        won = tx.execute(
            update(_charters)
            .where(_charters.c.id == id_, _charters.c.state.in_(before))
            .values(values)
        ).rowcount
        if not won:
            raise Conflict(f"charter {id_} cannot become {to} now; look at it again")

    def answer(
        self, tx: Connection, id_: str, resident: ResidentId, answer: Answer, *, at: datetime
    ) -> None:
        """Keep what somebody said; the last word before the group forms counts.

        Raises
        ------
        NotFound
            Nobody asks this resident this, or not any more: the two look the same.
        """
        box = _box(id_, resident, ANSWERS)
        asking = (
            select(_charters.c.id)
            .where(_charters.c.id == id_, _charters.c.state == CharterState.INVITING.value)
            .where(_charters.c.answer_by > micros(at))
            .scalar_subquery()
        )
        won = tx.execute(
            update(_places)
            .where(_places.c.charter == asking, _places.c.resident == resident)
            .values(answer=self._keys.seal(tx, box, answer.value.encode()))
        ).rowcount
        if not won:
            raise NotFound(f"resident {resident} has no invitation {id_!r} to answer")

    def agreed(self, tx: Connection, id_: str) -> list[ResidentId]:
        """Those who said yes; only what founds the group may ask this."""
        query = select(_places.c.resident, _places.c.answer).where(_places.c.charter == id_)
        lines = tx.execute(query.order_by(_places.c.resident)).all()
        said = self._open_answers(tx, id_, [(ResidentId(who), sealed) for who, sealed in lines])
        return [who for who, answer in said.items() if answer is Answer.YES]

    def say(self, tx: Connection, id_: str, body: Mapping[str, Json]) -> None:
        """Keep what came of it: the group that was founded, or why a worker said no."""
        sealed = self._keys.seal(tx, _body_box(id_), canonical(body))
        tx.execute(update(_charters).where(_charters.c.id == id_).values(body=sealed))

    def free(self, tx: Connection, id_: str, *, until: datetime) -> None:
        """Let the people of a charter go, all at the same moment whatever they said."""
        tx.execute(update(_holds).where(_holds.c.charter == id_).values(until=micros(until)))

    def forget_places(self, tx: Connection, id_: str) -> None:
        """Forget who was asked and what they said."""
        tx.execute(delete(_places).where(_places.c.charter == id_))

    def _hold(self, tx: Connection, id_: str, resident: ResidentId, at: datetime) -> bool:
        """Take a resident for a charter unless another one has them; the update decides."""
        until = micros(at + _OPEN_END)
        insert_missing(tx, _holds, {"resident": resident, "charter": id_, "until": 0})
        won = tx.execute(
            update(_holds)
            .where(_holds.c.resident == resident)
            .where(or_(_holds.c.charter == id_, _holds.c.until <= micros(at)))
            .values(charter=id_, until=until)
        ).rowcount
        return bool(won)

    def _release(self, tx: Connection, id_: str, people: Sequence[ResidentId]) -> None:
        mine = (_holds.c.charter == id_, _holds.c.resident.in_(people))
        tx.execute(delete(_holds).where(*mine))

    def _seated(self, tx: Connection, id_: str) -> list[ResidentId]:
        query = select(_places.c.resident).where(_places.c.charter == id_)
        return [ResidentId(who) for who in tx.execute(query).scalars()]

    def _seat(
        self, tx: Connection, id_: str, people: Mapping[ResidentId, Mapping[str, Json]]
    ) -> None:
        facts = [(_box(id_, who, FACTS), canonical(why)) for who, why in people.items()]
        answers = [(_box(id_, who, ANSWERS), Answer.NONE.value.encode()) for who in people]
        sealed = zip(
            people, self._keys.seal_many(tx, facts), self._keys.seal_many(tx, answers), strict=True
        )
        insert_missing(
            tx,
            _places,
            [
                {"charter": id_, "resident": who, "facts": why, "answer": answer}
                for who, why, answer in sealed
            ],
        )

    def _open_answers(
        self, tx: Connection, id_: str, lines: Sequence[tuple[ResidentId, bytes]]
    ) -> dict[ResidentId, Answer]:
        opened = self._keys.open_many(tx, [(_box(id_, w, ANSWERS), sealed) for w, sealed in lines])
        pairs = zip(lines, opened, strict=True)
        return {who: Answer(plain.decode()) for (who, _), plain in pairs if plain is not None}

    def _read(self, tx: Connection, query: Select[tuple[object, ...]]) -> list[Charter]:
        return [self._charter(tx, line) for line in tx.execute(query).all()]

    def _charter(self, tx: Connection, line: Row[tuple[object, ...]]) -> Charter:
        row = line._mapping
        plain = self._keys.open(tx, _body_box(row["id"]), row["body"])
        answer_by = row["answer_by"]
        return Charter(
            id=row["id"],
            grid=row["grid"],
            state=CharterState(row["state"]),
            version=row["version"],
            body={} if plain is None else parse(plain),
            made_at=moment(row["made_at"]),
            changed_at=moment(row["changed_at"]),
            answer_by=None if answer_by is None else moment(answer_by),
        )


def _body_box(id_: str) -> Box:
    return Box("charters", id_, HOME, DataCategory.PUBLIC)


def _box(id_: str, resident: str, category: DataCategory) -> Box:
    return Box("charter_places", f"{id_}/{resident}", resident, category)
