"""The first ledger."""

from __future__ import annotations

from alembic import op

from graph.ledger.tables import METADATA

__all__ = ["downgrade", "upgrade"]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    METADATA.create_all(op.get_bind())


def downgrade() -> None:
    """There is nothing before the first version."""
    raise NotImplementedError
