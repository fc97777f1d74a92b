"""The outbox: every change, in the order in which it was decided.

A change is appended in the transaction that decides it. It is idempotent by key: the same key
and request again changes nothing and gets the first answer; the same key with another request is
refused. Keys outlive compaction.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Row, insert, select, update

from graph.codec import Json
from graph.errors import IdempotencyConflict, NotFound, NotReady
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.keys import HOME, Box, KeyRing
from graph.model import DataCategory

__all__ = [
    "HEAD",
    "Appended",
    "Event",
    "EventKind",
    "Head",
    "NewEvent",
    "Outbox",
    "Seen",
    "open_events",
]

DECIDED = frozenset({"at", "state"})
"""Fields of a payload that Linli decides, so that a retry may bring others."""

EVENT_COLUMNS = (
    tables.outbox.c.seq,
    tables.outbox.c.kind,
    tables.outbox.c.subject,
    tables.outbox.c.category,
    tables.outbox.c.tag,
    tables.outbox.c.payload,
    tables.outbox.c.at,
)


class EventKind(StrEnum):
    """What changed."""

    INTERACTION = "interaction"
    ITEM = "item"
    RESIDENT = "resident"
    GRANT = "grant"
    IMPORT = "import"
    UNDO = "undo"
    """An import counts no more."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change as it was acknowledged."""

    seq: int
    kind: EventKind
    subject: str
    """Resident, item or batch id."""
    payload: Mapping[str, Json] | None
    """``None`` when the key it was sealed under has been destroyed."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One change to append."""

    kind: EventKind
    key: str
    """Idempotency key; any text, stored as a keyed digest only."""
    subject: str
    category: DataCategory
    """Whose key seals it; ``PUBLIC`` is sealed under the home key."""
    payload: Mapping[str, Json]
    at: datetime
    request: Mapping[str, Json] | None = None
    """What the client asked, when it is not the payload without ``at`` and ``state``."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of an append."""

    seq: int
    new: bool
    """False for a retry."""
    payload_digest: str
    """Keyed digest of the request, hex."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A key that was used before, for the same request."""

    seq: int
    reply: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger stands."""

    seq: int
    """Last sequence number given out."""
    epoch: int
    """Counts changes of grants."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it lies in the table or in a log file: sealed."""

    seq: int
    kind: str
    subject: str
    category: str
    tag: bytes
    payload: bytes
    at: int

    def box(self) -> Box:
        """Box its payload was sealed in."""
        return event_box(self.kind, self.subject, self.category, self.tag)


def event_box(kind: str, subject: str, category: str, tag: bytes) -> Box:
    """Box of an event's payload; bound to its kind and idempotency key."""
    owner = HOME if category == DataCategory.PUBLIC else subject
    return Box("outbox", f"{kind}/{subject}/{tag.hex()}", owner, category)


def open_events(keys: KeyRing, tx: Connection, stored: Sequence[StoredEvent]) -> list[Event]:
    """Unseal events."""
    payloads = keys.open_many(tx, [(s.box(), s.payload) for s in stored])
    return [
        Event(s.seq, EventKind(s.kind), s.subject, None if p is None else parse(p), moment(s.at))
        for s, p in zip(stored, payloads, strict=True)
    ]


class Outbox:
    """Appends and reads events."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def append(  # noqa: PLR0913 - the fields of one event
        self,
        tx: Connection,
        *,
        kind: EventKind,
        key: str,
        subject: str,
        category: DataCategory,
        payload: Mapping[str, Json],
        at: datetime,
        request: Mapping[str, Json] | None = None,
    ) -> Appended:
        """Append one event, once.

        Parameters
        ----------
        tx : Connection
            The write transaction that decides the change.
        kind, key, subject, category, payload, at, request
            See :class:`NewEvent`.

        Returns
        -------
        Appended

        Raises
        ------
        IdempotencyConflict
            The key was used for another request.
        """
        event = NewEvent(
            kind=kind,
            key=key,
            subject=subject,
            category=category,
            payload=payload,
            at=at,
            request=request,
        )
        return self.append_many(tx, [event])[0]

    def append_many(self, tx: Connection, events: Sequence[NewEvent]) -> list[Appended]:
        """Append events in order, each once; fast in bulk. See :meth:`append`."""
        tags = [self._tag(event.key) for event in events]
        digests = [self._digest(event) for event in events]
        if not events:
            return []
        # Taking the numbers first makes rivals for the same key wait for this transaction.
        last = self._reserve(tx, len(events))
        known = self._known(tx, tags)
        new: dict[bytes, int] = {}
        digest_of: dict[bytes, bytes] = {}
        out: list[Appended] = []
        lines: list[tuple[NewEvent, bytes, int]] = []
        seq = last - len(events)
        for event, tag, digest in zip(events, tags, digests, strict=True):
            before = known.get(tag) or ((new[tag], digest_of[tag]) if tag in new else None)
            if before is not None:
                _same(event.key, before[1], digest)
                out.append(Appended(before[0], False, digest.hex()))
                continue
            seq += 1
            new[tag], digest_of[tag] = seq, digest
            lines.append((event, tag, seq))
            out.append(Appended(seq, True, digest.hex()))
        if seq < last:  # numbers that retries did not need go back: no gaps
            tx.execute(update(tables.head).values(seq=seq))
        if lines:
            self._store(tx, lines)
            tx.execute(
                insert(tables.outbox_keys),
                [
                    {
                        "tag": tag,
                        "seq": n,
                        "digest": digest_of[tag],
                        "subject": event.subject,
                        "category": event.category.value,
                    }
                    for event, tag, n in lines
                ],
            )
        return out

    def seen(
        self,
        tx: Connection,
        *,
        kind: EventKind,
        key: str,
        subject: str,
        request: Mapping[str, Json],
    ) -> Seen | None:
        """Look whether a request was answered before, ahead of deciding anything.

        Parameters
        ----------
        request : mapping
            What :meth:`append` was or will be given as ``request`` (or as ``payload``).

        Raises
        ------
        IdempotencyConflict
            The key was used for another request.
        """
        tag = self._tag(key)
        before = self._known(tx, [tag]).get(tag)
        if before is None:
            return None
        _same(key, before[1], self._digest_of(kind, subject, request))
        return Seen(before[0], self.reply(tx, key))

    def reply(self, tx: Connection, key: str) -> Mapping[str, Json] | None:
        """Answer that was given the first time; ``None`` when none was kept."""
        tag = self._tag(key)
        line = self._key_line(tx, tag)
        if line is None or line.reply is None:
            return None
        plain = self._keys.open(tx, _reply_box(tag, line.subject, line.category), line.reply)
        return None if plain is None else parse(plain)

    def set_reply(self, tx: Connection, key: str, reply: Mapping[str, Json]) -> None:
        """Keep the answer to the request with this key, sealed as its event is.

        Raises
        ------
        NotFound
            Nothing was appended under this key.
        """
        tag = self._tag(key)
        line = self._key_line(tx, tag)
        if line is None:
            raise NotFound("no event was appended under this key; append before set_reply")
        box = _reply_box(tag, line.subject, line.category)
        sealed = self._keys.seal(tx, box, canonical(reply))
        lines = tables.outbox_keys
        tx.execute(update(lines).where(lines.c.tag == tag).values(reply=sealed))

    def head(self, tx: Connection) -> Head:
        """Last sequence number and grant epoch: one look-up of one line."""
        seq, epoch = tx.execute(HEAD).one()
        return Head(seq, epoch)

    def after(self, tx: Connection, seq: int, limit: int = 10_000) -> list[Event]:
        """Events after a sequence number, ascending.

        Raises
        ------
        NotReady
            Some of them were moved to the log: reload the newest snapshot.
        """
        compacted = tx.execute(select(tables.head.c.compacted)).scalar_one()
        if seq < compacted:
            raise NotReady(f"events up to {compacted} are in the log; load the newest snapshot")
        return open_events(self._keys, tx, self.stored(tx, seq, limit))

    def stored(self, tx: Connection, seq: int, limit: int) -> list[StoredEvent]:
        """Events after a sequence number as they lie in the table, sealed."""
        outbox = tables.outbox
        query = select(*EVENT_COLUMNS).where(outbox.c.seq > seq).order_by(outbox.c.seq)
        return [StoredEvent(*line) for line in tx.execute(query.limit(limit))]

    def lock_epoch(self, tx: Connection) -> int:
        """Keep the grant epoch as it is until this transaction ends; returns it."""
        line = tables.head
        query = update(line).values(epoch=line.c.epoch).returning(line.c.epoch)
        value: int = tx.execute(query).scalar_one()
        return value

    def set_epoch(self, tx: Connection, epoch: int) -> None:
        """Count a change of grants, after :meth:`lock_epoch`."""
        tx.execute(update(tables.head).values(epoch=epoch))

    def _key_line(self, tx: Connection, tag: bytes) -> Row[str, str, bytes | None] | None:
        lines = tables.outbox_keys
        query = select(lines.c.subject, lines.c.category, lines.c.reply)
        return tx.execute(query.where(lines.c.tag == tag)).first()

    def _tag(self, key: str) -> bytes:
        return self._keys.blind("outbox-key", key.encode())[:16]

    def _digest(self, event: NewEvent) -> bytes:
        request = event.payload if event.request is None else event.request
        return self._digest_of(event.kind, event.subject, request)

    def _digest_of(self, kind: EventKind, subject: str, request: Mapping[str, Json]) -> bytes:
        asked = {name: value for name, value in request.items() if name not in DECIDED}
        whole = canonical({"kind": kind.value, "subject": subject, "request": asked})
        return self._keys.blind("outbox-request", whole)[:16]

    def _known(self, tx: Connection, tags: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
        lines = tables.outbox_keys
        query = select(lines.c.tag, lines.c.seq, lines.c.digest)
        known: dict[bytes, tuple[int, bytes]] = {}
        for start in range(0, len(tags), 10_000):
            for tag, seq, digest in tx.execute(
                query.where(lines.c.tag.in_(tags[start : start + 10_000]))
            ):
                known[tag] = (seq, digest)
        return known

    def _reserve(self, tx: Connection, n: int) -> int:
        line = tables.head
        query = update(line).values(seq=line.c.seq + n).returning(line.c.seq)
        value: int = tx.execute(query).scalar_one()
        return value

    def _store(self, tx: Connection, lines: Sequence[tuple[NewEvent, bytes, int]]) -> None:
        boxes = [
            (event_box(e.kind, e.subject, e.category, tag), canonical(e.payload))
            for e, tag, _ in lines
        ]
        sealed = self._keys.seal_many(tx, boxes)
        tx.execute(
            insert(tables.outbox),
            [
                {
                    "seq": seq,
                    "kind": event.kind.value,
                    "subject": event.subject,
                    "category": event.category.value,
                    "tag": tag,
                    "payload": payload,
                    "at": micros(event.at),
                }
                for (event, tag, seq), payload in zip(lines, sealed, strict=True)
            ],
        )


HEAD = select(tables.head.c.seq, tables.head.c.epoch)


def _reply_box(tag: bytes, subject: str, category: str) -> Box:
    owner = HOME if category == DataCategory.PUBLIC else subject
    return Box("outbox_keys", tag.hex(), owner, category)


def _same(key: str, before: bytes, now: bytes) -> None:
    if not hmac.compare_digest(before, now):
        raise IdempotencyConflict(
            f"key {key!r} was used for another request; send each new request under a new key"
        )
