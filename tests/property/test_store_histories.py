"""Random histories: every engine, the fake and every way of writing agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.model import Basis, Change, NodeChange, Op, Provenance, RelationshipChange, SourceId
from graph.schema import LABELS, RELATIONSHIPS, Property, PropertyType
from graph.store.base import Applied
from graph.store.dump import differences, fingerprint
from graph.store.memory import MemoryStore
from tests.conftest import SIZE
from tests.contract.engines import LastingEngine
from tests.sizes import SIZES

histories_of = settings(
    max_examples=max(20, SIZES[SIZE].histories // 4),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Few names, so that changes meet each other; a pair within one label and a type with two pairs.
_LABELS = ("Resident", "Group", "Activity")
_TABLES = (
    ("KNOWS", "Resident", "Resident"),
    ("LIKED", "Resident", "Group"),
    ("LIKED", "Resident", "Activity"),
)
_IDS = st.sampled_from(["a", "b", "c", "邻😀"])
_TIMES = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)
_TEXT = st.text(max_size=8)


def _value(prop: Property) -> st.SearchStrategy[object]:
    low = -(2**40) if prop.low is None else int(prop.low)
    high = 2**40 if prop.high is None else int(prop.high)
    value: st.SearchStrategy[object] = {
        PropertyType.TEXT: st.sampled_from(prop.values) if prop.values else _TEXT,
        PropertyType.INT: st.integers(low, high),
        PropertyType.FLOAT: st.floats(low, high) | st.integers(low, high),
        PropertyType.BOOL: st.booleans(),
        PropertyType.TIME: _TIMES,
    }[prop.type]
    return value if prop.required else st.none() | value


def _properties(properties: Sequence[Property]) -> st.SearchStrategy[dict[str, object]]:
    needed = {p.name: _value(p) for p in properties if p.required}
    return st.fixed_dictionaries(
        needed, optional={p.name: _value(p) for p in properties if not p.required}
    )


def _provenances(category) -> st.SearchStrategy[Provenance]:
    return st.builds(
        Provenance,
        source=st.sampled_from([SourceId("one"), SourceId("two")]),
        as_of=_TIMES,
        recorded_at=_TIMES,
        confidence=st.floats(0, 1),
        category=st.just(category),
        basis=st.sampled_from(Basis),
    )


@st.composite
def _node_changes(draw: st.DrawFn) -> Change:
    label, id_ = draw(st.sampled_from(_LABELS)), draw(_IDS)
    if draw(st.integers(0, 3)) == 0:
        return NodeChange(Op.REMOVE, label, id_)
    table = LABELS[label]
    properties = draw(_properties(table.properties))
    return NodeChange(Op.PUT, label, id_, properties, draw(_provenances(table.category)))


@st.composite
def _relationship_changes(draw: st.DrawFn) -> Change:
    type_, start_label, end_label = draw(st.sampled_from(_TABLES))
    ends = (type_, start_label, draw(_IDS), end_label, draw(_IDS))
    if draw(st.integers(0, 3)) == 0:
        return RelationshipChange(Op.REMOVE, *ends)
    table = RELATIONSHIPS[type_]
    properties = draw(_properties(table.properties))
    return RelationshipChange(Op.PUT, *ends, properties, draw(_provenances(table.category)))


_BATCHES = st.lists(st.lists(_node_changes() | _relationship_changes(), max_size=12), max_size=6)


def without_dangling(batches: Sequence[Sequence[Change]]) -> list[list[Change]]:
    """Leave out every relationship that finds an end missing when its turn comes."""
    with MemoryStore() as store:
        return [[c for c in batch if not store.apply([c]).dangling] for batch in batches]


@histories_of
@given(batches=_BATCHES, reopen=st.sets(st.integers(0, 5), max_size=2))
def test_the_engine_equals_the_fake_batch_by_batch(
    lasting_engine: LastingEngine, batches: list[list[Change]], reopen: set[int]
):
    with MemoryStore() as fake:
        store = lasting_engine.empty()
        try:
            for n, batch in enumerate(batches):
                assert store.apply(batch, watermark=n + 1) == fake.apply(batch, watermark=n + 1)
                if n in reopen:
                    store.close()
                    store = lasting_engine.again()
                assert store.watermark() == fake.watermark()
                assert store.count() == fake.count()
            assert differences(store, fake) == []
            assert fingerprint(store) == fingerprint(fake)
            assert store.count() == fake.count()
        finally:
            store.close()


@histories_of
@given(batches=_BATCHES, chunk=st.integers(1, 20))
def test_a_rebuild_by_load_equals_the_store_that_grew(
    lasting_engine: LastingEngine, batches: list[list[Change]], chunk: int
):
    history = [change for batch in batches for change in batch]
    with lasting_engine.empty(load_chunk=chunk) as store, MemoryStore() as fake:
        applied = [fake.apply(batch) for batch in batches]
        dangling = tuple(key for each in applied for key in each.dangling)
        expected = Applied(len(history) - len(dangling), dangling)
        assert store.load(iter(history), watermark=1) == expected
        assert differences(store, fake) == []


@histories_of
@given(batches=_BATCHES, data=st.data())
def test_replaying_from_any_earlier_watermark_changes_nothing(
    lasting_engine: LastingEngine, batches: list[list[Change]], data: st.DataObject
):
    whole = without_dangling(batches)
    start = data.draw(st.integers(0, len(whole)))
    with lasting_engine.empty() as store:
        for n, batch in enumerate(whole):
            store.apply(batch, watermark=n + 1)
        before = fingerprint(store)
        for n, batch in enumerate(whole[start:], start):
            store.apply(batch, watermark=n + 1)
        assert fingerprint(store) == before
        assert store.watermark() == len(whole)
