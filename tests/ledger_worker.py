"""A process that works on a ledger until it is done or killed; started by the ledger's tests."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from graph.ledger.audit import AuditEntry
from graph.ledger.ledger import Ledger
from graph.ledger.opening import open_ledger
from graph.ledger.outbox import EventKind
from graph.model import (
    Action,
    DataCategory,
    InstitutionId,
    ItemId,
    Purpose,
    ResidentId,
    StaffRole,
)

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)


def open_at(url: str, folder: Path) -> Ledger:
    return open_ledger(url, keys_dir=folder / "keys", log_dir=folder / "log", clock=lambda: NOW)


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def append(ledger: Ledger, name: str, count: int) -> None:
    """Append events and audit entries; say each key once it is durable."""
    for n in range(count):
        key = f"{name}-{n}"
        subject = ResidentId(f"r{n % 7}")
        with ledger.write() as tx:
            ledger.outbox.append(
                tx,
                kind=EventKind.INTERACTION,
                key=key,
                subject=subject,
                category=DataCategory.INTEREST,
                payload={"key": key},
                at=NOW,
            )
            ledger.outbox.set_reply(tx, key, {"n": n})
        say(key)
        if n % 3 == 0:
            ledger.audit.record(entry_about(subject))


def entry_about(subject: ResidentId) -> AuditEntry:
    return AuditEntry(
        at=NOW,
        actor="w1",
        role=StaffRole.OPERATOR,
        institution=InstitutionId("operator"),
        app="linli",
        action=Action.DERIVE,
        purpose=Purpose.FEED,
        categories=(DataCategory.INTEREST,),
        allowed=True,
        reason="grant",
        subject=subject,
    )


def book(ledger: Ledger, name: str, count: int) -> None:
    """Try for a place at items 0 .. count-1, all beginning when told; say what was won."""
    sys.stdin.readline()
    for n in range(count):
        with ledger.write() as tx:
            won = ledger.bookings.book(tx, ItemId(f"i{n}"), ResidentId(name), at=NOW)
        say(f"i{n} {won.state}")


def compact(ledger: Ledger, name: str, count: int) -> None:
    """Move events to the log again and again."""
    for n in range(count):
        with ledger.read() as tx:
            upto = ledger.outbox.head(tx).seq
        ledger.log.compact(upto)
        say(f"{name} {n} {upto}")
        time.sleep(0.02)


def hold(ledger: Ledger, name: str, count: int) -> None:
    """Append in one transaction, and commit it only when told."""
    with ledger.write() as tx:
        for n in range(count):
            ledger.outbox.append(
                tx,
                kind=EventKind.INTERACTION,
                key=f"{name}-{n}",
                subject="r0",
                category=DataCategory.INTEREST,
                payload={"key": f"{name}-{n}"},
                at=NOW,
            )
        say("appended")
        sys.stdin.readline()
    say("committed")


def put(ledger: Ledger, name: str, count: int) -> None:
    """Seal a value of residents r0 .. r(count-1), all beginning when told: each needs a new key."""
    sys.stdin.readline()
    for n in range(count):
        with ledger.write() as tx:
            ledger.identity.put(tx, ResidentId(f"r{n}"), {f"alias-{name}": name}, NOW)


def lead(ledger: Ledger, name: str, count: int) -> None:
    """Hold the lease some times, handing it over when asked; a file tells of two at once."""
    witness, ttl = ledger.log._folder.parent / "held", timedelta(minutes=5)
    while count:
        with ledger.write() as tx:
            token = ledger.leases.acquire(tx, "graph", name, ttl, NOW)
            if token is None:
                ledger.leases.ask(tx, "graph", name, NOW)
        if token is None:
            time.sleep(0.01)
            continue
        witness.touch(exist_ok=False)
        count -= 1
        asked = None
        while asked is None and count:
            with ledger.read() as tx:
                asked = ledger.leases.asked(tx, "graph")
        witness.unlink()
        say(f"{token}")
        with ledger.write() as tx:
            ledger.leases.release(tx, "graph", name, token)
        time.sleep(0.05)  # after you


JOBS = {
    "append": append,
    "book": book,
    "compact": compact,
    "hold": hold,
    "lead": lead,
    "put": put,
}

if __name__ == "__main__":
    _, job, url, folder, name, count = sys.argv
    JOBS[job](open_at(url, Path(folder)), name, int(count))
