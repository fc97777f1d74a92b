"""The signed heads of the audit chains, one JSON line per signing, only ever appended."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from graph.codec import Json
from graph.ledger.audit_chain import ChainHead
from graph.ledger.canonical import canonical, micros, parse

__all__ = ["HeadsFile"]


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

    def read(self) -> tuple[list[ChainHead], str | None]:
        """All heads whose signature holds, and the first fault of the file, if any."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return [], None
        public = self._key.public_key()
        heads: list[ChainHead] = []
        fault = None
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"}"):
                continue  # cut short by a power failure, before anybody was told of it
            try:
                heads.extend(_checked(public, line))
            except (InvalidSignature, ValueError, KeyError, TypeError):
                fault = fault or f"line {number} of {self._path} carries no valid signature"
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
