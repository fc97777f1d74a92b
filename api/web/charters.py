"""Pages about groups that could be founded: the desk's, and the card of a resident who is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Protocol, cast

from flask import Blueprint, Response, current_app, request, url_for

from api.security.callers import caller
from api.services.charters import ANSWERS, CharterService, CharterView, Edit, Invitation
from api.web.answers import messages, render, see_other, staff_session
from api.web.look import Language
from api.web.wording import Messages
from graph.errors import Conflict, DataError
from graph.gate import CharterState
from graph.model import ResidentId
from graph.vocabulary import Term, interests
from recommender.groups.body import Meeting, Reason

__all__ = ["InvitationCard", "add_charter_pages", "invitation_card"]

_REASONS = ("place", "people", "theme", "exists", "other")
"""Why a worker may say no, in the words of the page."""


class _Doors(Protocol):
    """What the pages find in ``app.extensions["linli"]``."""

    charters: CharterService

    @property
    def clock(self) -> Callable[[], datetime]:
        """The present, aware UTC."""
        ...


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One person of a charter in words."""

    resident: str
    short: str
    """First letters of the pseudonym."""
    role: str
    facts: str


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """A place and its dates in words."""

    place: str
    room: str
    weekly: str
    dates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CharterPage:
    """One charter in words."""

    id: str
    version: int
    theme: str
    theme_code: str
    state: str
    state_label: str
    grid: str
    meeting: MeetingLine
    fallback: MeetingLine | None
    why: str
    founders: tuple[PersonLine, ...]
    reserve: tuple[PersonLine, ...]
    broken: tuple[str, ...]
    note: str
    proposed: bool


@dataclass(frozen=True, slots=True)
class InvitationCard:
    """What a resident is asked, in words."""

    id: str
    title: str
    why: str
    host: str
    meeting: MeetingLine
    walk: str
    until: str
    said: str
    answers: tuple[tuple[str, str, bool], ...]
    """Value, label, and whether it is what they said last."""


def add_charter_pages(pages: Blueprint) -> None:
    """Add the pages to the blueprint of the desk."""
    get, post = ["GET"], ["POST"]
    pages.add_url_rule("/charters", "charters", _charters, methods=get)
    pages.add_url_rule("/charters/<charter>", "charter", _charter, methods=get)
    pages.add_url_rule("/charters/<charter>/edit", "edit_charter", _edit, methods=post)
    pages.add_url_rule("/charters/<charter>/approve", "approve_charter", _approve, methods=post)
    pages.add_url_rule("/charters/<charter>/reject", "reject_charter", _reject, methods=post)


def _charters() -> Response:
    t = messages()
    found = _doors().charters.all(caller().actor)
    grids = [
        (grid, [_page(t, view) for view in views])
        for grid, views in groupby(found, key=lambda view: view.charter.grid)
    ]
    return render(
        "desk/charters", session=staff_session(), grids=grids, done=request.args.get("done", "")
    )


def _charter(charter: str) -> Response:
    return _shown(_doors().charters.show(caller().actor, charter))


def _shown(view: CharterView, problem: str = "") -> Response:
    t = messages()
    themes = sorted((_label(t, term), term.code) for term in interests().terms)
    reasons = [(name, t(f"charter.reject.{name}")) for name in _REASONS]
    response = render(
        "desk/charter",
        session=staff_session(),
        page=_page(t, view),
        themes=themes,
        reasons=reasons,
        problem=problem,
        back=url_for("desk.charter", charter=view.charter.id),
    )
    response.status_code = 409 if problem else 200
    return response


def _edit(charter: str) -> Response:
    form = request.form
    change = Edit(
        version=_version(),
        theme=form.get("theme", ""),
        use_fallback=form.get("use_fallback") == "yes",
        out=form.get("out", ""),
        into=form.get("into", ""),
    )
    _doors().charters.edit(caller().actor, charter, change)
    return see_other(url_for("desk.charter", charter=charter))


def _approve(charter: str) -> Response:
    service = _doors().charters
    try:
        service.approve(caller().actor, charter, _version())
    except Conflict:
        return _shown(service.show(caller().actor, charter), messages()("charter.refused"))
    return see_other(url_for("desk.charters", done="approved"))


def _reject(charter: str) -> Response:
    said = request.form.get("why", "")
    why = next((name for name in _REASONS if name == said), "")
    more = request.form.get("more", "").strip()
    reason = ": ".join(part for part in (why, more) if part)
    _doors().charters.reject(caller().actor, charter, _version(), reason)
    return see_other(url_for("desk.charters", done="rejected"))


def invitation_card(
    service: CharterService, resident: ResidentId, now: datetime
) -> InvitationCard | None:
    """Put into words what a resident is asked now, of their own facts alone."""
    asked = service.invitation(resident)
    return None if asked is None else _card(messages(), asked, now)


def _card(t: Messages, asked: Invitation, now: datetime) -> InvitationCard:
    theme = _label(t, asked.theme)
    names = {answer: name for name, answer in ANSWERS.items()}
    said = names.get(asked.said, "")
    return InvitationCard(
        id=asked.id,
        title=t("invitation.title", theme=theme),
        why=t("invitation.why.likes" if asked.likes else "invitation.why.near", theme=theme),
        host=t("invitation.host") if asked.host else "",
        meeting=_meeting(t, asked.body.meeting, now),
        walk=t("invitation.walk", n=asked.minutes) if asked.minutes else "",
        until=t("invitation.until", when=t.moment(asked.answer_by, now)),
        said=t(f"invitation.said.{said}") if said else "",
        answers=tuple((name, t(f"invitation.{name}"), name == said) for name in ANSWERS),
    )


def _page(t: Messages, view: CharterView) -> CharterPage:
    now = _doors().clock()
    state, body = view.charter.state, view.body
    proposed = state is CharterState.PROPOSED
    by = view.charter.answer_by
    return CharterPage(
        id=view.charter.id,
        version=view.charter.version,
        theme=_label(t, view.theme),
        theme_code=body.theme,
        state=state.value,
        state_label=t(f"charter.state.{state.value}"),
        grid=view.charter.grid,
        meeting=_meeting(t, body.meeting, now),
        fallback=None if body.fallback is None else _meeting(t, body.fallback, now),
        why=t("charter.why", n=f"{body.expected_ties:g}", people=len(view.founders)),
        founders=_people(t, view.founders),
        reserve=_people(t, view.reserve),
        broken=tuple(t(f"charter.rule.{rule.value}") for rule in sorted(view.broken)),
        note=t("charter.until", when=t.moment(by, now))
        if by and state is CharterState.INVITING
        else body.rejected,
        proposed=proposed,
    )


def _people(t: Messages, people: Sequence[tuple[ResidentId, Reason]]) -> tuple[PersonLine, ...]:
    return tuple(
        PersonLine(who, who[:6], _role(t, why), t("charter.comma").join(_facts(t, why)))
        for who, why in people
    )


def _role(t: Messages, why: Reason) -> str:
    if not why.founder:
        return t("charter.role.reserve_host" if why.host else "charter.role.reserve")
    return t("charter.role.host" if why.host else "charter.role.founder")


def _facts(t: Messages, why: Reason) -> list[str]:
    facts = [t("charter.likes") if why.likes else t("charter.same_circle")]
    if why.minutes:
        facts.append(t("charter.walk", n=why.minutes))
    if why.born:
        facts.append(t("charter.born", decade=why.born))
    if not why.at_fallback:
        facts.append(t("charter.not_at_fallback"))
    return facts


def _meeting(t: Messages, meeting: Meeting, now: datetime) -> MeetingLine:
    room = meeting.room
    level = t("charter.step_free" if room.step_free else "charter.steps")
    return MeetingLine(
        place=room.name,
        room=t("charter.room", n=room.capacity, level=level),
        weekly=t("charter.weekly", when=t.when(meeting.starts, None, now).span),
        dates=tuple(t.when(date, None, now).date for date in meeting.dates),
    )


def _label(t: Messages, term: Term) -> str:
    return term.label_en if t.language is Language.EN else term.label_zh


def _version() -> int:
    given = request.form.get("version", "")
    if not given.isdecimal():
        raise DataError("the form names no version; open the page again")
    return int(given)


def _doors() -> _Doors:
    return cast(_Doors, current_app.extensions["linli"])
