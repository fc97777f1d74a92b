"""Questions about the network of people: answered at once from the snapshot, or by a job."""

from __future__ import annotations

from dataclasses import dataclass

from api.services.backing import Backing
from graph.errors import IdempotencyConflict, NotFound, PurposeNotAuthorised, StoreUnavailable
from graph.explore import Answer, Question, Shared, question_of, question_said
from graph.gate import Explorer, RunState
from graph.model import Actor, Purpose

__all__ = ["Exploration", "Explorations"]

JOB = "explore"


@dataclass(frozen=True, slots=True)
class Exploration:
    """Where a question stands."""

    id: str | None
    """By which it is read later; ``None`` when it was answered at once."""
    answer: Answer | None
    """``None`` while it waits."""


class Explorations:
    """Asks and reads.

    Parameters
    ----------
    backing : Backing
        For example :class:`api.wiring.Floors`.
    """

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._explorer = Explorer(backing.gate, backing.ledger)

    def ask(self, actor: Actor, question: Question, *, purpose: Purpose, key: str) -> Exploration:
        """Answer what the snapshot knows; ask the jobs process for the rest, once per key.

        Parameters
        ----------
        purpose : Purpose
            What the asker says it is for.
        key : str
            Idempotency key.

        Raises
        ------
        PurposeNotAuthorised
            The question serves another purpose.
        Denied
            A resident it names authorised nothing for it, or does not exist: the two look the
            same.
        IdempotencyConflict
            The key was used for another question.
        NotReady
            There is no snapshot yet.
        """
        _check(question, purpose)
        self._explorer.admit(actor, question)
        if isinstance(question, Shared):
            moment = self._backing.live.catch_up()
            found = self._explorer.find_pictured(actor, question, moment)
            return Exploration(None, self._explorer.answer(actor, found))
        return Exploration(self._request(actor, question, key), None)

    def read(self, actor: Actor, id_: str, *, purpose: Purpose) -> Exploration:
        """Read an answer, with what is still authorised now.

        Raises
        ------
        NotFound
            Nobody asked this, or somebody else did, or it is too long ago.
        PurposeNotAuthorised
            It was asked for another purpose.
        Denied
            A resident it names has withdrawn.
        StoreUnavailable
            The job failed; ask again under another key.
        """
        ledger, now = self._backing.ledger, self._backing.clock()
        with ledger.read() as tx:
            asked = ledger.answers.get(tx, id_, actor, now)
            run = None if asked is None else ledger.runs.of_request(tx, asked.request)
        if asked is None:
            raise NotFound("there is no such exploration, or not for you; they are kept a day")
        question = question_of(asked.question)
        _check(question, purpose)
        if asked.found is None:
            if run is not None and run.state is RunState.FAILED:
                raise StoreUnavailable(f"run {run.id} failed: {run.note}")
            return Exploration(id_, None)
        self._explorer.admit(actor, question)
        return Exploration(id_, self._explorer.answer_kept(actor, asked.found))

    def _request(self, actor: Actor, question: Question, key: str) -> str:
        ledger, now, said = self._backing.ledger, self._backing.clock(), question_said(question)
        id_ = ledger.answers.id_of(actor, key)
        with ledger.write() as tx:
            before = ledger.answers.get(tx, id_, actor, now)
            if before is None:
                request = ledger.runs.request(tx, JOB, {}, actor.id, now)
                ledger.answers.ask(tx, id_, actor, said, request=request, at=now)
            elif before.question != said:
                raise IdempotencyConflict(f"key {key!r} was used for another question")
        return id_


def _check(question: Question, purpose: Purpose) -> None:
    if purpose is not question.purpose:
        raise PurposeNotAuthorised(f"{question.kind} is asked for {question.purpose} only")
