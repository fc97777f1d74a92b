"""Open a ledger: make or migrate its tables, know its key again, refuse a newer one."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.exc import DatabaseError, OperationalError

from graph.errors import ConfigError, CorruptStore, StoreUnavailable
from graph.ledger import tables
from graph.ledger.dialect import WRITE, file_of, lock_migration, make_engine
from graph.ledger.keys import KeyRing, make_home_key, read_home_key
from graph.ledger.ledger import Ledger

__all__ = ["open_ledger"]

_MIGRATIONS = Path(__file__).parent / "migrations"


def open_ledger(
    url: str, *, keys_dir: Path, log_dir: Path, clock: Callable[[], datetime]
) -> Ledger:
    """Open a ledger, making it and its home key when both are missing.

    See :func:`graph.gate.open_ledger`.
    """
    path = file_of(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    engine = make_engine(url)
    try:
        with engine.connect().execution_options(**WRITE) as tx, tx.begin():
            lock_migration(tx)
            _migrate(tx)
            keys = _know_key(tx, keys_dir)
    except OperationalError as error:
        engine.dispose()
        raise StoreUnavailable(f"the ledger {url} cannot be opened: {error.orig}") from error
    except DatabaseError as error:
        engine.dispose()
        raise CorruptStore(f"{url} is not a ledger: {error.orig}; restore a backup") from error
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, keys, log_dir, clock)


def migration_config(tx: Connection) -> Config:
    """Alembic's settings for a transaction that is already open."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = tx
    return config


def _migrate(tx: Connection) -> None:
    config = migration_config(tx)
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head()
    present = MigrationContext.configure(tx).get_current_revision()
    if present == newest:
        return
    known = {revision.revision for revision in script.walk_revisions()}
    if present is not None and present not in known:
        raise CorruptStore(
            f"the ledger is at version {present}, newer than this Linli ({newest}); update Linli"
        )
    if present is None and inspect(tx).get_table_names():
        raise CorruptStore("this database holds other tables; give the ledger one of its own")
    command.upgrade(config, "head")


def _know_key(tx: Connection, folder: Path) -> KeyRing:
    """Read the home key, or make it with a new ledger; a ledger opens with its own key only."""
    check = tx.execute(select(tables.head.c.key_check)).scalar()
    if check is None:
        make_home_key(folder)
    keys = KeyRing(read_home_key(folder))
    if check is None:
        first = {"id": 1, "seq": 0, "epoch": 0, "compacted": 0, "keys_epoch": 0}
        tx.execute(insert(tables.head), {**first, "key_check": keys.check()})
    elif not hmac.compare_digest(bytes(check), keys.check()):
        raise ConfigError(f"the key in {folder} is not this ledger's; restore the right one")
    return keys
