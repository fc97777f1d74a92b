"""Look through a zip package before anything opens it: what a workbook must not be.

The sizes in the directory of a zip file are only what its maker says. Every part is therefore
unpacked once for counting, piece by piece, and given up at the limit.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from graph.ingest.refusing import refused

__all__ = [
    "DAMAGED",
    "ENCRYPTED",
    "MOST_PACKED",
    "MOST_PARTS",
    "MOST_RATIO",
    "MOST_UNPACKED",
    "check_package",
]

MOST_PACKED = 64 * 1024 * 1024
MOST_UNPACKED = 512 * 1024 * 1024
MOST_PARTS = 2_000
MOST_RATIO = 100
"""Bytes that one packed byte may become, for parts of more than ``_SMALL`` bytes."""

_SMALL = 1024 * 1024
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_CHUNK = 256 * 1024


ENCRYPTED = ("文件加了密码，请去掉密码再导入", "encrypted: remove the password and import again")
DAMAGED = ("文件损坏，请重新另存为 xlsx", "damaged, save it as xlsx again")
"""Why a file is refused, in both languages."""


def check_package(path: Path) -> tuple[str, ...]:
    """Return the names of the parts of a package that is safe to open.

    Raises
    ------
    ImportRefused
        It is too large, packs too much into too little, has parts with paths that lead out of
        it, encrypted parts or parts of the same name, or is damaged.
    """
    if path.stat().st_size > MOST_PACKED:
        raise refused(
            path.name, "文件超过 64 MB，请按街道拆分", "larger than 64 MB: split it by street"
        )
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
        _check_directory(path, parts)
        with path.open("rb") as file:
            _check_sizes(path, file, parts)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        OverflowError,
        struct.error,
        ValueError,
        zlib.error,
    ) as error:
        raise refused(path.name, *DAMAGED) from error
    return tuple(part.filename for part in parts)


def _check_directory(path: Path, parts: Sequence[zipfile.ZipInfo]) -> None:
    if len(parts) > MOST_PARTS:
        raise refused(
            path.name,
            "压缩包里文件太多，请重新另存为 xlsx",
            "too many parts: save it as xlsx again",
        )
    names = [part.orig_filename.casefold() for part in parts]
    if len(set(names)) != len(names):
        raise refused(
            path.name,
            "压缩包里有重名文件，请重新另存为 xlsx",
            "parts of the same name: save it as xlsx again",
        )
    if any(_leads_out(name) for name in names):
        raise refused(
            path.name,
            "压缩包里有指向外面的路径，请不要使用它",
            "a part's path leads out of it: do not use it",
        )
    if any(part.flag_bits & 1 for part in parts):
        raise refused(path.name, *ENCRYPTED)


def _leads_out(name: str) -> bool:
    folders = name.replace("\\", "/").split("/")
    return folders[0] == "" or ".." in folders or ":" in name or "\0" in name


def _check_sizes(path: Path, file: BinaryIO, parts: Sequence[zipfile.ZipInfo]) -> None:
    left = MOST_UNPACKED
    for part in parts:
        most = min(left, max(_SMALL, part.compress_size * MOST_RATIO))
        size = _unpacked(file, part, most) if part.file_size <= most else most + 1
        if size > most:
            raise refused(
                path.name,
                "解压后大得不合理（压缩炸弹），没有打开；请重新另存为 xlsx",
                "it unpacks to far more than it holds (a zip bomb) and was not opened; "
                "save it as xlsx again",
            )
        if size != part.file_size:
            raise zipfile.BadZipFile(f"{part.filename} is not as long as it says")
        left -= size


def _unpacked(file: BinaryIO, part: zipfile.ZipInfo, most: int) -> int:
    """Count the bytes of a part, up to one more than ``most``."""
    file.seek(part.header_offset)
    mark, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if mark != b"PK\x03\x04" or part.compress_type not in {
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    }:
        raise zipfile.BadZipFile(f"{part.filename} is packed in an unknown way")
    file.seek(name + extra, 1)
    if part.compress_type == zipfile.ZIP_STORED:
        return part.compress_size
    unpack, left, size = zlib.decompressobj(-zlib.MAX_WBITS), part.compress_size, 0
    while left and size <= most and not unpack.eof:
        raw = file.read(min(left, _CHUNK))
        if not raw:
            raise zipfile.BadZipFile(f"{part.filename} is cut off")
        left -= len(raw)
        while raw and size <= most:
            size += len(unpack.decompress(raw, _CHUNK))
            raw = unpack.unconsumed_tail
    return size
