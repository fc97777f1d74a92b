"""Groups that could be founded, whom they would bring together, and who is spoken for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "charters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("grid", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("answer_by", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charters")),
    )
    op.create_index("ix_charters_state", "charters", ["state"], unique=False)
    op.create_table(
        "charter_places",
        sa.Column("charter", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("charter", "resident", name=op.f("pk_charter_places")),
    )
    op.create_index("ix_charter_places_resident", "charter_places", ["resident"], unique=False)
    op.create_table(
        "charter_holds",
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("charter", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("resident", name=op.f("pk_charter_holds")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("charter_holds")
    op.drop_index("ix_charter_places_resident", table_name="charter_places")
    op.drop_table("charter_places")
    op.drop_index("ix_charters_state", table_name="charters")
    op.drop_table("charters")
