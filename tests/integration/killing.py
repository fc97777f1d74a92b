"""Clients that go on while processes die, and a check of all they were told.

The check keeps books of its own (:class:`Books`): it folds every event of the ledger into who has
which place and mark, by rules written here, and compares with what clients were answered, with the
ledger's tables, with the graph and with the pages.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from api.cli.jobs_commands import borrowed_graph
from api.wiring import Floors, load_config, open_floors
from graph.errors import IdempotencyConflict
from graph.gate import Event, EventKind, GraphStore
from graph.model import InteractionKind, ItemKind
from graph.projection import changes_for
from graph.schema import ITEM_LABELS
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from jobs import steps
from tests.integration.serving import Browser, Pass, new_key

JOINS = {InteractionKind.JOIN, InteractionKind.SIGN_UP}
LEAVES = {InteractionKind.LEAVE, InteractionKind.CANCEL}
MARKS = {"LIKED": "liked", "DISMISSED": "dismissed", "JOINED": "joined", "SIGNED_UP": "joined"}
PATHS = {
    ItemKind.GROUP: "groups",
    ItemKind.ACTIVITY: "activities",
    ItemKind.SERVICE: "services",
    ItemKind.HELPER_ROLE: "roles",
}
Pair = tuple[str, str]
"""(resident, item)"""


@dataclass
class Sent:
    """One act that a client sent, and what it was told."""

    key: str
    resident: str
    item: str
    kind: InteractionKind
    receipt: dict[str, object] | None = None
    """None while, or for ever when, nothing was told."""
    refused: bool = False


class Client(threading.Thread):
    """Somebody with a phone: tries each act again under the same key until it is answered."""

    def __init__(
        self, port: int, people: Sequence[Pass], items: Mapping[str, ItemKind], seed: int
    ) -> None:
        super().__init__(daemon=True)
        self._browser = Browser(port)
        self._people = people
        self._items = items
        self._rng = np.random.default_rng(seed)
        self.sent: list[Sent] = []
        self.wrong: list[str] = []
        """Answers that nobody should ever get."""
        self.patience = threading.Event()
        """Set to let it finish what it is at and end."""

    def run(self) -> None:
        while not self.patience.is_set():
            person = self._people[int(self._rng.integers(len(self._people)))]
            item = list(self._items)[int(self._rng.integers(len(self._items)))]
            activity = self._items[item] is ItemKind.ACTIVITY
            take = InteractionKind.SIGN_UP if activity else InteractionKind.JOIN
            leave = InteractionKind.CANCEL if activity else InteractionKind.LEAVE
            marks = (InteractionKind.LIKE, InteractionKind.DISMISS, InteractionKind.UNDO)
            kinds = (take, take, take, leave, leave, *marks)
            kind = kinds[int(self._rng.integers(len(kinds)))]
            self._do(person, Sent(new_key(), person.resident, item, kind))
        self._browser.close()

    def _do(self, person: Pass, act: Sent) -> None:
        self.sent.append(act)
        self._browser.be(person)
        again = self._rng.random() < 0.15  # an answer that the phone did not see
        while True:
            try:
                answer = self._ask(act)
            except (OSError, http.client.HTTPException):
                if self._rng.random() < 0.05:
                    return  # the battery is empty: nobody knows what became of it
                time.sleep(0.05)
                continue
            if answer.status in {429, 503}:
                time.sleep(0.2)
                continue
            if answer.status == 409:
                act.refused = True
                return
            if answer.status not in {200, 201, 202}:
                self.wrong.append(f"{act.kind} on {act.item}: {answer.status} {answer.text[:200]}")
                return
            if act.receipt is not None:
                if answer.json != act.receipt:
                    self.wrong.append(f"{act.key} was answered {act.receipt}, then {answer.json}")
                return
            act.receipt = answer.json
            if not again:
                return

    def _ask(self, act: Sent):
        own = f"/api/v1/residents/{act.resident}/signups"
        if act.kind in JOINS:
            return self._browser.ask("POST", own, {"item": act.item}, key=act.key)
        if act.kind in LEAVES:
            return self._browser.ask("DELETE", f"{own}/{act.item}", key=act.key)
        body = {"resident": act.resident, "item": act.item, "kind": act.kind.value}
        return self._browser.ask("POST", "/api/v1/interactions", body, key=act.key)


@dataclass
class Books:
    """Who has which place and which mark, folded from events."""

    seats: dict[str, int | None] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=dict)
    line: dict[str, list[str]] = field(default_factory=dict)
    marks: dict[Pair, set[str]] = field(default_factory=dict)

    def take(self, resident: str, item: str, kind: InteractionKind):
        """Do an act; returns the state and position it is answered with, and who moves up."""
        held, line = self.held.setdefault(item, []), self.line.setdefault(item, [])
        marks = self.marks.setdefault((resident, item), set())
        state = position = promoted = None
        if kind in JOINS:
            # Who was in before places were counted stays in without one.
            if resident not in held and resident not in line and "joined" not in marks:
                (held if self._free(item) else line).append(resident)
            state = "waitlist" if resident in line else "confirmed"
            position = line.index(resident) + 1 if resident in line else None
            if kind is InteractionKind.SIGN_UP or state == "confirmed":
                marks.add("joined")
        elif kind in LEAVES:
            marks.discard("joined")
            if resident in line:
                line.remove(resident)
            elif resident in held:
                held.remove(resident)
                if line and self._free(item):
                    promoted = line.pop(0)
                    held.append(promoted)
                    self.marks.setdefault((promoted, item), set()).add("joined")
        else:
            marks -= {"liked", "dismissed"}
            if kind is not InteractionKind.UNDO:
                marks.add({"like": "liked", "dismiss": "dismissed"}[kind.value])
        return state, position, promoted

    def _free(self, item: str) -> bool:
        seats = self.seats.get(item)
        return seats is None or len(self.held[item]) < seats

    def state(self, pair: Pair) -> tuple[str, int | None]:
        """What the resident's card of the item says."""
        resident, item = pair
        line = self.line.get(item, [])
        if resident in line:
            return "waitlist", line.index(resident) + 1
        marks = self.marks.get(pair, set())
        if resident in self.held.get(item, []) or "joined" in marks:
            return "joined", None
        return next((m for m in ("dismissed", "liked") if m in marks), "none"), None


def marks_in(store: GraphStore) -> dict[Pair, set[str]]:
    """What the graph says residents did."""
    found: dict[Pair, set[str]] = {}
    for type_, mark in MARKS.items():
        for label in ITEM_LABELS.values():
            if (type_ == "SIGNED_UP") != (label == "Activity") and mark == "joined":
                continue
            table = store.relationships(type_, "Resident", label)
            for start, end in zip(
                table["start"].to_pylist(), table["end"].to_pylist(), strict=True
            ):
                found.setdefault((start, end), set()).add(mark)
    return found


class Checker:
    """Compares, after every round, everything with everything."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.replayed = MemoryStore()
        self.books = Books()
        self.seq = 0
        self.sent: list[Sent] = []
        with open_floors(load_config(home=home)) as floors, floors.ledger.read() as tx:
            for event in floors.ledger.log.events(tx):
                self._replay(floors, tx, event)
                self.seq = event.seq
            held, line, seats = _tables(tx)
        self.books.held, self.books.line = held, line
        self.books.seats = {item: total for item, (total, _, _) in seats.items()}
        self.books.marks = marks_in(self.replayed)

    def _replay(self, floors: Floors, tx, event: Event) -> None:
        if event.kind is EventKind.IMPORT:
            for chunk in floors.ledger.imports.changes(tx, event.subject):
                self.replayed.apply(chunk)
        else:
            self.replayed.apply(changes_for(event))

    def check(self, sent: Sequence[Sent]) -> list[str]:
        """Everything that is not as it must be."""
        wrong = self.check_ledger(sent)
        with open_floors(load_config(home=self.home)) as floors:
            return [*wrong, *self._graph(floors)]

    def check_ledger(self, sent: Sequence[Sent]) -> list[str]:
        """Everything but the graph, which may be away."""
        self.sent += sent
        with open_floors(load_config(home=self.home)) as floors:
            return self._ledger(floors, sent)

    def _ledger(self, floors: Floors, sent: Sequence[Sent]) -> list[str]:
        ledger = floors.ledger
        wrong: list[str] = []
        with ledger.read() as tx:
            events = list(ledger.log.events(tx))
            head = ledger.outbox.head(tx).seq
            at: dict[int, Sent] = {}
            for act in self.sent:
                seq = _seq_of(floors, tx, act, wrong)
                if seq is not None:
                    at[seq] = act
                elif act.receipt is not None:
                    wrong.append(f"lost: {act.kind} of {act.resident} on {act.item}, {act.key}")
            if [event.seq for event in events] != list(range(1, head + 1)):
                wrong.append("the log has a gap or tells an event twice")
            wrong += self._fold(floors, tx, events, at)
            held, line, seats = _tables(tx)
            fault = ledger.audit.verify(tx).fault
            whole = tx.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        wrong += _unequal("places", self.books.held, held) + _unequal(
            "line", self.books.line, line, ordered=True
        )
        for item, (total, taken, waiting) in seats.items():
            if (taken, waiting) != (len(held.get(item, [])), len(line.get(item, []))):
                wrong.append(f"{item}: {taken} taken, {waiting} waiting, but not so many people")
            if total is not None and taken > total:
                wrong.append(f"{item}: oversold, {taken} of {total}")
        if fault is not None or whole != "ok":
            wrong.append(f"audit: {fault}; database: {whole}")
        return wrong

    def _fold(self, floors: Floors, tx, events: Sequence[Event], at: Mapping[int, Sent]):
        wrong: list[str] = []
        due: Pair | None = None
        for event in events:
            if event.seq <= self.seq:
                continue
            self.seq = event.seq
            self._replay(floors, tx, event)
            if event.kind is not EventKind.INTERACTION or event.payload is None:
                continue
            kind = InteractionKind(str(event.payload["kind"]))
            said = (event.subject, str(event.payload["item"]))
            act = at.get(event.seq)
            if act is None:
                if said != due or kind not in JOINS:
                    wrong.append(f"applied twice, or asked by nobody: {kind} of {said}")
                    self.books.take(*said, kind)
                due = None
                continue
            if due is not None:
                wrong.append(f"nobody told of {due}, who moved up")
            if said != (act.resident, act.item) or kind is not act.kind:
                wrong.append(f"{act.key} asked for {act} and did {kind} of {said}")
            state, position, promoted = self.books.take(*said, kind)
            due = None if promoted is None else (promoted, said[1])
            told = act.receipt or {"state": state, "position": position}
            if (told["state"], told["position"]) != (state, position):
                wrong.append(f"{act.key} was told {told}, not {state} {position}")
        if due is not None:
            wrong.append(f"nobody told of {due}, who moved up")
        return wrong

    def _graph(self, floors: Floors) -> list[str]:
        with borrowed_graph(floors.site) as store:
            steps.drain(floors.site, store)
            wrong = [f"graph and log: {line}" for line in differences(store, self.replayed)]
            marks = {pair: kinds for pair, kinds in self.books.marks.items() if kinds}
            if marks_in(store) != marks:
                wrong.append("the graph's marks are not those of the acts")
            if store.watermark() != self.seq:
                wrong.append(f"the graph stands at {store.watermark()}, not {self.seq}")
        return wrong

    def check_pages(
        self, port: int, people: Sequence[Pass], items: Mapping[str, ItemKind], rng
    ) -> list[str]:
        """Compare feeds, own pages and cards of these residents with the books."""
        wrong: list[str] = []
        browser = Browser(port)
        for person in people:
            browser.be(person)
            pairs = {item: self.books.state((person.resident, item)) for item in items}
            for card in browser.feed(person.resident)["cards"]:
                state, _ = self.books.state((person.resident, card["item_id"]))
                if state in {"joined", "waitlist", "dismissed"} or card["state"] != state:
                    wrong.append(f"feed of {person.resident}: {card['item_id']} is {state}")
            page = browser.get("/mine").text
            shown = set(re.findall(r'id="card-([^"]+)"', page))
            for item, (state, _) in pairs.items():
                if (state in {"joined", "waitlist"}) != (item in shown) and state != "liked":
                    wrong.append(f"own page of {person.resident}: {item} is {state}")
            item = list(items)[int(rng.integers(len(items)))]
            answer = browser.get(f"/api/v1/{PATHS[items[item]]}/{item}").json
            if (answer["card"]["state"], answer["card"]["position"]) != pairs[item]:
                wrong.append(f"card of {item} for {person.resident}: not {pairs[item]}")
        browser.close()
        return wrong


def _seq_of(floors: Floors, tx, act: Sent, wrong: list[str]) -> int | None:
    try:
        seen = floors.ledger.outbox.seen(
            tx,
            kind=EventKind.INTERACTION,
            key=f"act/{floors.institution}/linli/{act.resident}/{act.key}",
            subject=act.resident,
            request={"kind": act.kind.value, "item": act.item, "rec_id": None},
        )
    except IdempotencyConflict:
        wrong.append(f"{act.key} stands for another request")
        return None
    if seen is None:
        return None
    if act.receipt is not None and seen.reply is not None:
        kept = (seen.reply["state"], seen.reply["position"])
        if kept != (act.receipt["state"], act.receipt["position"]):
            wrong.append(f"{act.key}: the ledger keeps another answer")
    return seen.seq


def _tables(tx):
    """Places, waiting lists in order and counts, as they stand in the tables."""
    held: dict[str, list[str]] = {}
    line: dict[str, list[str]] = {}
    query = "SELECT item, resident, state FROM bookings ORDER BY item, place"
    for item, resident, state in tx.exec_driver_sql(query):
        (held if state == "confirmed" else line).setdefault(item, []).append(resident)
    query = "SELECT item, seats, taken, waiting FROM seats"
    return held, line, {item: (a, b, c) for item, a, b, c in tx.exec_driver_sql(query)}


def _unequal(
    what: str,
    books: Mapping[str, list[str]],
    table: Mapping[str, list[str]],
    *,
    ordered: bool = False,
) -> list[str]:
    form: Callable[[list[str]], object] = list if ordered else Counter
    return [
        f"{what} at {item}: {table.get(item, [])} stand in the ledger, not {books.get(item, [])}"
        for item in sorted({*books, *table})
        if form(books.get(item, [])) != form(table.get(item, []))
    ]


def open_items(floors: Floors, residents: Sequence[str]) -> dict[str, ItemKind]:
    """Items that all of these residents may take part in."""
    moment, now = floors.live.catch_up(), time.time()
    items = moment.items
    good = items.open & (items.min_age < 0) & (items.max_age < 0)
    good &= (items.starts < 0) | (items.starts > now + 3600)
    rows = np.flatnonzero(good)
    return {str(items.ids[row]): moment.item(int(row)).kind for row in rows}
