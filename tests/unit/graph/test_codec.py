"""Changes survive the way through the log unaltered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from graph.codec import decode_change, decode_properties, encode_change, encode_scalar
from graph.model import (
    Basis,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    SourceId,
)
from graph.schema import LABELS, RELATIONSHIPS, validate
from tests.contract.store_data import full, link, put, remove, required, unlink


def through_json(change):
    return decode_change(json.loads(json.dumps(encode_change(change))))


@pytest.mark.parametrize("label", LABELS)
def test_every_label_comes_back_as_it_was(label):
    for properties in (full(LABELS[label].properties), required(LABELS[label].properties)):
        change = put(label, "id 1 邻", **properties)
        validate(change)
        assert through_json(change) == change
    assert through_json(remove(label, "id 1")) == remove(label, "id 1")


@pytest.mark.parametrize(
    ("type_", "start", "end"),
    [(kind.name, *pair) for kind in RELATIONSHIPS.values() for pair in kind.pairs],
)
def test_every_relationship_comes_back_as_it_was(type_, start, end):
    for properties in (
        full(RELATIONSHIPS[type_].properties),
        required(RELATIONSHIPS[type_].properties),
    ):
        change = link(type_, start, "a", end, "b", **properties)
        validate(change)
        assert through_json(change) == change
    gone = unlink(type_, start, "a", end, "b")
    assert through_json(gone) == gone


def test_times_are_told_in_utc_to_the_microsecond():
    shanghai = datetime(2026, 6, 1, 16, 0, 0, 7, tzinfo=timezone(timedelta(hours=8)))
    assert encode_scalar(shanghai) == "2026-06-01T08:00:00.000007+00:00"
    change = put("Activity", "a", title="t", state="open", starts_at=shanghai)
    back = through_json(change).properties["starts_at"]
    assert back == shanghai
    assert back.utcoffset() == timedelta(0)


def test_only_times_of_the_schema_are_read_as_times():
    text = "2026-06-01T08:00:00+00:00"
    back = decode_properties("Activity", {"title": text, "starts_at": text, "ends_at": None})
    assert back == {
        "title": text,
        "starts_at": datetime(2026, 6, 1, 8, tzinfo=UTC),
        "ends_at": None,
    }


def test_provenance_and_a_property_set_to_nothing_are_kept():
    said = Provenance(
        SourceId("office"),
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 3, tzinfo=UTC),
        0.25,
        DataCategory.IDENTITY,
        Basis.STATUTORY,
    )
    change = NodeChange(Op.PUT, "Resident", "r", {"birth_year": None, "walk_limit": 300}, said)
    back = through_json(change)
    assert back.provenance == said
    assert back.properties == {"birth_year": None, "walk_limit": 300}


def test_an_unknown_kind_is_not_read():
    whole = encode_change(RelationshipChange(Op.REMOVE, "LIKED", "Resident", "r", "Group", "g"))
    with pytest.raises(KeyError, match="HATED"):
        decode_change({**whole, "type": "HATED"})
