"""The audit as a file for people outside: written sealed, checked without any key of the home.

One entry a line, as canonical JSON, chain by chain; bodies stay sealed and subjects pseudonyms.
Whoever has the file and the published signed heads can tell that no entry was changed, removed,
put in, moved or cut off, and that the whole was not written anew: every line has to follow from
the one before it, and every chain has to end at a hash that was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from graph.codec import Json
from graph.errors import DataError
from graph.ledger.audit_chain import AuditReport, check_chains
from graph.ledger.audit_heads import PublishedHeads
from graph.ledger.canonical import canonical, parse

__all__ = ["Exported", "VerifiedFile", "verify_file", "write_entries"]

_BYTES = ("body", "previous", "hash")
_NAMES = frozenset({"chain", "n", "at", "subject", *_BYTES})


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote, and what has to be published with it."""

    entries: int
    chains: int
    heads: Path
    """The file of signed heads."""
    public_key: str
    """Hex; to be made known apart from the heads."""


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """What was found in an exported file."""

    report: AuditReport
    public_key: str
    """Key that the heads were checked with, hex."""


def write_entries(file: BinaryIO, lines: Iterable[Mapping[str, object]]) -> int:
    """Write entries as they are stored; returns how many."""
    n = 0
    for line in lines:
        file.write(_written(line))
        n += 1
    return n


def verify_file(path: Path, heads: Path, *, public_key: str | None = None) -> VerifiedFile:
    """Check an exported file against published heads; opens no home and no key.

    Parameters
    ----------
    path, heads : Path
    public_key : str, optional
        See :meth:`graph.ledger.audit_heads.PublishedHeads.read`.

    Raises
    ------
    DataError
        The heads are none, or a line of the file is not as an export writes it.
    """
    published = PublishedHeads.read(heads, public_key)
    with path.open("rb") as file:
        signed = (published.heads, published.fault)
        report = check_chains(_entries(path, file), signed, complete=True)
    return VerifiedFile(report, published.public_key)


def _entries(path: Path, file: BinaryIO) -> Iterator[dict[str, object]]:
    for number, line in enumerate(file, 1):
        try:
            said = _read(line)
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"line {number} of {path} is no entry as it was exported") from error
        yield said


def _read(line: bytes) -> dict[str, object]:
    """Read one line; another spelling of the same values is a change, too."""
    said: dict[str, object] = dict(parse(line))
    if said.keys() != _NAMES:
        raise ValueError("not the fields of an entry")
    for name in _BYTES:
        said[name] = bytes.fromhex(cast("str", said[name]))
    if _written(said) != line:
        raise ValueError("not as it is written")
    return said


def _written(line: Mapping[str, object]) -> bytes:
    said: dict[str, Json] = {name: cast("Json", line[name]) for name in _NAMES}
    for name in _BYTES:
        said[name] = cast("bytes", line[name]).hex()
    return canonical(said) + b"\n"
