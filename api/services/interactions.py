"""What residents do with items: decided, recorded and acknowledged in one ledger transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from api.services.backing import Backing
from api.services.cards import obstacles
from api.services.feed import FeedService
from api.services.viewing import find_row
from api.services.views import join_act, leave_act
from graph.codec import Json
from graph.errors import Conflict, DataError
from graph.gate import BookingState, EventKind
from graph.live import Moment
from graph.model import (
    Action,
    Actor,
    InteractionKind,
    ItemId,
    ItemKind,
    Purpose,
    RecId,
    ResidentId,
)
from graph.schema import interaction_category
from recommender.base import Query

__all__ = ["RECORDED", "Act", "Interactions", "Receipt"]

RECORDED = frozenset(
    {
        InteractionKind.VIEW,
        InteractionKind.LIKE,
        InteractionKind.DISMISS,
        InteractionKind.UNDO,
        InteractionKind.JOIN,
        InteractionKind.LEAVE,
        InteractionKind.SIGN_UP,
        InteractionKind.CANCEL,
    }
)
"""What can be told through a door; having been there and having helped come from organisers."""

_JOINING = frozenset({InteractionKind.JOIN, InteractionKind.SIGN_UP})
_LEAVING = frozenset({InteractionKind.LEAVE, InteractionKind.CANCEL})
_TRIES = 3
_WHY_NOT = {
    "open": "it is not open",
    "time": "it has begun or is over",
    "age": "it is for another age",
    "blocked": "the resident blocked its organiser",
}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a resident does with one item."""

    resident: ResidentId
    item: ItemId
    kind: InteractionKind
    rec_id: RecId | None
    key: str
    """Idempotency key, of the client's choice."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an act; a retry gets the very same one."""

    item: ItemId
    kind: InteractionKind
    rec_id: RecId | None
    at: datetime
    state: BookingState | None = None
    """Whether the place is certain, for acts that take one."""
    position: int | None = None
    """Place on the waiting list; 1 is next."""
    repeated: bool = False
    """Nothing was done: this request had been answered before."""

    def to_json(self) -> dict[str, Json]:
        """Turn it into what the ledger keeps."""
        return {
            "item": self.item,
            "kind": self.kind.value,
            "rec_id": self.rec_id,
            "at": self.at.isoformat(),
            "state": None if self.state is None else self.state.value,
            "position": self.position,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Json]) -> Receipt:
        """Read what :meth:`to_json` made, as the answer to a repeated request."""
        state = kept["state"]
        rec_id = cast("str | None", kept["rec_id"])
        return cls(
            item=ItemId(str(kept["item"])),
            kind=InteractionKind(str(kept["kind"])),
            rec_id=None if rec_id is None else RecId(rec_id),
            at=datetime.fromisoformat(str(kept["at"])),
            state=None if state is None else BookingState(str(state)),
            position=cast("int | None", kept["position"]),
            repeated=True,
        )


class _ItemMoved(Exception):
    """Item or resident was changed between the look at them and the decision."""


class Interactions:
    """Records acts."""

    def __init__(self, backing: Backing, feeds: FeedService) -> None:
        self._backing = backing
        self._feeds = feeds

    def record(self, actor: Actor, act: Act) -> Receipt:
        """Do it: durable before this returns, once per key.

        Raises
        ------
        Denied
            The actor may not do this for this resident.
        NotFound
            No such resident or item.
        DataError
            The act does not fit the item, or the ``rec_id`` is of another suggestion.
        Conflict
            It cannot be done any more (closed, cancelled, past).
        IdempotencyConflict
            The key belongs to another request.
        """
        if act.kind not in RECORDED:
            raise DataError(f"{act.kind} is told by organisers, not through this door")
        self._backing.gate.authorise(
            actor,
            purpose=Purpose.FEED,
            category=interaction_category(act.kind),
            subject=act.resident,
            action=Action.WRITE,
        )
        key = _scoped(actor, act.key)
        for _ in range(_TRIES):
            moment = self._backing.live.catch_up()
            kind = self._check(moment, act)
            try:
                with self._backing.ledger.write() as tx:
                    return self._decide(tx, act, kind, key, moment)
            except _ItemMoved:
                continue
        raise Conflict(f"item {act.item} is being changed right now; try again in a moment")

    def _check(self, moment: Moment, act: Act) -> ItemKind:
        """Refuse what makes no sense whatever the state of things; returns the item's kind."""
        find_row(moment, act.resident)
        kind = moment.item(moment.item_row(act.item)).kind
        if act.kind in _JOINING | _LEAVING and act.kind not in {join_act(kind), leave_act(kind)}:
            raise DataError(
                f"{act.kind} does not fit a {kind}; use {join_act(kind)} or {leave_act(kind)}"
            )
        if act.rec_id is not None:
            self._feeds.rec_ids.reason(act.rec_id, act.resident, act.item, moment.items.ids)
        return kind

    def _decide(
        self, tx: Connection, act: Act, item_kind: ItemKind, key: str, moment: Moment
    ) -> Receipt:
        ledger, now = self._backing.ledger, self._backing.clock()
        request: dict[str, Json] = {
            "kind": act.kind.value,
            "item": act.item,
            "rec_id": act.rec_id,
        }
        seen = ledger.outbox.seen(
            tx, kind=EventKind.INTERACTION, key=key, subject=act.resident, request=request
        )
        if seen is not None and seen.reply is not None:
            return Receipt.from_json(seen.reply)
        receipt = Receipt(act.item, act.kind, act.rec_id, now)
        promoted: ResidentId | None = None
        if act.kind in _JOINING:
            receipt = self._take_place(tx, act, moment)
        elif act.kind in _LEAVING:
            promoted = ledger.bookings.cancel(tx, act.item, act.resident, at=now)
        state = None if receipt.state is None else receipt.state.value
        appended = ledger.outbox.append(
            tx,
            kind=EventKind.INTERACTION,
            key=key,
            subject=act.resident,
            category=interaction_category(act.kind),
            payload={
                **request,
                "item_kind": item_kind.value,
                "at": now.isoformat(),
                "state": state,
            },
            at=now,
            request=request,
        )
        if promoted is not None:
            append_promotion(self._backing, tx, act.item, item_kind, promoted, cause=appended.seq)
        ledger.outbox.set_reply(tx, key, receipt.to_json())
        return receipt

    def _take_place(self, tx: Connection, act: Act, moment: Moment) -> Receipt:
        bookings, now = self._backing.ledger.bookings, self._backing.clock()
        self._refuse_if_changed(tx, act, moment)
        viewer = self._feeds.viewer(moment, act.resident)
        row = moment.item_row(act.item)
        _refuse_if_impossible(viewer.query, row, act.item)
        state, position = BookingState.CONFIRMED, None
        booked = any(each.item == act.item for each in bookings.of(tx, act.resident))
        # Whoever was in before places were counted stays in, and takes no place twice.
        if booked or not viewer.done.get(row, frozenset()) & _JOINING:
            booking = bookings.book(tx, act.item, act.resident, rec_id=act.rec_id, at=now)
            state, position = booking.state, booking.position
        return Receipt(act.item, act.kind, act.rec_id, now, state, position)

    def _refuse_if_changed(self, tx: Connection, act: Act, moment: Moment) -> None:
        """See to it that what was looked at is what the decision falls on."""
        since = self._backing.ledger.outbox.after(tx, moment.seq)
        if any(event.subject in {act.item, act.resident} for event in since):
            raise _ItemMoved


def _refuse_if_impossible(query: Query, row: int, item: ItemId) -> None:
    failed = obstacles(query, row)
    if failed:
        why = ", ".join(_WHY_NOT[name] for name in failed)
        raise Conflict(f"nobody can take part in item {item} like this: {why}")


def append_promotion(
    backing: Backing,
    tx: Connection,
    item: ItemId,
    item_kind: ItemKind,
    promoted: ResidentId,
    *,
    cause: int,
) -> None:
    """Record that somebody moved up from the waiting list, with the event that made room."""
    now = backing.clock()
    kind = join_act(item_kind)
    held = [b for b in backing.ledger.bookings.of(tx, promoted) if b.item == item]
    backing.ledger.outbox.append(
        tx,
        kind=EventKind.INTERACTION,
        key=f"promotion/{item}/{promoted}/{cause}",
        subject=promoted,
        category=interaction_category(kind),
        payload={
            "kind": kind.value,
            "item": item,
            "item_kind": item_kind.value,
            "at": now.isoformat(),
            "rec_id": held[0].rec_id if held else None,
            "state": BookingState.CONFIRMED.value,
        },
        at=now,
    )


def _scoped(actor: Actor, key: str) -> str:
    """Keep the keys of different clients apart."""
    return f"act/{actor.institution}/{actor.app}/{actor.resident or ''}/{key}"
