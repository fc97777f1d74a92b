"""Published data sets as views: a folder with ``train.txt.xz`` and ``test.txt.xz``.

Side tables lie in the folder itself or in its parent. Each may be missing, and columns that are
not named here are passed over:

========================  ===========================  =============================================
``social.txt``            ``u v``                      friends, as ties
``users.csv``             ``u, lat, lon``              homes
``groups.csv``            ``i, category_id``           what groups are about, as tags
``train_attendance.csv``  ``u, i, weight``             how often the train pairs met
``events.csv``            ``e, g, lat, lon, time_ms``  who organises an event, where, and its start
``memberships.csv``       ``u, g``                     members of groups, without times
``train_rsvps.csv``       ``u, e, rsvpTime``           when the train pairs were made
``cut_ms.txt``                                         when the test begins, and what is asked
========================  ===========================  =============================================

All but the last are packed by xz. Where items are events, groups stand behind them as rows that
are not open, as a snapshot has them: an event has its ``group``, and members hold theirs. Where
items are groups they lie amid the venues of their events; members and sign-ups are not read, as
these tables hold the answers. Test cells are kept apart from the view: training never sees them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.errors import DatasetError
from graph.model import InteractionKind, ItemKind
from graph.schema import INTERACTION_CONFIDENCE
from graph.view import CSR, ITEM_KINDS, NO_TIME, ItemTable, View
from recommender.evaluation.tables import Table, find, read_pairs, size_of

__all__ = ["Dataset", "read_dataset"]

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]

_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A view to train on, and the cells to be asked about."""

    name: str
    task: str
    train: View
    test: CSR
    """(n_residents, n_items) 1 where a test pair is."""
    candidates: NDArray[np.bool_] | None = None
    """(n_items,) what can be asked for; ``None`` for all items."""


def read_dataset(folder: Path, *, memberships: bool = True) -> Dataset:
    """Read a data set.

    Parameters
    ----------
    folder : Path
        Holds ``train.txt.xz`` and ``test.txt.xz``: one line ``resident item item ...`` each. Items
        are groups if it is called ``groups``, events if there is a table of events.
    memberships : bool
        Whether the table of members is read.

    Raises
    ------
    DatasetError
        A file is missing or malformed.
    """
    folder = folder.resolve()
    in_city = folder.name in {"groups", "events"}
    name = f"{folder.parent.name}/{folder.name}" if in_city else folder.name
    train, test = (read_pairs(folder / f"{part}.txt.xz") for part in ("train", "test"))
    users, groups, events = (Table.read(folder, table) for table in ("users", "groups", "events"))
    social = find(folder, "social.txt.xz")
    friends = read_pairs(social) if social else (_NOTHING, _NOTHING)
    n = size_of(train[0], test[0], users.ids("u"), *friends)
    candidates = None
    if len(events) and folder.name != "groups":
        task = "events"
        members = Table.read(folder, "memberships") if memberships else Table("memberships", {})
        n = max(n, size_of(members.ids("u")))
        m = size_of(train[1], test[1], events.ids("e"))
        items = _event_items(m, events, groups, members)
        held = members.ids("u"), m + members.ids("g")
        view = _upcoming(folder, (n, len(items)), train, held, items)
        candidates = items.open & ((items.starts < 0) | (items.starts > view.as_of))
    else:
        task = "groups" if folder.name == "groups" else "items"
        m = size_of(train[1], test[1], groups.ids("i"), _organisers(events))
        joined = _attended(_matrix(train, (n, m)), Table.read(folder, "train_attendance"))
        view = View.of(joined, items=_group_items(m, events, groups))
    both = np.concatenate(friends), np.concatenate(friends[::-1])
    view = replace(view, home=_places(users, users.ids("u"), n), ties=_matrix(both, (n, n)))
    return Dataset(name, task, view, _matrix(test, (n, view.n_items)), candidates)


def _matrix(pairs: Pairs, shape: tuple[int, int]) -> CSR:
    ones = np.ones(len(pairs[0]), np.float32)
    matrix = sp.coo_array((ones, pairs), shape=shape).tocsr()
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _attended(train: CSR, table: Table) -> CSR:
    """Count pairs that met often for more, slowly: 1 + log(times) / 4. Only train pairs count."""
    rows, items = table.ids("u"), table.ids("i")
    known = (rows < train.shape[0]) & (items < train.shape[1])
    times = np.fmax(table.numbers("weight"), 1.0)
    more = (np.log(times[known]) / 4.0, (rows[known], items[known]))
    often = sp.coo_array(more, shape=train.shape).tocsr()
    return cast("CSR", (train + often.multiply(train)).astype(np.float32))


def _places(table: Table, rows: NDArray[np.int64], n: int) -> NDArray[np.float32]:
    """(n, 2) lat, lon as the table has them."""
    out = np.full((n, 2), np.nan, np.float32)
    out[rows] = np.stack([table.numbers("lat"), table.numbers("lon")], axis=1)
    out[np.isnan(out).any(axis=1)] = np.nan
    return out


def _seconds(table: Table, key: str) -> NDArray[np.int64]:
    """Take a column of times in milliseconds as Unix seconds."""
    ms = table.numbers(key)
    return np.where(np.isnan(ms), NO_TIME, np.nan_to_num(ms) // 1000).astype(np.int64)


def _organisers(events: Table) -> NDArray[np.int64]:
    """Group of each event; -1 where none is given."""
    found = events.numbers("g")
    return np.where(np.isnan(found), -1, np.nan_to_num(found)).astype(np.int64)


def _subjects(groups: Table, n: int) -> CSR:
    """(n, categories) 1 where a group is of a category."""
    labels = groups.texts("category_id")
    known = sorted({label for label in labels if label})
    column = {label: at for at, label in enumerate(known)}
    placed = [(g, column[label]) for g, label in zip(groups.ids("i"), labels, strict=True) if label]
    at = np.array(placed, np.int64).reshape(-1, 2)
    return _matrix((at[:, 0], at[:, 1]), (n, len(known)))


def _group_items(m: int, events: Table, groups: Table) -> ItemTable:
    """Make items of groups, each in the middle of the venues of its events."""
    tags = _subjects(groups, m)
    place = np.full((m, 2), np.nan, np.float32)
    organiser, venue = _organisers(events), _places(events, np.arange(len(events)), len(events))
    organiser[np.isnan(venue[:, 0])] = -1
    for group in np.unique(organiser[organiser >= 0]):
        place[group] = np.median(venue[organiser == group], axis=0)
    table = ItemTable.of([str(i) for i in range(m)], n_interests=tags.shape[1])
    return replace(table, tags=tags, lat=place[:, 0], lon=place[:, 1])


def _event_items(m: int, events: Table, groups: Table, members: Table) -> ItemTable:
    """Events, and behind them the groups, which are not open."""
    rows, organiser = events.ids("e"), _organisers(events)
    behind = size_of(organiser, groups.ids("i"), members.ids("g"))
    group = np.full(m + behind, -1, np.int32)
    group[rows] = np.where(organiser < 0, -1, m + organiser)
    starts = np.full(m + behind, NO_TIME, np.int64)
    starts[rows] = _seconds(events, "time_ms")
    place = _places(events, rows, m + behind)
    of_groups = _subjects(groups, behind)
    known = np.flatnonzero(group >= 0).astype(np.int64)
    organised = _matrix((known, group[known].astype(np.int64) - m), (m, behind))
    tags = sp.vstack([organised @ of_groups, of_groups], format="csr", dtype=np.float32)
    ids = [*(str(i) for i in range(m)), *(f"group-{g}" for g in range(behind))]
    is_event = np.arange(m + behind) < m
    kind = [ITEM_KINDS.index(k) for k in (ItemKind.GROUP, ItemKind.ACTIVITY)]
    return replace(
        ItemTable.of(ids, n_interests=of_groups.shape[1]),
        kind=np.array(kind, np.int8)[is_event.astype(np.int64)],
        open=is_event,
        starts=starts,
        lat=place[:, 0],
        lon=place[:, 1],
        group=group,
        tags=sp.csr_array(tags),
    )


def _upcoming(
    folder: Path, shape: tuple[int, int], signed: Pairs, joined: Pairs, items: ItemTable
) -> View:
    """Sign-ups with their times, and memberships, as they stand when the test begins."""
    both = np.concatenate([signed[0], joined[0]]), np.concatenate([signed[1], joined[1]])
    held = _matrix(both, shape)
    table = Table.read(folder, "train_rsvps")
    times = _latest(held, (table.ids("u"), table.ids("e")), _seconds(table, "rsvpTime"))
    return replace(
        View.of(
            held * np.float32(INTERACTION_CONFIDENCE[InteractionKind.SIGN_UP]),
            items=items,
            as_of=_cut(folder, otherwise=int(times.max(initial=0))),
            times=times,
        ),
        held=held,
    )


def _latest(matrix: CSR, pairs: Pairs, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the latest time of each entry of the matrix; other pairs are passed over."""
    n, m = matrix.shape
    out = np.full(matrix.nnz, NO_TIME, np.int64)
    cells = np.repeat(np.arange(n), np.diff(matrix.indptr)) * m + matrix.indices
    known = (pairs[0] < n) & (pairs[1] < m)
    wanted, when = pairs[0][known] * m + pairs[1][known], times[known]
    at = np.searchsorted(cells, wanted)
    found = (at < len(cells)) & (cells[at.clip(0, max(len(cells) - 1, 0))] == wanted)
    np.maximum.at(out, at[found], when[found])
    return out


def _cut(folder: Path, *, otherwise: int) -> int:
    """Moment at which the test begins, in Unix seconds."""
    path = find(folder, "cut_ms.txt")
    if path is None:
        return otherwise
    try:
        return int(path.read_text(encoding="utf-8")) // 1000
    except ValueError as error:
        raise DatasetError(f"{path} holds no number of milliseconds") from error
