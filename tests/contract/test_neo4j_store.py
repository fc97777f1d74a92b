"""What only Neo4j must do: outages, cut commits, passwords, foreign databases, cut loads, URLs."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import neo4j
import pytest

from graph.errors import ConfigError, StoreUnavailable
from graph.store.breaker import FAILURES, PAUSE, Breaker
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_dialect import Address
from graph.store.opening import open_store
from tests.contract.engines import Neo4jEngine
from tests.contract.store_data import ids, people, remove, tie
from tests.servers import Neo4jServer

QUICK = 10.0
"""Seconds after which a call to a server that is away must have failed, on a busy machine."""
AT_ONCE = 0.5


@pytest.fixture
def empty(neo4j_server: Neo4jServer) -> Neo4jEngine:
    engine = Neo4jEngine(neo4j_server.url)
    engine.wipe()
    return engine


def _address(url: str) -> Address:
    return Address.of(urlsplit(url), {})


def _seconds_to_fail(store: Neo4jStore) -> float:
    start = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.watermark()
    return time.monotonic() - start


class TestOutage:
    def test_a_stopped_server_fails_quickly_then_at_once_and_works_when_it_is_back(
        self, neo4j_server: Neo4jServer, empty: Neo4jEngine
    ):
        with empty.again() as store:
            store.apply(people("a"), watermark=1)
            neo4j_server.stop()
            try:
                assert max(_seconds_to_fail(store) for _ in range(FAILURES)) < QUICK
                assert _seconds_to_fail(store) < AT_ONCE
            finally:
                neo4j_server.start()
            time.sleep(PAUSE)
            store.apply(people("b"), watermark=2)
            assert (ids(store), store.watermark()) == (["a", "b"], 2)

    def test_nobody_listening_is_said_with_the_address(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}.*is Neo4j running"):
            open_store(f"bolt://u:secret@127.0.0.1:{port}")


class Proxy:
    """Passes bytes on to a server; told to, cuts the line once a commit has been passed on."""

    COMMIT = b"\x00\x02\xb0\x12\x00\x00"
    """The message as Bolt sends it: its length, no fields, tag 0x12, end of message."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut_commits = 0
        """How many of the next commits are cut."""
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, outward: bool) -> None:
        try:
            while data := source.recv(65536):
                if outward and self.cut_commits and self.COMMIT in data:
                    self.cut_commits -= 1
                    self.cuts += 1
                    source.shutdown(socket.SHUT_RDWR)  # first, so that no answer gets through
                    target.sendall(data)
                    time.sleep(1)  # the server gets to commit
                    break
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                each.close()

    def close(self) -> None:
        self._listener.close()


@contextmanager
def _through_proxy(server: Neo4jServer) -> Iterator[tuple[Proxy, Neo4jStore]]:
    proxy = Proxy(server.port)
    try:
        url = server.url.replace(f":{server.port}", f":{proxy.port}")
        with Neo4jStore(_address(url)) as store:
            yield proxy, store
    finally:
        proxy.close()


@pytest.mark.usefixtures("empty")
def test_a_commit_cut_in_the_middle_is_an_error_and_may_be_replayed(neo4j_server: Neo4jServer):
    first = [*people("a", "b"), tie("a", "b")]
    second = [*people("c"), tie("c", "a"), remove("Resident", "b"), *people("b"), tie("b", "c")]
    with _through_proxy(neo4j_server) as (proxy, store), MemoryStore() as wanted:
        store.apply(first, watermark=1)
        proxy.cut_commits = 1
        with pytest.raises(StoreUnavailable, match="may be there or not"):
            store.apply(second, watermark=2)
        assert proxy.cuts == 1
        assert store.watermark() in {1, 2}
        store.apply(second, watermark=2)
        for batch in (first, second):
            wanted.apply(batch)
        assert differences(store, wanted) == []
        assert store.watermark() == 2


class TestRefusal:
    def test_a_wrong_password_is_a_setting_and_never_told(self, neo4j_server: Neo4jServer):
        host = urlsplit(neo4j_server.url).netloc.rpartition("@")[2]
        with pytest.raises(ConfigError, match="NEO4J_PASSWORD") as caught:
            open_store(f"bolt://neo4j:not-the-word@{host}")
        assert "not-the-word" not in f"{caught.value} {caught.value.__cause__}"

    def test_a_database_that_is_not_there(self, neo4j_server: Neo4jServer):
        with pytest.raises(ConfigError, match="no such database"):
            open_store(f"{neo4j_server.url}?database=nowhere")

    def test_somebody_elses_nodes_are_refused_and_left_alone(
        self, neo4j_server: Neo4jServer, empty: Neo4jEngine
    ):
        address = _address(neo4j_server.url)
        auth = (address.user, address.password)
        with neo4j.GraphDatabase.driver(address.uri, auth=auth) as driver:
            driver.execute_query("CREATE (:Film {title: 'x'})")
            with pytest.raises(ConfigError, match="1 nodes that are not Linli's"):
                empty.again()
            found = driver.execute_query("MATCH (n:Film) RETURN count(n) AS n").records
        assert found[0]["n"] == 1


def test_a_load_killed_midway_leaves_an_empty_store(neo4j_server: Neo4jServer, empty: Neo4jEngine):
    script = """
import os, sys
from tests.contract.store_data import put
from graph.store.bulk import Loader
from graph.store.opening import open_store
Loader.finish = lambda loader: (loader.flush(), os._exit(9))
open_store(sys.argv[1]).load((put("Resident", str(n)) for n in range(30)), watermark=4)
"""
    command = [sys.executable, "-c", script, neo4j_server.url]
    assert subprocess.run(command, timeout=120, check=False).returncode == 9
    address = _address(neo4j_server.url)
    auth = (address.user, address.password)
    with neo4j.GraphDatabase.driver(address.uri, auth=auth) as driver:
        found = driver.execute_query("MATCH (n:Resident) RETURN count(n) AS n").records
    assert found[0]["n"] == 30, "the control: the killed load had written"
    with empty.again() as store:
        assert (store.count(), store.watermark()) == ({}, 0)


class TestBreaker:
    def test_it_opens_after_failures_in_a_row_and_tries_once_per_pause(self):
        now = [0.0]
        breaker = Breaker("it", clock=lambda: now[0])
        for _ in range(FAILURES):
            breaker.admit()
            breaker.failed()
        with pytest.raises(StoreUnavailable, match="it failed 3 times"):
            breaker.admit()
        now[0] += PAUSE
        breaker.admit()
        with pytest.raises(StoreUnavailable):
            breaker.admit()
        breaker.succeeded()
        breaker.admit()

    def test_a_success_in_between_starts_the_count_anew(self):
        breaker = Breaker("it", clock=lambda: 0.0)
        for _ in range(2 * FAILURES):
            breaker.admit()
            breaker.failed()
            breaker.succeeded()
        breaker.admit()


class TestAddress:
    @pytest.mark.parametrize(
        "scheme", ["neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"]
    )
    def test_every_scheme_with_user_password_and_database(self, scheme: str):
        address = _address(f"{scheme}://me:p%40ss@graph:7687?database=linli")
        assert address == Address(f"{scheme}://graph:7687", "linli", "me", "p@ss")
        assert "p@ss" not in f"{address} {address!r}"

    def test_user_and_password_from_the_environment(self):
        environment = {"NEO4J_USERNAME": "me", "NEO4J_PASSWORD": "word"}
        address = Address.of(urlsplit("neo4j://graph"), environment)
        assert (address.user, address.password, address.database) == ("me", "word", None)

    @pytest.mark.parametrize("tail", ["", "graph/path", "graph?policy=x", "graph#x"])
    def test_anything_else_in_the_url_is_refused(self, tail: str):
        with pytest.raises(ConfigError, match="neo4j://user:password@host"):
            open_store(f"neo4j://{tail}")
