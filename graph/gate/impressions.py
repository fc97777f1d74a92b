"""Noting what residents were shown, beside the requests; and reading it, to learn from.

Only lists of residents who authorise both what interests them and what they take part in are
kept: without the second nobody could tell what came of a list.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from graph.errors import LinliError, StoreUnavailable
from graph.gate.gate import Gate
from graph.ledger.impression_files import SegmentWriter
from graph.ledger.impressions import ShownList
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import Event, EventKind
from graph.ledger.rows import RowKind
from graph.model import Action, Actor, InstitutionId, InteractionKind, Purpose
from graph.schema import interaction_category

__all__ = ["LEARNT_FROM", "ImpressionBuffer", "Shown", "shown_and_done", "tidy_impressions"]

LEARNT_FROM = frozenset(
    interaction_category(kind) for kind in (InteractionKind.VIEW, InteractionKind.SIGN_UP)
)
"""Categories that a resident authorises for the feed if lists are kept of them."""

KINDS: tuple[InteractionKind, ...] = tuple(InteractionKind)
JOINING = frozenset({InteractionKind.JOIN, InteractionKind.SIGN_UP})

_WAIT_SECONDS = 0.5
_MOST = 20_000
"""Lists held while the ledger or the disk is away; what comes on top pushes others out."""

_log = logging.getLogger(__name__)


class ImpressionBuffer:
    """Takes lists from requests and writes them within a second, in a thread of its own.

    Nothing waits for it, and nothing fails with it. Between a list and its writing its resident
    may change what they authorise: then the list is dropped.
    """

    def __init__(self, ledger: Ledger, institution: InstitutionId) -> None:
        self._ledger = ledger
        self._institution = institution
        self._writer = SegmentWriter(ledger.impressions.folder)
        self._waiting: deque[tuple[int, ShownList]] = deque(maxlen=_MOST)
        self._something = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, shown: ShownList, *, epoch: int) -> None:
        """Note a list; returns at once.

        Parameters
        ----------
        shown : ShownList
            Of a resident who authorises :data:`LEARNT_FROM`.
        epoch : int
            Grant epoch at which that was looked up.
        """
        self._waiting.append((epoch, shown))
        if not self._something.is_set():
            self._something.set()
        if self._thread is None:
            self._start()

    def flush(self) -> int:
        """Write what waits; returns how many lists were written.

        Raises
        ------
        StoreUnavailable, OSError
            Ledger or disk is away; the lists wait, as far as there is room.
        """
        with self._flushing:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not batch:
                return 0
            try:
                return self._write(batch)
            except (StoreUnavailable, OSError):
                self._waiting.extendleft(reversed(batch))
                raise

    def close(self) -> None:
        """Write what waits and stop."""
        self._closing.set()
        self._something.set()
        if self._thread is not None:
            self._thread.join()
        self._flush_quietly()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="impressions", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._something.wait()
            self._closing.wait(_WAIT_SECONDS)
            self._something.clear()
            self._flush_quietly()

    def _flush_quietly(self) -> None:
        try:
            self.flush()
        except (LinliError, OSError) as error:
            _log.warning("what was shown is not noted (%s); feeds go on without", error)

    def _write(self, batch: Iterable[tuple[int, ShownList]]) -> int:
        """Seal and append, but for residents whose grants changed since their list was made."""
        ledger, now = self._ledger, self._ledger.clock()
        oldest = min(epoch for epoch, _ in batch)
        with ledger.write() as tx:  # grants stay as they are until the keys are made
            moved: set[int] = set()
            if ledger.outbox.head(tx).epoch > oldest:
                moved = {
                    row
                    for row, _, _ in ledger.grants.changed_since(
                        tx, oldest, institution=self._institution, at=now
                    )
                }
            kept = [shown for _, shown in batch if shown.row not in moved]
            records = ledger.impressions.seal(tx, kept)
        if records:
            self._writer.append(records, at=now)
        return len(records)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What was shown and what came of it: one entry per place of a list, in order of time."""

    residents: NDArray[np.int64]
    """(n,) resident rows."""
    items: NDArray[np.int64]
    """(n,) item rows."""
    ranks: NDArray[np.int64]
    """(n,) 1 is the top."""
    propensities: NDArray[np.float64]
    """(n,) probability of this item at this rank."""
    times: NDArray[np.int64]
    """(n,) Unix seconds."""
    acts: NDArray[np.uint32]
    """(n,) what the resident did with this very suggestion: bit k for ``KINDS[k]``."""
    arms: NDArray[np.str_]
    """(n,) part of an experiment."""
    models: NDArray[np.str_]
    """(n,) model ids."""
    joins: NDArray[np.int64]
    """(n_residents,) places taken since then, by whichever way they were found."""

    def did(self, *kinds: InteractionKind) -> NDArray[np.bool_]:
        """Tell for each entry whether any of these was done with it."""
        bits = sum(1 << KINDS.index(kind) for kind in kinds)
        out: NDArray[np.bool_] = (self.acts & np.uint32(bits)) != 0
        return out


def shown_and_done(gate: Gate, ledger: Ledger, actor: Actor, *, since: datetime) -> Shown:
    """Read what residents were shown since a time, joined with what they did; for training.

    Only of residents who authorise it at this moment; recorded before anything is read.

    Raises
    ------
    Denied
        The actor may not train.
    AuditUnavailable
        It could not be recorded, so it does not happen.
    CorruptStore
        A file was altered.
    """
    may = _permitted(gate, ledger, actor)
    with ledger.read() as tx:
        residents = ledger.rows.all(tx, RowKind.RESIDENT)
        item_rows = {key: row for row, key in enumerate(ledger.rows.all(tx, RowKind.ITEM))}
        row_of = {key: row for row, key in enumerate(residents) if row < len(may) and may[row]}
        lists = [
            shown
            for shown in ledger.impressions.lists(tx, residents, since=since)
            if shown.resident in row_of
        ]
        lists.sort(key=lambda shown: (shown.at, shown.row))
        done = _done(ledger.log.events(tx), row_of, since)
    return _joined(lists, done, item_rows, len(residents))


def tidy_impressions(gate: Gate, ledger: Ledger, actor: Actor, *, lasts: timedelta) -> list[str]:
    """Delete lists older than this, and those of residents who do not authorise them any more.

    Returns
    -------
    list of str
        Files deleted.
    """
    may = _permitted(gate, ledger, actor)
    with ledger.read() as tx:
        residents = ledger.rows.all(tx, RowKind.RESIDENT)
        return ledger.impressions.tidy(
            tx,
            residents,
            now=ledger.clock(),
            lasts=lasts,
            may_keep=lambda row: row < len(may) and bool(may[row]),
        )


def _permitted(gate: Gate, ledger: Ledger, actor: Actor) -> NDArray[np.bool_]:
    """Tell which residents authorise all of :data:`LEARNT_FROM` now, (n_residents,)."""
    decision = gate.authorise_bulk(
        actor, purpose=Purpose.FEED, categories=LEARNT_FROM, action=Action.TRAIN, rows=None
    )
    with ledger.read() as tx:
        masks, expires = ledger.grants.arrays(
            tx,
            ledger.rows.count(tx, RowKind.RESIDENT),
            institution=actor.institution,
            at=ledger.clock(),
        )
    by_category = gate.permitted(decision, masks, expires)
    out: NDArray[np.bool_] = np.logical_and.reduce([by_category[c] for c in LEARNT_FROM])
    return out


@dataclass(frozen=True, slots=True)
class _Done:
    """What residents did: with which suggestion, and how often they took a place."""

    acts: Mapping[tuple[str, str], int]
    """(resident, rec_id) -> bits."""
    joins: Mapping[int, int]


def _done(events: Iterable[Event], row_of: Mapping[str, int], since: datetime) -> _Done:
    acts: dict[tuple[str, str], int] = {}
    joins: dict[int, int] = {}
    for event in events:
        said = event.payload
        if event.kind is not EventKind.INTERACTION or said is None or event.subject not in row_of:
            continue
        kind = InteractionKind(str(said["kind"]))
        rec_id = said.get("rec_id")
        if rec_id is not None:
            name = (event.subject, str(rec_id))
            acts[name] = acts.get(name, 0) | 1 << KINDS.index(kind)
        if kind in JOINING and event.at >= since:
            row = row_of[event.subject]
            joins[row] = joins.get(row, 0) + 1
    return _Done(acts, joins)


def _joined(
    lists: list[ShownList], done: _Done, item_rows: Mapping[str, int], n_residents: int
) -> Shown:
    entries = [(shown, place) for shown in lists for place in shown.places]
    joins = np.zeros(n_residents, np.int64)
    for row, n in done.joins.items():
        joins[row] = n
    return Shown(
        residents=np.array([shown.row for shown, _ in entries], np.int64),
        items=np.array([item_rows[place.item] for _, place in entries], np.int64),
        ranks=np.array([place.rank for _, place in entries], np.int64),
        propensities=np.array([place.propensity for _, place in entries], np.float64),
        times=np.array([int(shown.at.timestamp()) for shown, _ in entries], np.int64),
        acts=np.array(
            [done.acts.get((shown.resident, place.rec_id), 0) for shown, place in entries],
            np.uint32,
        ),
        arms=np.array([shown.arm for shown, _ in entries], np.str_),
        models=np.array([shown.model for shown, _ in entries], np.str_),
        joins=joins,
    )
