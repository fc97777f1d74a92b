"""What residents complain of: a look they did not expect, a fact that is wrong; with a due day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Row, select, update

from graph.codec import Json
from graph.errors import Conflict, NotFound
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.dialect import insert_missing
from graph.ledger.keys import Box, KeyRing
from graph.model import ResidentId

__all__ = ["Complaint", "ComplaintState", "Complaints", "Matter"]

_complaints = tables.complaints


class Matter(StrEnum):
    """What a complaint is about."""

    LOOK = "look"
    """An entry of the audit, named by its reference."""
    FACT = "fact"
    """A fact, named as the page of facts names it."""


class ComplaintState(StrEnum):
    """Where a complaint stands."""

    OPEN = "open"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint of one resident."""

    id: str
    resident: ResidentId
    matter: Matter
    about: str
    """Reference of the entry, or name of the fact."""
    words: str
    """What the resident wrote; may be empty."""
    state: ComplaintState
    filed_at: datetime
    due_at: datetime
    """When it has to be answered at the latest."""
    answer: str = ""
    answered_at: datetime | None = None


class Complaints:
    """Keeps complaints; what is said in them is sealed under the resident's own key."""

    DUE = timedelta(days=15)
    """How long an answer may take; Linli's own promise, as the law says "in time" (PIPL 50)."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def file(
        self,
        tx: Connection,
        resident: ResidentId,
        *,
        matter: Matter,
        about: str,
        words: str,
        at: datetime,
    ) -> Complaint:
        """Keep a complaint; one per thing complained of, so saying it again changes nothing."""
        id_ = self._id(resident, matter, about)
        said: dict[str, Json] = {"matter": matter.value, "about": about, "words": words}
        values = {
            "id": id_,
            "resident": resident,
            "state": ComplaintState.OPEN.value,
            "said": self._keys.seal(tx, _box(id_, resident, "said"), canonical(said)),
            "filed_at": micros(at),
            "due_at": micros(at + self.DUE),
        }
        insert_missing(tx, _complaints, values)
        return self.get(tx, id_)

    def get(self, tx: Connection, id_: str) -> Complaint:
        """Look a complaint up.

        Raises
        ------
        NotFound
            There is none, or its key was destroyed.
        """
        line = tx.execute(select(_complaints).where(_complaints.c.id == id_)).first()
        found = None if line is None else self._read(tx, line)
        if found is None:
            raise NotFound(f"there is no complaint {id_!r}; `linli audit complaints` lists them")
        return found

    def of(self, tx: Connection, resident: ResidentId) -> list[Complaint]:
        """All complaints of a resident, newest first."""
        mine = select(_complaints).where(_complaints.c.resident == resident)
        query = mine.order_by(_complaints.c.filed_at.desc(), _complaints.c.id)
        found = [self._read(tx, line) for line in tx.execute(query).all()]
        return [complaint for complaint in found if complaint is not None]

    def waiting(self, tx: Connection) -> list[Complaint]:
        """Complaints that nobody answered yet, the one that is due first first."""
        query = select(_complaints).where(_complaints.c.state == ComplaintState.OPEN.value)
        lines = tx.execute(query.order_by(_complaints.c.due_at, _complaints.c.id)).all()
        found = [self._read(tx, line) for line in lines]
        return [complaint for complaint in found if complaint is not None]

    def answer(self, tx: Connection, id_: str, words: str, *, at: datetime) -> Complaint:
        """Answer a complaint, once; its resident reads the answer where they complained.

        Raises
        ------
        NotFound
            There is no such complaint.
        Conflict
            It was answered already.
        """
        complaint = self.get(tx, id_)
        sealed = self._keys.seal(tx, _box(id_, complaint.resident, "answer"), words.encode())
        open_ = (_complaints.c.id == id_) & (_complaints.c.state == ComplaintState.OPEN.value)
        values = {
            "state": ComplaintState.ANSWERED.value,
            "answer": sealed,
            "answered_at": micros(at),
        }
        if not tx.execute(update(_complaints).where(open_).values(**values)).rowcount:
            raise Conflict(f"complaint {id_} was answered already")
        return self.get(tx, id_)

    def _id(self, resident: ResidentId, matter: Matter, about: str) -> str:
        return self._keys.pseudonym("complaint", f"{resident}\0{matter}\0{about}")

    def _read(self, tx: Connection, line: Row[tuple[object, ...]]) -> Complaint | None:
        row = line._mapping
        id_, resident = row["id"], ResidentId(row["resident"])
        plain = self._keys.open(tx, _box(id_, resident, "said"), row["said"])
        if plain is None:
            return None
        said, answer = parse(plain), b""
        if row["answer"] is not None:
            answer = self._keys.open(tx, _box(id_, resident, "answer"), row["answer"]) or b""
        answered_at = row["answered_at"]
        return Complaint(
            id=id_,
            resident=resident,
            matter=Matter(str(said["matter"])),
            about=str(said["about"]),
            words=str(said["words"]),
            state=ComplaintState(row["state"]),
            filed_at=moment(row["filed_at"]),
            due_at=moment(row["due_at"]),
            answer=answer.decode(),
            answered_at=None if answered_at is None else moment(answered_at),
        )


def _box(id_: str, resident: ResidentId, column: str) -> Box:
    return Box("complaints", f"{id_}/{column}", resident, "audit")
