"""What graph/store/base.py promises, held against every engine."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from graph.errors import (
    ConfigError,
    Conflict,
    CorruptStore,
    DataError,
    SchemaViolation,
    StoreUnavailable,
)
from graph.model import Change, DataCategory, NodeChange, Op, RelationshipChange
from graph.schema import LABELS, RELATIONSHIPS
from graph.store.base import CypherStore, GraphStore
from graph.store.cypher import META_LABEL, RelationshipTable, all_tables, arrow_schema
from graph.store.dump import differences, fingerprint
from graph.store.ladybug import LadybugStore
from graph.store.memory import MemoryStore
from graph.store.opening import open_store
from tests.contract.store_data import (
    NOW,
    full,
    link,
    provenance,
    put,
    remove,
    required,
    smallest,
    tie,
    unlink,
    untie,
)
from tests.sizes import Sizes

Make = Callable[[], GraphStore]

PAIRS = [table for table in all_tables() if isinstance(table, RelationshipTable)]


def opened(path: Path) -> LadybugStore:
    return LadybugStore(path, buffer_pool=512 << 20)


@cache
def _declared() -> bytes:
    """A database with its tables and nothing in them: declaring takes longer than a test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "linli.lbug"
        opened(path).close()
        return path.read_bytes()


def _memory(folder: Path) -> GraphStore:
    return MemoryStore()


def _ladybug(folder: Path) -> GraphStore:
    path = folder / "linli.lbug"
    path.write_bytes(_declared())
    return opened(path)


ENGINES: dict[str, Callable[[Path], GraphStore]] = {"memory": _memory, "ladybug": _ladybug}
"""A further engine is one more line: it gets an empty folder and returns an empty store."""


@pytest.fixture(params=sorted(ENGINES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    with ENGINES[request.param](tmp_path) as each:
        yield each


@pytest.fixture(params=sorted(ENGINES), scope="module")
def lasting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GraphStore]:
    """One store for many tests; ask for ``emptied``."""
    with ENGINES[request.param](tmp_path_factory.mktemp("lasting")) as each:
        yield each


@pytest.fixture
def emptied(lasting: GraphStore) -> Iterator[GraphStore]:
    """A store in which nothing is left, by removing it: quicker than a new one."""
    yield lasting
    lasting.apply([remove(label, id_) for label in LABELS for id_ in ids(lasting, label)])


def people(*ids: str) -> list[Change]:
    return [put("Resident", id_) for id_ in ids]


def ids(store: GraphStore, label: str = "Resident") -> list[str]:
    return store.nodes(label)["id"].to_pylist()


def ties(store: GraphStore) -> list[tuple[str, str]]:
    rows = store.relationships("KNOWS", "Resident", "Resident").to_pylist()
    return [(row["start"], row["end"]) for row in rows]


def node(store: GraphStore, label: str, id_: str) -> dict[str, object]:
    (row,) = (row for row in store.nodes(label).to_pylist() if row["id"] == id_)
    return row


class TestPut:
    def test_put_again_with_the_same_properties_changes_nothing(self, store: GraphStore):
        batch = [*people("r1", "r2"), tie("r1", "r2")]
        store.apply(batch)
        before = fingerprint(store)
        assert store.apply(batch).changes == 3
        assert fingerprint(store) == before

    def test_put_sets_exactly_the_given_properties(self, store: GraphStore):
        store.apply([put("Resident", "r1", birth_year=1950, languages="zh,yue", walk_limit=400)])
        store.apply([put("Resident", "r1", walk_limit=300)])
        row = node(store, "Resident", "r1")
        assert (row["birth_year"], row["languages"], row["walk_limit"]) == (None, None, 300)

    def test_put_resets_absent_properties_of_a_relationship(self, store: GraphStore):
        store.apply([*people("r1", "r2"), tie("r1", "r2", kind="kin")])
        store.apply([tie("r1", "r2", strength=0.25)])
        (row,) = store.relationships("KNOWS", "Resident", "Resident").to_pylist()
        assert (row["strength"], row["kind"]) == (0.25, None)

    def test_put_replaces_provenance(self, store: GraphStore):
        store.apply(people("r1"))
        later = provenance(DataCategory.IDENTITY, confidence=0.5)
        store.apply([NodeChange(Op.PUT, "Resident", "r1", {}, later)])
        assert node(store, "Resident", "r1")["confidence"] == 0.5

    def test_put_over_a_node_keeps_its_relationships(self, store: GraphStore):
        store.apply([*people("r1", "r2"), tie("r1", "r2")])
        store.apply(people("r1"))
        assert ties(store) == [("r1", "r2")]

    def test_at_most_one_relationship_per_type_start_and_end(self, store: GraphStore):
        store.apply(
            [*people("r1", "r2"), tie("r1", "r2"), tie("r1", "r2", strength=0.75), tie("r2", "r1")]
        )
        store.apply([tie("r1", "r2", strength=1.0)])
        rows = store.relationships("KNOWS", "Resident", "Resident").to_pylist()
        assert [(r["start"], r["end"], r["strength"]) for r in rows] == [
            ("r1", "r2", 1.0),
            ("r2", "r1", 0.5),
        ]

    def test_relationship_from_a_node_to_itself(self, store: GraphStore):
        store.apply([*people("r1"), tie("r1", "r1")])
        assert ties(store) == [("r1", "r1")]
        store.apply([untie("r1", "r1")])
        assert ties(store) == []

    def test_one_id_under_two_labels_is_two_nodes(self, store: GraphStore):
        store.apply([put("Organisation", "x", name="one"), put("Street", "x", name="two")])
        store.apply([remove("Organisation", "x")])
        assert (ids(store, "Organisation"), ids(store, "Street")) == ([], ["x"])


class TestRemove:
    def test_removing_what_is_not_there_does_nothing(self, store: GraphStore):
        store.apply(people("r1", "r2"))
        before = fingerprint(store)
        applied = store.apply([remove("Resident", "no"), untie("r1", "r2"), untie("r1", "no")])
        assert (applied.changes, applied.dangling) == (3, ())
        assert fingerprint(store) == before

    def test_removing_twice_is_removing_once(self, store: GraphStore):
        store.apply([*people("r1", "r2"), tie("r1", "r2")])
        for _ in range(2):
            store.apply([untie("r1", "r2"), remove("Resident", "r2"), remove("Resident", "r2")])
            assert (ids(store), ties(store)) == (["r1"], [])

    def test_removing_a_node_removes_its_relationships_both_ways(self, store: GraphStore):
        store.apply([*people("a", "b", "c"), smallest("Group", "g")])
        store.apply([tie("a", "b"), tie("b", "c"), tie("c", "a"), tie("b", "b")])
        store.apply([link("LIKED", "Resident", "b", "Group", "g", at=NOW)])
        store.apply([remove("Resident", "b")])
        assert ties(store) == [("c", "a")]
        assert store.count() == {"Resident": 2, "Group": 1, "KNOWS": 1}

    def test_a_node_that_comes_back_has_no_relationships(self, store: GraphStore):
        store.apply([*people("a", "b"), tie("a", "b")])
        store.apply([remove("Resident", "a"), *people("a")])
        assert (ids(store), ties(store)) == (["a", "b"], [])

    def test_removing_one_pair_leaves_the_other_pairs_of_a_type(self, store: GraphStore):
        store.apply([*people("r"), smallest("Group", "x"), smallest("Activity", "x")])
        store.apply([link("LIKED", "Resident", "r", label, "x", at=NOW) for label in LIKEABLE])
        store.apply([unlink("LIKED", "Resident", "r", "Group", "x")])
        assert [store.relationships("LIKED", "Resident", at).num_rows for at in LIKEABLE] == [0, 1]


LIKEABLE = ("Group", "Activity")


class TestOrder:
    """Changes of one batch are carried out one after the other."""

    def test_the_last_word_counts(self, store: GraphStore):
        store.apply([*people("a", "b"), tie("a", "b"), untie("a", "b"), tie("a", "b", kind="kin")])
        store.apply([put("Resident", "a", birth_year=1), remove("Resident", "b")][1:])
        assert (ids(store), ties(store)) == (["a"], [])

    def test_put_after_remove_within_a_batch(self, store: GraphStore):
        store.apply([*people("a", "b"), tie("a", "b")])
        store.apply(
            [tie("b", "a"), remove("Resident", "a"), *people("a"), tie("a", "b", strength=1.0)]
        )
        assert (ids(store), ties(store)) == (["a", "b"], [("a", "b")])

    def test_a_relationship_before_its_node_dangles(self, store: GraphStore):
        applied = store.apply([*people("a"), tie("a", "b"), *people("b"), tie("b", "a")])
        assert applied.dangling == ("KNOWS a->b",)
        assert ties(store) == [("b", "a")]


class TestDangling:
    def test_it_is_left_out_counted_and_named(self, store: GraphStore):
        applied = store.apply([*people("a"), tie("a", "x"), tie("x", "a"), tie("a", "a")])
        assert applied.changes == 2
        assert applied.dangling == ("KNOWS a->x", "KNOWS x->a")
        assert ties(store) == [("a", "a")]

    def test_each_try_in_a_batch_is_named(self, store: GraphStore):
        applied = store.apply([tie("x", "y"), tie("x", "y", strength=1.0)])
        assert (applied.changes, applied.dangling) == (0, ("KNOWS x->y", "KNOWS x->y"))

    def test_it_makes_no_node(self, store: GraphStore):
        store.apply([tie("x", "y"), untie("x", "y")])
        assert store.count() == {}

    def test_an_end_of_another_label_is_unknown(self, store: GraphStore):
        store.apply([*people("r"), smallest("Group", "x")])
        applied = store.apply([link("LIKED", "Resident", "r", "Activity", "x", at=NOW)])
        assert applied.dangling == ("LIKED r->x",)


class TestAtomicity:
    BAD: Sequence[Change] = (
        NodeChange(Op.PUT, "Resident", "r9", {"birth_year": "old"}, None),
        NodeChange(Op.PUT, "Nobody", "r9", {}, provenance(DataCategory.IDENTITY)),
        NodeChange(Op.PUT, "Resident", "", {}, provenance(DataCategory.IDENTITY)),
        put("Resident", "r9", birth_year=1),
        put("Organisation", "o", name="half \ud83d"),
        put("Group", "g", title="t", state="open", seats=2**63),
        tie("r1", "r2", strength=1.5),
        RelationshipChange(Op.PUT, "KNOWS", "Resident", "r1", "Group", "g"),
    )

    @pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
    def test_a_bad_change_in_the_middle_leaves_all_as_it_was(self, store: GraphStore, bad: Change):
        store.apply([*people("r1", "r2"), tie("r1", "r2")], watermark=5)
        before = fingerprint(store)
        batch = [*people("r3"), untie("r1", "r2"), bad, remove("Resident", "r1")]
        with pytest.raises(SchemaViolation):
            store.apply(batch, watermark=6)
        assert (fingerprint(store), store.watermark()) == (before, 5)

    def test_the_largest_numbers_are_kept(self, store: GraphStore):
        store.apply([put("Group", "g", title="t", state="open", seats=2**63 - 1)])
        assert node(store, "Group", "g")["seats"] == 2**63 - 1

    def test_a_batch_after_a_failed_one_is_carried_out(self, store: GraphStore):
        with pytest.raises(SchemaViolation):
            store.apply([*people("a"), self.BAD[0]], watermark=1)
        store.apply(people("b"), watermark=2)
        assert (ids(store), store.watermark()) == (["b"], 2)


class TestWatermark:
    def test_a_new_store_stands_at_zero(self, store: GraphStore):
        assert store.watermark() == 0

    def test_it_moves_with_the_batch(self, store: GraphStore):
        store.apply(people("a"), watermark=2**40)
        assert store.watermark() == 2**40

    def test_it_moves_with_an_empty_batch(self, store: GraphStore):
        store.apply([], watermark=3)
        assert (store.watermark(), store.count()) == (3, {})

    def test_a_batch_without_one_leaves_it(self, store: GraphStore):
        store.apply([], watermark=3)
        store.apply(people("a"))
        assert store.watermark() == 3


class TestLoad:
    def test_load_equals_apply(self, store: GraphStore):
        history = [
            *people("a", "b", "c"),
            tie("a", "b", kind="kin"),
            tie("a", "nobody"),
            tie("a", "b", strength=0.25),
            *people("d"),
            tie("d", "a"),
            untie("d", "a"),
            tie("c", "b"),
            remove("Resident", "c"),
            *people("c"),
            tie("b", "c"),
            put("Resident", "b", birth_year=1940),
        ]
        with MemoryStore() as wanted:
            expected = wanted.apply(history)
            assert store.load(iter(history), watermark=9) == expected
            assert differences(store, wanted) == []
        assert store.watermark() == 9

    def test_load_refuses_a_store_with_something_in_it(self, store: GraphStore):
        store.apply(people("a"))
        with pytest.raises(Conflict, match="clear"):
            store.load(people("b"), watermark=1)
        assert ids(store) == ["a"]

    def test_a_store_without_content_may_be_loaded_whatever_its_watermark(self, store: GraphStore):
        store.apply([], watermark=4)
        store.load(people("b"), watermark=1)
        assert (ids(store), store.watermark()) == (["b"], 1)

    @pytest.mark.parametrize(
        "bad", [TestAtomicity.BAD[0], TestAtomicity.BAD[1]], ids=["type", "label"]
    )
    def test_a_load_that_fails_leaves_an_empty_store(self, store: GraphStore, bad: Change):
        with pytest.raises(SchemaViolation):
            store.load([*people("a", "b"), tie("a", "b"), bad], watermark=3)
        assert (store.count(), store.watermark()) == ({}, 0)
        store.load(people("a"), watermark=3)
        assert ids(store) == ["a"]

    def test_an_error_of_the_source_of_changes_comes_through(self, store: GraphStore):
        def source() -> Iterator[Change]:
            yield from people("a")
            raise RuntimeError("the file ended early")

        with pytest.raises(RuntimeError, match="ended early"):
            store.load(source(), watermark=3)
        assert (store.count(), store.watermark()) == ({}, 0)

    def test_nothing_loads(self, store: GraphStore):
        assert store.load([], watermark=2).changes == 0
        assert store.watermark() == 2


class TestValues:
    """Every property of every table, as given."""

    @pytest.mark.parametrize("label", LABELS)
    def test_every_label_keeps_every_property(self, emptied: GraphStore, label: str):
        properties = LABELS[label].properties
        batch = [
            put(label, "甲😀", **full(properties)),
            put(label, "z", **full(properties, 1)),
            put(label, "a", **required(properties)),
        ]
        emptied.apply(batch)
        self._same(emptied.nodes(label), batch)

    @pytest.mark.parametrize("table", PAIRS, ids=str)
    def test_every_pair_keeps_every_property(self, emptied: GraphStore, table: RelationshipTable):
        properties = RELATIONSHIPS[table.type].properties
        ends = [("s1", "e1"), ("s1", "e2"), ("s2", "e1")]
        nodes = [smallest(table.start_label, s) for s in ("s1", "s2")]
        nodes += [smallest(table.end_label, e) for e in ("e1", "e2")]
        values = [full(properties), full(properties, 1), required(properties)]
        batch = [
            link(table.type, table.start_label, start, table.end_label, end, **given)
            for (start, end), given in zip(ends, values, strict=True)
        ]
        assert emptied.apply([*nodes, *batch]).dangling == ()
        read = emptied.relationships(table.type, table.start_label, table.end_label)
        self._same(read, batch)
        emptied.apply([unlink(table.type, table.start_label, "s1", table.end_label, "e1")])
        read = emptied.relationships(table.type, table.start_label, table.end_label)
        self._same(read, batch[1:])

    @staticmethod
    def _same(read: pa.Table, batch: Sequence[Change]) -> None:
        rows = {
            tuple(row.values())[:2] if "end" in row else row["id"]: row for row in read.to_pylist()
        }
        assert len(rows) == len(batch)
        for change in batch:
            is_node = isinstance(change, NodeChange)
            row = rows[change.id if is_node else (change.start, change.end)]
            keys = {"id"} if is_node else {"start", "end"}
            assert change.provenance is not None
            carried = {n: getattr(change.provenance, n) for n in change.provenance.__slots__}
            given = {k: v for k, v in change.properties.items() if v is not None}
            assert {k: v for k, v in row.items() if v is not None and k not in keys} == (
                given | carried
            )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "\x00",
            "a\x00b",
            "'\"`\\",
            "$x {} // /* */",
            "\r\n\t",
            "👨‍👩‍👧‍👦 𠀀",
            "null",
            "é é",
            "x" * 70_000,
        ],
        ids=range(11),
    )
    def test_text_of_any_kind(self, emptied: GraphStore, text: str):
        emptied.apply([put("Organisation", text or "id", name=text)])
        row = node(emptied, "Organisation", text or "id")
        assert row["name"] == text

    @pytest.mark.parametrize(
        "at",
        [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 6, 1, 0, 0, 0, 1, tzinfo=timezone(timedelta(hours=8))),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("way", ["apply", "load"])
    def test_times_come_back_in_utc_with_microseconds(
        self, emptied: GraphStore, at: datetime, way: str
    ):
        batch = [
            smallest("Activity", "x"),
            put("Activity", "y", title="t", state="open", starts_at=at),
        ]
        if way == "apply":
            emptied.apply(batch)
        else:
            emptied.load(batch, watermark=1)
        read = node(emptied, "Activity", "y")["starts_at"]
        assert isinstance(read, datetime)
        assert (read, read.utcoffset()) == (at, timedelta())

    def test_types_do_not_leak_from_one_batch_to_the_next(self, emptied: GraphStore):
        """An engine that keeps a plan by the look of its values would read these wrongly."""
        for year in (None, 1900, None, 2099):
            for limit in (None, 1, 2**40):
                given = {"birth_year": year, "walk_limit": limit}
                emptied.apply([put("Resident", "a", **given), put("Resident", "b")])
                row = node(emptied, "Resident", "a")
                assert (row["birth_year"], row["walk_limit"]) == (year, limit)

    def test_an_int_where_a_float_is_meant(self, emptied: GraphStore):
        emptied.apply([*people("a", "b"), tie("a", "b", strength=1), tie("b", "a", strength=0)])
        read = emptied.relationships("KNOWS", "Resident", "Resident")["strength"]
        assert (read.type, read.to_pylist()) == (pa.float64(), [1.0, 0.0])


class TestReads:
    @pytest.mark.parametrize("table", all_tables(), ids=str)
    def test_an_empty_table_has_its_columns(self, emptied: GraphStore, table):
        read = (
            emptied.relationships(table.type, table.start_label, table.end_label)
            if isinstance(table, RelationshipTable)
            else emptied.nodes(table.label)
        )
        assert (read.schema, read.num_rows) == (arrow_schema(table), 0)

    def test_columns_do_not_collide(self):
        for table in all_tables():
            names = [*table.keys, "n", *(p.name for p in table.properties)]
            assert len(set(names)) == len(names), table

    def test_rows_are_ordered_by_code_point(self, emptied: GraphStore):
        names = ["b", "a", "B", "é", "邻", "😀", "a1", "a10", "a2", "～"]
        emptied.apply(people(*names))
        emptied.apply([tie(start, end) for start in names for end in names])
        assert ids(emptied) == sorted(names)
        assert ties(emptied) == sorted((start, end) for start in names for end in names)

    def test_count_leaves_out_zeros(self, emptied: GraphStore):
        emptied.apply([*people("a", "b"), tie("a", "b"), tie("b", "a"), smallest("Group", "g")])
        emptied.apply([remove("Group", "g")])
        assert emptied.count() == {"Resident": 2, "KNOWS": 2}

    def test_what_the_schema_does_not_know_is_refused(self, emptied: GraphStore):
        with pytest.raises(SchemaViolation):
            emptied.nodes("Nobody` RETURN 1 //")
        with pytest.raises(SchemaViolation):
            emptied.relationships("KNOWS", "Resident", "Group")


class TestLife:
    def test_clear_removes_everything(self, store: GraphStore):
        store.apply([*people("a", "b"), tie("a", "b")], watermark=7)
        store.clear()
        assert (store.count(), store.watermark(), ids(store)) == ({}, 0, [])
        store.apply(people("c"), watermark=1)
        assert (ids(store), store.watermark()) == (["c"], 1)

    def test_checkpoint_changes_nothing(self, store: GraphStore):
        store.apply([*people("a", "b"), tie("a", "b")], watermark=7)
        before = fingerprint(store)
        store.checkpoint()
        assert (fingerprint(store), store.watermark()) == (before, 7)

    def test_closing_twice_is_allowed(self, store: GraphStore):
        store.close()
        store.close()

    def test_a_closed_store_refuses(self, store: GraphStore):
        store.close()
        for work in (store.watermark, store.count, store.clear, lambda: store.apply([])):
            with pytest.raises(StoreUnavailable, match="closed"):
                work()


class TestDump:
    def test_equal_contents_have_one_fingerprint(self, store: GraphStore):
        history = [*people("a", "b"), tie("a", "b"), smallest("Group", "g")]
        store.apply(history)
        with MemoryStore() as other:
            for change in history:
                other.apply([change])
            assert fingerprint(store) == fingerprint(other)
            assert differences(store, other) == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (put("Resident", "a", birth_year=1950), "birth_year is None and 1950"),
            (put("Resident", "c"), "Resident: c only in the second"),
            (untie("a", "b"), "Resident-KNOWS->Resident: a -> b only in the first"),
            (tie("a", "b", strength=0.25), "strength is 0.5 and 0.25"),
        ],
        ids=["property", "node", "relationship", "relationship property"],
    )
    def test_one_difference_is_seen_and_named(self, store: GraphStore, change: Change, words: str):
        store.apply([*people("a", "b"), tie("a", "b")])
        with MemoryStore() as other:
            other.apply([*people("a", "b"), tie("a", "b"), change])
            assert fingerprint(store) != fingerprint(other)
            assert any(words in line for line in differences(store, other))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "graph" / "linli.lbug"


OPENER = """
import sys
from graph.errors import StoreUnavailable
from graph.store.opening import open_store
try:
    open_store("ladybug://" + sys.argv[1]).close()
except StoreUnavailable as error:
    print(error)
    sys.exit(3)
"""


def open_elsewhere(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OPENER, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class TestLadybug:
    def test_reopening_keeps_everything(self, path: Path):
        with opened(path) as store:
            store.apply([*people("a", "b"), tie("a", "b")], watermark=7)
            before = fingerprint(store)
        with opened(path) as store:
            assert (fingerprint(store), store.watermark()) == (before, 7)
            store.apply([untie("a", "b")], watermark=8)
            assert ties(store) == []

    def test_a_second_opener_in_this_process_is_refused(self, path: Path):
        with opened(path) as store:
            store.apply(people("a"))
            with pytest.raises(StoreUnavailable, match="this process"):
                opened(path)
            with pytest.raises(StoreUnavailable, match="this process"):
                opened(path.parent / ".." / path.parent.name / path.name)
            store.apply(people("b"))
            assert ids(store) == ["a", "b"]
        opened(path).close()

    def test_a_second_process_is_refused_until_the_first_closes(self, path: Path):
        store = opened(path)
        refused = open_elsewhere(path)
        assert refused.returncode == 3, refused.stderr
        assert "open in another process" in refused.stdout
        with pytest.raises(StoreUnavailable):
            opened(path)
        assert open_elsewhere(path).returncode == 3, "the refused opener dropped the lock"
        store.apply(people("a"))
        store.close()
        assert open_elsewhere(path).returncode == 0
        with opened(path) as again:
            assert ids(again) == ["a"]

    def test_a_store_forgotten_without_close_is_closed(self, path: Path):
        opened(path).apply(people("a"))
        with opened(path) as store:
            assert ids(store) == ["a"]

    def test_a_failure_of_the_engine_in_the_middle_rolls_back(self, path: Path):
        with opened(path) as store:
            store.apply([*people("a", "b"), tie("a", "b")], watermark=1)
            store.cypher("DROP TABLE `LIKED`")
            before = (ids(store), ties(store))
            batch = [
                *people("c"),
                untie("a", "b"),
                smallest("Group", "g"),
                link("LIKED", "Resident", "a", "Group", "g", at=NOW),
                remove("Resident", "a"),
            ]
            with pytest.raises((StoreUnavailable, DataError), match="LIKED"):
                store.apply(batch, watermark=2)
            assert (ids(store), ties(store)) == before
            assert (ids(store, "Group"), store.watermark()) == ([], 1)
            store.apply(people("d"), watermark=3)
            assert (ids(store), store.watermark()) == (["a", "b", "d"], 3)

    def test_many_failures_and_loads_in_one_process(self, path: Path):
        """The engine crashes when a copy follows a copy rolled back on the same connection."""
        bad = TestAtomicity.BAD[0]
        with opened(path) as store:
            for _ in range(3):
                with pytest.raises(SchemaViolation):
                    store.load([*people("a", "b"), tie("a", "b"), bad], watermark=3)
            store.load([*people("a", "b"), tie("a", "b")], watermark=3)
            assert ties(store) == [("a", "b")]

    def test_a_load_cut_short_is_undone_at_the_next_opening(self, path: Path):
        script = """
import os, sys
from pathlib import Path
from tests.contract.store_data import put
from graph.store.bulk import Loader
from graph.store.ladybug import LadybugStore
def changes():
    for n in range(3000):
        yield put("Resident", str(n))
Loader.finish = lambda loader: (loader.flush(), os._exit(9))
LadybugStore(Path(sys.argv[1]), buffer_pool=512 << 20).load(changes(), watermark=4)
"""
        command = [sys.executable, "-c", script, str(path)]
        assert subprocess.run(command, timeout=60, check=False).returncode == 9
        with opened(path) as store:
            assert (store.count(), store.watermark()) == ({}, 0)

    def test_clear_leaves_no_byte_of_what_was_deleted(self, path: Path):
        words = "only-once-in-this-file"
        with opened(path) as store:
            store.apply([put("Organisation", "o", name=words)])
            store.checkpoint()
            assert self._holds(path, words), "the control must find it"
            store.clear()
            store.checkpoint()
            assert not self._holds(path, words)

    @staticmethod
    def _holds(path: Path, text: str) -> bool:
        return any(text.encode() in each.read_bytes() for each in path.parent.iterdir())

    def test_a_file_that_is_no_database(self, path: Path):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"something else" * 1000)
        for _ in range(2):
            with pytest.raises(CorruptStore, match=path.name):
                opened(path)
        path.unlink()
        opened(path).close()

    def test_another_schema_version_asks_for_a_rebuild(self, path: Path):
        with opened(path) as store:
            store.cypher(f"MATCH (m:{META_LABEL} {{id: 'schema_version'}}) SET m.value = 99")
        for _ in range(2):
            with pytest.raises(CorruptStore, match="99"):
                opened(path)

    def test_many_shapes_of_batches_do_not_fill_the_memory(self, path: Path):
        """A connection that is kept holds a plan for each combination of nulls it has seen."""
        names = [p.name for p in LABELS["Group"].properties if not p.required]
        with opened(path) as store:
            for n in range(300):
                given = {name: None for k, name in enumerate(names) if n >> k & 1}
                properties = full(LABELS["Group"].properties, n % 100) | given
                store.apply([put("Group", "g", **properties)])
            (used,) = store.cypher("CALL bm_info() RETURN mem_usage AS n")
            assert used["n"] < 100 << 20

    def test_threads_share_one_store(self, path: Path):
        with opened(path) as store, ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda n: store.apply(people(f"r{n}")).changes, range(20)))
            assert (sum(done), len(ids(store))) == (20, 20)


class TestCypher:
    @pytest.fixture
    def store(self, path: Path) -> Iterator[CypherStore]:
        with opened(path) as store:
            assert isinstance(store, CypherStore)
            store.apply([*people("a", "b", "c"), tie("a", "b", strength=0.25), tie("b", "c")])
            yield store

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

    def test_whole_nodes_and_lists_are_refused(self, store: CypherStore):
        for text in ("MATCH (n:Resident) RETURN n", "RETURN [1, 2] AS l"):
            with pytest.raises(DataError, match="scalar"):
                store.cypher(text)

    @pytest.mark.parametrize(
        "text", ["FIND ME", "MATCH (n:Nobody) RETURN n.id", "RETURN 1; RETURN 2"]
    )
    def test_a_bad_text_is_the_callers_error(self, store: CypherStore, text: str):
        with pytest.raises(DataError):
            store.cypher(text)
        assert store.cypher("RETURN 1 AS one") == [{"one": 1}]


class TestOpening:
    def test_memory(self):
        assert isinstance(open_store("memory:"), MemoryStore)

    def test_ladybug_makes_the_file_and_its_folder(self, tmp_path: Path):
        path = tmp_path / "a home" / "graph" / "linli.lbug"
        with open_store(path.as_uri().replace("file:", "ladybug:")) as store:
            assert isinstance(store, LadybugStore)
        assert path.is_file()

    @pytest.mark.parametrize("scheme", ["neo4j", "neo4j+s", "bolt"])
    def test_neo4j_is_announced(self, scheme: str):
        with pytest.raises(ConfigError, match="next issue"):
            open_store(f"{scheme}://localhost:7687")

    @pytest.mark.parametrize(
        "url", ["", "linli.lbug", "ladybug:", "ladybug:x.lbug", "ladybug://x/y.lbug", "redis:///x"]
    )
    def test_anything_else_says_what_is_known(self, url: str):
        with pytest.raises(ConfigError, match="ladybug:///"):
            open_store(url)


WRITER = """
import sys
from pathlib import Path
from tests.contract.test_graph_store import batch_of
from graph.store.ladybug import LadybugStore
store = LadybugStore(Path(sys.argv[1]), buffer_pool=512 << 20)
print("ready", flush=True)
n = store.watermark()
while True:
    n += 1
    store.apply(batch_of(n), watermark=n)
"""


def batch_of(n: int) -> list[Change]:
    """The n-th batch of an endless history: one whole batch is easily told from a part."""
    names = [f"{n}-{k}" for k in range(50)]
    made = [put("Resident", name, birth_year=1900 + n % 100) for name in names]
    made += [tie(a, b) for a, b in pairwise(names)]
    gone = [remove("Resident", f"{n - 1}-{k}") for k in range(0, 50, 7)] if n > 1 else []
    return [*made, *gone]


def test_killed_at_any_moment_a_prefix_of_whole_batches_is_there(path: Path, sizes: Sizes, rng):
    reached = 0
    for _ in range(sizes.kills):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd()) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(float(rng.uniform(0.05, 0.6)))
            writer.send_signal(signal.SIGKILL)
        with opened(path) as store, MemoryStore() as wanted:
            assert store.watermark() >= reached
            reached = store.watermark()
            for n in range(1, reached + 1):
                wanted.apply(batch_of(n), watermark=n)
            assert differences(store, wanted) == []
    assert reached > 0, "no batch was ever written: the test says nothing"
