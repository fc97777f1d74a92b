"""The synthetic city is repeatable, lawful, and its truth can be found in its history."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from graph.codec import encode_change
from graph.errors import DataError
from graph.ingest.cells import read_id_number, read_phones
from graph.ingest.grants import GRANTED_CATEGORIES
from graph.model import Basis, DataCategory, NodeChange, Purpose
from graph.policy import permits
from graph.schema import STATUTORY_CATEGORIES, validate
from graph.synthetic import City, generate
from graph.vocabulary import interests
from tests.factories import NOW

PARTS = """Resident Household Building Grid ResidentialArea Street Venue Group Activity Service
HelperRole Organisation IN_GRID LIVES_IN MEMBER_OF_HOUSEHOLD WORKS_AS INTERESTED_IN NEEDS CAN_OFFER
KNOWS JOINED SIGNED_UP ATTENDED HELPED LIKED DISMISSED VIEWED ABOUT HELD_AT ANSWERS_NEED ASKS_FOR
ORGANISED_BY PROVIDED_BY WELCOMES"""


def digest(city: City) -> str:
    sha = hashlib.sha256()
    for change in city.changes():
        sha.update(json.dumps(encode_change(change), sort_keys=True).encode())
    for rows in (city.grants(), city.identities(), city.words(), city.seats(), city.bookings()):
        for row in rows:
            said = re.sub(r"frozenset\(\{(.*?)\}\)", lambda m: str(sorted(m[1])), repr(row))
            sha.update(said.encode())
    return sha.hexdigest()


@pytest.fixture(scope="module")
def city() -> City:
    return generate(1_000, 6, now=NOW)


@pytest.fixture(scope="module")
def changes(city):
    return list(city.changes())


def test_the_same_seed_makes_the_same_city_bit_for_bit():
    first, again, other = (generate(150, 2, seed=s, now=NOW) for s in (7, 7, 8))
    assert digest(first) == digest(first)
    assert digest(first) == digest(again)
    assert digest(first) != digest(other)


def test_every_change_follows_the_schema_and_carries_provenance(changes):
    for change in changes:
        validate(change)


def test_nodes_come_first_and_no_relationship_dangles(changes):
    kinds = [isinstance(change, NodeChange) for change in changes]
    assert kinds == sorted(kinds, reverse=True)
    nodes = {(c.label, c.id) for c in changes if isinstance(c, NodeChange)}
    assert len(nodes) == sum(kinds)
    links = [c for c in changes if not isinstance(c, NodeChange)]
    for link in links:
        assert (link.start_label, link.start) in nodes
        assert (link.end_label, link.end) in nodes
    keys = Counter((c.type, c.start, c.end) for c in links)
    assert max(keys.values()) == 1


def test_every_part_of_the_graph_is_there(changes):
    seen = Counter(c.label if isinstance(c, NodeChange) else c.type for c in changes)
    for name in PARTS.split():
        assert seen[name], f"no {name}"
    assert seen["Resident"] == 1_000


def test_facts_stand_on_a_grant_or_on_the_law(city, changes):
    granted = defaultdict(set)
    for grant in city.grants():
        granted[grant.resident].add(grant.category)
    for change in changes:
        said = change.provenance
        if said.category is DataCategory.PUBLIC:
            continue
        if said.basis is Basis.STATUTORY:
            assert said.category in STATUTORY_CATEGORIES
            continue
        assert said.basis is Basis.CONSENT
        ends = {change.start, change.end} & set(city.residents)
        assert ends
        for resident in ends:
            assert said.category in granted[resident], change


def test_most_authorise_all_some_a_part_and_a_few_nothing(city):
    given = Counter(grant.resident for grant in city.grants())
    full = 2 * len(GRANTED_CATEGORIES) + 3  # need, dwelling and grid for needs matching, too
    shares = Counter(
        "all" if given[r] == full else "part" if given[r] else "none" for r in city.residents
    )
    assert 0.75 < shares["all"] / 1_000 < 0.9
    assert 0.08 < shares["part"] / 1_000 < 0.2
    assert 0.02 < shares["none"] / 1_000 < 0.07


def test_grants_hold_now_except_the_lapsed_ones(city):
    rows = {resident: n for n, resident in enumerate(city.residents)}
    for grant in city.grants():
        allowed = [
            permits(grant, purpose=grant.purpose, category=grant.category, action=a, at=NOW)
            for a in grant.actions
        ]
        assert all(allowed) != city.consent.lapsed[rows[grant.resident]]
    assert city.consent.lapsed.any()
    assert {g.purpose for g in city.grants()} == {
        Purpose.FEED,
        Purpose.GROUP_MATCHING,
        Purpose.NEEDS_MATCHING,
    }


def test_nobody_in_it_can_exist(city):
    identities = list(city.identities())
    numbers = [row.fields["id_number"] for row in identities]
    assert len(set(numbers)) == len(numbers)
    for row in identities:
        assert read_id_number(row.fields["id_number"]) == row.fields["id_number"]
        assert row.fields["id_number"].startswith("99")
        assert read_phones(row.fields["phone"]) == row.fields["phone"]
        assert row.fields["phone"].startswith("154")
        assert 2 <= len(row.fields["name"]) <= 3


def test_names_and_numbers_never_reach_the_graph(city, changes):
    text = json.dumps([encode_change(c) for c in changes], ensure_ascii=False)
    for row in itertools.islice(city.identities(), 200):
        assert row.fields["id_number"] not in text
        assert row.fields["phone"] not in text
    for words in city.words():
        assert words.text not in text


def test_confirmed_places_never_exceed_the_seats(city, changes):
    seats = {row.item: row.seats for row in city.seats()}
    taken = Counter(
        c.end
        for c in changes
        if getattr(c, "type", "") == "SIGNED_UP" and c.properties["state"] == "confirmed"
    )
    full = [item for item, n in taken.items() if seats[item] is not None and n > seats[item]]
    assert full == []
    assert any(
        getattr(c, "type", "") == "SIGNED_UP" and c.properties["state"] == "waitlist"
        for c in changes
    )


def test_nothing_happened_after_now_and_nobody_attends_what_has_not_begun(changes):
    starts = {
        c.id: c.properties["starts_at"] for c in changes if getattr(c, "label", "") == "Activity"
    }
    for change in changes:
        at = change.properties.get("at")
        if at is not None:
            assert at <= NOW
        if getattr(change, "type", "") == "ATTENDED":
            assert at == starts[change.end] < NOW


def test_titles_read_in_both_languages(changes):
    items = [
        c
        for c in changes
        if getattr(c, "label", "") in {"Group", "Activity", "Service", "HelperRole"}
    ]
    for item in items:
        assert re.search("[一-鿿]", item.properties["title"])
        assert re.fullmatch(r"[\x20-\x7e]+", item.properties["title_en"])
        assert item.properties["summary"].endswith("。")
        assert item.properties["summary_en"].endswith(".")
        assert "社区社区" not in item.properties["summary"]


def test_activity_follows_a_heavy_tail(city):
    deeds = np.sort(np.bincount(city.deeds.resident, minlength=1_000))[::-1]
    assert deeds[:100].sum() > 0.25 * deeds.sum()
    assert (deeds == 0).mean() > 0.03


def test_history_follows_the_taste_model(city):
    truth = city.truth
    everyone, items = np.arange(1_000), np.arange(len(city.items))
    affinity = truth.affinity(everyone, items)
    joined = city.deeds.type == 0
    chosen = affinity[city.deeds.resident[joined], city.deeds.item[joined]]
    typical = np.nanmedian(np.where(np.isfinite(affinity), affinity, np.nan), axis=1)
    assert np.isfinite(chosen).all()
    assert (chosen > typical[city.deeds.resident[joined]]).mean() > 0.8
    dismissed = city.deeds.type == 5
    refused = affinity[city.deeds.resident[dismissed], city.deeds.item[dismissed]]
    assert (refused > typical[city.deeds.resident[dismissed]]).mean() < 0.3
    # The control: other people's choices do not fit one's own taste.
    swapped = affinity[np.roll(city.deeds.resident[joined], 371), city.deeds.item[joined]]
    assert np.median(chosen) > np.nanmedian(swapped) + 0.5


def test_declared_interests_are_among_the_best_liked(city):
    rows, columns, _ = city.declared
    rank = (-city.truth.tastes.taste).argsort(axis=1).argsort(axis=1)
    assert np.median(rank[rows, columns]) < len(interests()) * 0.15


def test_the_isolated_have_fewer_ties_outside_their_home(city):
    outside = city.ties.kind != 0
    ends = np.concatenate([city.ties.first[outside], city.ties.second[outside]])
    ties = np.bincount(ends, minlength=1_000)
    isolated = city.truth.isolated
    assert 0.02 < isolated.mean() < 0.2
    assert ties[isolated].mean() < 0.4 * ties[~isolated].mean()


def test_a_city_too_thin_for_its_grids_is_refused():
    with pytest.raises(DataError, match="at least 20 per grid"):
        generate(100, 12, now=NOW)
