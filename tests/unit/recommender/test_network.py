"""The people network on a neighbourhood whose circles are known by construction."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from graph.errors import ArtifactMismatch, NotReady
from graph.folders import current_name, read_about
from graph.measures.agreement import adjusted_rand
from graph.measures.communities import split_disconnected
from graph.measures.events import EventKind
from graph.model import ItemKind
from graph.view import ITEM_KINDS, ItemTable, View, fingerprint
from recommender.network import (
    Layer,
    PeopleNetwork,
    Scale,
    TraitKind,
    load_changes,
    load_network,
    save_network,
)
from recommender.network.build import network_of
from recommender.network.identity import continued, fresh_ids
from recommender.network.layers import layers_of
from recommender.network.weights import PRIORS, Meetings, tuned
from tests.worlds import csr

SIZE, CIRCLES, ITEMS = 20, 12, 8
RESIDENTS = SIZE * CIRCLES


def neighbourhood(seed: int = 1) -> View:
    """Twelve circles of twenty, each with an interest and things it does together.

    Resident i is in circle i // 20. Occupations are drawn by lot and say nothing.
    """
    rng = np.random.default_rng(seed)
    circle = np.arange(RESIDENTS) // SIZE
    own = np.arange(CIRCLES * ITEMS) // ITEMS
    does = rng.random((RESIDENTS, len(own))) < np.where(circle[:, None] == own, 0.6, 0.01)
    likes = np.eye(CIRCLES)[circle] * (rng.random((RESIDENTS, 1)) < 0.8)
    items = ItemTable.of(
        [f"item-{n}" for n in range(len(own))], n_interests=CIRCLES, n_needs=1, n_occupations=9
    )
    kinds = np.full(len(own), ITEM_KINDS.index(ItemKind.ACTIVITY), np.int8)
    view = View.of(csr(does * 3.0), items=replace(items, kind=kinds))
    ties = np.zeros((RESIDENTS, RESIDENTS))
    ties[0, 1] = ties[1, 0] = 1.0
    return replace(
        view,
        interests=csr(likes),
        occupations=csr(np.eye(9)[rng.integers(0, 9, RESIDENTS)]),
        needs=csr(np.eye(RESIDENTS)[:, :1] * 0 + (circle[:, None] == 0)),
        grid=(circle % 3).astype(np.int32),
        ties=csr(ties),
    )


@pytest.fixture(scope="module")
def view() -> View:
    return neighbourhood()


@pytest.fixture(scope="module")
def network(view: View) -> PeopleNetwork:
    return network_of(view, seed=1)


def without(view: View, gone: np.ndarray) -> View:
    """The same view after some residents left."""
    return replace(view, active=~np.isin(np.arange(view.n_residents), gone))


def test_circles_are_found(network: PeopleNetwork):
    known = network.circle >= 0
    truth = (np.arange(RESIDENTS) // SIZE).astype(np.int32)
    assert known.mean() > 0.95
    assert adjusted_rand(truth[known], network.circle[known]) > 0.9


def test_scales_are_nested_and_connected(network: PeopleNetwork):
    wider = (network.circle, network.neighbourhood, network.district)
    for inner, outer in pairwise(wider):
        inside = inner >= 0
        pairs = set(zip(inner[inside].tolist(), outer[inside].tolist(), strict=True))
        assert len(pairs) == inner.max() + 1
    for scale in Scale:
        members = network.members(scale)
        rows = np.flatnonzero(members >= 0)
        pieces = split_disconnected(network.ties[rows][:, rows], members[rows])
        assert pieces.max() == members.max()
        assert np.bincount(members[rows]).min() >= 3


def test_a_circle_is_told_by_what_its_members_share(network: PeopleNetwork):
    told = [traits[0] for traits in network.traits[Scale.CIRCLE] if traits]
    interests = [trait.code for trait in told if trait.kind is TraitKind.INTEREST]
    assert sorted(set(interests)) == list(range(CIRCLES))
    for trait in told:
        assert trait.holders >= 5
        assert 0 < trait.share <= 1
        assert trait.lift > 1.5


def test_needs_tie_people_but_are_no_traits(view: View, network: PeopleNetwork):
    assert Layer.NEED in network.layers
    assert set(TraitKind) == {"interest", "occupation", "offer", "grid"}
    everyone_needs = replace(view, needs=csr(np.ones((RESIDENTS, 1))))
    assert Layer.NEED not in layers_of(everyone_needs)  # held by over a tenth: no tie


def test_whoever_left_is_tied_to_nobody(view: View):
    gone = np.array([3, 4, 100])
    for ties in layers_of(without(view, gone)).values():
        assert not ties[gone].nnz
        assert not ties[:, gone].nnz


def test_what_says_nothing_of_meetings_weighs_less_than_what_does(view: View):
    meetings = Meetings.of(view, seed=1)
    weights = tuned(view, seed=1)
    assert meetings.precision(weights).mean() >= meetings.precision(PRIORS).mean()
    assert weights[Layer.OCCUPATION] < weights[Layer.ATTENDANCE]
    assert weights[Layer.OBSERVED] > 0


def test_where_nobody_meets_again_the_priors_stand(view: View):
    nobody = replace(View.of(csr(np.zeros((9, 4)))), interests=csr(np.ones((9, 2))))
    assert tuned(nobody, seed=1) == PRIORS
    found = network_of(View.of(csr(np.zeros((3, 2)))), seed=1)
    assert found.ties.nnz == 0
    assert set(found.circle.tolist()) == {-1}


def test_equal_views_make_equal_networks_byte_for_byte(tmp_path: Path, view: View):
    names = [
        save_network(network_of(neighbourhood(), seed=1), tmp_path / str(n), about={"epoch": n})
        for n in range(2)
    ]
    assert names[0] == names[1]
    ids = [read_about(tmp_path / str(n), names[n])["ids"] for n in range(2)]
    assert ids[0] == ids[1]
    assert network_of(view, seed=1).view_id == fingerprint(view)
    other = save_network(network_of(neighbourhood(seed=2), seed=1), tmp_path / "other")
    assert other != names[0]


def test_a_network_comes_back_as_it_was_saved(tmp_path: Path, network: PeopleNetwork):
    with pytest.raises(NotReady):
        load_network(tmp_path / "none")
    save_network(network, tmp_path)
    back = load_network(tmp_path)
    assert back.weights == network.weights
    assert back.traits == network.traits
    assert back.community_ids == network.community_ids
    assert (back.ties != network.ties).nnz == 0
    assert back.layers.keys() == network.layers.keys()
    for scale in Scale:
        np.testing.assert_array_equal(back.members(scale), network.members(scale))


def test_altered_bytes_are_refused(tmp_path: Path, network: PeopleNetwork):
    name = save_network(network, tmp_path)
    path = tmp_path / name / "circle.npy"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ArtifactMismatch):
        load_network(tmp_path)
    assert current_name(tmp_path) == name


def test_ids_are_kept_by_who_stays_and_told_what_became_of_the_others(
    tmp_path: Path, view: View, network: PeopleNetwork
):
    scattered = np.arange(SIZE * 2, SIZE * 3)  # one circle moves away
    later, changes = continued(network_of(without(view, scattered), seed=1), network)
    before = dict(zip(network.community_ids[Scale.CIRCLE], range(99), strict=False))
    kept = [name for name in later.community_ids[Scale.CIRCLE] if name in before]
    assert len(kept) >= CIRCLES - 2
    assert len(set(later.community_ids[Scale.CIRCLE])) == len(later.community_ids[Scale.CIRCLE])
    for name in kept:
        now = later.circle == later.community_ids[Scale.CIRCLE].index(name)
        then = network.circle == before[name]
        assert 2 * (now & then).sum() >= (now | then).sum()
    died = [c for c in changes if c.kind is EventKind.DIED and c.scale is Scale.CIRCLE]
    assert len(died) == 1
    assert (network.circle[scattered] == before[died[0].before[0]]).mean() > 0.8
    name = save_network(later, tmp_path, changes=changes)
    assert load_changes(tmp_path, name) == changes


def test_a_fresh_id_tells_who_is_in_a_community_and_nothing_else():
    one = np.array([0, 0, 0, 1, 1, 1, -1], np.int32)
    turned = np.array([1, 1, 1, 0, 0, 0, -1], np.int32)
    assert fresh_ids(Scale.CIRCLE, one) == fresh_ids(Scale.CIRCLE, turned)[::-1]
    assert set(fresh_ids(Scale.CIRCLE, one)).isdisjoint(fresh_ids(Scale.DISTRICT, one))
    assert fresh_ids(Scale.CIRCLE, np.full(3, -1, np.int32)) == ()
