"""Take a snapshot: bulk reads of the graph store and the ledger become arrays and facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.ledger.ledger import Ledger
from graph.ledger.rows import RowKind
from graph.model import InstitutionId, InteractionKind, ItemState
from graph.schema import ITEM_LABELS
from graph.snapshot.facts import write_facts
from graph.snapshot.files import write_snapshot
from graph.snapshot.snapshot import INTERACTION_KINDS, History, Snapshot
from graph.store.base import GraphStore
from graph.view import CSR, ITEM_KINDS, LANGUAGE_BIT, LIFE_CATEGORIES, NO_TIME, ItemTable
from graph.vocabulary import VOCABULARIES, Vocabulary, interests, needs, occupations, offers

__all__ = ["build_snapshot"]

HISTORY_SOURCES: tuple[tuple[str, tuple[str, ...], InteractionKind], ...] = (
    ("VIEWED", tuple(ITEM_LABELS.values()), InteractionKind.VIEW),
    ("LIKED", tuple(ITEM_LABELS.values()), InteractionKind.LIKE),
    ("DISMISSED", tuple(ITEM_LABELS.values()), InteractionKind.DISMISS),
    ("JOINED", ("Group", "HelperRole", "Service"), InteractionKind.JOIN),
    ("SIGNED_UP", ("Activity",), InteractionKind.SIGN_UP),
    ("ATTENDED", ("Activity",), InteractionKind.ATTEND),
    ("HELPED", ("HelperRole",), InteractionKind.HELP),
)
"""Relationship types that make up a resident's history, and what each one means."""

Progress = Callable[[int, int, str], None]


class _Index:
    """Row numbers by id, for whole arrays at once."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = np.asarray(ids, dtype=np.str_) if len(ids) else np.empty(0, dtype="<U1")
        self._order = np.argsort(self.ids)
        self._sorted = self.ids[self._order]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: NDArray[np.str_]) -> NDArray[np.int64]:
        """Row of each id, -1 where there is none."""
        if not len(self.ids) or not len(ids):
            return np.full(len(ids), -1, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, ids), len(self.ids) - 1)
        return np.where(self._sorted[at] == ids, self._order[at], -1).astype(np.int64)


def build_snapshot(
    store: GraphStore,
    ledger: Ledger,
    *,
    parent: Path,
    institution: InstitutionId,
    now: datetime,
    progress: Progress = lambda done, total, note: None,
) -> str:
    """Write a new snapshot and make it the current one.

    Parameters
    ----------
    store : GraphStore
        Opened by the holder of the writer lease.
    ledger : Ledger
    parent : Path
        The home's ``snapshots`` folder.
    institution : InstitutionId
        Whose grants the consent masks hold.
    now : datetime
        Aware; its day becomes ``as_of``.
    progress : callable, optional
        Called with (steps done, steps in all, what is being read).

    Returns
    -------
    str
        Folder name of the snapshot.
    """
    watermark = store.watermark()
    with ledger.read() as tx:
        epoch = ledger.outbox.head(tx).epoch
        residents = _Index(ledger.rows.all(tx, RowKind.RESIDENT))
        items = _Index(ledger.rows.all(tx, RowKind.ITEM))
        grids = _Index(ledger.rows.all(tx, RowKind.GRID))
        masks, expires = ledger.grants.arrays(tx, len(residents), institution=institution, at=now)
    progress(1, 5, "residents")
    read = _Reader(store, residents, items, grids)
    people = read.residents()
    progress(2, 5, "items")
    table = read.items_table()
    progress(3, 5, "histories and ties")
    snapshot = Snapshot(
        id="",
        folder="",
        as_of=int(
            now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        ),
        watermark=watermark,
        epoch=epoch,
        taken_at=int(now.timestamp()),
        resident_ids=residents.ids,
        grid_ids=grids.ids,
        items=table,
        history=read.history(),
        interests=read.words("INTERESTED_IN", "Interest", interests(), "weight"),
        offers=read.words("CAN_OFFER", "Offer", offers()),
        occupations=read.words("WORKS_AS", "Occupation", occupations()),
        needs=read.words("NEEDS", "Need", needs()),
        ties=read.ties(),
        blocked=read.blocked(),
        masks=masks,
        expires=expires,
        grid_centre=read.grid_centres(),
        **people,  # type: ignore[arg-type]
    )
    progress(4, 5, "facts")
    name = write_snapshot(
        parent,
        snapshot,
        vocabulary={label: load().version for label, load in VOCABULARIES.items()},
        extras=lambda folder: write_facts(folder, store=store, ledger=ledger, snapshot=snapshot),
    )
    progress(5, 5, "done")
    return name


class _Reader:
    """Bulk reads of one store, translated to rows."""

    def __init__(self, store: GraphStore, residents: _Index, items: _Index, grids: _Index) -> None:
        self._store = store
        self._residents = residents
        self._items = items
        self._grids = grids

    def residents(self) -> dict[str, NDArray[np.generic]]:
        """Plain arrays of the residents, by field name of :class:`Snapshot`."""
        n = len(self._residents)
        nodes = self._store.nodes("Resident")
        rows = self._residents.rows(_texts(nodes, "id"))
        active = np.zeros(n, np.bool_)
        known = rows >= 0
        status = _texts(nodes, "status")
        active[rows[known]] = np.isin(status, ["active", ""])[known]
        grid = np.full(n, -1, np.int32)
        start, end = self._pairs("IN_GRID", "Resident", "Grid", self._residents, self._grids)
        grid[start] = end
        return {
            "active": active,
            "birth_year": _scatter(n, rows, _numbers(nodes, "birth_year", 0), np.int16, 0),
            "languages": _scatter(n, rows, _language_bits(nodes), np.uint8, 0),
            "walk_limit": _scatter(n, rows, _numbers(nodes, "walk_limit", -1), np.int32, -1),
            "grid": grid,
            "dwelling": self._located("LIVES_IN", "Resident", "Building", self._residents),
        }

    def _pairs(
        self, type_: str, start: str, end: str, starts: _Index, ends: _Index
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        table = self._store.relationships(type_, start, end)
        rows, columns = starts.rows(_texts(table, "start")), ends.rows(_texts(table, "end"))
        known = (rows >= 0) & (columns >= 0)
        return rows[known], columns[known]

    def _located(self, type_: str, start: str, end: str, index: _Index) -> NDArray[np.float32]:
        """Latitude and longitude of the place each row is connected to."""
        places = self._store.nodes(end)
        at = _Index(_texts(places, "id").tolist())
        point = np.column_stack(
            [_numbers(places, "lat", np.nan), _numbers(places, "lon", np.nan)]
        ).astype(np.float32)
        rows, columns = self._pairs(type_, start, end, index, at)
        out = np.full((len(index), 2), np.nan, np.float32)
        out[rows] = point[columns]
        return out

    def grid_centres(self) -> NDArray[np.float32]:
        """(n_grids, 2) lat, lon."""
        nodes = self._store.nodes("Grid")
        rows = self._grids.rows(_texts(nodes, "id"))
        n = len(self._grids)
        return np.column_stack(
            [
                _scatter(n, rows, _numbers(nodes, "lat", np.nan), np.float32, np.nan),
                _scatter(n, rows, _numbers(nodes, "lon", np.nan), np.float32, np.nan),
            ]
        )

    def words(
        self, type_: str, label: str, vocabulary: Vocabulary, weight: str | None = None
    ) -> CSR:
        """Residents x vocabulary; codes outside the governed list are left out."""
        table = self._store.relationships(type_, "Resident", label)
        columns = _Index(vocabulary.codes)
        values = _numbers(table, weight, 1.0) if weight else np.ones(len(table))
        return _matrix(
            self._residents.rows(_texts(table, "start")),
            columns.rows(_texts(table, "end")),
            values,
            (len(self._residents), len(columns)),
        )

    def ties(self) -> CSR:
        """Residents x residents, made symmetric by the stronger direction."""
        table = self._store.relationships("KNOWS", "Resident", "Resident")
        start = self._residents.rows(_texts(table, "start"))
        end = self._residents.rows(_texts(table, "end"))
        n = len(self._residents)
        one_way = _matrix(start, end, _numbers(table, "strength", 0.0), (n, n))
        both: CSR = one_way.maximum(one_way.T).tocsr()
        both.sort_indices()
        return both

    def blocked(self) -> CSR:
        """Residents x items: groups a resident blocked."""
        table = self._store.relationships("BLOCKS", "Resident", "Group")
        return _matrix(
            self._residents.rows(_texts(table, "start")),
            self._items.rows(_texts(table, "end")),
            np.ones(len(table)),
            (len(self._residents), len(self._items)),
        )

    def history(self) -> History:
        """All that residents did with items."""
        parts: list[tuple[NDArray[np.int64], NDArray[np.int64], int, NDArray[np.int64]]] = []
        for type_, labels, kind in HISTORY_SOURCES:
            for label in labels:
                table = self._store.relationships(type_, "Resident", label)
                rows = self._residents.rows(_texts(table, "start"))
                columns = self._items.rows(_texts(table, "end"))
                known = (rows >= 0) & (columns >= 0)
                times = _times(table, "at")[known]
                parts.append((rows[known], columns[known], INTERACTION_KINDS.index(kind), times))
        return History.from_entries(
            np.concatenate([p[0] for p in parts]),
            np.concatenate([p[1] for p in parts]).astype(np.int32),
            np.concatenate([np.full(len(p[0]), p[2], np.int8) for p in parts]),
            np.concatenate([p[3] for p in parts]),
            len(self._residents),
        )

    def items_table(self) -> ItemTable:
        """Everything public about the items; rows without a node are closed."""
        n = len(self._items)
        columns: dict[str, NDArray[np.generic]] = {
            "kind": np.zeros(n, np.int8),
            "open": np.zeros(n, np.bool_),
            "life_category": np.full(n, -1, np.int8),
            "starts": np.full(n, NO_TIME, np.int64),
            "ends": np.full(n, NO_TIME, np.int64),
            "opened": np.full(n, NO_TIME, np.int64),
            "seats_left": np.full(n, -1, np.int32),
            "lat": np.full(n, np.nan, np.float32),
            "lon": np.full(n, np.nan, np.float32),
            "grid": np.full(n, -1, np.int32),
            "min_age": np.full(n, -1, np.int16),
            "max_age": np.full(n, -1, np.int16),
            "languages": np.zeros(n, np.uint8),
            "step_free": np.zeros(n, np.bool_),
            "participatory": np.zeros(n, np.bool_),
            "group": np.full(n, -1, np.int32),
        }
        for code, kind in enumerate(ITEM_KINDS):
            self._fill_items(columns, ITEM_LABELS[kind], code)
        venues = self._store.nodes("Venue")
        grid_of = _Index(_texts(venues, "id").tolist())
        venue_grid = np.full(len(grid_of), -1, np.int32)
        start, end = self._pairs("BUILT_IN", "Venue", "Grid", grid_of, self._grids)
        venue_grid[start] = end
        for label in ITEM_LABELS.values():
            rows, at = self._pairs("HELD_AT", label, "Venue", self._items, grid_of)
            columns["grid"][rows] = venue_grid[at]
            place = self._located("HELD_AT", label, "Venue", self._items)
            columns["lat"][rows], columns["lon"][rows] = place[rows, 0], place[rows, 1]
        rows, groups = self._pairs("ORGANISED_BY", "Activity", "Group", self._items, self._items)
        columns["group"][rows] = groups
        return ItemTable(
            ids=self._items.ids,
            tags=self._item_words("ABOUT", "Interest", interests()),
            needs=self._item_words("ANSWERS_NEED", "Need", needs()),
            occupations=self._item_words("WELCOMES", "Occupation", occupations()),
            offers=self._item_words("ASKS_FOR", "Offer", offers()),
            **columns,  # type: ignore[arg-type]
        )

    def _fill_items(self, columns: dict[str, NDArray[np.generic]], label: str, code: int) -> None:
        nodes = self._store.nodes(label)
        rows = self._items.rows(_texts(nodes, "id"))
        known = rows >= 0
        at = rows[known]
        columns["kind"][at] = code
        columns["open"][at] = (_texts(nodes, "state") == ItemState.OPEN)[known]
        life = _texts(nodes, "life_category")
        for n, category in enumerate(LIFE_CATEGORIES):
            columns["life_category"][at[(life == category)[known]]] = n
        columns["opened"][at] = _times(nodes, "opened_at")[known]
        if label == "Activity":
            columns["starts"][at] = _times(nodes, "starts_at")[known]
            columns["ends"][at] = _times(nodes, "ends_at")[known]
        for field, column in (
            ("seats", "seats_left"),
            ("min_age", "min_age"),
            ("max_age", "max_age"),
        ):
            columns[column][at] = _numbers(nodes, field, -1)[known]
        for flag in ("step_free", "participatory"):
            columns[flag][at] = (_numbers(nodes, flag, 0) > 0)[known]
        columns["languages"][at] = _language_bits(nodes)[known]

    def _item_words(self, type_: str, label: str, vocabulary: Vocabulary) -> CSR:
        codes = _Index(vocabulary.codes)
        starts: list[NDArray[np.int64]] = []
        ends: list[NDArray[np.int64]] = []
        labels = ("HelperRole",) if type_ == "ASKS_FOR" else tuple(ITEM_LABELS.values())
        for item_label in labels:
            table = self._store.relationships(type_, item_label, label)
            starts.append(self._items.rows(_texts(table, "start")))
            ends.append(codes.rows(_texts(table, "end")))
        rows = np.concatenate(starts)
        return _matrix(
            rows, np.concatenate(ends), np.ones(len(rows)), (len(self._items), len(codes))
        )


def _matrix(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.floating],
    shape: tuple[int, int],
) -> CSR:
    known = (rows >= 0) & (columns >= 0)
    coordinates = (rows[known], columns[known])
    entries = np.asarray(values, np.float32)[known]
    matrix: CSR = sp.coo_array((entries, coordinates), shape=shape).tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _scatter(
    n: int,
    rows: NDArray[np.int64],
    values: NDArray[np.generic],
    dtype: type[np.generic],
    unknown: float,
) -> NDArray[np.generic]:
    out = np.full(n, unknown, dtype)
    known = rows >= 0
    out[rows[known]] = values[known].astype(dtype)
    return out


def _texts(table: pa.Table, name: str) -> NDArray[np.str_]:
    values = ["" if v is None else v for v in table.column(name).to_pylist()]
    return np.asarray(values, dtype=np.str_) if values else np.empty(0, dtype="<U1")


def _numbers(table: pa.Table, name: str, unknown: float) -> NDArray[np.float64]:
    column = table.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    filled = column.cast(pa.float64()).fill_null(unknown)
    return np.asarray(filled.to_numpy(), dtype=np.float64)


def _times(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Unix seconds of a time column; NO_TIME where null."""
    column = table.column(name).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    micros = np.asarray(column.fill_null(NO_TIME * 1_000_000).to_numpy(), dtype=np.int64)
    return micros // 1_000_000


def _language_bits(table: pa.Table) -> NDArray[np.uint8]:
    return np.array([language_bits(v) for v in table.column("languages").to_pylist()], np.uint8)


def language_bits(tags: str | None) -> int:
    """Bits of a comma-separated list of language tags; unknown languages add nothing."""
    bits = 0
    for tag in (tags or "").split(","):
        bits |= LANGUAGE_BIT.get(tag.strip().split("-")[0].lower(), 0)
    return bits
