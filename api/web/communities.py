"""The desk's page of circles: those of one grid, drawn, and told in words beneath."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from flask import Response, current_app, request

from api.security.callers import caller
from api.security.sessions import StaffSession
from api.services.communities import Communities, Community, Drawing
from api.web.answers import messages, render
from api.web.wording import Messages
from graph.errors import NotReady

__all__ = ["communities_page"]

WIDTH, HEIGHT = 360, 300
"""Of the drawing: as wide as a phone, so that numbers are as large there as other text."""
_EDGE = 26
_RADIUS = {None: 13, "20-50": 17, "50-200": 21, "200+": 25}
_HUES = 4
"""Neighbourhoods that have a colour: those of the largest circles; the others share a plain one."""
_FAINT = 0.12
"""Ties weaker than this part of the strongest are not drawn."""


class _Doors(Protocol):
    communities: Communities


@dataclass(frozen=True, slots=True)
class Circle:
    """One circle as it is drawn and told."""

    number: int
    label: str
    people: str
    x: float
    y: float
    radius: int
    hue: int


@dataclass(frozen=True, slots=True)
class Line:
    """A tie between two circles."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float


@dataclass(frozen=True, slots=True)
class Page:
    """The circles of one grid."""

    grid: str
    grids: tuple[str, ...]
    circles: tuple[Circle, ...]
    lines: tuple[Line, ...]
    width: int = WIDTH
    height: int = HEIGHT


def communities_page(session: StaffSession) -> Response:
    """Answer ``/desk/communities``."""
    service = cast("_Doors", current_app.extensions["linli"]).communities
    actor, wanted = caller().actor, request.args.get("grid")
    try:
        grids = service.grids(actor)
    except NotReady:
        grids = []
    if not grids:
        return render("desk/communities", session=session, page=None)
    drawing = service.drawing(actor, wanted or grids[0])
    page = _page(messages(), drawing, tuple(grids))
    return render("desk/communities", session=session, page=page)


def _label(t: Messages, community: Community, grid: str) -> str:
    """Word what tells a community apart, besides the grid that the page is about."""
    words = [str(t.pick(each)) for each in community.label if each.zh != grid]
    return t("communities.and").join(words) or t("communities.unnamed")


def _page(t: Messages, drawing: Drawing, grids: tuple[str, ...]) -> Page:
    circles = tuple(
        Circle(
            number=number,
            label=_label(t, dot.community, drawing.grid),
            people=_people(t, dot.community),
            x=round(_EDGE + dot.x * (WIDTH - 2 * _EDGE), 1),
            y=round(_EDGE + dot.y * (HEIGHT - 2 * _EDGE), 1),
            radius=_RADIUS[dot.community.people],
            hue=min(dot.hue, _HUES),
        )
        for number, dot in enumerate(drawing.dots, start=1)
    )
    lines = tuple(
        Line(circles[a].x, circles[a].y, circles[b].x, circles[b].y, round(0.5 + 3 * strength, 2))
        for a, b, strength in drawing.lines
        if strength >= _FAINT
    )
    return Page(drawing.grid, grids, circles, lines)


def _people(t: Messages, community: Community) -> str:
    if community.people is None:
        return t("communities.few")
    return t("communities.people", n=t(f"bucket.{community.people}"))
