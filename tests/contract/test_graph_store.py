"""What graph/store/base.py promises, held against every engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graph.errors import (
    Conflict,
    SchemaViolation,
    StoreUnavailable,
)
from graph.model import Change, DataCategory, NodeChange, Op
from graph.store.base import GraphStore
from graph.store.dump import differences, fingerprint
from graph.store.memory import MemoryStore
from tests.contract.store_data import (
    BAD,
    NOW,
    ids,
    link,
    node,
    people,
    provenance,
    put,
    remove,
    smallest,
    tie,
    ties,
    unlink,
    untie,
)


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

    def test_a_relationship_removed_and_put_again_is_there(self, store: GraphStore):
        store.apply([*people("a", "b"), tie("a", "b", kind="kin")])
        store.apply([untie("a", "b"), tie("a", "b"), untie("b", "a"), tie("b", "a")])
        rows = store.relationships("KNOWS", "Resident", "Resident").to_pylist()
        assert [(row["start"], row["kind"]) for row in rows] == [("a", None), ("b", None)]

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
            store.apply([*people("a"), BAD[0]], watermark=1)
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

    @pytest.mark.parametrize("bad", [BAD[0], BAD[1]], ids=["type", "label"])
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
