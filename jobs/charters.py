"""The steps of founding groups: propose, found of those who said yes, follow how they fare.

Like all steps they may be killed at any instant and run again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from graph.codec import Json
from graph.folders import current_name
from graph.gate import (
    Charter,
    CharterState,
    EventKind,
    GraphStore,
    NewCharter,
    RowKind,
    charter_people,
    group_view,
)
from graph.model import (
    Action,
    DataCategory,
    InteractionKind,
    ItemId,
    ItemKind,
    ItemState,
    Purpose,
    ResidentId,
)
from graph.projection import APP_SOURCE
from graph.schema import INTERACTION_CONFIDENCE
from graph.snapshot import Facts, Snapshot, current_snapshot, open_snapshot
from graph.view import LANGUAGE_BIT, View, fingerprint
from graph.vocabulary import interests
from jobs.site import Site
from jobs.steps import Progress, silent
from recommender.groups.body import Body, Meeting, Reason, Room
from recommender.groups.health import next_state
from recommender.groups.people import Standing
from recommender.groups.problem import Slot
from recommender.groups.proposals import LEAST_TO_FORM, GridPlan, Proposal, plan_city
from recommender.groups.rooms import LASTS, LOCAL_TIME, Venue
from recommender.network import load_network

__all__ = ["found_groups", "network_is_current", "propose_charters", "watch_groups"]

REST = timedelta(days=90)
"""How long nobody who was asked is asked again, whatever they said."""
_METRES_A_MINUTE = 60.0
"""A slow walk."""


def network_is_current(site: Site) -> bool:
    """Whether the published people network is of the current snapshot as authorised now."""
    name = current_name(site.home.networks)
    if name is None:
        return False
    return load_network(site.home.networks, name).view_id == fingerprint(_view(site)[1])


def propose_charters(site: Site, store: GraphStore, progress: Progress = silent) -> str:
    """Plan every grid anew; proposals that no worker touched are replaced.

    Returns
    -------
    str
        How many, among how many circles, and the worst gap to the best plan.
    """
    snapshot, view = _view(site)
    network = load_network(site.home.networks)
    now = site.clock()
    with site.ledger.read() as tx:
        seats = site.ledger.bookings.taken(tx, None)
        taken = site.ledger.charters.taken(tx, at=now)
    facts = Facts(site.home.snapshots / snapshot.folder)
    n_grids = len(snapshot.grid_ids)
    plans: list[GridPlan] = []
    standing = Standing(
        seats=_places(view, seats),
        taken=np.isin(snapshot.resident_ids, sorted(taken)),
        ties_known=np.isin(snapshot.resident_ids, sorted(_with_known_ties(site))),
        apart=_apart(snapshot, store.relationships("BLOCKS", "Resident", "Resident")),
    )
    for plan in plan_city(view, network, standing, now=now):
        plans.append(plan)
        progress(len(plans), n_grids, "planning")
    new = [
        _new_charter(snapshot, view, facts, plan.grid, proposal, now)
        for plan in plans
        for proposal in plan.proposals
    ]
    with site.ledger.write() as tx:
        site.ledger.charters.drop_untouched(tx)
        kept = sum(site.ledger.charters.propose(tx, charter, at=now) for charter in new)
    gap = max((plan.plan.gap for plan in plans), default=0.0)
    candidates = sum(plan.candidates for plan in plans)
    return f"{kept} charters of {candidates} circles in {len(plans)} grids, gap {gap:.2%}"


def found_groups(site: Site, progress: Progress = silent) -> int:
    """Found the groups whose answers are due, each of those who said yes.

    Returns
    -------
    int
        Groups founded.
    """
    now = site.clock()
    with site.ledger.read() as tx:
        asking = site.ledger.charters.all(tx, [CharterState.INVITING])
    due = [charter for charter in asking if charter.answer_by and charter.answer_by <= now]
    founded = 0
    for charter in due:
        progress(founded, len(due), "founding")
        willing = charter_people(site.gate, site.ledger, site.actor, charter.id)
        with site.ledger.write() as tx:
            agreed = [who for who in site.ledger.charters.agreed(tx, charter.id) if who in willing]
            if len(agreed) >= LEAST_TO_FORM:
                hosts = {who for who in agreed if Reason.from_json(willing[who]).host}
                _found(site, tx, charter, agreed, hosts)
                founded += 1
                site.ledger.charters.move(tx, charter.id, CharterState.FORMING, at=now)
            else:
                site.ledger.charters.move(tx, charter.id, CharterState.CLOSED, at=now)
            site.ledger.charters.free(tx, charter.id, until=now + REST)
            site.ledger.charters.forget_places(tx, charter.id)
    return founded


def watch_groups(site: Site) -> int:
    """Let founded groups become active, dormant or closed, by how many come.

    Returns
    -------
    int
        Groups that changed.
    """
    now = site.clock()
    with site.ledger.read() as tx:
        living = site.ledger.charters.all(
            tx, [CharterState.FORMING, CharterState.ACTIVE, CharterState.DORMANT]
        )
    if not living:
        return 0
    _, view = _view(site)
    came = view.interactions.data >= INTERACTION_CONFIDENCE[InteractionKind.ATTEND]
    heads = np.bincount(view.interactions.indices[came], minlength=view.n_items)
    changed = 0
    for charter in living:
        dates = _dates_of(view, str(charter.body["group"]))
        past = [int(heads[row]) for at, row in dates if at + LASTS < now.timestamp()]
        state = next_state(charter.state, past, idle=now - charter.changed_at)
        if state is not charter.state:
            with site.ledger.write() as tx:
                site.ledger.charters.move(tx, charter.id, state, at=now)
            changed += 1
    return changed


def _view(site: Site) -> tuple[Snapshot, View]:
    snapshot = open_snapshot(site.home.snapshots, current_snapshot(site.home.snapshots))
    return snapshot, group_view(site.gate, site.ledger, site.actor, snapshot)


def _with_known_ties(site: Site) -> frozenset[ResidentId]:
    return site.gate.may_among(
        site.actor,
        purpose=Purpose.GROUP_MATCHING,
        category=DataCategory.TIE,
        subjects=None,
        action=Action.DERIVE,
    )


def _places(view: View, seats: dict[str, tuple[int | None, int, int]]) -> NDArray[np.int64]:
    known = {item: total for item, (total, _, _) in seats.items() if total is not None}
    return np.array([known.get(str(item), -1) for item in view.items.ids], np.int64)


def _apart(snapshot: Snapshot, blocks: pa.Table) -> NDArray[np.int64]:
    """Rows of pairs who must not meet: a block holds whatever else is authorised."""
    row = {str(who): n for n, who in enumerate(snapshot.resident_ids)}
    pairs = zip(blocks["start"].to_pylist(), blocks["end"].to_pylist(), strict=True)
    known = [(row[a], row[b]) for a, b in pairs if a in row and b in row]
    return np.array(known, np.int64).reshape(-1, 2)


def _dates_of(view: View, group: str) -> list[tuple[int, int]]:
    """(start, item row) of the activities of a group, the first date first."""
    at = np.flatnonzero(view.items.ids == group)
    if not len(at):  # founded since the snapshot
        return []
    rows = np.flatnonzero(view.items.group == at[0])
    return sorted((int(view.items.starts[row]), int(row)) for row in rows)


def _new_charter(
    snapshot: Snapshot, view: View, facts: Facts, grid: int, proposal: Proposal, now: datetime
) -> NewCharter:
    tongues = {bit: tag for tag, bit in LANGUAGE_BIT.items()}
    spare = None if proposal.fallback is None else _meeting(facts, *proposal.fallback)
    body = Body(
        theme=interests().codes[proposal.theme],
        language=tongues.get(proposal.language, ""),
        community=proposal.community,
        meeting=_meeting(facts, proposal.venue, proposal.slot),
        fallback=spare,
        expected_ties=round(proposal.expected_ties, 2),
    )
    people: dict[ResidentId, dict[str, Json]] = {}
    for person in proposal.people:
        born = int(view.birth_year[person.row])
        reason = Reason(
            founder=person.founder,
            host=person.host,
            minutes=math.ceil(person.metres / _METRES_A_MINUTE),
            likes=person.likes,
            born=born - born % 10,
            few_ties=person.few_ties,
            bridges=person.bridges,
            at_fallback=person.at_fallback,
        )
        people[ResidentId(str(snapshot.resident_ids[person.row]))] = reason.to_json()
    named = f"{now.isoformat()}\0{proposal.community}\0{body.theme}\0{min(people)}"
    id_ = f"charter-{hashlib.sha256(named.encode()).hexdigest()[:12]}"
    return NewCharter(id_, str(snapshot.grid_ids[grid]), body.to_json(), people)


def _meeting(facts: Facts, venue: Venue, slot: Slot) -> Meeting:
    name = facts.item(venue.item).place
    room = Room(name, venue.lat, venue.lon, venue.step_free, venue.capacity)
    return Meeting(room, datetime.fromtimestamp(slot.starts, LOCAL_TIME))


def _found(
    site: Site,
    tx: Connection,
    charter: Charter,
    agreed: Sequence[ResidentId],
    hosts: set[ResidentId],
) -> None:
    """Publish the group and its first dates, and let those who agreed be in it."""
    body, now = Body.from_json(charter.body), site.clock()
    group = ItemId(f"group-{charter.id}")
    term = interests().terms[interests().codes.index(body.theme)]
    common: dict[str, Json] = {
        "title": f"{term.label_zh}邻里小组",
        "title_en": f"{term.label_en} with neighbours",
        "summary": "由邻居们自己发起的小组，欢迎加入。",
        "summary_en": "Founded by neighbours themselves. Everybody is welcome.",
        "state": ItemState.OPEN.value,
        "life_category": None if term.life_category is None else term.life_category.value,
        "languages": body.language or None,
        "step_free": body.meeting.room.step_free,
        "participatory": True,
        "opened_at": now.isoformat(),
    }
    about: list[Json] = [{"type": "ABOUT", "label": "Interest", "id": body.theme}]
    _publish(site, tx, charter, group, ItemKind.GROUP, common, about)
    by: Json = {"type": "ORGANISED_BY", "label": "Group", "id": group}
    for n, date in enumerate(body.meeting.dates, start=1):
        ends = date + timedelta(seconds=LASTS)
        when = {"starts_at": date.isoformat(), "ends_at": ends.isoformat()}
        item = ItemId(f"activity-{charter.id}-{n}")
        _publish(site, tx, charter, item, ItemKind.ACTIVITY, {**common, **when}, [*about, by])
    # No number of seats: free ones would tell how many of those who were asked said yes.
    site.ledger.bookings.set_seats(tx, group, None)
    for who in agreed:
        site.ledger.bookings.book(tx, group, who, at=now)
        site.ledger.outbox.append(
            tx,
            kind=EventKind.INTERACTION,
            key=f"charter/{charter.id}/{who}",
            subject=who,
            category=DataCategory.ATTENDANCE,
            payload={
                "kind": InteractionKind.JOIN.value,
                "item": group,
                "item_kind": ItemKind.GROUP.value,
                "role": "host" if who in hosts else "founder",
                "rec_id": None,
                "at": now.isoformat(),
                "state": "confirmed",
            },
            at=now,
        )
    site.ledger.charters.say(tx, charter.id, {**charter.body, "group": group})


def _publish(  # noqa: PLR0913 - one item and where it belongs
    site: Site,
    tx: Connection,
    charter: Charter,
    item: ItemId,
    kind: ItemKind,
    properties: dict[str, Json],
    links: list[Json],
) -> None:
    room, now = Body.from_json(charter.body).meeting.room, site.clock()
    site.ledger.rows.assign(tx, RowKind.ITEM, [item])
    site.ledger.outbox.append(
        tx,
        kind=EventKind.ITEM,
        key=f"charter/{charter.id}/{item}",
        subject=item,
        category=DataCategory.PUBLIC,
        payload={
            "item_kind": kind.value,
            "properties": {k: v for k, v in properties.items() if v is not None},
            "links": links,
            "gone": [],
            "provenance": {"source": APP_SOURCE, "as_of": now.isoformat()},
            "place": {"name": room.name, "lat": room.lat, "lon": room.lon},
            "venue": {"id": f"venue-{item}", "grid": charter.grid, "left": None},
        },
        at=now,
    )
