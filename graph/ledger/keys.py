"""The home key, what is derived from it, and one data key per (resident, category).

Sealed values are AES-256-GCM: ``nonce (12) || ciphertext || tag (16)``, bound by associated data
to their table, line, subject and category, so a value moved elsewhere does not open. Data keys
lie in the ledger, wrapped under the home key, which lies in a file of its own: destroying a data
key destroys everything sealed under it, in every copy.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from sqlalchemy import Connection, select, update

from graph.errors import ConfigError, CorruptStore
from graph.ledger import tables
from graph.ledger.canonical import micros
from graph.ledger.dialect import insert_missing
from graph.model import DataCategory

__all__ = ["HOME", "Box", "KeyRing", "make_home_key", "read_home_key"]

HOME = ""
"""Subject of what belongs to nobody: sealed under the home key itself."""

KEY_FILE = "home.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_PSEUDONYM_BYTES = 15
"""Of a digest: 24 characters in base32, of which 20 are used."""
_CHUNK = 5_000
_LEAST_VARIETY = 12


def _frame(text: str) -> bytes:
    """Text behind its length in bytes."""
    part = text.encode()
    return len(part).to_bytes(4, "big") + part


_framed = lru_cache(1 << 10)(_frame)
"""Of what many values in a row have in common: table, category, and whose they are."""
_FORMAT = _frame("1")
_PUBLIC = DataCategory.PUBLIC.value


class Box(NamedTuple):
    """Where a sealed value lies and whose it is; a value opens only in its own box."""

    table: str
    line: str
    subject: str
    """Pseudonym, or :data:`HOME`."""
    category: str

    def aad(self) -> bytes:
        """Associated data: table, line, subject, category and format, unambiguously joined."""
        table, line, subject, category = self
        return b"".join(
            (_framed(table), _frame(line), _framed(subject), _framed(category), _FORMAT)
        )

    @property
    def at_home(self) -> bool:
        """Whether the home key seals it rather than a resident's key."""
        return self.subject == HOME or self.category == _PUBLIC


def make_home_key(folder: Path) -> None:
    """Write a new random home key, readable by its owner only; an existing one stays."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / KEY_FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_home_key(folder: Path) -> bytes:
    """Read the home key.

    Raises
    ------
    ConfigError
        The file is missing, others may read it, or it holds no random key.
    """
    path = folder / KEY_FILE
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read; without it nothing sealed opens") from error
    if mode & 0o077:
        raise ConfigError(f"{path} can be read by others (mode {mode:o}); run chmod 600 on it")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise ConfigError(f"{path} is not a key file; restore it from its backup") from error
    if len(key) != _KEY_BYTES or len(set(key)) < _LEAST_VARIETY:
        raise ConfigError(f"{path} holds no random 32-byte key; `linli init` makes one")
    return key


class KeyRing:
    """Seals, opens and derives. Safe for many threads.

    Parameters
    ----------
    home_key : bytes
        32 random bytes.
    capacity : int
        Data keys kept in memory, unwrapped.
    """

    def __init__(self, home_key: bytes, *, capacity: int = 50_000) -> None:
        self._home_key = home_key
        self._derived: dict[str, bytes] = {}
        self._digests: dict[str, Callable[[bytes], bytes]] = {}
        self._home = AESGCM(self.derive("seal"))
        self._wrap = AESGCM(self.derive("wrap"))
        self._capacity = capacity
        self._lock = Lock()
        self._cache: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._epoch = -1
        self._pending: weakref.WeakKeyDictionary[Connection, dict[tuple[str, str], bytes]] = (
            weakref.WeakKeyDictionary()
        )

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869) from the home key."""
        known = self._derived.get(purpose)
        if known is not None:
            return known
        expand = HKDFExpand(SHA256(), _KEY_BYTES, b"linli/1/" + purpose.encode())
        return self._derived.setdefault(purpose, expand.derive(self._home_key))

    def check(self) -> bytes:
        """Value by which a ledger knows its own key again."""
        return self.derive("check")

    def signing_key(self) -> Ed25519PrivateKey:
        """Key that signs the heads of the audit chains."""
        return Ed25519PrivateKey.from_private_bytes(self.derive("audit-heads"))

    def pseudonym(self, domain: str, value: str) -> str:
        """Name of a person or thing in one domain: HMAC-SHA256, 20 base32 characters.

        Pseudonyms of two domains cannot be joined without the home key.
        """
        digest = self._digest(f"pseudonym/{domain}")(value.encode())
        return base64.b32encode(digest[:_PSEUDONYM_BYTES])[:20].decode().lower()

    def blind(self, domain: str, value: bytes) -> bytes:
        """Keyed digest by which a value is found without being stored."""
        prefix = len(domain).to_bytes(2, "big") + domain.encode()
        return self._digest("blind-index")(prefix + value)

    def _digest(self, purpose: str) -> Callable[[bytes], bytes]:
        """HMAC-SHA256 under the key of a purpose."""
        known = self._digests.get(purpose)
        if known is not None:
            return known
        return self._digests.setdefault(purpose, _hmac_sha256(self.derive(purpose)))

    def seal(self, tx: Connection, box: Box, plain: bytes) -> bytes:
        """Seal one value; the key of (subject, category) is made when it is the first."""
        return self.seal_many(tx, [(box, plain)])[0]

    def seal_many(self, tx: Connection, values: Sequence[tuple[Box, bytes]]) -> list[bytes]:
        """Seal many values, with one look-up and one insertion of keys for all.

        Raises
        ------
        CorruptStore
            The key of a subject was destroyed: nothing more may be sealed under it.
        """
        ciphers = _Ciphers(self._home, self._keys(tx, (box for box, _ in values), make=True))
        sealed = []
        nonces = os.urandom(_NONCE_BYTES * len(values))
        for n, (box, plain) in enumerate(values):
            key = ciphers.of(box)
            if key is None:
                raise CorruptStore(
                    f"the {box.category} key of {box.subject} was destroyed; "
                    "nothing can be stored under it again"
                )
            nonce = nonces[n * _NONCE_BYTES : (n + 1) * _NONCE_BYTES]
            sealed.append(nonce + key.encrypt(nonce, plain, box.aad()))
        return sealed

    def open(self, tx: Connection, box: Box, sealed: bytes) -> bytes | None:
        """Open one value; ``None`` when its key was destroyed."""
        return self.open_many(tx, [(box, sealed)])[0]

    def open_many(self, tx: Connection, values: Sequence[tuple[Box, bytes]]) -> list[bytes | None]:
        """Open many values; ``None`` for those whose key was destroyed.

        Raises
        ------
        CorruptStore
            A value was altered, or moved from another line.
        """
        ciphers = _Ciphers(self._home, self._keys(tx, (box for box, _ in values), make=False))
        plain: list[bytes | None] = []
        for box, sealed in values:
            key = ciphers.of(box)
            if key is None:
                plain.append(None)
                continue
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            try:
                plain.append(key.decrypt(nonce, rest, box.aad()))
            except (InvalidTag, ValueError) as error:
                raise CorruptStore(
                    f"{box.table} {box.line}: the seal is broken; restore it from a backup"
                ) from error
        return plain

    def destroy(
        self, tx: Connection, subject: str, categories: Iterable[str], *, at: datetime
    ) -> int:
        """Destroy the keys of a subject for good; every process forgets them by its next read.

        Returns
        -------
        int
            Keys destroyed.
        """
        keys = tables.data_keys
        done = tx.execute(
            update(keys)
            .where(keys.c.subject == subject, keys.c.category.in_(list(categories)))
            .where(keys.c.wrapped.is_not(None))
            .values(wrapped=None, destroyed_at=micros(at))
        ).rowcount
        tx.execute(update(tables.head).values(keys_epoch=tables.head.c.keys_epoch + 1))
        with self._lock:
            for name in [n for n in self._pending.get(tx, {}) if n[0] == subject]:
                del self._pending[tx][name]
        return done

    def committed(self, tx: Connection) -> None:
        """Keep the keys that this transaction made: they are in the ledger now."""
        with self._lock:
            for name, key in self._pending.pop(tx, {}).items():
                self._remember(name, key)

    def rolled_back(self, tx: Connection) -> None:
        """Drop the keys that this transaction made: nobody will ever find them again."""
        with self._lock:
            self._pending.pop(tx, None)

    def _keys(
        self, tx: Connection, boxes: Iterable[Box], *, make: bool
    ) -> dict[tuple[str, str], bytes]:
        wanted = {(box.subject, box.category) for box in boxes if not box.at_home}
        if not wanted:
            return {}
        epoch = tx.execute(select(tables.head.c.keys_epoch)).scalar_one()
        with self._lock:
            if epoch != self._epoch:
                self._cache.clear()
                self._epoch = epoch
            mine = self._pending.setdefault(tx, {})
            found = {}
            for name in wanted:
                key = mine.get(name) or self._cache.get(name)
                if key is not None:
                    found[name] = key
        missing = sorted(wanted - found.keys())
        if not missing:
            return found
        stored, destroyed = self._load(tx, missing)
        found |= stored
        new = [name for name in missing if name not in stored and name not in destroyed]
        if make and new:
            found |= self._make(tx, new)
        with self._lock:
            if epoch == self._epoch:
                for name, key in stored.items():
                    self._remember(name, key)
        return found

    def _load(
        self, tx: Connection, names: Sequence[tuple[str, str]]
    ) -> tuple[dict[tuple[str, str], bytes], set[tuple[str, str]]]:
        keys = tables.data_keys
        found: dict[tuple[str, str], bytes] = {}
        destroyed: set[tuple[str, str]] = set()
        wanted = set(names)
        subjects = sorted({subject for subject, _ in names})
        categories = sorted({category for _, category in names})
        query = select(keys.c.subject, keys.c.category, keys.c.wrapped)
        for start in range(0, len(subjects), _CHUNK):
            some = keys.c.subject.in_(subjects[start : start + _CHUNK])
            for subject, category, wrapped in tx.execute(
                query.where(some, keys.c.category.in_(categories))
            ):
                name = (subject, category)
                if wrapped is None:
                    destroyed.add(name)
                elif name in wanted:
                    found[name] = self._unwrap(name, wrapped)
        return found, destroyed

    def _make(
        self, tx: Connection, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], bytes]:
        lines = []
        made = {}
        random = os.urandom(len(names) * (_KEY_BYTES + _NONCE_BYTES))
        for n, name in enumerate(names):
            mine = random[n * (_KEY_BYTES + _NONCE_BYTES) : (n + 1) * (_KEY_BYTES + _NONCE_BYTES)]
            key, nonce = mine[:_KEY_BYTES], mine[_KEY_BYTES:]
            wrapped = nonce + self._wrap.encrypt(nonce, key, _wrap_aad(name))
            lines.append({"subject": name[0], "category": name[1], "wrapped": wrapped})
            made[name] = key
        insert_missing(tx, tables.data_keys, lines)
        with self._lock:
            self._pending.setdefault(tx, {}).update(made)
        return made

    def _unwrap(self, name: tuple[str, str], wrapped: bytes) -> bytes:
        nonce, rest = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._wrap.decrypt(nonce, rest, _wrap_aad(name))
        except (InvalidTag, ValueError) as error:
            raise CorruptStore(
                f"the {name[1]} key of {name[0]} does not unwrap; restore it from a backup"
            ) from error

    def _remember(self, name: tuple[str, str], key: bytes) -> None:
        self._cache[name] = key
        while len(self._cache) > self._capacity:
            self._cache.popitem(last=False)


class _Ciphers:
    """What seals boxes. Set up one at a time: a cipher takes fifty times the memory of its key."""

    def __init__(self, home: AESGCM, keys: Mapping[tuple[str, str], bytes]) -> None:
        self._home = home
        self._keys = keys
        self._key: bytes | None = None
        self._cipher: AESGCM | None = None

    def of(self, box: Box) -> AESGCM | None:
        """Return the cipher of a box, ``None`` where its key was destroyed."""
        if box.at_home:
            return self._home
        key = self._keys.get((box.subject, box.category))
        if key is not self._key:
            self._key, self._cipher = key, None if key is None else AESGCM(key)
        return self._cipher


def _hmac_sha256(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC (RFC 2104) whose key is hashed once and not for each value: ``hmac.digest`` does so.

    Of a million short values that is more than half of the time.
    """
    block = key.ljust(hashlib.sha256().block_size, b"\0")
    inner, outer = (hashlib.sha256(bytes(sign ^ pad for sign in block)) for pad in (0x36, 0x5C))

    def digest(value: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(value)
        around.update(within.digest())
        return around.digest()

    return digest


def _wrap_aad(name: tuple[str, str]) -> bytes:
    return Box("data_keys", "", *name).aad()
