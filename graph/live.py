"""The snapshot plus everything acknowledged since: what a web process serves from.

Every request first calls :meth:`Live.catch_up`, which reads (max sequence, grant epoch) and
applies what is new. So a tap changes the tapper's very next feed in any process, public facts
and withdrawals reach everybody's next request, and no request ever opens the graph store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from graph.background import Background
from graph.codec import Json, decode_change
from graph.errors import NotFound, NotReady, StoreUnavailable
from graph.folders import read_about
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import Event, EventKind
from graph.ledger.rows import RowKind
from graph.live_consents import FirstExpiry, Fitted
from graph.live_items import with_item
from graph.live_residents import OwnWord, applied, with_changes
from graph.model import (
    DataCategory,
    InstitutionId,
    InteractionKind,
    ItemId,
    Op,
    ResidentId,
)
from graph.projection import EFFECTS, only_waits
from graph.snapshot import Facts, Snapshot, current_snapshot, open_snapshot
from graph.snapshot.build import HISTORY_SOURCES
from graph.snapshot.facts import ItemFacts
from graph.snapshot.snapshot import INTERACTION_KINDS, History
from graph.view import ItemTable, View

__all__ = ["Fitted", "Live", "Moment"]

_KIND_OF_TYPE = {type_: kind for type_, _, kind in HISTORY_SOURCES}
_CODE = {kind: code for code, kind in enumerate(INTERACTION_KINDS)}
_EFFECTS: dict[InteractionKind, tuple[tuple[Op, int], ...]] = {
    kind: tuple((op, _CODE[_KIND_OF_TYPE[type_]]) for op, type_ in effects)
    for kind, effects in EFFECTS.items()
}

_SEATED = frozenset(
    {
        InteractionKind.JOIN,
        InteractionKind.LEAVE,
        InteractionKind.SIGN_UP,
        InteractionKind.CANCEL,
    }
)
"""Interactions that may take or free a seat."""

Tap = tuple[int, int]
"""(item row, interaction kind code)"""


@dataclass(slots=True, eq=False)
class Moment:
    """One snapshot and its overlay, as one request sees them. Only :class:`Live` changes it."""

    snapshot: Snapshot
    facts: Facts
    items: ItemTable
    item_rows: dict[str, int]
    resident_rows: dict[str, int]
    seq: int
    epoch: int
    first_expiry: FirstExpiry
    histories: dict[int, dict[Tap, int | None]] = field(default_factory=dict)
    """Per touched resident row: (item, kind) -> Unix seconds, ``None`` when taken back."""
    own_words: dict[int, OwnWord] = field(default_factory=dict)
    """Per resident row that told something of themselves since the snapshot."""
    impersonal: set[int] = field(default_factory=set)
    """Rows of residents who want no list made for them personally."""
    consents: dict[int, tuple[NDArray[np.uint16], NDArray[np.int64]]] = field(default_factory=dict)
    """Per resident row whose grants changed since the snapshot: masks and expiries as of now."""
    withdrawn: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Rows whose cells the served model may know and must no longer use."""
    fitted: Fitted | None = None
    """What the served model knows; ``None`` before the first."""
    lapsed: list[int] = field(default_factory=list)
    """Rows whose grants ran out between the fit of that model and the snapshot."""
    item_facts: dict[int, ItemFacts] = field(default_factory=dict)
    """Public facts of items that are new or changed since the snapshot."""
    booked: set[str] = field(default_factory=set)
    """Items whose seats are to be read again; kept here in case the ledger goes away meanwhile."""
    seats: dict[str, tuple[int | None, int, int]] = field(default_factory=dict)
    """Per bookable item: seats, taken, waiting. Display only; the ledger decides."""
    seats_counted: int = 0
    """How often seats were copied into the item table, which alone is changed in place."""

    def resident_row(self, resident: ResidentId) -> int:
        """Row of a resident.

        Raises
        ------
        NotFound
            Nobody has this id.
        """
        row = self.resident_rows.get(resident)
        if row is None:
            raise NotFound(f"no resident {resident!r}; ids are shown by `linli residents`")
        return row

    def item_row(self, item: ItemId) -> int:
        """Row of an item.

        Raises
        ------
        NotFound
            Nothing has this id.
        """
        row = self.item_rows.get(item)
        if row is None:
            raise NotFound(f"no group, activity, service or role {item!r}")
        return row

    def rows_mentioning(self, text: str) -> NDArray[np.int64]:
        """Rows of items whose title or summary holds this text, in either language."""
        rows = {row for row in self.facts.mentioning(text) if row not in self.item_facts}
        rows |= {row for row, facts in self.item_facts.items() if facts.mentions(text)}
        return np.array(sorted(rows), np.int64)

    def most_active(self, n: int) -> list[tuple[str, int]]:
        """Pseudonyms of the residents with the longest histories, and how long they are."""
        lengths = np.diff(self.snapshot.history.indptr)
        top = np.argsort(-lengths, kind="stable")[:n]
        return [(str(self.snapshot.resident_ids[row]), int(lengths[row])) for row in top]

    def consent(self, row: int) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Consent masks and expiries of one resident, as of the last catch-up."""
        changed = self.consents.get(row)
        if changed is not None:
            return changed
        if row < len(self.snapshot.masks):
            return self.snapshot.masks[row], self.snapshot.expires[row]
        width = self.snapshot.masks.shape[1]
        return np.zeros(width, np.uint16), np.zeros(width, np.int64)

    def history(self, row: int) -> History:
        """List what one resident did, the latest taps included."""
        base = self.snapshot.history.row(row)
        changes = self.histories.get(row)
        if not changes:
            return base
        entries: dict[Tap, int] = {
            (int(item), int(kind)): int(at)
            for item, kind, at in zip(base.items, base.kinds, base.times, strict=True)
        }
        for tap, at in changes.items():
            if at is None:
                entries.pop(tap, None)
            else:
                entries[tap] = at
        taps = sorted(entries)
        return History(
            np.array([0, len(taps)], np.int64),
            np.array([item for item, _ in taps], np.int32),
            np.array([kind for _, kind in taps], np.int8),
            np.array([entries[tap] for tap in taps], np.int64),
        )

    def one(self, row: int, permitted: frozenset[DataCategory]) -> View:
        """View of one resident's own cells (one row), for that resident's feed."""
        view = self.snapshot.one(row, permitted, history=self.history(row), items=self.items)
        told = self.own_words.get(row)
        return view if told is None else applied(view, told, permitted)

    def masked(self, now: int) -> NDArray[np.int64]:
        """Rows of residents who withdrew a grant, or whose grant ran out, since the snapshot.

        A model fitted before knows their cells still; nothing of theirs may be evidence for
        anybody until the next fit.
        """
        expired = self.first_expiry.rows[: np.searchsorted(self.first_expiry.times, now, "right")]
        return np.union1d(self.withdrawn, expired) if len(expired) else self.withdrawn

    def item(self, row: int) -> ItemFacts:
        """Public facts of an item as they were published: title, place and so on."""
        fresh = self.item_facts.get(row)
        return fresh if fresh is not None else self.facts.item(row)

    def organiser(self, row: int) -> str:
        """Title of the group that organises an item, else whoever the item itself names."""
        group = int(self.items.group[row])
        return self.item(row).organiser if group < 0 else self.item(group).title


class Live:
    """Keeps a :class:`Moment` up to date with the ledger, safely for many threads."""

    def __init__(
        self,
        ledger: Ledger,
        snapshots: Path,
        *,
        institution: InstitutionId,
        clock: Callable[[], datetime],
        fitted: Callable[[], Fitted | None] = lambda: None,
        in_background: bool = False,
    ) -> None:
        self._ledger = ledger
        self._in_background = in_background
        self._fitted = fitted
        self._snapshots = snapshots
        self._institution = institution
        self._clock = clock
        self._lock = threading.Lock()
        self._moment: Moment | None = None
        self._next: Background[Moment] = Background()

    def catch_up(self) -> Moment:
        """Bring the overlay up to the ledger's head and return the moment to serve from.

        Raises
        ------
        NotReady
            No snapshot was ever taken.
        """
        with self._lock:
            folder = current_snapshot(self._snapshots)
            moment = self._moment
            if moment is None or moment.snapshot.folder != folder:
                moment = self._newer(moment, folder)
            try:
                self._advance(moment)
            except NotReady:  # the rows were compacted into the log: a newer snapshot holds them
                moment = self._open(current_snapshot(self._snapshots))
                self._advance(moment)
            self._moment = moment
            return moment

    def snapshot_age(self, moment: Moment) -> timedelta:
        """How long ago a moment's snapshot was taken, the latest equal one counting."""
        snapshot = moment.snapshot
        try:
            said = read_about(self._snapshots, snapshot.folder)
            taken_at = int(str(said["taken_at"]))
        except NotReady:  # cleaned away while it is served
            taken_at = snapshot.taken_at
        return max(self._clock() - datetime.fromtimestamp(taken_at, UTC), timedelta(0))

    def public(self) -> Moment:
        """Return the moment to show public facts from: the last one while the ledger is away.

        What residents did or allowed is not to be told from it: without the ledger it may be old.

        Raises
        ------
        NotReady
            No snapshot was ever taken.
        StoreUnavailable
            The ledger is away, and was since this process began.
        """
        try:
            return self.catch_up()
        except StoreUnavailable:
            if self._moment is None:
                raise
            return self._moment

    def _newer(self, moment: Moment | None, folder: str) -> Moment:
        """Open another snapshot; where allowed beside the requests, which have the old one still.

        Nothing is late for that: the old snapshot and its overlay say the same.
        """
        if moment is None or not self._in_background:
            return self._open(folder)
        return self._next.ask(lambda: self._open(folder)) or moment

    def _open(self, folder: str) -> Moment:
        try:
            snapshot = open_snapshot(self._snapshots, folder)
        except NotReady:  # replaced and cleaned away between two reads
            snapshot = open_snapshot(self._snapshots, current_snapshot(self._snapshots))
        with self._ledger.read() as tx:
            residents = self._ledger.rows.all(tx, RowKind.RESIDENT)
            items = self._ledger.rows.all(tx, RowKind.ITEM)
            seats = self._ledger.bookings.taken(tx, None)
            impersonal = self._ledger.told.impersonal(tx)
        rows = {key: row for row, key in enumerate(residents)}
        moment = Moment(
            snapshot=snapshot,
            facts=Facts(self._snapshots / snapshot.folder),
            items=replace(snapshot.items, seats_left=np.array(snapshot.items.seats_left)),
            item_rows={key: row for row, key in enumerate(items[: len(snapshot.items)])},
            resident_rows=rows,
            impersonal={rows[resident] for resident in impersonal if resident in rows},
            seq=snapshot.watermark,
            epoch=snapshot.epoch,
            first_expiry=FirstExpiry.of(np.asarray(snapshot.expires)),
        )
        _set_seats(moment, seats)
        return moment

    def _advance(self, moment: Moment) -> None:
        head, fitted = self._ledger.head(), self._fitted()
        stands = (moment.seq, moment.epoch, moment.fitted)
        if stands == (head.seq, head.epoch, fitted) and not moment.booked:
            return  # as for most requests
        with self._ledger.read() as tx:
            head = self._ledger.outbox.head(tx)
            while head.seq > moment.seq:  # one bounded page at a time
                for event in self._ledger.outbox.after(tx, moment.seq):
                    self._take(tx, moment, event)
                    moment.seq = event.seq
            if moment.booked:
                _set_seats(moment, self._ledger.bookings.taken(tx, sorted(moment.booked)))
                moment.booked.clear()
            fitted = self._fitted()
            if head.epoch > moment.epoch or fitted != moment.fitted:
                self._take_grants(tx, moment, fitted)
                moment.epoch, moment.fitted = head.epoch, fitted

    def _take_grants(self, tx: Connection, moment: Moment, fitted: Fitted | None) -> None:
        """Read the grants that changed since the snapshot, or since the model if that is older."""
        taken = moment.snapshot.epoch
        older = fitted is not None and fitted.epoch < taken
        changed = self._ledger.grants.changed_since(
            tx,
            fitted.epoch if fitted is not None and older else taken,
            institution=self._institution,
            at=self._clock(),
        )
        moment.consents = {row: (masks, expires) for row, masks, expires in changed}
        if fitted != moment.fitted:
            moment.lapsed = self._lapsed(tx, moment, fitted)
        # What such a model saw of them is not known here, so any change masks them.
        rows = list(moment.consents) if older else _withdrawn(moment)
        moment.withdrawn = np.array(sorted({*rows, *moment.lapsed}), np.int64)

    def _lapsed(self, tx: Connection, moment: Moment, fitted: Fitted | None) -> list[int]:
        """Rows whose grants ran out after the model was fitted and before the snapshot was taken.

        The snapshot no longer knows those grants, so its expiries cannot tell.
        """
        taken_at = moment.snapshot.taken_at
        if fitted is None or fitted.at >= taken_at:
            return []
        return self._ledger.grants.ran_out_between(
            tx, fitted.at, taken_at, institution=self._institution
        )

    def _take(self, tx: Connection, moment: Moment, event: Event) -> None:
        if event.payload is None:
            return
        if event.kind is EventKind.INTERACTION:
            self._take_interaction(tx, moment, event, event.payload)
            if event.payload["kind"] in _SEATED:
                moment.booked.add(str(event.payload["item"]))
        elif event.kind is EventKind.ITEM:
            self._take_item(tx, moment, event)
            moment.booked.add(event.subject)
        elif event.kind is EventKind.RESIDENT:
            self._take_resident(tx, moment, event, event.payload)
        elif event.kind is EventKind.IMPORT:  # their facts come with the next snapshot
            residents = self._ledger.rows.all(tx, RowKind.RESIDENT)
            moment.resident_rows = {key: row for row, key in enumerate(residents)}
            _set_seats(moment, self._ledger.bookings.taken(tx, None))
        elif event.kind is EventKind.UNDO:
            self._close(moment, self._ledger.rows.of_batch(tx, RowKind.ITEM, event.subject))
            _set_seats(moment, self._ledger.bookings.taken(tx, None))

    @staticmethod
    def _close(moment: Moment, rows: list[int]) -> None:
        """Offer items no longer that came with an undone import; the next snapshot lacks them."""
        is_open = moment.items.open.copy()
        known = [row for row in rows if row < len(is_open) and row not in moment.item_facts]
        is_open[known] = False
        moment.items = replace(moment.items, open=is_open)

    def _row_of(self, tx: Connection, moment: Moment, resident: str) -> int | None:
        """Row of a resident, of one who joined since the snapshot too."""
        row = moment.resident_rows.get(resident)
        if row is None:
            row = self._ledger.rows.get(tx, RowKind.RESIDENT, resident)
            if row is not None:
                moment.resident_rows[resident] = row
        return row

    def _take_resident(
        self, tx: Connection, moment: Moment, event: Event, payload: Mapping[str, Json]
    ) -> None:
        row = self._row_of(tx, moment, event.subject)
        if row is None:
            return
        encoded = cast("list[Mapping[str, Json]]", payload["changes"])
        if encoded:
            before = moment.own_words.get(row, OwnWord())
            changes = [decode_change(change) for change in encoded]
            moment.own_words[row] = with_changes(before, changes)
        if payload.get("personal") is False:
            moment.impersonal.add(row)
        elif payload.get("personal") is True:
            moment.impersonal.discard(row)

    def _take_interaction(
        self, tx: Connection, moment: Moment, event: Event, payload: Mapping[str, Json]
    ) -> None:
        resident = self._row_of(tx, moment, event.subject)
        item = moment.item_rows.get(str(payload["item"]))
        if resident is None or item is None or only_waits(payload):
            return
        at = int(datetime.fromisoformat(str(payload["at"])).timestamp())
        history = dict(moment.histories.get(resident, {}))
        for op, code in _EFFECTS[InteractionKind(str(payload["kind"]))]:
            history[(item, code)] = at if op is Op.PUT else None
        moment.histories[resident] = history  # replaced whole: another thread may be reading it

    def _take_item(self, tx: Connection, moment: Moment, event: Event) -> None:
        row = self._ledger.rows.get(tx, RowKind.ITEM, event.subject)
        if row is None or event.payload is None:
            return
        moment.items = with_item(
            moment.items,
            row,
            event.payload,
            item=event.subject,
            item_rows=moment.item_rows,
            grid_ids=moment.snapshot.grid_ids,
        )
        moment.item_rows[event.subject] = row
        moment.item_facts[row] = ItemFacts.from_payload(event.subject, event.payload)


def _withdrawn(moment: Moment) -> list[int]:
    """Rows that allow less now than when the snapshot was taken."""
    before = moment.snapshot.masks
    return [
        row
        for row, (now, _) in moment.consents.items()
        if row < len(before) and bool((before[row] & ~now).any())
    ]


def _set_seats(moment: Moment, seats: Mapping[str, tuple[int | None, int, int]]) -> None:
    """Copy the ledger's counts into the item table, in place: only one column of numbers."""
    for item, (total, taken, waiting) in seats.items():
        moment.seats[item] = (total, taken, waiting)
        row = moment.item_rows.get(item)
        if row is not None:
            moment.items.seats_left[row] = -1 if total is None else max(total - taken, 0)
    moment.seats_counted += 1  # last: whoever read it before sees that it moved
