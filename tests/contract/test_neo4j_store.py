"""What only Neo4j must do: outages, cut commits, passwords, foreign databases, cut loads, URLs."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from graph.errors import ConfigError, CorruptStore, StoreUnavailable
from graph.schema import SCHEMA_VERSION
from graph.store.breaker import FAILURES, PAUSE, Breaker
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_dialect import Address
from graph.store.opening import open_store
from tests.bolt_proxy import proxied
from tests.contract.store_data import ids, people, remove, tie
from tests.neo4j_server import Neo4jServer

QUICK = 10.0
"""Seconds after which a call to a server that is away must have failed, on a busy machine."""
AT_ONCE = 0.5
SILENT = 40.0
"""The same for one that says nothing: each of a few tries waits for 2 s."""


def _address(url: str) -> Address:
    return Address.of(urlsplit(url), {})


def _seconds_to_fail(store: Neo4jStore) -> float:
    start = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.watermark()
    return time.monotonic() - start


class TestOutage:
    def test_a_stopped_server_fails_quickly_then_at_once_and_works_when_it_is_back(
        self, empty_neo4j: Neo4jServer
    ):
        with Neo4jStore(_address(empty_neo4j.url)) as store:
            store.apply(people("a"), watermark=1)
            empty_neo4j.stop()
            try:
                assert max(_seconds_to_fail(store) for _ in range(FAILURES)) < QUICK
                assert _seconds_to_fail(store) < AT_ONCE
                tried = time.monotonic()
            finally:
                empty_neo4j.start()
            time.sleep(max(0.0, tried + PAUSE - time.monotonic()))
            store.apply(people("b"), watermark=2)
            assert (ids(store), store.watermark()) == (["a", "b"], 2)

    def test_nobody_listening_is_said_with_the_address(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}.*is Neo4j running"):
            open_store(f"bolt://u:secret@127.0.0.1:{port}")


def test_a_commit_cut_in_the_middle_is_an_error_and_may_be_replayed(empty_neo4j: Neo4jServer):
    first = [*people("a", "b"), tie("a", "b")]
    second = [*people("c"), tie("c", "a"), remove("Resident", "b"), *people("b"), tie("b", "c")]
    with (
        proxied(empty_neo4j) as proxy,
        Neo4jStore(_address(proxy.url)) as store,
        MemoryStore() as wanted,
    ):
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


class TestSilence:
    """A server that takes every connection and answers nothing."""

    @pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
    def test_opening_ends_soon(self, scheme: str):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port, start = silent.getsockname()[1], time.monotonic()
            with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}"):
                open_store(f"{scheme}://u:p@127.0.0.1:{port}")
        assert time.monotonic() - start < SILENT

    def test_one_that_falls_silent_at_work_is_given_up(self, empty_neo4j: Neo4jServer):
        with proxied(empty_neo4j) as proxy, Neo4jStore(_address(proxy.url)) as store:
            store.apply(people("a"), watermark=1)
            proxy.mute.set()
            start = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.apply(people("b"), watermark=2)
            assert time.monotonic() - start < SILENT
            proxy.mute.clear()
            store.apply(people("b"), watermark=2)
            assert (ids(store), store.watermark()) == (["a", "b"], 2)


class TestStarting:
    """The server of the tests themselves."""

    def test_one_that_does_not_come_up_in_time_is_told_of_with_its_words(self, tmp_path: Path):
        (tmp_path / "data").write_text("no folder")
        server = Neo4jServer(tmp_path)
        with pytest.raises(RuntimeError, match=r"did not start:\n(.|\n)*FileExistsError"):
            server.start()
        assert not server.runs

    def test_it_is_not_waited_for_longer_than_said(self, tmp_path: Path):
        server = Neo4jServer(tmp_path)
        with pytest.raises(RuntimeError, match="did not start"):
            server.start(seconds=0.01)
        assert not server.runs


class TestRefusal:
    def test_a_wrong_password_is_a_setting_and_never_told(self, neo4j_server: Neo4jServer):
        host = urlsplit(neo4j_server.url).netloc.rpartition("@")[2]
        with pytest.raises(ConfigError, match="NEO4J_PASSWORD") as caught:
            open_store(f"bolt://neo4j:not-the-word@{host}")
        assert "not-the-word" not in f"{caught.value} {caught.value.__cause__}"

    def test_a_database_that_is_not_there(self, neo4j_server: Neo4jServer):
        with pytest.raises(ConfigError, match="no such database"):
            open_store(f"{neo4j_server.url}?database=nowhere")

    @pytest.mark.parametrize("anew", [False, True])
    def test_somebody_elses_nodes_are_refused_and_left_alone(
        self, empty_neo4j: Neo4jServer, anew: bool
    ):
        empty_neo4j.ask("CREATE (:Film {title: 'x'})-[:SEEN]->(:Resident {id: 'theirs'})")
        with pytest.raises(ConfigError, match="2 nodes that are not Linli's"):
            open_store(empty_neo4j.url, anew=anew)
        found = empty_neo4j.ask("MATCH (f:Film)-[:SEEN]->(n) RETURN f.title AS title, n.id AS id")
        assert found == [{"title": "x", "id": "theirs"}]


class TestAnotherVersion:
    """Of the schema: newer or older, it is not read but made anew from the log."""

    @pytest.mark.parametrize("change", [1, -1])
    def test_it_is_refused_and_opened_anew_it_is_empty(self, empty_neo4j: Neo4jServer, change: int):
        with open_store(empty_neo4j.url) as store:
            store.apply([*people("a", "b"), tie("a", "b")], watermark=7)
        version = "MATCH (m:LinliMeta {id: 'schema_version'}) SET m.value = m.value + $change"
        empty_neo4j.ask(version, change=change)
        empty_neo4j.ask("MATCH (a:Resident {id: 'a'}) CREATE (a)-[:OLD]->(:Older {id: 'o'})")
        with pytest.raises(CorruptStore, match=f"schema version {SCHEMA_VERSION + change}"):
            open_store(empty_neo4j.url)
        with open_store(empty_neo4j.url, anew=True) as store:
            assert (store.count(), store.watermark()) == ({}, 0)
            left = empty_neo4j.ask("MATCH (n) WHERE NOT n:LinliMeta RETURN labels(n) AS labels")
            assert left == []
            store.apply(people("c"), watermark=1)
        with open_store(empty_neo4j.url) as store:
            assert (ids(store), store.watermark()) == (["c"], 1)


def test_a_load_killed_midway_leaves_an_empty_store(empty_neo4j: Neo4jServer):
    script = """
import os, sys
from tests.contract.store_data import put
from graph.store.bulk import Loader
from graph.store.opening import open_store
Loader.finish = lambda loader: (loader.flush(), os._exit(9))
open_store(sys.argv[1]).load((put("Resident", str(n)) for n in range(30)), watermark=4)
"""
    command = [sys.executable, "-c", script, empty_neo4j.url]
    assert subprocess.run(command, timeout=120, check=False).returncode == 9
    found = empty_neo4j.ask("MATCH (n:Resident) RETURN count(n) AS n")
    assert found == [{"n": 30}], "the control: the killed load had written"
    with open_store(empty_neo4j.url) as store:
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
