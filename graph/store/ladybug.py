"""The embedded engine: LadybugDB, in this process, in one file. The only importer of ``ladybug``.

What the engine (0.22.0) does and how this module answers, each seen in trials:

* Closing a database under an open connection breaks later work of the process. ``_Session`` owns
  both and never hands a connection to a caller.
* The same process may open a file a second time, which corrupts it and drops its lock. A registry
  of open paths refuses that; other processes are refused by the engine's own lock.
* A kept plan misreads parameters of other types; see ``ladybug_dialect.sendable``.
* A connection keeps the plan of every shape of parameters it has seen, some MB each, in the
  buffer pool. Each transaction has a connection of its own (0.3 ms).
* A copy that follows a copy rolled back on the same connection crashes the process. Copies have a
  connection of their own and are not rolled back: see :meth:`LadybugStore.load`.
* Deleted values stay in the file. :meth:`LadybugStore.clear` removes the file itself.
* After a write that failed (a full disk) its log goes on behind a torn record, and closing it tries
  that write again and aborts the process. Such a database is only closed, with its files out of
  its hands: see :func:`_take_away`.
* It trusts what it reads. :class:`graph.store.seal.Seal` checks every byte before it opens; so that
  the main file keeps still in between, checkpoints are made here, none at closing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ClassVar, Final, Self, cast

import ladybug
import pyarrow as pa

from graph.errors import Conflict, CorruptStore, DataError, StoreUnavailable
from graph.model import Change, Scalar
from graph.schema import SCHEMA_VERSION
from graph.store.base import Applied
from graph.store.bulk import LOAD_CHUNK, Loader
from graph.store.cypher import (
    META_GET,
    META_LABEL,
    META_SET,
    NodeTable,
    Statement,
    Table,
    all_tables,
    arrow_schema,
    count,
    read,
    table_of,
)
from graph.store.ladybug_dialect import (
    FILE_ENDINGS,
    IO_ERROR,
    NO_CHECKPOINT_AT_CLOSING,
    TABLE_NAMES,
    copy,
    declarations,
    inward,
    opening_error,
    outward,
    running_error,
    sendable,
    without_zones,
)
from graph.store.plan import checked
from graph.store.rows import Row, sort_keys
from graph.store.seal import Seal, locked, reachable
from graph.store.writing import carry_out

__all__ = ["LadybugStore"]

_CHECKPOINT_AT: Final = 16 << 20
"""Bytes of the engine's log beyond which it is worked into the main file."""


class _Connection:
    """One connection; every call of the engine goes through here and speaks our errors."""

    def __init__(self, database: ladybug.Database, path: Path) -> None:
        self._path = path
        self.write_failed = False
        """Whether the disk refused something."""
        with self._translated():
            self._connection = ladybug.Connection(database)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self.write_failed |= str(error).startswith(IO_ERROR)
            raise running_error(self._path, str(error)) from error

    @contextlib.contextmanager
    def _result(
        self, text: str, parameters: Mapping[str, object] | None
    ) -> Iterator[ladybug.QueryResult]:
        with self._translated():
            result = self._connection.execute(text, dict(parameters or {}))
            if isinstance(result, list):
                raise DataError("one statement at a time: there is a semicolon in the text")
            with result:
                yield result

    def do(self, text: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement for what it does."""
        with self._result(text, parameters):
            pass

    def rows(
        self, text: str, parameters: Mapping[str, object] | None = None
    ) -> tuple[list[str], list[list[object]]]:
        """Run a statement; return the names of its columns, and its rows."""
        with self._result(text, parameters) as result:
            return result.get_column_names(), cast("list[list[object]]", result.get_all())

    def arrow(self, text: str) -> pa.Table:
        """Run a statement; return its rows as columns."""
        with self._result(text, None) as result:
            return result.get_as_arrow()

    def run(self, statement: Statement, rows: Sequence[Row]) -> list[int]:
        """Run a batch statement, as :mod:`graph.store.writing` wants it."""
        _, found = self.rows(statement.text, {"rows": sendable(statement, rows)})
        return [cast("int", row[0]) for row in found]

    def numbers(self) -> dict[str, int]:
        """Return the store's own numbers: watermark and schema version."""
        if [META_LABEL] not in self.rows(TABLE_NAMES)[1]:
            return {}
        return {str(id_): cast("int", value) for id_, value in self.rows(META_GET)[1]}

    def set_number(self, id_: str, value: int) -> None:
        """Write one of :meth:`numbers`."""
        self.do(META_SET, {"id": id_, "value": value})

    def close(self) -> None:
        """Close it; twice is allowed."""
        with self._translated():
            self._connection.close()


class _Session:
    """One database and its connections, which cannot outlive it."""

    _open_paths: ClassVar[set[Path]] = set()
    _registry: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path, buffer_pool: int, *, anew: bool) -> None:
        self.path, self._buffer_pool = path.resolve(), buffer_pool
        self.seal = Seal(self.path)
        self._database: ladybug.Database | None = None
        self._lock_file: BinaryIO | None = None
        self.lock = threading.RLock()
        self._write_failed = False
        self.is_new = self._open(anew=anew)

    def _open(self, *, anew: bool) -> bool:
        """Lock, check and open the files; returns whether the database is empty as yet."""
        with self._registry:
            if self.path in self._open_paths:
                raise StoreUnavailable(f"{self.path} is open in this process already: share it")
            lock = locked(self.path)
            try:
                is_new = anew or not self.seal.check()
                if is_new:
                    self._remove()
                self._open_engine()
            except BaseException:
                lock.close()
                raise
            self._lock_file = lock
            self._open_paths.add(self.path)
            return is_new

    def _remove(self) -> None:
        """Remove every file of the database."""
        self.seal.begin()
        with reachable(self.path):
            for ending in FILE_ENDINGS:
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def _open_engine(self) -> None:
        try:
            self._database = ladybug.Database(
                self.path, buffer_pool_size=self._buffer_pool, auto_checkpoint=False
            )
        except RuntimeError as error:
            raise opening_error(self.path, str(error)) from error
        with contextlib.closing(_Connection(self._database, self.path)) as connection:
            connection.do(NO_CHECKPOINT_AT_CLOSING)

    def close(self) -> None:
        """Close the database, once the connection at work (which holds the lock) is closed."""
        with self.lock:
            lock, self._lock_file = self._lock_file, None
            if lock is None:
                return
            try:
                self._close_engine()
            finally:
                with self._registry:
                    self._open_paths.discard(self.path)
                    lock.close()

    def _close_engine(self) -> None:
        database, self._database = self._database, None
        if database is None:
            return
        if self._write_failed:
            _take_away(self.path)
            self._write_failed = False
        try:
            database.close()
        except RuntimeError as error:
            raise running_error(self.path, str(error)) from error

    def make_anew(self) -> None:
        """Remove every file of the database, and open an empty one."""
        with self.lock:
            if self._lock_file is None:
                raise self._closed()
            self._close_engine()
            self._remove()
            self._open_engine()

    @contextlib.contextmanager
    def connection(self) -> Iterator[_Connection]:
        """Give a connection of its own, closed at the end of the block."""
        with self.lock:
            connection = _Connection(self._opened(), self.path)
            try:
                with contextlib.closing(connection):
                    yield connection
            finally:
                self._write_failed |= connection.write_failed
                if not self._write_failed:
                    self.seal.note()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[_Connection]:
        """Give such a connection within a transaction: all of the block or nothing."""
        with self.connection() as connection:
            try:
                connection.do("BEGIN TRANSACTION")
                yield connection
                connection.do("COMMIT")
            except BaseException:
                with contextlib.suppress(StoreUnavailable):  # most errors have ended it already
                    connection.do("ROLLBACK")
                raise

    def _opened(self) -> ladybug.Database:
        if self._database is None:
            raise self._closed()
        if self._write_failed:
            raise StoreUnavailable(
                f"{self.path}: a write failed before; close it and open it again"
            )
        return self._database

    def _closed(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self.path} is closed: open it again")


def _take_away(path: Path) -> None:
    """Have all that the engine still writes to a database go nowhere.

    Its descriptors are pointed at the null device. Where the system does not list them, closing
    may abort the process, which loses no more than a kill.
    """
    names = {f"{path}{ending}" for ending in FILE_ENDINGS}
    listed = Path("/proc/self/fd")
    with Path(os.devnull).open("r+b", buffering=0) as nowhere:
        for entry in list(listed.iterdir()) if listed.is_dir() else []:
            with contextlib.suppress(OSError):  # the listing's own descriptor is gone by now
                if str(entry.readlink()) in names:
                    os.dup2(nowhere.fileno(), int(entry.name), inheritable=False)


def _half_of_memory() -> int:
    """Return half of this machine's memory in bytes; 0 (the engine's choice) where unknown."""
    if not hasattr(os, "sysconf"):
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


class LadybugStore:
    """A :class:`~graph.store.base.CypherStore` in one file.

    Parameters
    ----------
    path : Path
        The database file; made, with its folder, when it is not there.
    buffer_pool : int, optional
        Bytes the engine may keep in memory; by default half of this machine's. Every table that
        holds anything takes some: below 512 MB a full schema may not fit.
    load_chunk : int
        Changes that :meth:`load` gathers before it writes them.
    anew : bool
        Remove what is there, unread, and begin with an empty store.

    Raises
    ------
    StoreUnavailable
        Another opener has it, or it cannot be opened.
    CorruptStore
        The file is damaged, or of another version of engine or schema.
    """

    def __init__(
        self,
        path: Path,
        *,
        buffer_pool: int | None = None,
        load_chunk: int = LOAD_CHUNK,
        anew: bool = False,
    ) -> None:
        self._load_chunk = load_chunk
        pool = _half_of_memory() if buffer_pool is None else buffer_pool
        self._session = _Session(path, pool, anew=anew)
        self._finalizer = weakref.finalize(self, self._session.close)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        """Declare the tables of a new store; refuse one with other tables."""
        if self._session.is_new:
            self._declare()
            return
        with self._session.connection() as connection:
            version = connection.numbers().get("schema_version")
        if version != SCHEMA_VERSION:
            raise CorruptStore(
                f"{self._session.path} has schema version {version}, this is {SCHEMA_VERSION}: "
                "make the graph again from the log"
            )

    def _declare(self) -> None:
        with self._session.transaction() as connection:
            for text in declarations():
                connection.do(text)
            connection.set_number("schema_version", SCHEMA_VERSION)
        self.checkpoint()
        self._session.seal.end()

    def apply(self, changes: Sequence[Change], *, watermark: int | None = None) -> Applied:
        """Carry out a batch in one transaction and move the watermark with it."""
        batch = checked(changes)
        with self._session.transaction() as connection:
            applied = carry_out(connection.run, batch)
            if watermark is not None:
                connection.set_number("watermark", watermark)
        if self._session.seal.wal_bytes > _CHECKPOINT_AT:
            self.checkpoint()
        return applied

    def load(self, changes: Iterable[Change], *, watermark: int) -> Applied:
        """Fill an empty store in bulk; same result as :meth:`apply`, several times faster.

        It is not one transaction of the engine but has the effect of one: until its last step
        the files do not count. A load that fails or is killed leaves an empty store.
        """
        with self._session.lock:
            if self.count():
                raise Conflict(f"{self._session.path} is not empty: clear it before a load")
            self._session.seal.begin()
            try:
                applied = self._load(changes)
                with self._session.transaction() as connection:
                    connection.set_number("watermark", watermark)
                self.checkpoint()
                self._session.seal.end()
            except BaseException:
                self.clear()
                raise
        return applied

    def _load(self, changes: Iterable[Change]) -> Applied:
        loader = Loader(self._run, self._copy, flush_at=self._load_chunk)
        for change in changes:
            loader.take(change)
        return loader.finish()

    def _run(self, statement: Statement, rows: Sequence[Row]) -> list[int]:
        with self._session.connection() as connection:
            return connection.run(statement, rows)

    def _copy(self, table: Table, rows: pa.Table) -> None:
        with self._session.connection() as connection:
            connection.do(copy(table), {"rows": without_zones(rows)})

    def watermark(self) -> int:
        """Outbox sequence number the graph stands at; 0 for a new store."""
        with self._session.connection() as connection:
            return connection.numbers().get("watermark", 0)

    def nodes(self, label: str) -> pa.Table:
        """All nodes of a label: ``id``, its properties, the provenance; ordered by ``id``."""
        return self._read(table_of(label))

    def relationships(self, type_: str, start_label: str, end_label: str) -> pa.Table:
        """All relationships of a type between two labels; ordered by ``start``, ``end``."""
        return self._read(table_of(type_, start_label, end_label))

    def _read(self, table: Table) -> pa.Table:
        with self._session.connection() as connection:
            found = connection.arrow(read(table))
        return found.cast(arrow_schema(table)).sort_by(sort_keys(table))

    def count(self) -> Mapping[str, int]:
        """Count nodes per label and relationships per type; zeros are left out."""
        counts: dict[str, int] = {}
        with self._session.connection() as connection:
            for table in all_tables():
                name = table.label if isinstance(table, NodeTable) else table.type
                _, rows = connection.rows(count(table))
                counts[name] = counts.get(name, 0) + cast("int", rows[0][0])
        return {name: n for name, n in counts.items() if n}

    def clear(self) -> None:
        """Remove everything: the watermark and the bytes of deleted values, too."""
        with self._session.lock:
            self._session.make_anew()
            self._declare()

    def checkpoint(self) -> None:
        """Make the store's files compact and durable now."""
        with self._session.connection() as connection:
            connection.do("CHECKPOINT")

    def cypher(
        self, text: str, parameters: Mapping[str, Scalar | Sequence[Scalar]] | None = None
    ) -> list[dict[str, Scalar]]:
        """Run one Cypher statement and return its rows (scalars only).

        Raises
        ------
        DataError
            The engine cannot read the text, or a column is not a scalar.
        """
        sent: dict[str, object] = {}
        for name, value in (parameters or {}).items():
            if isinstance(value, Sequence) and not isinstance(value, str):
                sent[name] = [outward(each) for each in value]
            else:
                sent[name] = outward(value)
        with self._session.connection() as connection:
            names, rows = connection.rows(text, sent)
        return [{n: inward(n, v) for n, v in zip(names, row, strict=True)} for row in rows]

    def close(self) -> None:
        """Close every connection, then the database. Closing twice is allowed."""
        self._finalizer.detach()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
