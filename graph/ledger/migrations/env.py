"""Alembic runs this to migrate, inside the transaction that ``opening.py`` holds open."""

from __future__ import annotations

from alembic import context

from graph.ledger.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=False,
)
context.run_migrations()
