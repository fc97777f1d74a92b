"""Every label, relationship, property and kind of value comes back from every engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from graph.errors import (
    SchemaViolation,
)
from graph.model import Change, NodeChange
from graph.schema import ID_LIMIT, LABELS, RELATIONSHIPS
from graph.store.base import GraphStore
from graph.store.cypher import RelationshipTable, all_tables, arrow_schema
from tests.contract.store_data import (
    full,
    ids,
    link,
    node,
    people,
    put,
    remove,
    required,
    smallest,
    tie,
    ties,
    unlink,
)

PAIRS = [table for table in all_tables() if isinstance(table, RelationshipTable)]


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
        id_ = text[:ID_LIMIT] or "id"
        emptied.apply([put("Organisation", id_, name=text)])
        row = node(emptied, "Organisation", id_)
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
