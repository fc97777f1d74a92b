"""The production engine: Neo4j 5.26 or newer over Bolt. The only importer of ``neo4j``.

* Everything runs in managed transactions: the driver runs one again when the server says that it
  may (a dead-lock, a new leader), for about two seconds.
* A connection cut while a commit was under way leaves open whether the batch is there. It comes
  out as ``StoreUnavailable``, like every other failure: the caller goes on from the watermark,
  and changes are idempotent.
* After three failures in a row calls fail at once, and one in ten seconds tries again.
* Neo4j Community has only uniqueness constraints: types and values are held against
  ``graph/schema.py`` before they are sent.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self, TypeVar, cast

import neo4j
import pyarrow as pa
from neo4j import exceptions
from neo4j.time import DateTime

from graph.errors import (
    ConfigError,
    Conflict,
    CorruptStore,
    DataError,
    LinliError,
    StoreUnavailable,
)
from graph.model import Change, Scalar
from graph.schema import SCHEMA_VERSION
from graph.store.base import Applied
from graph.store.breaker import Breaker
from graph.store.bulk import LOAD_CHUNK, Loader
from graph.store.cypher import META_GET, META_SET, Statement, Table, table_of
from graph.store.neo4j_dialect import (
    COUNT_FOREIGN,
    COUNT_NAMES,
    DELETE_NODES,
    DELETE_RELATIONSHIPS,
    Address,
    columns_of,
    constraints,
    create,
    outward,
)
from graph.store.neo4j_reading import read_table
from graph.store.plan import checked
from graph.store.rows import Row
from graph.store.writing import carry_out

__all__ = ["Neo4jStore"]

# What it warns of comes out as our errors; said twice it would be two lines where one is promised.
logging.getLogger("neo4j").setLevel(logging.CRITICAL)

T = TypeVar("T")
_Values = Mapping[str, object]

WRITE_SECONDS: Final = 60.0
"""The server ends a writing transaction that takes longer."""
READ_SECONDS: Final = 1800.0
"""The same for a bulk read: the largest table of a city takes minutes."""
_BATCH: Final = 10_000
"""Rows written or deleted per transaction of a load or a clear."""


class _Transaction:
    """One transaction on the server: what our statements need of it."""

    def __init__(self, transaction: neo4j.ManagedTransaction) -> None:
        self._transaction = transaction

    def rows(self, text: str, values: _Values | None = None) -> Iterator[list[object]]:
        """Run a statement; yield its rows as they come."""
        for record in self._result(text, values):
            yield record.values()

    def records(self, text: str, values: _Values | None = None) -> list[dict[str, object]]:
        """Run a statement; return its rows by name."""
        result = self._result(text, values)
        names = result.keys()
        return [dict(zip(names, record.values(), strict=True)) for record in result]

    def do(self, text: str, values: _Values | None = None) -> None:
        """Run a statement for what it does."""
        self._result(text, values).consume()

    def _result(self, text: str, values: _Values | None) -> neo4j.Result:
        return self._transaction.run(text, dict(values or {}))

    def run(self, statement: Statement, rows: Sequence[Row]) -> list[int]:
        """Run a batch statement, as :mod:`graph.store.writing` wants it."""
        return [cast("int", n) for (n,) in self.rows(statement.text, {"rows": rows})]

    def numbers(self) -> dict[str, int]:
        """Return the store's own numbers: watermark, schema version, mark of a load."""
        return {cast("str", id_): cast("int", value) for id_, value in self.rows(META_GET)}

    def set_number(self, id_: str, value: int) -> None:
        """Write one of :meth:`numbers`."""
        self.do(META_SET, {"id": id_, "value": value})


class _Server:
    """A database behind the driver; every call goes through here and speaks our errors."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._breaker = Breaker(str(address))
        self._closed = False
        auth = (address.user, address.password) if address.password else None
        try:
            self._driver = neo4j.GraphDatabase.driver(
                address.uri,
                auth=auth,
                connection_timeout=2,
                connection_acquisition_timeout=2,
                max_transaction_retry_time=2,
                liveness_check_timeout=30,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
            )
        except (exceptions.DriverError, ValueError) as error:
            raise ConfigError(f"{address}: {error}") from error

    def read(self, work: Callable[[_Transaction], T]) -> T:
        """Run work that only reads in one transaction; it may be run again as a whole."""
        timed = neo4j.unit_of_work(timeout=READ_SECONDS)(_adapted(work))
        with self._session(neo4j.READ_ACCESS) as session:
            return session.execute_read(timed)

    def write(self, work: Callable[[_Transaction], T]) -> T:
        """Run work in one transaction: all of it or nothing; it may be run again as a whole."""
        timed = neo4j.unit_of_work(timeout=WRITE_SECONDS)(_adapted(work))
        with self._session(neo4j.WRITE_ACCESS) as session:
            return session.execute_write(timed)

    @contextlib.contextmanager
    def _session(self, access: str) -> Iterator[neo4j.Session]:
        if self._closed:
            raise StoreUnavailable(f"{self.address} is closed here: open it again")
        self._breaker.admit()
        database = self.address.database
        try:
            with self._driver.session(database=database, default_access_mode=access) as session:
                yield session
        except (exceptions.DriverError, exceptions.TransientError, OSError) as error:
            self._breaker.failed()
            raise _failed(self.address, error) from error
        except exceptions.Neo4jError as error:
            self._breaker.succeeded()
            raise _refused(self.address, error) from error
        self._breaker.succeeded()

    def close(self) -> None:
        """Close every connection; twice is allowed."""
        self._closed = True
        self._driver.close()


def _adapted(work: Callable[[_Transaction], T]) -> Callable[[neo4j.ManagedTransaction], T]:
    return lambda transaction: work(_Transaction(transaction))


def _failed(address: Address, error: Exception) -> LinliError:
    """Say why the server did not answer."""
    if isinstance(error, exceptions.IncompleteCommit):
        return StoreUnavailable(
            f"{address} went away during a commit; the batch may be there or not: "
            "go on from the watermark"
        )
    if isinstance(error, exceptions.ConfigurationError):
        return ConfigError(f"{address}: {error}")
    if isinstance(error, exceptions.TransientError):
        return StoreUnavailable(f"{address} cannot do it now ({error.code}): try again later")
    return StoreUnavailable(f"{address} cannot be reached: is Neo4j running there? ({error})")


def _refused(address: Address, error: exceptions.Neo4jError) -> LinliError:
    """Say why the server refused; its own words may quote stored values, so its code is told."""
    code = str(error.code)
    if code == "Neo.ClientError.Security.AuthenticationRateLimit":
        return StoreUnavailable(f"{address} refuses for now after wrong passwords: wait a while")
    if code.startswith("Neo.ClientError.Security."):
        return ConfigError(
            f"{address} refused user {address.user!r} ({code}): check user and password in the "
            "graph URL, or NEO4J_USERNAME and NEO4J_PASSWORD, and the user's rights"
        )
    if code == "Neo.ClientError.Database.DatabaseNotFound":
        return ConfigError(f"{address}: there is no such database; make it or name another")
    if code.startswith("Neo.ClientError.Statement."):
        return DataError(f"the graph engine cannot run this: {error.message}")
    return StoreUnavailable(f"{address} failed: {code}")


class Neo4jStore:
    """A :class:`~graph.store.base.CypherStore` on a Neo4j server.

    Parameters
    ----------
    address : Address
    load_chunk : int
        Changes that :meth:`load` gathers before it writes them.
    anew : bool, optional
        Remove what Linli keeps there, unread, and begin with an empty store.

    Raises
    ------
    StoreUnavailable
        The server cannot be reached.
    ConfigError
        It refuses the user, has no such database, or the database holds somebody else's nodes.
    CorruptStore
        The database is of another version of the schema.
    """

    def __init__(
        self, address: Address, *, load_chunk: int = LOAD_CHUNK, anew: bool = False
    ) -> None:
        self._load_chunk = load_chunk
        self._server = _Server(address)
        self._finalizer = weakref.finalize(self, self._server.close)
        try:
            self._prepare(anew=anew)
        except BaseException:
            self.close()
            raise

    def _prepare(self, *, anew: bool) -> None:
        """Declare what is not declared; undo a load or a clear that was cut short."""
        numbers = self._numbers()
        version = numbers.get("schema_version")
        if version is not None and anew:  # the mark says that all of it is ours
            self.clear()
            version = None
        if version is None:
            self._declare()
        elif version != SCHEMA_VERSION:
            raise CorruptStore(
                f"{self._server.address} has schema version {version}, this is {SCHEMA_VERSION}: "
                "make the graph again from the log"
            )
        elif numbers.get("loading"):
            self.clear()

    def _declare(self) -> None:
        def declare(transaction: _Transaction) -> None:
            for text in constraints():
                transaction.do(text)

        ((foreign,),) = self._server.read(lambda tx: list(tx.rows(COUNT_FOREIGN)))
        if foreign:
            raise ConfigError(
                f"{self._server.address} holds {foreign} nodes that are not Linli's: name an empty "
                "database in the graph URL (?database=name)"
            )
        self._server.write(declare)
        self._set_numbers(schema_version=SCHEMA_VERSION)

    def _numbers(self) -> dict[str, int]:
        return self._server.read(_Transaction.numbers)

    def _set_numbers(self, **numbers: int) -> None:
        def work(transaction: _Transaction) -> None:
            for id_, value in numbers.items():
                transaction.set_number(id_, value)

        self._server.write(work)

    def apply(self, changes: Sequence[Change], *, watermark: int | None = None) -> Applied:
        """Carry out a batch in one transaction and move the watermark with it."""
        batch = checked(changes)

        def work(transaction: _Transaction) -> Applied:
            applied = carry_out(transaction.run, batch)
            if watermark is not None:
                transaction.set_number("watermark", watermark)
            return applied

        return self._server.write(work)

    def load(self, changes: Iterable[Change], *, watermark: int) -> Applied:
        """Fill an empty store in bulk; same result as :meth:`apply`, several times faster.

        It is many transactions with the effect of one: a mark is set before and taken away by
        the last. A load that fails or is killed leaves an empty store; where the server is away
        by then, the store is closed here and emptied by the next opening.
        """
        if self.count():
            raise Conflict(f"{self._server.address} is not empty: clear it before a load")
        self._set_numbers(loading=1)
        try:
            applied = self._load(changes)
            self._set_numbers(watermark=watermark, loading=0)
        except BaseException:
            self._give_up()
            raise
        return applied

    def _load(self, changes: Iterable[Change]) -> Applied:
        loader = Loader(self._run, self._copy, flush_at=self._load_chunk)
        for change in changes:
            loader.take(change)
        return loader.finish()

    def _give_up(self) -> None:
        try:
            self.clear()
        except StoreUnavailable:
            self.close()

    def _run(self, statement: Statement, rows: Sequence[Row]) -> list[int]:
        return self._server.write(lambda transaction: transaction.run(statement, rows))

    def _copy(self, table: Table, rows: pa.Table) -> None:
        """Write batch after batch; while the server is busy with one, the next is made ready."""
        batches = (rows.slice(at, _BATCH) for at in range(0, rows.num_rows, _BATCH))
        with ThreadPoolExecutor(1, "neo4j-ahead") as ahead:
            ready = ahead.submit(columns_of, next(batches, rows))
            for batch in batches:
                columns, ready = ready.result(), ahead.submit(columns_of, batch)
                self._create(table, columns)
            self._create(table, ready.result())

    def _create(self, table: Table, columns: _Values) -> None:
        self._server.write(lambda transaction: transaction.do(create(table), columns))

    def watermark(self) -> int:
        """Outbox sequence number the graph stands at; 0 for a new store."""
        return self._numbers().get("watermark", 0)

    def nodes(self, label: str) -> pa.Table:
        """All nodes of a label: ``id``, its properties, the provenance; ordered by ``id``."""
        return self._read(table_of(label))

    def relationships(self, type_: str, start_label: str, end_label: str) -> pa.Table:
        """All relationships of a type between two labels; ordered by ``start``, ``end``."""
        return self._read(table_of(type_, start_label, end_label))

    def _read(self, table: Table) -> pa.Table:
        return self._server.read(lambda transaction: read_table(transaction.rows, table))

    def count(self) -> Mapping[str, int]:
        """Count nodes per label and relationships per type; zeros are left out."""
        rows = self._server.read(lambda transaction: list(transaction.rows(COUNT_NAMES)))
        return {str(name): cast("int", n) for name, n in rows if n}

    def clear(self) -> None:
        """Remove everything, the watermark included; cut short, the next opening goes on."""
        self._set_numbers(loading=1)
        for text in (DELETE_RELATIONSHIPS, DELETE_NODES):
            while self._delete(text):
                pass
        self._set_numbers(watermark=0, loading=0)

    def _delete(self, text: str) -> bool:
        """Delete one batch; return whether there may be more."""
        rows = self._server.write(lambda tx: list(tx.rows(text, {"most": _BATCH})))
        return rows[0][0] == _BATCH

    def checkpoint(self) -> None:
        """Ask only whether the server is there: each of its commits is durable by itself."""
        self._numbers()

    def cypher(
        self, text: str, parameters: Mapping[str, Scalar | Sequence[Scalar]] | None = None
    ) -> list[dict[str, Scalar]]:
        """Run one Cypher statement and return its rows (scalars only).

        Raises
        ------
        DataError
            The engine cannot run the text, or a column is not a scalar.
        """
        sent = {name: outward(value) for name, value in (parameters or {}).items()}

        def work(transaction: _Transaction) -> list[dict[str, Scalar]]:
            rows = transaction.records(text, sent)
            return [{name: _inward(name, value) for name, value in row.items()} for row in rows]

        return self._server.write(work)

    def close(self) -> None:
        """Close every connection. Closing twice is allowed."""
        self._finalizer.detach()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _inward(name: str, value: object) -> Scalar:
    """Return a value of the engine as the domain has it."""
    if isinstance(value, DateTime):
        return value.to_native()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise DataError(f"column {name!r} is not a scalar: return properties, not whole nodes or lists")
