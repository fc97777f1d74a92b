"""The audit: every look at personal data, in hash chains that cannot be edited unseen.

Each writer process has a chain of its own, entry n of which holds
``h_n = SHA-256(h_(n-1) || canonical(entry_n))``. It is computed over the sealed entry, so a chain
still verifies after an entry's key was destroyed. From time to time the last hash of each chain
is signed (Ed25519) into ``audit-heads.jsonl``; against that file a cut end is found.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import BinaryIO, cast

from sqlalchemy import Connection, Select, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from graph.codec import Json
from graph.errors import AuditUnavailable, LinliError, StoreUnavailable
from graph.ledger import tables
from graph.ledger.audit_chain import AuditReport, ChainHead, chained, check_chains
from graph.ledger.audit_file import Exported, write_entries
from graph.ledger.audit_heads import HeadsFile
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.database import Database
from graph.ledger.dialect import add_counts
from graph.ledger.keys import HOME, Box, KeyRing
from graph.model import Action, DataCategory, InstitutionId, Purpose, ResidentId, StaffRole

__all__ = ["Audit", "AuditEntry", "AuditReport", "ChainHead", "Recorded"]

_audit = tables.audit
_log = logging.getLogger(__name__)
_OWN_AT_ONCE = 500
_OWN_EVERY = timedelta(seconds=10)
_SIGN_EVERY = 1_000
"""Entries after which the heads are signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One decision of the gate."""

    at: datetime
    actor: str
    role: StaffRole
    institution: InstitutionId
    app: str
    action: Action
    purpose: Purpose | None
    """``None`` for an operator's act on the system rather than on data."""
    categories: tuple[DataCategory, ...]
    allowed: bool
    reason: str
    subject: ResidentId | None = None
    """``None`` for operations on many."""
    count: int = 1
    subject_root: str = ""
    """Digest of the set of residents of an operation on many."""
    grant: str = ""
    law: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as it stands in its chain."""

    ref: str
    """Chain and number, by which it is complained of."""
    entry: AuditEntry


class Audit:
    """Writes and reads the audit. Safe for threads and forks."""

    _n: int
    _last: bytes

    def __init__(
        self, database: Database, keys: KeyRing, folder: Path, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._heads = HeadsFile(folder / "audit-heads.jsonl", keys.signing_key())
        self._lock = Lock()
        self._flushing = Lock()
        self._own: dict[tuple[str, str], tuple[int, int]] = {}
        self._begin_chain()

    def record(
        self, entry: AuditEntry, *, also: Callable[[Connection], bool] | None = None
    ) -> bool:
        """Write one entry; it is durable before this returns.

        Parameters
        ----------
        entry : AuditEntry
        also : callable, optional
            Decided in the same transaction; when it answers ``False`` nothing is written.

        Returns
        -------
        bool
            What ``also`` answered.

        Raises
        ------
        AuditUnavailable
            It could not be written: no data may leave.
        """
        return self._write([entry], also)

    def record_all(self, entries: Sequence[AuditEntry]) -> None:
        """Write several entries, all of them or none; they are durable before this returns.

        Raises
        ------
        AuditUnavailable
            They could not be written: no data may leave.
        """
        self._write(entries, None)

    def _write(
        self, entries: Sequence[AuditEntry], also: Callable[[Connection], bool] | None
    ) -> bool:
        if self._database.writing:
            raise AuditUnavailable("ask the gate before opening a write transaction")
        with self._lock:
            self._notice_fork()
            n, last = self._n, self._last
            try:
                with self._database.write() as tx:
                    if also is not None and not also(tx):
                        return False
                    for entry in entries:
                        n, last = n + 1, self._append(tx, entry, n + 1, last)
            except (LinliError, SQLAlchemyError) as error:
                raise AuditUnavailable(f"the audit entry was not written: {error}") from error
            sign = n // _SIGN_EVERY > self._n // _SIGN_EVERY
            self._n, self._last = n, last
        if sign:
            self.sign()
        return True

    def count_own(self, resident: ResidentId, category: DataCategory, at: datetime) -> None:
        """Count a resident's look at their own data; written in batches."""
        with self._lock:
            self._notice_fork()
            reads, _ = self._own.get((resident, category.value), (0, 0))
            self._own[resident, category.value] = (reads + 1, micros(at))
            due = len(self._own) >= _OWN_AT_ONCE or micros(at) >= self._own_due
        if due and not self._database.writing:
            try:
                self.flush()
            except StoreUnavailable as error:
                _log.warning("looks of residents at their own data wait: %s", error)

    def flush(self) -> None:
        """Write the counted looks of residents at their own data."""
        with self._flushing:
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            counted = dict(self._own)
            self._own_due = micros(self._clock() + _OWN_EVERY)
        lines = [
            {"resident": resident, "category": category, "reads": reads, "last_at": at}
            for (resident, category), (reads, at) in counted.items()
        ]
        if lines:
            with self._database.write() as tx:
                add_counts(tx, tables.audit_own, lines, counts=["reads"], latest=["last_at"])
            with self._lock:
                self._forget_counted(counted)

    def last_at(self, tx: Connection) -> datetime | None:
        """Time of the latest entry, by its own clock."""
        last = tx.execute(select(func.max(_audit.c.at))).scalar()
        return None if last is None else moment(last)

    def of(self, tx: Connection, resident: ResidentId, limit: int = 100) -> list[AuditEntry]:
        """Who looked at a resident's data, newest first; entries without a key are left out."""
        return [one.entry for one in self.recorded(tx, resident, limit=limit)]

    def recorded(
        self, tx: Connection, resident: ResidentId, *, limit: int, skip: int = 0
    ) -> list[Recorded]:
        """Entries about a resident with their references, as :meth:`of`."""
        newest = (_audit.c.at.desc(), _audit.c.chain, _audit.c.n.desc())
        query = self._about(resident).order_by(*newest).limit(limit).offset(skip)
        return self._read(tx, resident, query)

    def find(self, tx: Connection, resident: ResidentId, ref: str) -> AuditEntry | None:
        """Look one entry about a resident up by its reference; ``None`` when it is no such."""
        chain, _, n = ref.partition("-")
        if not (n.isascii() and n.isdigit() and len(n) < 19):  # more than a column holds
            return None
        query = self._about(resident).where(_audit.c.chain == chain, _audit.c.n == int(n))
        found = self._read(tx, resident, query)
        return found[0].entry if found else None

    def _about(self, resident: ResidentId) -> Select[str, int, bytes]:
        columns = select(_audit.c.chain, _audit.c.n, _audit.c.body)
        return columns.where(_audit.c.subject == self._subject(resident))

    def _read(
        self, tx: Connection, resident: ResidentId, query: Select[str, int, bytes]
    ) -> list[Recorded]:
        lines = tx.execute(query).all()
        boxes = [(_box(chain, n, resident), body) for chain, n, body in lines]
        plain = self._keys.open_many(tx, boxes)
        return [
            Recorded(f"{chain}-{n}", _entry(parse(body), resident))
            for (chain, n, _), body in zip(lines, plain, strict=True)
            if body is not None
        ]

    def bulk(self, tx: Connection, limit: int = 100) -> list[AuditEntry]:
        """Operations on many residents, newest first."""
        query = (
            select(_audit.c.chain, _audit.c.n, _audit.c.body)
            .where(_audit.c.subject == "")
            .order_by(_audit.c.at.desc(), _audit.c.chain, _audit.c.n.desc())
            .limit(limit)
        )
        boxes = [(_box(chain, n, None), body) for chain, n, body in tx.execute(query)]
        plain = self._keys.open_many(tx, boxes)
        return [_entry(parse(body), None) for body in plain if body is not None]

    def own_reads(self, tx: Connection, resident: ResidentId) -> dict[DataCategory, int]:
        """How often a resident looked at their own data, by category."""
        own = tables.audit_own
        query = select(own.c.category, own.c.reads).where(own.c.resident == resident)
        return {DataCategory(category): reads for category, reads in tx.execute(query)}

    def heads(self, tx: Connection) -> list[ChainHead]:
        """Last entry of every chain."""
        ends = select(_audit.c.chain, func.max(_audit.c.n).label("n")).group_by(_audit.c.chain)
        end = ends.subquery()
        query = select(_audit.c.chain, _audit.c.n, _audit.c.hash).join(
            end, (_audit.c.chain == end.c.chain) & (_audit.c.n == end.c.n)
        )
        return [ChainHead(*line) for line in tx.execute(query.order_by(_audit.c.chain))]

    def sign(self) -> None:
        """Sign the heads that are new since the last time."""
        with self._database.read() as tx:
            self._heads.add(self.heads(tx), self._clock())

    def verify(self, tx: Connection) -> AuditReport:
        """Check every entry of every chain, and every signed head against its chain."""
        report = check_chains(_lines(tx), self._heads.read())
        if report.ok or self._database.writing:
            return report
        heads = self._heads.read()  # others may have recorded and signed since tx began
        with self._database.read() as later:
            return check_chains(_lines(later), heads)

    def export(self, file: BinaryIO) -> Exported:
        """Sign the heads, then write every entry that a signed head vouches for, sealed.

        Entries that others record meanwhile wait for the next export.
        """
        self.sign()
        heads, _ = self._heads.read()
        signed: dict[str, int] = {}
        for head in heads:
            signed[head.chain] = max(head.n, signed.get(head.chain, 0))
        with self._database.read() as tx:
            lines = (line for line in _lines(tx) if _is_signed(line, signed))
            entries = write_entries(file, lines)
        return Exported(entries, len(signed), self._heads.path, self._heads.public_key)

    def close(self) -> None:
        """Write counted looks and sign the heads, unless the ledger is away: entries are safe."""
        try:
            self.flush()
            if self._n:
                self.sign()
        except StoreUnavailable as error:
            _log.warning("closed without counting and signing: %s", error)

    def _notice_fork(self) -> None:
        """Begin a chain of its own in a child process; its parent writes the parent's counts."""
        if os.getpid() != self._process:
            self._begin_chain()

    def _begin_chain(self) -> None:
        self._process = os.getpid()
        self._chain = secrets.token_hex(8)
        self._n = 0
        self._last = bytes(32)
        self._own = {}
        self._own_due = 0

    def _forget_counted(self, counted: dict[tuple[str, str], tuple[int, int]]) -> None:
        for name, (written, _) in counted.items():
            reads, at = self._own[name]
            if reads == written:
                del self._own[name]
            else:
                self._own[name] = (reads - written, at)

    def _append(self, tx: Connection, entry: AuditEntry, n: int, previous: bytes) -> bytes:
        box = _box(self._chain, n, entry.subject)
        line: dict[str, object] = {
            "chain": self._chain,
            "n": n,
            "at": micros(entry.at),
            "subject": "" if entry.subject is None else self._subject(entry.subject),
            "body": self._keys.seal(tx, box, canonical(_said(entry))),
            "previous": previous,
        }
        line["hash"] = chained(line)
        tx.execute(insert(_audit), line)
        return cast("bytes", line["hash"])

    def _subject(self, resident: ResidentId) -> str:
        return self._keys.pseudonym("audit", resident)


def _lines(tx: Connection) -> Iterator[dict[str, object]]:
    """All entries as they are stored, chain by chain."""
    query = select(_audit).order_by(_audit.c.chain, _audit.c.n)
    for line in tx.execute(query.execution_options(yield_per=5_000)).mappings():
        yield {column.name: line[column.name] for column in _audit.columns}


def _is_signed(line: Mapping[str, object], signed: Mapping[str, int]) -> bool:
    return cast("int", line["n"]) <= signed.get(cast("str", line["chain"]), 0)


def _box(chain: str, n: int, subject: ResidentId | None) -> Box:
    if subject is None:
        return Box("audit", f"{chain}/{n}", HOME, DataCategory.PUBLIC)
    return Box("audit", f"{chain}/{n}", subject, "audit")


def _said(entry: AuditEntry) -> dict[str, Json]:
    return {
        "at": micros(entry.at),
        "actor": entry.actor,
        "role": entry.role.value,
        "institution": entry.institution,
        "app": entry.app,
        "action": entry.action.value,
        "purpose": entry.purpose.value if entry.purpose is not None else "",
        "categories": [category.value for category in entry.categories],
        "allowed": entry.allowed,
        "reason": entry.reason,
        "count": entry.count,
        "subject_root": entry.subject_root,
        "grant": entry.grant,
        "law": entry.law,
    }


def _entry(said: dict[str, Json], subject: ResidentId | None) -> AuditEntry:
    return AuditEntry(
        at=moment(cast("int", said["at"])),
        actor=str(said["actor"]),
        role=StaffRole(str(said["role"])),
        institution=InstitutionId(str(said["institution"])),
        app=str(said["app"]),
        action=Action(str(said["action"])),
        purpose=Purpose(str(said["purpose"])) if said["purpose"] else None,
        categories=tuple(DataCategory(c) for c in cast("list[str]", said["categories"])),
        allowed=bool(said["allowed"]),
        reason=str(said["reason"]),
        subject=subject,
        count=cast("int", said["count"]),
        subject_root=str(said["subject_root"]),
        grant=str(said["grant"]),
        law=str(said["law"]),
    )
