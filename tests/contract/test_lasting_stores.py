"""What every lasting engine does: it keeps everything, is shared by threads, answers Cypher."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from graph.errors import CorruptStore, DataError
from graph.store.base import CypherStore
from graph.store.cypher import META_LABEL
from graph.store.dump import fingerprint
from tests.contract.engines import LastingEngine
from tests.contract.store_data import NOW, ids, people, tie, ties, untie


class TestLasting:
    def test_reopening_keeps_everything(self, lasting_engine: LastingEngine):
        with lasting_engine.empty() as store:
            store.apply([*people("a", "b"), tie("a", "b")], watermark=7)
            before = fingerprint(store)
        with lasting_engine.again() as store:
            assert (fingerprint(store), store.watermark()) == (before, 7)
            store.apply([untie("a", "b")], watermark=8)
            assert ties(store) == []

    def test_another_schema_version_asks_for_a_rebuild(self, lasting_engine: LastingEngine):
        with lasting_engine.empty() as store:
            store.cypher(f"MATCH (m:{META_LABEL} {{id: 'schema_version'}}) SET m.value = 99")
        for _ in range(2):
            with pytest.raises(CorruptStore, match="99"):
                lasting_engine.again()

    def test_threads_share_one_store(self, cypher_store: CypherStore):
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda n: cypher_store.apply(people(f"r{n}")).changes, range(20)))
            assert (sum(done), len(ids(cypher_store))) == (20, 20)


class TestCypher:
    @pytest.fixture
    def store(self, cypher_store: CypherStore) -> CypherStore:
        assert isinstance(cypher_store, CypherStore)
        cypher_store.apply([*people("a", "b", "c"), tie("a", "b", strength=0.25), tie("b", "c")])
        return cypher_store

    def test_scalars_come_back_by_name(self, store: CypherStore):
        rows = store.cypher(
            "MATCH (a:Resident)-[r:KNOWS]->(b:Resident) WHERE r.strength < $most "
            "RETURN a.id AS a, b.id AS b, r.strength AS strength, r.as_of AS as_of, r.kind AS kind",
            {"most": 0.3},
        )
        assert rows == [{"a": "a", "b": "b", "strength": 0.25, "as_of": NOW, "kind": None}]

    def test_parameters_of_every_kind(self, store: CypherStore):
        later = NOW.astimezone(timezone(timedelta(hours=8)))
        text = "MATCH (n:Resident) WHERE n.as_of = $at AND n.id IN $ids RETURN count(n) AS n"
        assert store.cypher(text, {"at": later, "ids": ["a", "c", "x"]}) == [{"n": 2}]
        for value in (None, 1, 2**40, 0.5, "邻", True):
            assert store.cypher("RETURN $x AS x", {"x": value}) == [{"x": value}]

    def test_a_time_is_found_however_it_was_written(self, cypher_store: CypherStore):
        cypher_store.load([*people("a"), tie("a", "a")], watermark=1)
        cypher_store.apply(people("b"))
        text = "MATCH (n:Resident) WHERE n.as_of = $at RETURN n.id AS id ORDER BY id"
        for zone in (UTC, ZoneInfo("UTC"), ZoneInfo("Asia/Shanghai")):
            rows = cypher_store.cypher(text, {"at": NOW.astimezone(zone)})
            assert rows == [{"id": "a"}, {"id": "b"}]

    def test_whole_nodes_and_lists_are_refused(self, store: CypherStore):
        for text in ("MATCH (n:Resident) RETURN n", "RETURN [1, 2] AS l"):
            with pytest.raises(DataError, match="scalar"):
                store.cypher(text)

    @pytest.mark.parametrize(
        "text", ["FIND ME", "MATCH (n:Resident) RETURN m.id", "RETURN 1; RETURN 2"]
    )
    def test_a_bad_text_is_the_callers_error(self, store: CypherStore, text: str):
        with pytest.raises(DataError):
            store.cypher(text)
        assert store.cypher("RETURN 1 AS one") == [{"one": 1}]
