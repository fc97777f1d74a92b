"""Groups keep their ids; planted births, deaths, splits and mergers are told; updates are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from bench.planted import changed_night, difference, planted_graph, symmetric
from graph.measures.agreement import adjusted_rand, mutual_information
from graph.measures.communities import detect, worth
from graph.measures.tracking import Event, EventKind, follow, update

RESOLUTION = 0.005


def labels(*sizes: int) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_group_keeps_its_id_while_half_of_it_stays():
    old = labels(4, 4)
    new = np.array([1, 1, 1, 0, 0, 0, 0, 0], np.int32)
    tracked = follow(old, ids(70, 80), new, next_id=90)
    assert tracked.ids.tolist() == [80, 70]
    assert tracked.events == ()
    assert tracked.next_id == 90


def test_two_halves_of_a_group_split_and_one_keeps_the_id():
    tracked = follow(labels(8), ids(7), labels(4, 4), next_id=8)
    assert tracked.ids.tolist() == [7, 8]
    assert tracked.events == (Event(EventKind.SPLIT, (7,), (7, 8)),)


def test_groups_that_join_are_merged_and_the_larger_keeps_its_id():
    tracked = follow(labels(3, 6), ids(1, 2), labels(9), next_id=3)
    assert tracked.ids.tolist() == [2]
    assert tracked.events == (Event(EventKind.MERGED, (1, 2), (2,)),)


def test_newcomers_are_born_and_scattered_groups_die():
    old = labels(5, 5)
    new = np.array([0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6], np.int32)
    tracked = follow(old, ids(1, 2), new, next_id=3)
    assert tracked.ids[0] == 1
    assert tracked.ids[6] not in (1, 2)
    born = Event(EventKind.BORN, (), (int(tracked.ids[6]),))
    assert tracked.events == (Event(EventKind.DIED, (2,), ()), born)


def test_ids_are_never_given_twice(rng):
    old = rng.integers(0, 40, 500).astype(np.int32)
    new = rng.integers(0, 60, 600).astype(np.int32)
    tracked = follow(old, np.arange(40), new, next_id=40)
    assert np.unique(tracked.ids).size == tracked.ids.size == 60
    assert tracked.ids.max() < tracked.next_id


def test_an_update_is_as_good_as_a_fresh_run_after_planted_changes(rng):
    before, truth = planted_graph(rng, 5_000, mixing=0.4)
    old = detect(before, resolution=RESOLUTION, rng=rng)
    assert adjusted_rand(truth, old) > 0.99
    after, now = changed_night(before, truth, rng, share=0.01)
    updated = update(after, difference(after, before), old, resolution=RESOLUTION, rng=rng)
    fresh = [detect(after, resolution=RESOLUTION, rng=rng) for _ in range(2)]
    stayed = now != 3
    assert adjusted_rand(now[stayed], updated.labels[stayed]) > 0.99
    between_seeds = mutual_information(*fresh)
    assert mutual_information(updated.labels, fresh[0]) >= between_seeds - 0.005
    best = max(worth(after, each, resolution=RESOLUTION) for each in fresh)
    assert worth(after, updated.labels, resolution=RESOLUTION) > 0.999 * best
    assert updated.looks < 2 * after.shape[0]
    check_told(old, truth, updated.labels)


def check_told(old: np.ndarray, truth: np.ndarray, new: np.ndarray) -> None:
    """All four planted changes are among the events, under the ids of the groups concerned."""
    names = np.arange(old.max() + 1)
    tracked = follow(old, names, new, next_id=names.size)
    told = {(event.kind, event.before) for event in tracked.events}
    split, first, second, scattered = (
        int(np.bincount(old[truth == group]).argmax()) for group in range(4)
    )
    assert (EventKind.SPLIT, (split,)) in told
    assert (EventKind.MERGED, tuple(sorted((first, second)))) in told
    assert (EventKind.DIED, (scattered,)) in told
    assert (EventKind.BORN, ()) in told
    calm = ~np.isin(truth, range(4))
    assert (tracked.ids[new[: old.size]] == names[old])[calm].mean() > 0.99


def test_without_changes_nobody_is_looked_at(rng):
    graph, _ = planted_graph(rng, 1_000, mixing=0.3)
    old = detect(graph, resolution=RESOLUTION, rng=rng)
    nothing = csr_array(graph.shape, dtype=np.float32)
    updated = update(graph, nothing, old, resolution=RESOLUTION, rng=rng)
    np.testing.assert_array_equal(updated.labels, old)
    assert updated.looks == 0


@pytest.mark.parametrize("share", [0.001, 0.01])
def test_few_are_looked_at_after_few_changes(rng, share):
    before, _ = planted_graph(rng, 4_000, mixing=0.3)
    one = np.repeat(np.arange(4_000, dtype=np.int32), np.diff(before.indptr))
    keep = rng.random(one.size) >= share
    after = symmetric(4_000, one[keep], before.indices[keep])
    old = detect(before, resolution=RESOLUTION, rng=rng)
    changes = difference(after, before)
    updated = update(after, changes, old, resolution=RESOLUTION, rng=rng)
    changed = int((np.diff(changes.indptr) > 0).sum())
    assert updated.looks <= 4 * changed
