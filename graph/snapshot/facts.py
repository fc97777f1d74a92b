"""Facts beside the arrays: a read-only SQLite file per snapshot.

``item`` holds what is public about each item, for cards. ``fact`` holds every fact about every
resident, keyed by (grid, row), with source, date, category, basis and confidence; values of S2
and S3 categories are sealed under the resident's own key for that category, so destroying the
key destroys them here too.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import count, islice, repeat
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.codec import Json, encode_scalar
from graph.errors import NotFound
from graph.ledger.keys import Box
from graph.ledger.ledger import Ledger
from graph.model import Basis, Category, DataCategory, ItemKind, ItemState, Level
from graph.schema import CATEGORY_LEVEL, ITEM_LABELS, PROVENANCE, RELATIONSHIPS
from graph.snapshot.snapshot import Snapshot
from graph.store.base import GraphStore

__all__ = ["Facts", "ItemFacts", "ResidentFact", "write_facts"]

_FILE = "facts.sqlite"
_TABLES = """
CREATE TABLE item (row INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE fact (
    grid INTEGER NOT NULL, row INTEGER NOT NULL, type TEXT NOT NULL, n INTEGER NOT NULL,
    value BLOB NOT NULL, source TEXT NOT NULL, as_of TEXT NOT NULL, category TEXT NOT NULL,
    basis TEXT NOT NULL, confidence REAL NOT NULL,
    PRIMARY KEY (grid, row, type, n)
) WITHOUT ROWID;
"""
_SAID = tuple(p.name for p in PROVENANCE)
_AT_ONCE = 5_000
"""Facts that are sealed or opened together."""
_REMEMBERED = 4_096
"""Items whose public facts stay parsed in memory: at most some 10 MB."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is public about one item, in the words of its organiser."""

    id: str
    kind: ItemKind
    title: str
    title_en: str
    summary: str
    summary_en: str
    state: ItemState
    life_category: Category | None
    starts_at: datetime | None
    ends_at: datetime | None
    seats: int | None
    cost_fen: int | None
    step_free: bool | None
    min_age: int | None
    max_age: int | None
    languages: tuple[str, ...]
    place: str
    organiser: str
    contact_hours: str
    hours_per_week: float | None

    @classmethod
    def of(
        cls,
        item: str,
        kind: ItemKind,
        properties: Mapping[str, Json],
        *,
        place: str = "",
        organiser: str = "",
    ) -> ItemFacts:
        """Make them from an item's properties (times as ISO 8601 text)."""

        def text(name: str) -> str:
            return str(properties.get(name) or "")

        def time(name: str) -> datetime | None:
            return datetime.fromisoformat(text(name)) if text(name) else None

        life = text("life_category")
        return cls(
            id=item,
            kind=kind,
            title=text("title"),
            title_en=text("title_en"),
            summary=text("summary"),
            summary_en=text("summary_en"),
            state=ItemState(text("state")),
            life_category=Category(life) if life else None,
            starts_at=time("starts_at"),
            ends_at=time("ends_at"),
            seats=cast("int | None", properties.get("seats")),
            cost_fen=cast("int | None", properties.get("cost_fen")),
            step_free=cast("bool | None", properties.get("step_free")),
            min_age=cast("int | None", properties.get("min_age")),
            max_age=cast("int | None", properties.get("max_age")),
            languages=tuple(t for t in text("languages").split(",") if t),
            place=place,
            organiser=organiser,
            contact_hours=text("contact_hours"),
            hours_per_week=cast("float | None", properties.get("hours_per_week")),
        )

    @classmethod
    def from_payload(cls, item: str, payload: Mapping[str, Json]) -> ItemFacts:
        """Make them from the payload of an ITEM event."""
        place = cast("Mapping[str, Json] | None", payload.get("place"))
        return cls.of(
            item,
            ItemKind(str(payload["item_kind"])),
            cast("Mapping[str, Json]", payload["properties"]),
            place=str(place["name"]) if place else "",
            organiser=str(payload.get("organiser") or ""),
        )

    def mentions(self, text: str) -> bool:
        """Whether a title or summary holds this text; the case of letters does not count."""
        words = (self.title, self.title_en, self.summary, self.summary_en)
        return any(text.casefold() in word.casefold() for word in words)


@dataclass(frozen=True, slots=True)
class ResidentFact:
    """One fact about one resident, opened."""

    type: str
    """Type of the relationship, or ``RESIDENT`` for the properties of their own node."""
    value: Mapping[str, Json]
    """Properties, and ``end``: the id of what the relationship leads to."""
    source: str
    as_of: datetime
    category: DataCategory
    basis: Basis
    confidence: float


class Facts:
    """Reads one snapshot's facts; safe for many threads."""

    def __init__(self, folder: Path) -> None:
        self._uri = f"{(folder / _FILE).resolve().as_uri()}?mode=ro&immutable=1"
        self._local = threading.local()
        self._items: dict[int, ItemFacts] = {}

    def _connection(self) -> sqlite3.Connection:
        connection = cast("sqlite3.Connection | None", getattr(self._local, "connection", None))
        if connection is None:
            connection = sqlite3.connect(self._uri, uri=True)
            self._local.connection = connection
        return connection

    def mentioning(self, text: str) -> list[int]:
        """Rows of items whose title or summary holds this text (see :meth:`ItemFacts.mentions`)."""
        found = self._connection().execute(
            "SELECT row, body FROM item WHERE body LIKE ? ESCAPE '\\'", (f"%{_escaped(text)}%",)
        )
        return [row for row, body in found if _facts(body).mentions(text)]

    def item(self, row: int) -> ItemFacts:
        """Return what is public about an item.

        Raises
        ------
        NotFound
            The row has no public facts (a number given out for an item that never came).
        """
        known = self._items.get(row)
        if known is not None:
            return known
        found = self._connection().execute("SELECT body FROM item WHERE row = ?", (row,)).fetchone()
        if found is None:
            raise NotFound(f"item row {row} has no published facts yet")
        if len(self._items) >= _REMEMBERED:
            self._items = {}  # replaced whole: another thread may be reading the old one
        facts = self._items[row] = _facts(found[0])
        return facts

    def about(self, snapshot: Snapshot, ledger: Ledger, row: int) -> list[ResidentFact]:
        """All facts about one resident; those whose key was destroyed are left out.

        Parameters
        ----------
        snapshot : Snapshot
            The one these facts lie beside.
        row : int
            Resident row; of one who joined since, nothing is known here.
        """
        if row >= snapshot.n_residents:
            return []
        columns = "type, n, value, source, as_of, category, basis, confidence"
        lines = (
            self._connection()
            .execute(
                f"SELECT {columns} FROM fact WHERE grid = ? AND row = ? ORDER BY type, n",  # noqa: S608 - our own names
                (int(snapshot.grid[row]), row),
            )
            .fetchall()
        )
        sealed = [line for line in lines if isinstance(line[2], bytes)]
        boxes = [(_box(snapshot, (row, x[0], x[1]), DataCategory(x[5])), x[2]) for x in sealed]
        with ledger.read() as tx:
            opened = iter(ledger.keys.open_many(tx, boxes))
        plain = [next(opened) if isinstance(line[2], bytes) else line[2] for line in lines]
        return [
            ResidentFact(
                type=type_,
                value=json.loads(value),
                source=source,
                as_of=datetime.fromisoformat(as_of),
                category=DataCategory(category),
                basis=Basis(basis),
                confidence=confidence,
            )
            for (type_, _, _, source, as_of, category, basis, confidence), value in zip(
                lines, plain, strict=True
            )
            if value is not None
        ]

    def told(
        self, snapshot: Snapshot, ledger: Ledger, type_: str, rows: NDArray[np.bool_]
    ) -> Iterator[tuple[int, Mapping[str, Json]]]:
        """Yield (resident row, properties) of every fact of one type about some residents.

        Those whose key was destroyed are left out.

        Parameters
        ----------
        snapshot : Snapshot
            The one these facts lie beside.
        ledger : Ledger
        type_ : str
            A type of relationship from residents, or ``RESIDENT``.
        rows : NDArray[bool], (n_residents,)
        """
        found = self._connection().execute(
            "SELECT row, n, value, category FROM fact WHERE type = ? ORDER BY n", (type_,)
        )
        wanted = (line for line in found if rows[line[0]])
        while chunk := list(islice(wanted, _AT_ONCE)):
            boxes = [
                (_box(snapshot, (row, type_, n), DataCategory(category)), value)
                for row, n, value, category in chunk
            ]
            with ledger.read() as tx:
                plain = ledger.keys.open_many(tx, boxes)
            for line, value in zip(chunk, plain, strict=True):
                if value is not None:
                    yield line[0], json.loads(value)

    def blocks(
        self, snapshot: Snapshot, ledger: Ledger, rows: Sequence[int]
    ) -> dict[int, tuple[str, ...]]:
        """Residents and groups that each of these residents shall never be matched with.

        Parameters
        ----------
        snapshot : Snapshot
            The one these facts lie beside.
        rows : sequence of int
            Resident rows of the snapshot.
        """
        sealed: list[tuple[int, Box, bytes]] = []
        for row in rows:
            found = self._connection().execute(
                "SELECT n, value FROM fact WHERE grid = ? AND row = ? AND type = 'BLOCKS'",
                (int(snapshot.grid[row]), row),
            )
            sealed += [
                (row, _box(snapshot, (row, "BLOCKS", n), DataCategory.TIE), value)
                for n, value in found
            ]
        with ledger.read() as tx:
            plain = ledger.keys.open_many(tx, [(box, value) for _, box, value in sealed])
        ends: dict[int, tuple[str, ...]] = dict.fromkeys(rows, ())
        for (row, _, _), value in zip(sealed, plain, strict=True):
            if value is not None:
                ends[row] += (str(json.loads(value)["end"]),)
        return ends


def _box(snapshot: Snapshot, fact: tuple[int, str, int], category: DataCategory) -> Box:
    """Under what the value of a sensitive fact (row, type, n) is sealed."""
    row, type_, n = fact
    return Box("fact", f"{row}:{type_}:{n}", str(snapshot.resident_ids[row]), category)


def _facts(body: str) -> ItemFacts:
    said = json.loads(body)
    return ItemFacts.of(
        said["id"],
        ItemKind(said["kind"]),
        said["properties"],
        place=said["place"],
        organiser=said["organiser"],
    )


def _escaped(text: str) -> str:
    """Take a text literally inside LIKE, as it stands in JSON."""
    inside = json.dumps(text, ensure_ascii=False)[1:-1]
    return inside.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def write_facts(folder: Path, *, store: GraphStore, ledger: Ledger, snapshot: Snapshot) -> None:
    """Write ``facts.sqlite`` into a snapshot folder that is not published yet."""
    connection = sqlite3.connect(folder / _FILE)
    try:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES)
        with connection:
            connection.executemany("INSERT INTO item VALUES (?, ?, ?)", _item_rows(store, snapshot))
            numbers, people = count(), _People.of(snapshot)
            for type_, category, table in _tables_of_residents(store):
                facts = _fact_rows(type_, category, table, people, numbers)
                connection.executemany(
                    "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    _sealed(ledger, snapshot, category, facts),
                )
    finally:
        connection.close()


def _item_rows(store: GraphStore, snapshot: Snapshot) -> Iterator[tuple[int, str, str]]:
    rows = {str(item): row for row, item in enumerate(snapshot.items.ids)}
    names = {
        label: _column_by_id(store.nodes(label), "name") for label in ("Venue", "Organisation")
    }
    for kind, label in ITEM_LABELS.items():
        place = _names(store, "HELD_AT", label, "Venue", names["Venue"])
        organiser = _names(store, "PROVIDED_BY", label, "Organisation", names["Organisation"])
        for node in store.nodes(label).to_pylist():
            item = node["id"]
            if item not in rows:
                continue
            body = {
                "id": item,
                "kind": kind.value,
                "properties": {
                    k: encode_scalar(v)
                    for k, v in node.items()
                    if k != "id" and k not in _SAID and v is not None
                },
                "place": place.get(item, ""),
                "organiser": organiser.get(item, ""),
            }
            yield rows[item], item, json.dumps(body, ensure_ascii=False)


def _column_by_id(table: pa.Table, column: str) -> dict[str, str]:
    return dict(zip(table.column("id").to_pylist(), table.column(column).to_pylist(), strict=True))


def _names(
    store: GraphStore, type_: str, start: str, end: str, names: Mapping[str, str]
) -> dict[str, str]:
    table = store.relationships(type_, start, end)
    pairs = zip(table.column("start").to_pylist(), table.column("end").to_pylist(), strict=True)
    return {item: names[other] for item, other in pairs if other in names}


def _tables_of_residents(store: GraphStore) -> Iterator[tuple[str, DataCategory, pa.Table]]:
    residents = store.nodes("Resident")
    yield (
        "RESIDENT",
        DataCategory.IDENTITY,
        residents.rename_columns(
            ["start" if name == "id" else name for name in residents.column_names]
        ),
    )
    for kind in RELATIONSHIPS.values():
        for start, end in kind.pairs:
            if start == "Resident":
                yield kind.name, kind.category, store.relationships(kind.name, start, end)


@dataclass(frozen=True, slots=True)
class _People:
    """Row and grid of each resident."""

    rows: Mapping[str, int]
    grids: Sequence[int]

    @classmethod
    def of(cls, snapshot: Snapshot) -> _People:
        ids = snapshot.resident_ids.tolist()
        return cls({resident: row for row, resident in enumerate(ids)}, snapshot.grid.tolist())


Fact = tuple[int, int, str, int, str, str, str, str, str, float]
"""(grid, row, type, n, value, source, as_of, category, basis, confidence)"""


def _fact_rows(
    type_: str,
    category: DataCategory,
    table: pa.Table,
    people: _People,
    numbers: Iterator[int],
) -> Iterator[Fact]:
    """Turn one table into facts, column by column: a city has some millions of them."""
    said = {name: table.column(name).to_pylist() for name in ("source", "basis", "confidence")}
    names = [name for name in table.column_names if name not in _SAID and name != "start"]
    columns = [table.column(name).to_pylist() for name in names]
    values = zip(*columns, strict=True) if columns else repeat(())
    moments = (_iso(moment) for moment in table.column("as_of").to_pylist())
    starts = table.column("start").to_pylist()
    for start, fact, as_of, source, basis, confidence in zip(
        starts, values, moments, *said.values(), strict=bool(columns)
    ):
        row = people.rows.get(start)
        if row is None:
            continue
        value = {
            name: encode_scalar(v) for name, v in zip(names, fact, strict=True) if v is not None
        }
        yield (
            people.grids[row],
            row,
            type_,
            next(numbers),
            _to_json(value),
            source,
            as_of,
            category.value,
            basis,
            confidence,
        )


_to_json = json.JSONEncoder(ensure_ascii=False).encode


@lru_cache(maxsize=1_024)
def _iso(moment: datetime) -> str:
    """Write a moment; most facts of an import share one."""
    return moment.isoformat()


def _sealed(
    ledger: Ledger, snapshot: Snapshot, category: DataCategory, facts: Iterator[Fact]
) -> Iterator[tuple[object, ...]]:
    """Seal the values of sensitive categories, a few thousand at a time."""
    if CATEGORY_LEVEL[category] in {Level.S0, Level.S1}:
        yield from facts
        return
    while chunk := list(islice(facts, _AT_ONCE)):
        boxes = [(_box(snapshot, fact[1:4], category), fact[4].encode()) for fact in chunk]
        with ledger.write() as tx:
            values = ledger.keys.seal_many(tx, boxes)
        for fact, value in zip(chunk, values, strict=True):
            yield (*fact[:4], value, *fact[5:])
