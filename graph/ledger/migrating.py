"""Bring a ledger's tables to the newest version; loaded only when one is new or older."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from graph.errors import CorruptStore

__all__ = ["migrate", "newest_version"]

_MIGRATIONS = Path(__file__).parent / "migrations"


def newest_version() -> str | None:
    """Version the shipped migrations lead to."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def migrate(tx: Connection, present: str | None) -> None:
    """Migrate inside an open transaction: all of it or nothing.

    Parameters
    ----------
    tx : Connection
        A write transaction: one at a time, on every engine.
    present : str or None
        Version of the tables, ``None`` for an empty database.

    Raises
    ------
    CorruptStore
        The tables are newer than this Linli, or not a ledger's.
    """
    script = ScriptDirectory.from_config(_config())
    known = {revision.revision for revision in script.walk_revisions()}
    if present is not None and present not in known:
        newest = script.get_current_head()
        raise CorruptStore(
            f"the ledger is at version {present}, newer than this Linli ({newest}); update Linli"
        )
    if present is None and inspect(tx).get_table_names():
        raise CorruptStore("this database holds other tables; give the ledger one of its own")
    config = _config()
    config.attributes["connection"] = tx
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
