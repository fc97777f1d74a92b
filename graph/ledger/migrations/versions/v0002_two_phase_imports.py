"""Imports in two phases: what waits for a commit, what an import overwrote, and records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BROUGHT = ("bookings", "grants", "identity", "rows", "seats", "words")
"""Tables whose lines may have come with an import."""


def upgrade() -> None:
    """Mark what an import brought, and make the tables of the two phases."""
    for table in _BROUGHT:
        op.add_column(table, sa.Column("batch", sa.Text(), nullable=True))
        op.create_index(f"ix_{table}_batch", table, ["batch"], unique=False)
    op.add_column("import_chunks", sa.Column("digest", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("imports") as imports:
        imports.add_column(
            sa.Column("attempt", sa.BigInteger(), nullable=False, server_default="0")
        )
        imports.add_column(
            sa.Column("institution", sa.Text(), nullable=False, server_default="operator")
        )
        imports.add_column(sa.Column("undone_at", sa.BigInteger(), nullable=True))
        imports.drop_constraint("uq_imports_file_hash_kind", type_="unique")
        imports.create_unique_constraint(
            "uq_imports_file_hash_kind_attempt", ["file_hash", "kind", "attempt"]
        )
    with op.batch_alter_table("imports") as imports:
        imports.alter_column("attempt", server_default=None)
        imports.alter_column("institution", server_default=None)
    op.execute("UPDATE imports SET state = 'staging' WHERE state = 'staged'")
    op.create_table(
        "records",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
    )
    op.create_index("ix_records_batch", "records", ["batch"], unique=False)
    op.create_index(
        "ix_records_resident_kind_at", "records", ["resident", "kind", "at"], unique=False
    )
    op.create_table(
        "identity_before",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("blind", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("was", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("batch", "resident", "kind", name=op.f("pk_identity_before")),
    )
    op.create_index("ix_identity_before_was", "identity_before", ["was"], unique=False)
    op.create_table(
        "seats_before",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("seats", sa.BigInteger(), nullable=True),
        sa.Column("was", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("batch", "item", name=op.f("pk_seats_before")),
    )
    op.create_index("ix_seats_before_was", "seats_before", ["was"], unique=False)
    op.create_table(
        "import_parts",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "part", "n", name=op.f("pk_import_parts")),
    )
    op.create_table(
        "staged_identity",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("blind", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "resident", "kind", name=op.f("pk_staged_identity")),
    )
    op.create_table(
        "staged_words",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "id", name=op.f("pk_staged_words")),
    )
    op.create_table(
        "staged_records",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "id", name=op.f("pk_staged_records")),
    )
    op.create_table(
        "staged_grants",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("notice_hash", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("uses_left", sa.BigInteger(), nullable=True),
        sa.Column("proxy_mandate", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("batch", "id", name=op.f("pk_staged_grants")),
    )
    op.create_table(
        "staged_seats",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("seats", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("batch", "item", name=op.f("pk_staged_seats")),
    )
    op.create_table(
        "staged_bookings",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "item", "resident", name=op.f("pk_staged_bookings")),
    )
    op.create_table(
        "staged_rows",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "kind", "key", name=op.f("pk_staged_rows")),
    )


def downgrade() -> None:
    """Refuse: what was imported in two phases has no place in the older tables."""
    raise NotImplementedError("a ledger does not go back; restore the backup of before")
