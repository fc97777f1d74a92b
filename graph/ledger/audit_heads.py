"""The signed heads of the audit chains, one JSON line per signing, only ever appended."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Self, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from graph.codec import Json
from graph.errors import DataError
from graph.ledger.audit_chain import ChainHead
from graph.ledger.canonical import canonical, micros, parse

__all__ = ["HeadsFile", "PublishedHeads"]


class HeadsFile:
    """Appends and checks signed heads.

    Parameters
    ----------
    path : Path
    key : Ed25519PrivateKey
        Whoever has only the file and the public key can check it.
    """

    def __init__(self, path: Path, key: Ed25519PrivateKey) -> None:
        self._path = path
        self._key = key
        self._lock = Lock()
        self._signed: dict[str, int] = {}

    def add(self, heads: Sequence[ChainHead], at: datetime) -> None:
        """Sign the heads that moved since the last line this object wrote."""
        with self._lock:
            new = [head for head in heads if self._signed.get(head.chain, 0) < head.n]
            if not new:
                return
            said: dict[str, Json] = {
                "at": micros(at),
                "key": self.public_key,
                "heads": [[head.chain, head.n, head.hash.hex()] for head in new],
            }
            signature = self._key.sign(canonical(said))
            line = canonical({**said, "signature": signature.hex()}) + b"\n"
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                size = self._path.stat().st_size
                torn = size and self._path.read_bytes()[-1:] != b"\n"
                os.write(
                    handle, b"\n" * bool(torn) + line
                )  # one write: lines of two processes do not mix
                os.fsync(handle)
            finally:
                os.close(handle)
            self._signed.update((head.chain, head.n) for head in new)

    @property
    def public_key(self) -> str:
        """Key that the signatures are checked with, hex."""
        return self._key.public_key().public_bytes_raw().hex()

    @property
    def path(self) -> Path:
        """The file, which may be given to anybody."""
        return self._path

    def read(self) -> tuple[list[ChainHead], str | None]:
        """All heads whose signature holds, and the first fault of the file, if any."""
        try:
            lines = _whole_lines(self._path)
        except FileNotFoundError:
            return [], None
        return _checked_lines(self._key.public_key(), self._path, lines)


@dataclass(frozen=True, slots=True)
class PublishedHeads:
    """A published file of heads, as somebody finds it who has no key of the home."""

    public_key: str
    """Key that all its signatures were checked with, hex."""
    heads: Sequence[ChainHead]
    fault: str | None

    @classmethod
    def read(cls, path: Path, public_key: str | None = None) -> Self:
        """Read a published file of heads.

        Parameters
        ----------
        path : Path
        public_key : str, optional
            Hex, as it was made known apart from the file; default: the one that the file names,
            which proves no more than that the file is of one piece.

        Raises
        ------
        DataError
            It is no file of heads, or names no key and none was given.
        """
        lines = _whole_lines(path)
        try:
            named = public_key or _key_of(lines)
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(named))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} holds no signed heads with a public key") from error
        return cls(named, *_checked_lines(key, path, lines))


def _whole_lines(path: Path) -> list[tuple[int, bytes]]:
    """Lines with their numbers, without any cut short by a power failure: nobody was told of it."""
    lines = path.read_bytes().splitlines()
    return [(number, line) for number, line in enumerate(lines, 1) if line.endswith(b"}")]


def _key_of(lines: Sequence[tuple[int, bytes]]) -> str:
    """Key that the latest line names; lines of older versions name none."""
    return str(parse(lines[-1][1])["key"]) if lines else ""


def _checked_lines(
    public: Ed25519PublicKey, path: Path, lines: Sequence[tuple[int, bytes]]
) -> tuple[list[ChainHead], str | None]:
    heads: list[ChainHead] = []
    fault = None
    for number, line in lines:
        try:
            heads.extend(_checked(public, line))
        except (InvalidSignature, ValueError, KeyError, TypeError):
            fault = fault or f"line {number} of {path} carries no valid signature"
    return heads, fault


def _checked(public: Ed25519PublicKey, line: bytes) -> list[ChainHead]:
    try:
        said = parse(line)
    except json.JSONDecodeError as error:
        raise ValueError("not JSON") from error
    signature = bytes.fromhex(str(said.pop("signature")))
    public.verify(signature, canonical(said))
    heads = cast("list[tuple[str, int, str]]", said["heads"])
    return [ChainHead(chain, n, bytes.fromhex(hash_)) for chain, n, hash_ in heads]
