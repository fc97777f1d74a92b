"""The worker's list, one resident's page, and what a resident is told of their own score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import cast

import numpy as np

from api.services.backing import Backing, resident_actor
from api.services.care_views import (
    CareCase,
    Entry,
    Explanation,
    Neighbour,
    Note,
    Part,
    Worklist,
)
from api.services.views import HOME_ZONE, Words
from graph.codec import Json
from graph.errors import DataError, NotFound
from graph.gate import CareDesk, Case, Caseload, Outcome
from graph.live import Moment
from graph.measures.aggregate import LEAST_PEOPLE
from graph.model import Actor, DataCategory, Purpose, ResidentId
from graph.vocabulary import offers
from recommender.base import Query
from recommender.outreach.actions import Capacity, Option, Plan, plan_actions
from recommender.outreach.bodies import parts_of
from recommender.outreach.options import callers, options_for
from recommender.outreach.ordering import fair_order
from recommender.outreach.points import CATEGORY_OF, Factor

__all__ = [
    "MOST_LISTED",
    "USUAL_MINUTES",
    "Outreach",
]

MOST_LISTED = 60
USUAL_MINUTES = 1_200
"""Twenty first visits: one each working day of a month."""
_UNLIMITED = 99
_CALLS_EACH = 2
"""Residents one volunteer calls."""
_DREW = 12
"""Neighbours that are drawn at most."""
_AGAIN: Mapping[Outcome, timedelta | None] = {
    Outcome.MET: timedelta(days=90),
    Outcome.NOT_HOME: timedelta(days=7),
    Outcome.REFUSED: timedelta(days=180),
    Outcome.HOSPITAL: timedelta(days=30),
    Outcome.MOVED: None,
    Outcome.DEAD: None,
}
"""How long a resident waits after a visit, unless the worker says otherwise."""
_NEVER = date.max


class Outreach:
    """Lists for workers, pages for residents; all of it through the gate."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._desk = CareDesk(backing.gate, backing.ledger, backing.home.isolation)

    def worklist(
        self,
        actor: Actor,
        *,
        grids: Sequence[str] = (),
        minutes: int = USUAL_MINUTES,
        limit: int = 20,
    ) -> Worklist:
        """Order the residents of some grids and choose what to do next for each.

        Parameters
        ----------
        actor : Actor
        grids : sequence of str, optional
            Ids; default: all that the actor looks after.
        minutes : int
            Time there is for it.
        limit : int
            Residents listed, at most 60.

        Raises
        ------
        Denied
            A grid is not theirs.
        DataError
            The limit or the minutes are out of range.
        NotReady
            No scores were made yet.
        """
        if not 1 <= limit <= MOST_LISTED or minutes < 0:
            raise DataError(f"list 1 to {MOST_LISTED} residents, in 0 minutes or more")
        moment = self._backing.live.catch_up()
        chosen = list(grids) or self._desk.grids(actor, moment)
        load = self._desk.caseload(actor, moment, chosen)
        known = [row for row, body in load.scores.items() if body["enough"]]
        cases = self._desk.cases(load, moment, known)
        due = [row for row in known if not self._waits(cases.get(row))]
        rows = _ordered(load, due)[:limit]
        plan = self._plan(load, moment, rows, minutes)
        entries = self._entries(load, moment, rows, plan, cases)
        self._desk.record_shown(load, moment, rows)
        return Worklist(
            grids=tuple(sorted(chosen)),
            entries=tuple(entries),
            minutes=minutes,
            planned=plan.minutes,
            gap=plan.gap,
            waiting=_many(len(known) - len(due)),
            unknown=_many(len(load.scores) - len(known)),
            scored_at=datetime.fromtimestamp(int(str(load.about["scored_at"])), UTC),
        )

    def resident(self, actor: Actor, resident: ResidentId) -> CareCase:
        """Show one resident of one's own grids.

        Raises
        ------
        NotFound
            Nobody has this id, it is nobody of theirs, or there is no score: all look the same.
        """
        moment, load, row = self._one(actor, resident)
        cases = self._desk.cases(load, moment, [row])
        plan = self._plan(load, moment, [row], USUAL_MINUTES)
        (entry,) = self._entries(load, moment, [row], plan, cases)
        neighbours, more = self._neighbours(actor, load, moment, row)
        self._desk.record_shown(load, moment, [row])
        return CareCase(entry, neighbours, more, tuple(cases.get(row, ())))

    def note(self, actor: Actor, resident: ResidentId, note: Note, *, key: str) -> None:
        """Keep what came of a visit; the resident waits until the day it names.

        Raises
        ------
        NotFound
            As :meth:`resident`.
        DataError
            The day to come back is past.
        """
        _, load, row = self._one(actor, resident)
        now = self._backing.clock()
        today = now.astimezone(HOME_ZONE).date()
        if note.again is not None and note.again <= today:
            raise DataError(f"the day to come back, {note.again}, must lie ahead")
        usual = _AGAIN[note.outcome]
        again = note.again or (_NEVER if usual is None else today + usual)
        case = Case(resident, actor.id, now, note.action.value, note.outcome, again)
        self._desk.note(load, case, row=row, key=key)

    def own(self, resident: ResidentId) -> Explanation | None:
        """Tell residents their own score; ``None`` when they authorise none, or it is being made.

        Raises
        ------
        NotFound
            Nobody has this id.
        """
        actor = resident_actor(resident, self._backing.institution)
        body = self._desk.own(actor, self._backing.live.catch_up(), resident)
        return None if body is None else _explanation(body)

    def allowed(self, resident: ResidentId) -> bool:
        """Whether residents let a score be made of them at all."""
        moment = self._backing.live.catch_up()
        row = moment.resident_row(resident)
        return DataCategory.ISOLATION_SCORE in self._desk.permitted(moment, row)

    def switch_off(self, resident: ResidentId, *, key: str) -> None:
        """Withdraw the authorisation for the score; it is gone at the next request of anybody."""
        ledger = self._backing.ledger
        with ledger.write() as tx:
            ledger.grants.withdraw(
                tx,
                resident,
                institution=self._backing.institution,
                category=DataCategory.ISOLATION_SCORE,
                purpose=Purpose.CARE_VISIT,
                at=self._backing.clock(),
                key=f"care-off/{resident}/{key}",
            )

    def _one(self, actor: Actor, resident: ResidentId) -> tuple[Moment, Caseload, int]:
        moment = self._backing.live.catch_up()
        row = moment.resident_rows.get(resident, -1)
        load = self._desk.caseload(actor, moment, self._desk.grids(actor, moment), only=row)
        if row not in load.scores:
            raise NotFound("there is no such resident, or not for you")
        return moment, load, row

    def _waits(self, cases: Sequence[Case] | None) -> bool:
        today = self._backing.clock().astimezone(HOME_ZONE).date()
        again = cases[0].again if cases else None
        return again is not None and again > today

    def _plan(self, load: Caseload, moment: Moment, rows: Sequence[int], minutes: int) -> Plan:
        items = moment.items
        seats = {
            str(item): _UNLIMITED if left < 0 else left
            for item, left in zip(items.ids.tolist(), items.seats_left.tolist(), strict=True)
        }
        calling = [str(items.ids[row]) for row in callers(items, offers().codes)]
        for item in calling:
            seats[_buddy(item)] = _CALLS_EACH * moment.seats.get(item, (None, 0, 0))[1]
        now = int(self._backing.clock().timestamp())
        options: list[Option] = []
        for place, row in enumerate(rows):
            view = moment.one(row, load.permitted[row])
            query = Query.from_one(view, row, now=now)
            options += options_for(query, place=place, callers=[_buddy(item) for item in calling])
        bodies = [load.scores[row] for row in rows]
        return plan_actions(
            options,
            probability=np.array([_number(body, "probability") for body in bodies]),
            width=np.array([_number(body, "high") - _number(body, "low") for body in bodies]),
            capacity=Capacity(minutes, seats),
        )

    def _entries(
        self,
        load: Caseload,
        moment: Moment,
        rows: Sequence[int],
        plan: Plan,
        cases: Mapping[int, Sequence[Case]],
    ) -> list[Entry]:
        names = self._desk.names(load, moment, rows)
        grids = moment.snapshot.grid[list(rows)].tolist() if rows else []
        found = []
        for place, (row, grid) in enumerate(zip(rows, grids, strict=True)):
            option = plan.chosen.get(place)
            item = option.item.removeprefix(_BUDDY) if option else ""
            facts = moment.item(moment.item_rows[item]) if item else None
            found.append(
                Entry(
                    place=place + 1,
                    resident=ResidentId(str(moment.snapshot.resident_ids[row])),
                    name=names.get(row, ""),
                    grid=str(moment.snapshot.grid_ids[grid]),
                    why=_explanation(load.scores[row]),
                    action=option.action if option else None,
                    item=item,
                    title=Words(facts.title, facts.title_en) if facts else None,
                    latest=next(iter(cases.get(row, ())), None),
                )
            )
        return found

    def _neighbours(
        self, actor: Actor, load: Caseload, moment: Moment, row: int
    ) -> tuple[tuple[Neighbour, ...] | None, bool]:
        """Draw whom a resident knows; those of one's own grids who agree are named, and noted."""
        if DataCategory.TIE not in load.permitted[row]:
            return None, False
        everybody = self._desk.neighbours(moment, row)
        rows = everybody[:_DREW]
        names = self._desk.name_neighbours(actor, moment, rows)
        ties = moment.snapshot.ties
        place = {r: n for n, r in enumerate(rows)}

        def later(r: int) -> Iterable[int]:
            known = ties.indices[ties.indptr[r] : ties.indptr[r + 1]].tolist()
            return (place[other] for other in known if place.get(other, -1) > place[r])

        shown = tuple(Neighbour(names.get(r, ""), tuple(later(r))) for r in rows)
        return shown, len(everybody) > len(rows)


_BUDDY = "buddy:"


def _buddy(item: str) -> str:
    """Name the seats at the members of a role, which are not the seats in it."""
    return _BUDDY + item


def _ordered(load: Caseload, rows: Sequence[int]) -> list[int]:
    bodies = [load.scores[row] for row in rows]
    order = fair_order(
        np.array([_number(body, "probability") for body in bodies]),
        np.array([int(_number(body, "group")) for body in bodies], np.int64),
    )
    return [rows[n] for n in order.tolist()]


def _explanation(body: Mapping[str, Json]) -> Explanation:
    usual = dict(zip((Factor.KIN, Factor.OTHERS), cast("list[float]", body["usual"]), strict=True))
    parts = [
        Part(factor, points, seen, usual.get(factor), CATEGORY_OF[factor])
        for factor, points, seen in parts_of(body)
    ]
    onset = cast("list[float]", body["onset"])
    return Explanation(
        enough=bool(body["enough"]),
        probability=_number(body, "probability"),
        low=_number(body, "low"),
        high=_number(body, "high"),
        onset=(onset[0], onset[1]),
        parts=tuple(sorted(parts, key=lambda part: -abs(part.points))),
    )


def _number(body: Mapping[str, Json], name: str) -> float:
    return float(cast("float", body[name]))


def _many(count: int) -> int | None:
    return count if count == 0 or count >= LEAST_PEOPLE else None
