"""Charters at the desk and on the invitation of a resident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from api.services.backing import LINLI_APP, Backing
from graph.errors import Conflict, DataError, Denied, NotFound
from graph.gate import (
    Answer,
    Charter,
    CharterState,
    charter_people,
    looked_after,
    may_be_asked,
    may_see_grid,
)
from graph.model import Actor, ResidentId, StaffRole
from graph.vocabulary import Term, interests
from recommender.groups.body import Body, Reason, broken
from recommender.groups.checks import Rule

__all__ = ["ANSWERS", "CharterService", "CharterView", "Edit", "Invitation"]

TO_ANSWER = timedelta(days=7)
"""How long people have to answer; the group forms when it is over, never earlier."""
_REASON_LENGTH = 500
ANSWERS: Mapping[str, Answer] = {
    "yes": Answer.YES,
    "no": Answer.NO,
    "later": Answer.LATER,
}
"""What can be said at a door."""


@dataclass(frozen=True, slots=True)
class CharterView:
    """One charter as a worker sees it."""

    charter: Charter
    body: Body
    theme: Term
    people: tuple[tuple[ResidentId, Reason], ...]
    """Founders, hosts first, then those in reserve; empty once people were asked: who is asked
    then says yes or no unwatched."""
    broken: frozenset[Rule]

    @property
    def founders(self) -> tuple[tuple[ResidentId, Reason], ...]:
        """Those who would be asked."""
        return tuple((who, why) for who, why in self.people if why.founder)

    @property
    def reserve(self) -> tuple[tuple[ResidentId, Reason], ...]:
        """Those who could take a founder's place."""
        return tuple((who, why) for who, why in self.people if not why.founder)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a resident who is asked sees: nothing of the others."""

    id: str
    theme: Term
    likes: bool
    """They named the theme themselves."""
    host: bool
    minutes: int
    body: Body
    answer_by: datetime
    said: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a worker changes in a proposal."""

    version: int
    """The version that was looked at."""
    theme: str = ""
    """Code of another interest; empty to keep it."""
    use_fallback: bool = False
    """Meet at the fallback instead."""
    out: str = ""
    """A founder to leave out."""
    into: str = ""
    """Somebody in reserve to ask instead."""


class CharterService:
    """Shows and decides charters."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def all(self, actor: Actor, *, grid: str = "") -> list[CharterView]:
        """List charters, those of a grid together; closed ones are left out.

        Social workers see those of the grids they look after.
        """
        living = [state for state in CharterState if state is not CharterState.CLOSED]
        own = looked_after(self._backing.ledger, actor)
        with self._backing.ledger.read() as tx:
            charters = self._backing.ledger.charters.all(tx, living)
        return [
            self._view(actor, each)
            for each in charters
            if grid in {"", each.grid} and (own is None or each.grid in own)
        ]

    def show(self, actor: Actor, id_: str) -> CharterView:
        """Look at one charter.

        Raises
        ------
        NotFound
            There is none with this id, or it is not of a grid that the actor looks after.
        AuditUnavailable
            It could not be recorded, so nobody is shown.
        """
        with self._backing.ledger.read() as tx:
            charter = self._backing.ledger.charters.get(tx, id_)
        if not may_see_grid(self._backing.ledger, actor, charter.grid):
            raise NotFound(f"no charter {id_!r}")
        return self._view(actor, charter)

    def edit(self, actor: Actor, id_: str, change: Edit) -> CharterView:
        """Change theme, slot or a founder of a proposal.

        Raises
        ------
        Conflict
            It is no proposal any more, or somebody else edited it.
        DataError
            There is no such theme, fallback or person in it.
        """
        view = self.show(actor, id_)
        body, people = _edited(view, change)
        said = {who: why.to_json() for who, why in people.items()}
        with self._backing.ledger.write() as tx:
            self._backing.ledger.charters.edit(
                tx, id_, change.version, body=body.to_json(), people=said, at=self._now()
            )
        return self.show(actor, id_)

    def approve(self, actor: Actor, id_: str, version: int) -> CharterView:
        """Ask the founders; from now on nobody is shown who they are.

        Raises
        ------
        Conflict
            It breaks a rule, its first date is too near, or it was changed meanwhile.
        """
        view, now = self.show(actor, id_), self._now()
        if view.broken:
            rules = ", ".join(sorted(view.broken))
            raise Conflict(f"charter {id_} breaks {rules}; edit it, or reject it")
        if view.body.meeting.starts <= now + TO_ANSWER:
            raise Conflict(f"charter {id_} meets before people can answer; wait for a newer one")
        asked = {who: why.to_json() for who, why in view.founders}
        charters = self._backing.ledger.charters
        with self._backing.ledger.write() as tx:
            charters.edit(tx, id_, version, body=view.body.to_json(), people=asked, at=now)
            charters.move(tx, id_, CharterState.INVITING, at=now, answer_by=now + TO_ANSWER)
        return self.show(actor, id_)

    def reject(self, actor: Actor, id_: str, version: int, reason: str) -> CharterView:
        """Drop a proposal; its people may be in the next ones.

        Raises
        ------
        Conflict
            It is no proposal any more, or somebody else edited it.
        DataError
            No reason is given, or a very long one.
        """
        said = reason.strip()
        if not 0 < len(said) <= _REASON_LENGTH:
            raise DataError(f"say why in 1 to {_REASON_LENGTH} characters")
        view, now = self.show(actor, id_), self._now()
        body = replace(view.body, rejected=said).to_json()
        charters = self._backing.ledger.charters
        with self._backing.ledger.write() as tx:
            charters.edit(tx, id_, version, body=body, people={}, at=now)
            charters.move(tx, id_, CharterState.CLOSED, at=now)
        return self.show(actor, id_)

    def invitation(self, resident: ResidentId) -> Invitation | None:
        """Return what a resident is asked now; ``None`` too when they no longer authorise it."""
        with self._backing.ledger.read() as tx:
            asked = self._backing.ledger.charters.invitation(tx, resident)
        if asked is None or not self._may_be_asked(resident):
            return None
        answer_by = asked.charter.answer_by
        if answer_by is None or answer_by <= self._now():
            return None
        body, why = Body.from_json(asked.charter.body), Reason.from_json(asked.why)
        return Invitation(
            id=asked.charter.id,
            theme=_term(body.theme),
            likes=why.likes,
            host=why.host,
            minutes=why.minutes,
            body=body,
            answer_by=answer_by,
            said=asked.said,
        )

    def answer(self, actor: Actor, id_: str, said: Answer) -> Invitation:
        """Keep what a resident says; the reply is the same whatever they say.

        Raises
        ------
        Denied
            Only residents answer, for themselves.
        NotFound
            Nobody asks them this, or not any more.
        """
        resident = actor.resident
        if actor.role is not StaffRole.RESIDENT or resident is None:
            raise Denied("only the resident who was asked may answer")
        asked = self.invitation(resident)
        if asked is None or asked.id != id_ or said is Answer.NONE:
            raise NotFound(f"no invitation {id_!r} to answer")
        with self._backing.ledger.write() as tx:
            self._backing.ledger.charters.answer(tx, id_, resident, said, at=self._now())
        return replace(asked, said=said)

    def _may_be_asked(self, resident: ResidentId) -> bool:
        linli = Actor("feed", StaffRole.OPERATOR, self._backing.institution, LINLI_APP)
        return may_be_asked(self._backing.gate, linli, resident)

    def _view(self, actor: Actor, charter: Charter) -> CharterView:
        body = Body.from_json(charter.body)
        people: list[tuple[ResidentId, Reason]] = []
        proposed = charter.state is CharterState.PROPOSED
        if proposed:
            found = charter_people(self._backing.gate, self._backing.ledger, actor, charter.id)
            people = [(who, Reason.from_json(why)) for who, why in found.items()]
        people.sort(key=lambda pair: (not pair[1].founder, not pair[1].host, pair[0]))
        founders = [why for _, why in people if why.founder]
        rules = broken(body.meeting, founders) if proposed else frozenset()
        return CharterView(charter, body, _term(body.theme), tuple(people), rules)

    def _now(self) -> datetime:
        return self._backing.clock()


def _term(code: str) -> Term:
    vocabulary = interests()
    return vocabulary.terms[vocabulary.codes.index(code)]


def _edited(view: CharterView, change: Edit) -> tuple[Body, dict[ResidentId, Reason]]:
    body, people = view.body, dict(view.people)
    if change.theme and change.theme != body.theme:
        if change.theme not in interests():
            raise DataError(f"{change.theme!r} is not among the interests")
        body = replace(body, theme=change.theme)
        people = {who: replace(why, likes=False) for who, why in people.items()}
    if change.use_fallback:
        if body.fallback is None:
            raise DataError(f"charter {view.charter.id} has no fallback")
        body = replace(body, meeting=body.fallback, fallback=body.meeting)
        people = {
            who: replace(why, founder=why.founder and why.at_fallback, minutes=0, at_fallback=True)
            for who, why in people.items()
            if why.at_fallback
        }
    return body, _swapped(people, change)


def _swapped(people: dict[ResidentId, Reason], change: Edit) -> dict[ResidentId, Reason]:
    for id_, founder in ((change.out, True), (change.into, False)):
        why = people.get(ResidentId(id_))
        if id_ and (why is None or why.founder is not founder):
            raise DataError(f"{id_!r} is not {'a founder' if founder else 'in reserve'} here")
    if change.out:
        gone = ResidentId(change.out)
        people = {**people, gone: replace(people[gone], founder=False)}
    if change.into:
        new = ResidentId(change.into)
        people = {**people, new: replace(people[new], founder=True)}
    return people
