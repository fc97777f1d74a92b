"""Reading what residents were shown, joined with what they did: to learn from, and to tidy."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from graph.gate.gate import Gate
from graph.gate.impressions import LEARNT_FROM
from graph.ledger.canonical import micros
from graph.ledger.impressions import ShownList
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import Event, EventKind
from graph.ledger.rows import RowKind
from graph.model import Action, Actor, InteractionKind, Purpose

__all__ = ["Shown", "shown_and_done", "tidy_impressions"]

KINDS: tuple[InteractionKind, ...] = tuple(InteractionKind)
JOINING = frozenset({InteractionKind.JOIN, InteractionKind.SIGN_UP})


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
        done = _done(ledger.log.events(tx), row_of, since)
        entries = _Entries(done, item_rows)
        for shown in ledger.impressions.lists(tx, residents, since=since):
            if shown.resident in row_of:
                entries.add(shown)
    return entries.joined(len(residents))


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


class _Entries:
    """Places of lists, some 50 bytes each: a list is let go of as soon as it was read.

    Parameters
    ----------
    done : _Done
    item_rows : mapping of item id to row
    """

    def __init__(self, done: _Done, item_rows: Mapping[str, int]) -> None:
        self._done, self._item_rows = done, item_rows
        self._lists = {name: array("q") for name in ("at", "row", "arm", "model", "places")}
        self._items, self._ranks, self._acts = array("q"), array("q"), array("L")
        self._propensities = array("d")
        self._words: dict[str, int] = {}
        """Names of arms and models, numbered as they come."""

    def add(self, shown: ShownList) -> None:
        """Take the places of one list."""
        words = self._words
        numbers = (
            micros(shown.at),
            shown.row,
            words.setdefault(shown.arm, len(words)),
            words.setdefault(shown.model, len(words)),
            len(shown.places),
        )
        for column, number in zip(self._lists.values(), numbers, strict=True):
            column.append(number)
        for place in shown.places:
            self._items.append(self._item_rows[place.item])
            self._ranks.append(place.rank)
            self._propensities.append(place.propensity)
            self._acts.append(self._done.acts.get((shown.resident, place.rec_id), 0))

    def joined(self, n_residents: int) -> Shown:
        """Put them in order of time and row, the places of a list together."""
        lists = {name: np.array(column, np.int64) for name, column in self._lists.items()}
        of_list = np.repeat(np.arange(len(lists["at"])), lists["places"])
        order = np.lexsort((lists["row"][of_list], lists["at"][of_list]))
        of_list = of_list[order]
        words = np.array([*self._words], np.str_)
        joins = np.zeros(n_residents, np.int64)
        for row, n in self._done.joins.items():
            joins[row] = n
        return Shown(
            residents=lists["row"][of_list],
            items=np.array(self._items, np.int64)[order],
            ranks=np.array(self._ranks, np.int64)[order],
            propensities=np.array(self._propensities, np.float64)[order],
            times=lists["at"][of_list] // 1_000_000,
            acts=np.array(self._acts, np.uint32)[order],
            arms=words[lists["arm"][of_list]],
            models=words[lists["model"][of_list]],
            joins=joins,
        )
