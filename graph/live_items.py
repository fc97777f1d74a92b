"""The item table of the overlay: items that are new or changed since the snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.codec import Json
from graph.model import ItemKind, ItemState
from graph.snapshot.build import language_bits
from graph.snapshot.snapshot import widen
from graph.view import ITEM_KINDS, LIFE_CATEGORIES, NO_TIME, ItemTable
from graph.vocabulary import interests, needs, occupations, offers

__all__ = ["with_item"]


def with_item(
    table: ItemTable,
    row: int,
    payload: Mapping[str, Json],
    *,
    item: str,
    item_rows: Mapping[str, int],
    grid_ids: NDArray[np.str_],
) -> ItemTable:
    """Make a table in which one item is new or changed.

    Parameters
    ----------
    table : ItemTable
        As it was.
    row : int
        The item's row; may lie beyond the table.
    payload : mapping
        Of its ITEM event.
    item : str
        Its id.
    item_rows, grid_ids
        Rows of the groups and grids it may name.
    """
    items = _grown(table, row + 1)
    properties = cast("Mapping[str, Json]", payload["properties"])
    links = cast("list[Mapping[str, str]]", payload["links"])
    columns = {
        name: np.array(getattr(items, name))
        for name in (
            "kind", "open", "life_category", "starts", "ends", "opened", "lat", "lon", "grid",
            "min_age", "max_age", "languages", "step_free", "participatory", "group",
        )
    }  # fmt: skip
    columns["kind"][row] = ITEM_KINDS.index(ItemKind(str(payload["item_kind"])))
    columns["open"][row] = properties.get("state") == ItemState.OPEN
    life = [n for n, c in enumerate(LIFE_CATEGORIES) if c == properties.get("life_category")]
    columns["life_category"][row] = life[0] if life else -1
    for name, column in (("starts_at", "starts"), ("ends_at", "ends"), ("opened_at", "opened")):
        columns[column][row] = _seconds(properties.get(name))
    for name in ("min_age", "max_age"):
        value = properties.get(name)
        columns[name][row] = int(cast("int", value)) if value is not None else -1
    for name in ("step_free", "participatory"):
        columns[name][row] = bool(properties.get(name))
    columns["languages"][row] = language_bits(cast("str | None", properties.get("languages")))
    place = cast("Mapping[str, float] | None", payload.get("place"))
    if place is not None:
        columns["lat"][row], columns["lon"][row] = place["lat"], place["lon"]
    venue = cast("Mapping[str, str | None] | None", payload.get("venue"))
    if venue is not None:
        grids = np.flatnonzero(grid_ids == venue["grid"])
        columns["grid"][row] = grids[0] if len(grids) else -1
    groups = [link["id"] for link in links if link["type"] == "ORGANISED_BY"]
    columns["group"][row] = item_rows.get(groups[0], -1) if groups else -1
    ids = items.ids.astype(f"<U{max(items.ids.dtype.itemsize // 4, len(item))}")
    ids[row] = item
    return replace(
        items,
        ids=ids,
        tags=_with_row(items.tags, row, _codes(links, "ABOUT", interests().codes)),
        needs=_with_row(items.needs, row, _codes(links, "ANSWERS_NEED", needs().codes)),
        occupations=_with_row(
            items.occupations, row, _codes(links, "WELCOMES", occupations().codes)
        ),
        offers=_with_row(items.offers, row, _codes(links, "ASKS_FOR", offers().codes)),
        **columns,
    )


def _codes(
    links: Iterable[Mapping[str, str]], type_: str, codes: Iterable[str]
) -> NDArray[np.int32]:
    wanted = {link["id"] for link in links if link["type"] == type_}
    return np.array([n for n, code in enumerate(codes) if code in wanted], np.int32)


def _seconds(value: Json) -> int:
    return int(datetime.fromisoformat(str(value)).timestamp()) if value else NO_TIME


def _grown(items: ItemTable, n: int) -> ItemTable:
    """Add closed rows without facts up to length n."""
    missing = n - len(items)
    if missing <= 0:
        return items
    empty = ItemTable.of([""] * missing)
    columns = {
        field.name: np.concatenate([getattr(items, field.name), getattr(empty, field.name)])
        for field in fields(ItemTable)
        if isinstance(getattr(empty, field.name), np.ndarray)
    }
    columns["open"][len(items) :] = False
    return replace(
        items,
        tags=widen(items.tags, n),
        needs=widen(items.needs, n),
        occupations=widen(items.occupations, n),
        offers=widen(items.offers, n),
        **columns,
    )


def _with_row(matrix: sp.csr_array, row: int, columns: NDArray[np.int32]) -> sp.csr_array:
    """Replace one row of a matrix by ones in these columns."""
    start, stop = int(matrix.indptr[row]), int(matrix.indptr[row + 1])
    indptr = np.array(matrix.indptr)
    indptr[row + 1 :] += len(columns) - (stop - start)
    indices = np.concatenate([matrix.indices[:start], columns, matrix.indices[stop:]])
    ones = np.ones(len(columns), np.float32)
    data = np.concatenate([matrix.data[:start], ones, matrix.data[stop:]])
    return sp.csr_array((data, indices, indptr), shape=matrix.shape)
