"""Snapshots on disk: every array of the dataclass, flattened by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.errors import CorruptStore, NotReady
from graph.folders import ArrayFolder, Json, current_name, open_folder, publish
from graph.schema import SCHEMA_VERSION
from graph.snapshot.snapshot import History, Snapshot
from graph.view import CSR, ItemTable
from graph.vocabulary import interests, needs, occupations, offers

__all__ = ["current_snapshot", "open_snapshot", "write_snapshot"]

_ABOUT = ("folder", "watermark", "epoch", "taken_at", "id")
"""Fields that stand beside the hashed manifest: the same content is the same snapshot."""

_COLUMNS = {
    "interests": interests,
    "offers": offers,
    "occupations": occupations,
    "needs": needs,
    "items.tags": interests,
    "items.needs": needs,
    "items.occupations": occupations,
    "items.offers": offers,
}
"""List whose terms are the columns of a matrix."""


def write_snapshot(
    parent: Path,
    snapshot: Snapshot,
    *,
    vocabulary: Mapping[str, str],
    extras: Callable[[Path], None],
) -> str:
    """Publish a snapshot; returns its folder name."""
    arrays, shapes = _flatten(snapshot)
    return publish(
        parent,
        arrays=arrays,
        manifest={
            "schema": SCHEMA_VERSION,
            "vocabulary": dict(vocabulary),
            "as_of": snapshot.as_of,
            "shapes": cast("Json", shapes),
        },
        about={
            "watermark": snapshot.watermark,
            "epoch": snapshot.epoch,
            "taken_at": snapshot.taken_at,
        },
        name=lambda id_: f"{id_}-{snapshot.watermark}-{snapshot.epoch}",
        extras=extras,
    )


def current_snapshot(parent: Path) -> str:
    """Folder name of the snapshot to serve from.

    Raises
    ------
    NotReady
        None was taken yet.
    """
    name = current_name(parent)
    if name is None:
        raise NotReady("there is no snapshot yet; run `linli snapshot`")
    return name


def open_snapshot(parent: Path, name: str) -> Snapshot:
    """Open a snapshot memory-mapped, checking every byte.

    Terms that were appended to the governed lists since it was taken are empty columns.
    """
    folder = open_folder(parent, name)
    if folder.manifest.get("schema") != SCHEMA_VERSION:
        raise CorruptStore(f"snapshot {name} has another schema version; run `linli snapshot`")
    return _unflatten(folder)


def _flatten(
    snapshot: Snapshot,
) -> tuple[dict[str, NDArray[np.generic]], dict[str, list[int]]]:
    arrays: dict[str, NDArray[np.generic]] = {}
    shapes: dict[str, list[int]] = {}

    def put(name: str, value: object) -> None:
        if isinstance(value, np.ndarray):
            arrays[name] = value
        elif isinstance(value, sp.csr_array):
            shapes[name] = [int(n) for n in value.shape]
            arrays[f"{name}.indptr"] = value.indptr
            arrays[f"{name}.indices"] = value.indices
            arrays[f"{name}.data"] = value.data
        elif isinstance(value, ItemTable | History):
            for part in fields(value):
                put(f"{name}.{part.name}", getattr(value, part.name))

    for part in fields(snapshot):
        put(part.name, getattr(snapshot, part.name))
    return arrays, shapes


def _unflatten(folder: ArrayFolder) -> Snapshot:
    shapes = cast("Mapping[str, list[int]]", folder.manifest["shapes"])
    arrays = folder.arrays

    def get(name: str) -> object:
        if name in shapes:
            n, m = shapes[name]
            if name in _COLUMNS:
                m = max(m, len(_COLUMNS[name]()))
            parts = tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
            return cast("CSR", sp.csr_array(parts, shape=(n, m), copy=False))
        return arrays[name]

    values: dict[str, object] = {
        part.name: get(part.name)
        for part in fields(Snapshot)
        if part.name not in {*_ABOUT, "items", "history", "as_of"}
    }
    values["items"] = ItemTable(**{p.name: get(f"items.{p.name}") for p in fields(ItemTable)})  # type: ignore[arg-type]
    values["history"] = History(**{p.name: get(f"history.{p.name}") for p in fields(History)})  # type: ignore[arg-type]
    return Snapshot(
        id=folder.id,
        folder=folder.name,
        as_of=int(cast("int", folder.manifest["as_of"])),
        watermark=int(cast("int", folder.about["watermark"])),
        epoch=int(cast("int", folder.about["epoch"])),
        taken_at=int(cast("int", folder.about["taken_at"])),
        **values,  # type: ignore[arg-type]
    )
