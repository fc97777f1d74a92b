"""Endpoints for questions about the network of people."""

from __future__ import annotations

from api.rest.door import api
from api.rest.requests import idempotency_key, purpose, services
from api.rest.schemas import (
    AcquaintanceOut,
    ExplorationIn,
    ExplorationOut,
    IntroducerOut,
    NeighbourOut,
    Out,
    ThingOut,
)
from api.security.callers import caller
from api.services.explorations import Exploration
from graph.errors import Denied, PurposeNotAuthorised
from graph.explore import Acquaintance, Introducer, Neighbour, Thing, question_of

__all__: list[str] = []

_WAIT = "2"
"""Seconds after which it is worth asking again."""
_OUT: dict[type, type[Out]] = {
    Thing: ThingOut,
    Introducer: IntroducerOut,
    Acquaintance: AcquaintanceOut,
    Neighbour: NeighbourOut,
}

Told = tuple[ExplorationOut, int, dict[str, str]]


@api.post("/explorations", endpoint="explore")
@api.input(ExplorationIn)
@api.output(ExplorationOut)
@api.doc(responses={202: "A job answers it; Location says where, Retry-After when."})
def explore(json_data: ExplorationIn) -> Told:
    """Ask a question about the network of people, for a purpose residents authorised.

    What two residents share is answered at once. The rest is found by a job and kept for a day
    under ``Location``; who withdraws in the meantime is gone from it.
    """
    question = question_of(json_data.question.model_dump())
    try:
        asked = services().explorations.ask(
            caller().actor, question, purpose=purpose(), key=idempotency_key()
        )
    except Denied as error:
        raise _told(error) from error
    return _said(asked)


@api.get("/explorations/<exploration>", endpoint="exploration")
@api.output(ExplorationOut)
@api.doc(responses={202: "It still waits; Retry-After says when to ask again."})
def exploration(exploration: str) -> Told:
    """Read an answer; only whoever asked may."""
    try:
        asked = services().explorations.read(caller().actor, exploration, purpose=purpose())
    except Denied as error:
        raise _told(error) from error
    return _said(asked)


def _said(asked: Exploration) -> Told:
    if asked.answer is None:
        waiting = ExplorationOut(state="waiting", id=asked.id, entries=[])
        where = f"/api/v1/explorations/{asked.id}"
        return waiting, 202, {"Location": where, "Retry-After": _WAIT}
    entries = [_OUT[type(entry)].model_validate(entry) for entry in asked.answer.entries]
    done = {"state": "done", "id": asked.id, "entries": entries}
    return ExplorationOut.model_validate(done), 200, {}


def _told(error: Denied) -> PurposeNotAuthorised:
    """Say the same of residents who authorised nothing and of those who do not exist."""
    if isinstance(error, PurposeNotAuthorised):
        return error
    return PurposeNotAuthorised("no authorisation of such a resident covers this purpose")
