"""Records one after the other in a file: ``length (4) || crc32 (4) || body``, length 0 at the end.

The check sums find damage by accident; what somebody altered is found by a digest over the file
or by the seal of the bodies.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

__all__ = ["END", "Torn", "framed", "unframed"]

_HEAD = struct.Struct(">II")

END = _HEAD.pack(0, 0)
"""Says that a file is complete."""


class Torn(ValueError):
    """The data end inside a record."""


def framed(body: bytes) -> bytes:
    """Frame one record."""
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def unframed(data: bytes, at: int) -> Iterator[bytes]:
    """Read records from a byte on, up to :data:`END` or the end of the data.

    Raises
    ------
    Torn
        The data end inside a record; all before it were yielded.
    ValueError
        A record is damaged.
    """
    while at < len(data):
        start = at + _HEAD.size
        if start > len(data):
            raise Torn(f"the record at byte {at} is cut off")
        length, crc = _HEAD.unpack_from(data, at)
        if not length:
            return
        body = data[start : start + length]
        if len(body) < length:
            raise Torn(f"the record at byte {at} is cut off")
        if zlib.crc32(body) != crc:
            raise ValueError(f"the record at byte {at} is damaged")
        yield body
        at = start + length
