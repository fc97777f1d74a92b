"""Every table of the ledger, once.

Times are int64 microseconds since 1970 in UTC, digests and sealed values are bytes, ids are
text. What people wrote, who they are and what they did is sealed; pseudonyms, codes and counts
stand in clear.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "METADATA",
    "answers",
    "api_keys",
    "audit",
    "audit_own",
    "bookings",
    "cases",
    "charter_holds",
    "charter_places",
    "charters",
    "complaints",
    "data_keys",
    "grants",
    "head",
    "identity",
    "identity_before",
    "import_chunks",
    "import_parts",
    "imports",
    "leases",
    "links",
    "outbox",
    "outbox_keys",
    "postings",
    "records",
    "requests",
    "row_counts",
    "rows",
    "runs",
    "seats",
    "seats_before",
    "segments",
    "sessions",
    "staged_bookings",
    "staged_grants",
    "staged_identity",
    "staged_records",
    "staged_rows",
    "staged_seats",
    "staged_words",
    "told",
    "words",
]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives out numbers only to a column declared INTEGER."""


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _maybe(name: str) -> Column[str]:
    return Column(name, Text, nullable=True)


def _int(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _maybe_int(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=True)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


head = Table(
    "head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _int("seq"),
    _int("epoch"),
    _int("compacted"),
    _int("keys_epoch"),
    _bytes("key_check"),
)
"""One line: last sequence number, grant epoch, last number moved to the log, key epoch.

Sequence numbers are taken from here and not from a database sequence: the line stays locked
until the transaction ends, so numbers rise in commit order without gaps on every engine.
"""

rows = Table(
    "rows",
    METADATA,
    _key("kind"),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    _text("key"),
    _maybe("batch"),
    UniqueConstraint("kind", "key"),
    Index("ix_rows_batch", "batch"),
)
row_counts = Table("row_counts", METADATA, _key("kind"), _int("next"))

data_keys = Table(
    "data_keys",
    METADATA,
    _key("subject"),
    _key("category"),
    Column("wrapped", LargeBinary, nullable=True),
    _maybe_int("destroyed_at"),
)
"""Keys of (resident, category), wrapped under the home key; null once destroyed."""

identity = Table(
    "identity",
    METADATA,
    _key("resident"),
    _key("kind"),
    _bytes("sealed"),
    _bytes("blind"),
    _int("at"),
    _maybe("batch"),
    Index("ix_identity_blind", "blind"),
    Index("ix_identity_batch", "batch"),
)
identity_before = Table(
    "identity_before",
    METADATA,
    _key("batch"),
    _key("resident"),
    _key("kind"),
    _bytes("sealed"),
    _bytes("blind"),
    _int("at"),
    _maybe("was"),
    Index("ix_identity_before_was", "was"),
)
"""What each import overwrote, and (``was``) which import had brought that."""

words = Table(
    "words",
    METADATA,
    _key("id"),
    _text("resident"),
    _text("category"),
    _bytes("sealed"),
    _int("at"),
    _maybe("batch"),
    Index("ix_words_resident", "resident"),
    Index("ix_words_batch", "batch"),
)

records = Table(
    "records",
    METADATA,
    _key("id"),
    _text("resident"),
    _text("kind"),
    _text("category"),
    _int("at"),
    _maybe("batch"),
    _bytes("sealed"),
    Index("ix_records_resident_kind_at", "resident", "kind", "at"),
    Index("ix_records_batch", "batch"),
)
"""Visits, answers to questionnaires and meter readings."""

grants = Table(
    "grants",
    METADATA,
    _key("id"),
    _text("resident"),
    _text("institution"),
    _text("app"),
    _text("category"),
    _text("purpose"),
    _text("actions"),
    _int("not_before"),
    _int("expires_at"),
    _text("state"),
    _text("notice_hash"),
    _text("channel"),
    _text("basis"),
    _maybe_int("uses_left"),
    _maybe("proxy_mandate"),
    _int("epoch"),
    _maybe("batch"),
    Index("ix_grants_resident", "resident"),
    Index("ix_grants_epoch", "epoch"),
    Index("ix_grants_batch", "batch"),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("seq", _SERIAL, primary_key=True, autoincrement=False),
    _text("kind"),
    _text("subject"),
    _text("category"),
    _bytes("tag"),
    _bytes("payload"),
    _int("at"),
)

outbox_keys = Table(
    "outbox_keys",
    METADATA,
    Column("tag", LargeBinary, primary_key=True),
    _int("seq"),
    _bytes("digest"),
    _text("subject"),
    _text("category"),
    Column("reply", LargeBinary, nullable=True),
)
"""Idempotency keys (as keyed digests) and first answers; they outlive compaction."""

segments = Table(
    "segments",
    METADATA,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    _int("last"),
    _text("file"),
    _bytes("sha256"),
)

seats = Table(
    "seats",
    METADATA,
    _key("item"),
    _maybe_int("seats"),
    _int("taken"),
    _int("waiting"),
    _int("places"),
    _maybe("batch"),
    Index("ix_seats_batch", "batch"),
)
seats_before = Table(
    "seats_before",
    METADATA,
    _key("batch"),
    _key("item"),
    _maybe_int("seats"),
    _maybe("was"),
    Index("ix_seats_before_was", "was"),
)
bookings = Table(
    "bookings",
    METADATA,
    _key("item"),
    _key("resident"),
    _text("state"),
    _int("place"),
    _maybe("rec_id"),
    _int("at"),
    _maybe("batch"),
    Index("ix_bookings_resident", "resident"),
    Index("ix_bookings_item_state_place", "item", "state", "place"),
    Index("ix_bookings_batch", "batch"),
)

audit = Table(
    "audit",
    METADATA,
    _key("chain"),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    _int("at"),
    _text("subject"),
    _bytes("body"),
    _bytes("previous"),
    _bytes("hash"),
    Index("ix_audit_at", "at"),
    Index("ix_audit_subject_at", "subject", "at"),
)
audit_own = Table(
    "audit_own",
    METADATA,
    _key("resident"),
    _key("category"),
    _int("reads"),
    _int("last_at"),
)
"""How often residents read their own data; counted, not audited one by one."""

complaints = Table(
    "complaints",
    METADATA,
    _key("id"),
    _text("resident"),
    _text("state"),
    _bytes("said"),
    _int("filed_at"),
    _int("due_at"),
    Column("answer", LargeBinary, nullable=True),
    _maybe_int("answered_at"),
    Index("ix_complaints_resident", "resident"),
    Index("ix_complaints_state_due_at", "state", "due_at"),
)
"""What residents complain of, sealed; the id is a digest of who complains of what."""

told = Table(
    "told",
    METADATA,
    _key("id"),
    _text("resident"),
    _text("kind"),
    _text("category"),
    _bytes("said"),
    _int("at"),
    Index("ix_told_resident", "resident"),
    Index("ix_told_kind", "kind"),
)
"""What residents told Linli themselves; the id is a digest of who and of what."""

imports = Table(
    "imports",
    METADATA,
    _key("id"),
    _text("kind"),
    _text("file_hash"),
    _int("attempt"),
    _text("source"),
    _text("institution"),
    _text("state"),
    _int("begun_at"),
    _maybe_int("committed_at"),
    _maybe_int("undone_at"),
    _maybe_int("seq"),
    _int("changes"),
    UniqueConstraint("file_hash", "kind", "attempt"),
)
"""``attempt`` counts the undone imports of the same file before this one; ``institution`` is whose
import it is."""
import_chunks = Table(
    "import_chunks",
    METADATA,
    _key("batch"),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    _int("changes"),
    _bytes("sealed"),
    Column("digest", LargeBinary, nullable=True),
)
import_parts = Table(
    "import_parts",
    METADATA,
    _key("batch"),
    _key("part"),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    _bytes("sealed"),
    _bytes("digest"),
)
"""Report, issues and corrected copy of a batch; a digest alone for rows staged below."""


def _staged(of: Table, *without: str) -> Table:
    """Make the table in which rows of another wait for the commit of their batch."""
    left_out = {"batch", *without}
    return Table(
        f"staged_{of.name}",
        METADATA,
        _key("batch"),
        Column("n", BigInteger, nullable=False),
        *(
            Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable)
            for c in of.columns
            if c.name not in left_out
        ),
    )


staged_identity = _staged(identity)
staged_words = _staged(words)
staged_records = _staged(records)
staged_grants = _staged(grants, "epoch")
staged_seats = _staged(seats, "taken", "waiting", "places")
staged_bookings = _staged(bookings, "state", "rec_id")
"""Stays while its batch counts: a place may be claimed by several imports."""
staged_rows = Table(
    "staged_rows",
    METADATA,
    _key("batch"),
    _key("kind"),
    _key("key"),
    _int("n"),
    _int("place"),
)

requests = Table(
    "requests",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    _text("job"),
    _bytes("args"),
    _text("by"),
    _int("at"),
    _text("state"),
    _maybe("holder"),
    _maybe_int("claimed_at"),
    Index("ix_requests_state", "state"),
    sqlite_autoincrement=True,
)
runs = Table(
    "runs",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    _text("job"),
    _text("slot"),
    _maybe_int("request"),
    _text("state"),
    _int("attempts"),
    _int("done"),
    _int("total"),
    _text("note"),
    _int("started_at"),
    _maybe_int("finished_at"),
    UniqueConstraint("job", "slot"),
    sqlite_autoincrement=True,
)
answers = Table(
    "answers",
    METADATA,
    _key("id"),
    _bytes("asked"),
    Column("found", LargeBinary, nullable=True),
    _int("request"),
    _int("expires_at"),
    Index("ix_answers_expires_at", "expires_at"),
)
"""Questions that a job answers, and what it found; both sealed, kept for a day."""

charters = Table(
    "charters",
    METADATA,
    _key("id"),
    _text("grid"),
    _text("state"),
    _int("version"),
    _bytes("body"),
    _int("made_at"),
    _int("changed_at"),
    _maybe_int("answer_by"),
    Index("ix_charters_state", "state"),
)
"""Groups that could be founded; the body says nothing of people."""
charter_places = Table(
    "charter_places",
    METADATA,
    _key("charter"),
    _key("resident"),
    _bytes("facts"),
    _bytes("answer"),
    Index("ix_charter_places_resident", "resident"),
)
"""Whom a charter would bring together; facts and answers are sealed, all answers equally long."""
charter_holds = Table(
    "charter_holds",
    METADATA,
    _key("resident"),
    _text("charter"),
    _int("until"),
)
"""The one charter that each resident is in, and until when no other may take them."""

leases = Table(
    "leases",
    METADATA,
    _key("name"),
    _maybe("holder"),
    _int("token"),
    _int("expires_at"),
    _maybe("asked_by"),
    _maybe_int("asked_at"),
)

postings = Table("postings", METADATA, _key("staff"), _key("grid"))
"""Grids that a member of staff looks after; nobody else's residents are shown to them."""
cases = Table(
    "cases",
    METADATA,
    _key("id"),
    _text("resident"),
    _text("staff"),
    _int("at"),
    _bytes("sealed"),
    Index("ix_cases_resident", "resident"),
)
"""What came of visits, sealed under the resident's key for isolation scores."""

links = Table(
    "links",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    _text("principal"),
    _text("role"),
    _text("institution"),
    _int("expires_at"),
    _maybe_int("used_at"),
)
sessions = Table(
    "sessions",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    _text("principal"),
    _text("role"),
    _text("institution"),
    _int("began_at"),
    _int("seen_at"),
    _int("expires_at"),
    Index("ix_sessions_principal", "principal"),
)
api_keys = Table(
    "api_keys",
    METADATA,
    _key("id"),
    _bytes("hash"),
    _text("title"),
    _text("institution"),
    _text("app"),
    _text("scopes"),
    _int("made_at"),
    _int("expires_at"),
    _maybe_int("revoked_at"),
)
