"""Grids that members of staff look after, and what came of their visits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of postings and cases."""
    op.create_table(
        "postings",
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("grid", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("staff", "grid", name=op.f("pk_postings")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_resident", "cases", ["resident"], unique=False)


def downgrade() -> None:
    """Remove them."""
    op.drop_table("cases")
    op.drop_table("postings")
