"""Folders of arrays with a hashed manifest, published by an atomic rename.

Snapshots and models are both such folders::

    <parent>/<name>/manifest.json   hashed: what it is, and the SHA-256 of every array
    <parent>/<name>/about.json      beside it, not hashed: times, watermark, library versions
    <parent>/<name>/<array>.npy
    <parent>/CURRENT                the name of the one to use, replaced atomically

The id is the first 12 hex digits of the SHA-256 of the canonical manifest, so equal content has
an equal id. A folder appears complete or not at all, whenever the process is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph.errors import CorruptStore, NotReady

__all__ = [
    "ArrayFolder",
    "current_name",
    "open_folder",
    "publish",
    "read_about",
    "remove_old",
    "set_current",
    "write_atomically",
]

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


_SCRATCH = ".new-"
_SCRATCH_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class ArrayFolder:
    """An opened folder: memory-mapped arrays and what is said about them."""

    id: str
    name: str
    path: Path
    manifest: dict[str, Json]
    about: dict[str, Json]
    arrays: dict[str, NDArray[np.generic]]


def canonical(value: object) -> bytes:
    """Serialise to JSON with one spelling only: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def publish(
    parent: Path,
    *,
    arrays: Mapping[str, NDArray[np.generic]],
    manifest: Mapping[str, Json],
    about: Mapping[str, Json],
    name: Callable[[str], str] = lambda id_: id_,
    extras: Callable[[Path], None] | None = None,
) -> str:
    """Write a folder and make it the current one.

    Parameters
    ----------
    parent : Path
        Made when missing.
    arrays : mapping of name to array
        Object arrays are refused.
    manifest, about : mapping
        JSON values; only ``manifest`` counts for the id.
    name : callable, optional
        Folder name from the id.
    extras : callable, optional
        Writes further files into the folder before it is published.

    Returns
    -------
    str
        The folder's name.
    """
    parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    try:
        digests: dict[str, Json] = {}
        for key in sorted(arrays):
            array = np.ascontiguousarray(arrays[key])
            np.save(scratch / f"{key}.npy", array, allow_pickle=False)
            digests[key] = _described(array)
        whole: dict[str, Json] = {**manifest, "arrays": digests}
        id_ = hashlib.sha256(canonical(whole)).hexdigest()[:12]
        (scratch / "manifest.json").write_bytes(canonical(whole))
        (scratch / "about.json").write_bytes(canonical({**about, "id": id_}))
        if extras is not None:
            extras(scratch)
        for file in scratch.iterdir():
            _sync(file)
        final = parent / name(id_)
        if final.exists():
            # The same content was published before. What stands beside it is newer now, and
            # bytes that were altered meanwhile are mended; whoever mapped a file keeps the old one.
            for file in scratch.iterdir():
                file.replace(final / file.name)
            scratch.rmdir()
            _sync(final)
        else:
            scratch.rename(final)
        _sync(parent)
        set_current(parent, final.name)
        return final.name
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def set_current(parent: Path, name: str) -> None:
    """Point ``CURRENT`` at a folder, atomically."""
    write_atomically(parent / "CURRENT", name.encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a small file so that a reader sees the old or the new content, never a part."""
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(scratch).replace(path)
    _sync(path.parent)


def current_name(parent: Path) -> str | None:
    """Name of the current folder, or ``None`` before the first."""
    try:
        return _content(f"{parent}/CURRENT").decode().strip() or None
    except FileNotFoundError:
        return None


def read_about(parent: Path, name: str) -> Mapping[str, Json]:
    """Read what stands beside a manifest, without opening the arrays.

    Raises
    ------
    NotReady
        There is no such folder.
    """
    try:
        return _parsed(_content(f"{parent}/{name}/about.json"))
    except FileNotFoundError as error:
        raise NotReady(f"{parent / name} is not there; build it again") from error


def open_folder(parent: Path, name: str) -> ArrayFolder:
    """Open a folder and check every byte of its arrays.

    Raises
    ------
    NotReady
        There is no such folder (it may have been cleaned away: read ``CURRENT`` again).
    CorruptStore
        An array or the manifest is not what was written.
    """
    path = parent / name
    try:
        raw = (path / "manifest.json").read_bytes()
        about = json.loads((path / "about.json").read_bytes())
        manifest = json.loads(raw)
    except FileNotFoundError as error:
        raise NotReady(f"{path} is not there; build it again") from error
    except ValueError as error:
        raise CorruptStore(f"{path}: the manifest cannot be read; build it again") from error
    if hashlib.sha256(raw).hexdigest()[:12] != about.get("id"):
        raise CorruptStore(f"{path}: the manifest was altered; build it again")
    arrays: dict[str, NDArray[np.generic]] = {}
    for key, said in manifest["arrays"].items():
        arrays[key] = _open_array(path / f"{key}.npy", said)
    return ArrayFolder(about["id"], name, path, manifest, about, arrays)


_Stamp = tuple[int, int, int]

_read_before: dict[str, tuple[_Stamp, bytes]] = {}
"""Small files that every request looks at, as they were last read."""
_MOST_REMEMBERED = 100


def _content(name: str) -> bytes:
    """Read a small file, unless it is the one that was read before.

    Such files are replaced, never written over (:func:`write_atomically`), so another content is
    another inode or time.
    """
    stat = os.stat(name)  # noqa: PTH116 - a third of the time of Path.stat
    stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    known = _read_before.get(name)
    if known is not None and known[0] == stamp:
        return known[1]
    content = Path(name).read_bytes()
    if len(_read_before) >= _MOST_REMEMBERED:
        _read_before.clear()
    _read_before[name] = stamp, content
    return content


@lru_cache(maxsize=_MOST_REMEMBERED)
def _parsed(content: bytes) -> Mapping[str, Json]:
    said: dict[str, Json] = json.loads(content)
    return said


def _described(array: NDArray[np.generic]) -> dict[str, Json]:
    return {
        "sha256": hashlib.sha256(array.data if array.size else b"").hexdigest(),
        "dtype": array.dtype.str,
        "shape": list(array.shape),
    }


def _open_array(path: Path, said: Mapping[str, Json]) -> NDArray[np.generic]:
    try:
        array = _load(path)
    except FileNotFoundError as error:
        raise NotReady(f"{path} is not there; build it again") from error
    except (ValueError, EOFError) as error:
        raise CorruptStore(f"{path} is not an array file; build it again") from error
    if _described(array) != said:
        raise CorruptStore(f"{path}: the bytes changed since it was written; build it again")
    return array


def _load(path: Path) -> NDArray[np.generic]:
    try:
        array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:  # an empty array cannot be mapped
        array = np.load(path, allow_pickle=False)
    return np.asarray(array)  # a plain view of the mapped pages: a memmap is slow to slice


def remove_old(parent: Path, *, keep: int, spare: Iterable[str] = ()) -> list[str]:
    """Delete all but the newest folders; the current one and the spared stay.

    What killed processes left half written is deleted, too, once it is an hour old.
    """
    spared = {current_name(parent), *spare}
    folders = [p for p in parent.iterdir() if p.is_dir() and not p.name.startswith(".")]
    folders.sort(key=lambda p: p.stat().st_mtime, reverse=True)
    gone = [p for p in folders[keep:] if p.name not in spared]
    for path in [*gone, *_left_behind(parent)]:
        shutil.rmtree(path, ignore_errors=True)
    return [p.name for p in gone]


def _left_behind(parent: Path) -> list[Path]:
    """Scratch folders of processes that were killed; nobody takes an hour over one."""
    before = time.time() - _SCRATCH_SECONDS
    return [p for p in parent.glob(f"{_SCRATCH}*") if p.is_dir() and p.stat().st_mtime < before]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
