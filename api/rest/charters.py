"""Endpoints for groups that could be founded, and for the residents who are asked."""

from __future__ import annotations

from api.rest.charter_schemas import (
    AnswerIn,
    ApproveIn,
    CharterOut,
    ChartersOut,
    ChartersQuery,
    EditIn,
    InvitationOut,
    MeetingOut,
    RejectIn,
)
from api.rest.door import api
from api.rest.requests import about, services
from api.security.callers import caller
from api.services.charter_words import meeting_said, said
from api.services.charters import ANSWERS, CharterView, Edit, Invitation
from graph.model import ResidentId

__all__: list[str] = []


@api.get("/charters", endpoint="charters")
@api.input(ChartersQuery, location="query")
@api.output(ChartersOut)
def charters(query_data: ChartersQuery) -> ChartersOut:
    """List groups that could be founded, and founded ones; audited before anybody is shown."""
    found = services().charters.all(caller().actor, grid=query_data.grid)
    return ChartersOut(charters=[_out(view) for view in found])


@api.get("/charters/<charter>", endpoint="charter")
@api.output(CharterOut)
def charter(charter: str) -> CharterOut:
    """One charter; its people are shown until they are asked, as far as they authorise it."""
    return _out(services().charters.show(caller().actor, charter))


@api.patch("/charters/<charter>", endpoint="edit_charter")
@api.input(EditIn)
@api.output(CharterOut)
def edit_charter(charter: str, json_data: EditIn) -> CharterOut:
    """Change theme, slot or a founder of a proposal."""
    change = Edit(**json_data.model_dump())
    return _out(services().charters.edit(caller().actor, charter, change))


@api.post("/charters/<charter>/approve", endpoint="approve_charter")
@api.input(ApproveIn)
@api.output(CharterOut)
def approve_charter(charter: str, json_data: ApproveIn) -> CharterOut:
    """Ask the founders; the group forms at ``answer_by`` of those who said yes."""
    return _out(services().charters.approve(caller().actor, charter, json_data.version))


@api.post("/charters/<charter>/reject", endpoint="reject_charter")
@api.input(RejectIn)
@api.output(CharterOut)
def reject_charter(charter: str, json_data: RejectIn) -> CharterOut:
    """Drop a proposal and say why; its people may be in the next ones."""
    service = services().charters
    return _out(service.reject(caller().actor, charter, json_data.version, json_data.reason))


@api.get("/residents/<resident>/invitation", endpoint="invitation")
@api.output(InvitationOut)
def invitation(resident: str) -> InvitationOut:
    """Tell the resident who is signed in what they are asked to found now."""
    about(resident)
    return _asked(services().charters.invitation(ResidentId(resident)))


@api.post("/residents/<resident>/invitation", endpoint="answer_invitation")
@api.input(AnswerIn)
@api.output(InvitationOut)
def answer_invitation(resident: str, json_data: AnswerIn) -> InvitationOut:
    """Say yes, no or later; the last word before ``answer_by`` counts, and nobody is told it."""
    who = about(resident)
    answer = ANSWERS[json_data.answer]
    return _asked(services().charters.answer(who.actor, json_data.invitation, answer))


def _out(view: CharterView) -> CharterOut:
    return CharterOut.model_validate(said(view))


def _asked(asked: Invitation | None) -> InvitationOut:
    if asked is None:
        return InvitationOut(invitation=None)
    names = {answer: name for name, answer in ANSWERS.items()}
    return InvitationOut(
        invitation=asked.id,
        theme_zh=asked.theme.label_zh,
        theme_en=asked.theme.label_en,
        host=asked.host,
        meeting=MeetingOut.model_validate(meeting_said(asked.body.meeting)),
        answer_by=asked.answer_by,
        answer=names.get(asked.said),
    )
