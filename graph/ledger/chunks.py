"""Chunks of validated changes as bytes: what the changes have in common is said once.

A chunk is zlib over two JSON documents, one a line: its shapes (operation, kind, names of the
properties, provenance) and its changes, each ``[shape, id or ends..., values...]``. Chunks of the
first version, one JSON object with a whole object per change, are still read.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from graph.codec import Json, decode_change, encode_change, encode_scalar
from graph.ledger.canonical import canonical, parse
from graph.model import Change, NodeChange, Provenance

__all__ = ["Packed", "pack_changes", "unpack_changes"]

_FAST = 1
_PROVENANCE = "provenance"
_RECORDED_AT = 2  # place in an encoded provenance


class Packed(NamedTuple):
    """A chunk, and what tells it from another one."""

    body: bytes
    said: bytes
    """Equal for equal changes, whenever they were read."""


class _Shapes:
    """Numbers what changes have in common. Changes must live as long as this does."""

    def __init__(self) -> None:
        self.shapes: list[dict[str, Json]] = []
        self._numbers: dict[tuple[object, ...], int] = {}
        self._equal: dict[Provenance | None, int] = {}
        self._same: dict[int, int] = {}

    def number(self, change: Change) -> int:
        said = self._same.get(id(change.provenance))
        if said is None:
            said = self._equal.setdefault(change.provenance, len(self._equal))
            self._same[id(change.provenance)] = said
        if isinstance(change, NodeChange):
            key: tuple[object, ...] = (change.op, change.label, said, *change.properties)
        else:
            ends = (change.start_label, change.end_label)
            key = (change.op, change.type, said, *ends, None, *change.properties)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.shapes)
            self.shapes.append(_shape(change))
        return known


def _shape(change: Change) -> dict[str, Json]:
    shape = encode_change(change)
    shape["properties"] = list(change.properties)
    if isinstance(change, NodeChange):
        del shape["id"]
    else:
        shape["start"], shape["end"] = change.start_label, change.end_label
    return shape


def pack_changes(changes: Sequence[Change]) -> Packed:
    """Turn changes into the bytes of a chunk."""
    shapes = _Shapes()
    lines: list[Json] = []
    for change in changes:
        line: list[Json] = [shapes.number(change)]
        line += [change.id] if isinstance(change, NodeChange) else [change.start, change.end]
        line += [encode_scalar(value) for value in change.properties.values()]
        lines.append(line)
    body = canonical({"lines": lines})
    timeless = canonical({"shapes": [_timeless(shape) for shape in shapes.shapes]})
    whole = b"\n".join((canonical({"shapes": cast("Json", shapes.shapes)}), body))
    return Packed(zlib.compress(whole, _FAST), timeless + body)


def _timeless(shape: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out when a shape's changes were recorded: that differs each time a file is read."""
    said = shape.get(_PROVENANCE)
    if not isinstance(said, list):
        return dict(shape)
    return {**shape, _PROVENANCE: [*said[:_RECORDED_AT], *said[_RECORDED_AT + 1 :]]}


def unpack_changes(body: bytes) -> list[Change]:
    """Read a chunk of either version."""
    if body.startswith(b"{"):
        whole = cast("list[Mapping[str, Json]]", parse(body)["changes"])
        return [decode_change(change) for change in whole]
    first, second = zlib.decompress(body).split(b"\n", 1)
    shapes = cast("list[dict[str, Json]]", parse(first)["shapes"])
    lines = cast("list[list[Json]]", parse(second)["lines"])
    return [_change(shapes[cast("int", line[0])], line) for line in lines]


def _change(shape: Mapping[str, Json], line: Sequence[Json]) -> Change:
    names = cast("list[str]", shape["properties"])
    whole = dict(shape)
    if "label" in shape:
        whole["id"] = line[1]
        values = line[2:]
    else:
        whole["start"], whole["end"] = [shape["start"], line[1]], [shape["end"], line[2]]
        values = line[3:]
    whole["properties"] = dict(zip(names, values, strict=True))
    return decode_change(whole)
