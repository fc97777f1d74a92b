"""Hash chains of audit entries: how one link is made, and how all are checked without any key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, select

from graph.ledger import tables
from graph.ledger.canonical import canonical

__all__ = ["AuditReport", "ChainHead", "chained", "check_chains"]

_audit = tables.audit


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry of a chain at some time."""

    chain: str
    n: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What :meth:`graph.ledger.audit.Audit.verify` found."""

    chains: int
    entries: int
    fault: str | None
    """First thing that is wrong, ``None`` when all is as it was written."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


def chained(line: Mapping[str, object]) -> bytes:
    """Hash of an entry: of the one before it, and of all that it says."""
    whole = canonical(
        {
            "chain": cast("str", line["chain"]),
            "n": cast("int", line["n"]),
            "at": cast("int", line["at"]),
            "subject": cast("str", line["subject"]),
            "body": hashlib.sha256(cast("bytes", line["body"])).hexdigest(),
        }
    )
    return hashlib.sha256(cast("bytes", line["previous"]) + whole).digest()


def check_chains(tx: Connection, signed: tuple[Sequence[ChainHead], str | None]) -> AuditReport:
    """Follow every chain from its first entry, then look every signed head up.

    Parameters
    ----------
    signed : (heads, fault)
        As read from the heads file.
    """
    heads, fault = signed
    wanted = {(head.chain, head.n): head.hash for head in heads}
    chain, n, last, chains, entries = "", 0, bytes(32), 0, 0
    query = select(_audit).order_by(_audit.c.chain, _audit.c.n)
    for line in tx.execute(query.execution_options(yield_per=5_000)).mappings():
        if line["chain"] != chain:
            chain, n, last = line["chain"], 0, bytes(32)
            chains += 1
        n += 1
        entries += 1
        said = {column.name: line[column.name] for column in _audit.columns}
        if fault is None:
            fault = _fault(said, n, last)
        n, last = line["n"], line["hash"]
        expected = wanted.pop((chain, n), last)
        if fault is None and expected != last:
            fault = f"entry {n} of chain {chain} is not the one whose hash was signed"
    if fault is None and wanted:
        chain, n = min(wanted)
        fault = f"chain {chain} ends before entry {n}, which was signed: its end was cut off"
    return AuditReport(chains, entries, fault)


def _fault(said: Mapping[str, object], n: int, last: bytes) -> str | None:
    where = f"of chain {said['chain']}"
    if said["n"] != n:
        return f"entry {n} {where} is missing"
    if said["previous"] != last:
        return f"entry {n} {where} does not follow from entry {n - 1}"
    if said["hash"] != chained(said):
        return f"entry {n} {where} was altered"
    return None
