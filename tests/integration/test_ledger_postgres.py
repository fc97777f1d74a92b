"""A ledger on a PostgreSQL server that is away, silent, restarted, guarded or not installed."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graph.errors import AuditUnavailable, ConfigError, DataError, LinliError, StoreUnavailable
from graph.ledger.ledger import Ledger
from graph.model import ResidentId
from tests.contract.ledger.data import tap
from tests.ledger_worker import entry_about, open_at
from tests.postgres_server import Databases

SOON = 6.0
"""Seconds within which every answer comes, whatever the server does."""


def failure(url: str, folder: Path) -> str:
    """What opening says, and that it says so soon."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        open_at(url, folder)
    assert time.monotonic() - began < SOON
    return str(caught.value)


def write_one(ledger: Ledger, n: int) -> int:
    with ledger.write() as tx:
        return ledger.outbox.append_many(tx, [tap(n)])[0].seq


def test_a_restarted_server_is_taken_up_again(stoppable_postgres: Databases, tmp_path: Path):
    ledger = open_at(stoppable_postgres.new(), tmp_path)
    assert write_one(ledger, 0) == 1
    stoppable_postgres.stop()
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            write_one(ledger, 1)
        with pytest.raises(StoreUnavailable), ledger.read():
            pass
        with pytest.raises(AuditUnavailable):
            ledger.audit.record(entry_about(ResidentId("r")))
        assert time.monotonic() - began < SOON
    stoppable_postgres.start()
    time.sleep(1.1)  # as long as nobody tries anew
    assert write_one(ledger, 1) == 2
    ledger.audit.record(entry_about(ResidentId("r")))
    with ledger.read() as tx:
        assert ledger.audit.verify(tx).entries == 1
    ledger.close()


def test_a_server_stopped_in_the_middle_of_a_transaction_keeps_nothing_of_it(
    stoppable_postgres: Databases, tmp_path: Path
):
    ledger = open_at(stoppable_postgres.new(), tmp_path)

    def write_through_a_stop() -> None:
        with ledger.write() as tx:
            ledger.outbox.append_many(tx, [tap(0)])
            stoppable_postgres.stop()
            ledger.outbox.append_many(tx, [tap(1)])

    with pytest.raises(StoreUnavailable):
        write_through_a_stop()
    stoppable_postgres.start()
    time.sleep(1.1)
    assert write_one(ledger, 1) == 1  # the key of the lost transaction seals nothing
    with ledger.read() as tx:
        assert [event.payload for event in ledger.outbox.after(tx, 0)] == [tap(1).payload]
    ledger.close()


def test_closing_does_not_fail_for_a_server_that_is_away(
    stoppable_postgres: Databases, tmp_path: Path
):
    ledger = open_at(stoppable_postgres.new(), tmp_path)
    ledger.audit.record(entry_about(ResidentId("r")))
    stoppable_postgres.stop()
    ledger.close()


def test_no_server_is_told_at_once_and_without_the_password(tmp_path: Path):
    said = failure("postgresql://linli:s3cret@127.0.0.1:1/linli", tmp_path)
    assert "postgresql://linli:***@127.0.0.1:1/linli" in said
    assert "refused" in said
    assert "s3cret" not in said


@pytest.fixture
def silent() -> Iterator[int]:
    """Return the port of something that takes every call and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def test_a_silent_server_makes_nobody_wait_for_long(silent: int, tmp_path: Path):
    assert "timeout" in failure(f"postgresql://linli@127.0.0.1:{silent}/linli", tmp_path)


def test_many_who_ask_at_once_find_out_at_once(
    stoppable_postgres: Databases, silent: int, tmp_path: Path
):
    ledger = open_at(stoppable_postgres.new(), tmp_path)
    stoppable_postgres.stop()
    port = stoppable_postgres.server.port
    with socket.socket() as listener, ThreadPoolExecutor(8) as pool:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        began = time.monotonic()

        def ask(n: int) -> bool:
            with pytest.raises(StoreUnavailable), ledger.read():
                pass
            return True

        assert all(pool.map(ask, range(40)))
        assert time.monotonic() - began < 2 * SOON  # one after the other it would be 80 s
    ledger.close()


def test_a_wrong_password_is_told_without_showing_it(postgres_server: Databases, tmp_path: Path):
    url = postgres_server.new()
    name = url.rpartition("/")[2]
    postgres_server.run("CREATE ROLE guarded LOGIN PASSWORD 'right-0ne'")
    postgres_server.run(f"ALTER DATABASE {name} OWNER TO guarded")
    said = failure(url.replace("postgres@", "guarded:wr0ng@"), tmp_path)
    assert "password authentication failed" in said
    assert "wr0ng" not in said
    open_at(url.replace("postgres@", "guarded:right-0ne@"), tmp_path).close()
    postgres_server.drop(url)
    postgres_server.run("DROP ROLE guarded")


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"linli\[postgres\]"):
        open_at("postgresql://127.0.0.1:1/linli", tmp_path)


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cret@host:port/x", "s3cret", "postgres://u:s3cret@host/x", ""]
)
def test_an_address_that_is_none_is_refused_without_showing_it(url: str, tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        open_at(url, tmp_path)
    assert "s3cret" not in str(caught.value)
    assert "postgresql://" in str(caught.value)


def test_a_value_that_the_engine_cannot_hold_is_refused_without_showing_it(
    postgres_server: Databases, tmp_path: Path
):
    url = postgres_server.new()
    ledger = open_at(url, tmp_path)
    with pytest.raises(DataError) as caught, ledger.write() as tx:
        ledger.outbox.append_many(tx, [tap(0, subject=ResidentId("Li\0Xiuying"))])
    assert "Xiuying" not in str(caught.value)
    write_one(ledger, 0)
    with pytest.raises(LinliError) as conflict, ledger.write() as tx:
        tx.exec_driver_sql("INSERT INTO row_counts VALUES ('secret-kind', 1), ('secret-kind', 2)")
    assert "secret-kind" not in str(conflict.value)
    ledger.close()
    postgres_server.drop(url)


def test_what_is_acknowledged_is_on_disk(postgres_server: Databases, tmp_path: Path):
    url = postgres_server.new()
    ledger = open_at(url, tmp_path)
    with ledger.read() as tx:
        assert tx.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert tx.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
        assert tx.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
    ledger.close()
    postgres_server.drop(url)
