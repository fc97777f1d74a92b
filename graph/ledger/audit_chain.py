"""Hash chains of audit entries: how one link is made, and how all are checked without any key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from graph.ledger.canonical import canonical

__all__ = ["AuditReport", "ChainHead", "chained", "check_chains"]


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry of a chain at some time."""

    chain: str
    n: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What following the chains found."""

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


def check_chains(
    lines: Iterable[Mapping[str, object]],
    signed: tuple[Sequence[ChainHead], str | None],
    *,
    complete: bool = False,
) -> AuditReport:
    """Follow every chain from its first entry, then look every signed head up.

    Parameters
    ----------
    lines : iterable of mapping
        Entries with the columns of the table, ordered by chain and number.
    signed : (heads, fault)
        As read from a file of heads.
    complete : bool, optional
        Every chain has to end at a signed head, as in an exported file: nothing may come behind
        it. In a ledger that is at work the newest entries wait for the next signing.
    """
    heads, fault = signed
    wanted, contradicted = _by_place(heads)
    fault = fault or contradicted
    chain, n, last, vouched, chains, entries = "", 0, bytes(32), True, 0, 0
    for line in lines:
        entries += 1
        fault = fault or _order_fault(line, chain)
        if line["chain"] != chain:
            fault = fault or _end_fault(chain, n, complete=complete, vouched=vouched)
            chain, n, last = cast("str", line["chain"]), 0, bytes(32)
            chains += 1
        fault = fault or _fault(line, n + 1, last)
        n, last = cast("int", line["n"]), cast("bytes", line["hash"])
        expected = wanted.pop((chain, n), None)
        vouched = expected is not None
        if fault is None and vouched and expected != last:
            fault = f"entry {n} of chain {chain} is not the one whose hash was signed"
    fault = fault or _end_fault(chain, n, complete=complete, vouched=vouched)
    if fault is None and wanted:
        chain, n = min(wanted)
        fault = f"chain {chain} ends before entry {n}, which was signed: its end was cut off"
    return AuditReport(chains, entries, fault)


def _by_place(heads: Sequence[ChainHead]) -> tuple[dict[tuple[str, int], bytes], str | None]:
    """Signed hash of each place, and whether two of them contradict each other."""
    wanted: dict[tuple[str, int], bytes] = {}
    for head in heads:
        if wanted.setdefault((head.chain, head.n), head.hash) != head.hash:
            return wanted, f"two hashes were signed for entry {head.n} of chain {head.chain}"
    return wanted, None


def _order_fault(line: Mapping[str, object], chain: str) -> str | None:
    now = cast("str", line["chain"])
    return f"chain {now} stands after chain {chain}: out of order" if now < chain else None


def _end_fault(chain: str, n: int, *, complete: bool, vouched: bool) -> str | None:
    if not complete or vouched:
        return None
    return f"entry {n} of chain {chain} comes after the last one that was signed"


def _fault(said: Mapping[str, object], n: int, last: bytes) -> str | None:
    where = f"of chain {said['chain']}"
    if said["n"] != n:
        return f"entry {n} {where} is missing"
    if said["previous"] != last:
        return f"entry {n} {where} does not follow from entry {n - 1}"
    if said["hash"] != chained(said):
        return f"entry {n} {where} was altered"
    return None
