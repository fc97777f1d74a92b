"""Communities from night to night: the same group keeps its id, and only what changed is looked at.

Ids follow members (in the manner of Greene, Doyle, Cunningham 2010). Rows are never reused and new
ones come at the end, so row `i` is the same resident in both partitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from graph.measures import kernels
from graph.measures.agreement import Overlap, overlap
from graph.measures.communities import (
    Graph,
    Labels,
    checked,
    detect,
    level_of,
    numbered,
    split_disconnected,
)
from graph.measures.events import Event, EventKind

__all__ = ["Event", "EventKind", "Ids", "Tracked", "Updated", "follow", "update"]

Ids = NDArray[np.int64]

SAME = 0.5
"""Jaccard index from which a group is still the same."""
SMALLEST = 3
"""Members of a group whose coming and going is told."""
UNSETTLED = 0.1
"""Changed share of a group's ties from which it is detected anew."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The ids of a new partition."""

    ids: Ids
    """Id of each community, by label."""
    events: tuple[Event, ...]
    next_id: int
    """The lowest id never given."""


@dataclass(frozen=True, slots=True)
class Updated:
    """A partition brought up to date."""

    labels: Labels
    looks: int
    """How often a vertex was looked at by the frontier."""


def follow(old: Labels, old_ids: Ids, new: Labels, *, next_id: int) -> Tracked:
    """Give each new community the id of the old one it continues, or one never given.

    Parameters
    ----------
    old, new : NDArray[int32], (at most n,) and (n,)
        Partitions, labels 0..k-1. Rows beyond the old partition are newcomers.
    old_ids : NDArray[int64], (old communities,)
        All below `next_id`.

    Returns
    -------
    Tracked
        Of pairs with a Jaccard index of at least 0.5 the most alike are matched first.
    """
    table = overlap_with_newcomers(old, new)
    ids = np.full(table.new_sizes.size, -1, np.int64)
    same = kept(table)
    for before, after in same:
        ids[after] = old_ids[before]
    fresh = np.flatnonzero(ids < 0)
    ids[fresh] = next_id + np.arange(fresh.size)
    return Tracked(ids, events(table, old_ids, ids, same), next_id + fresh.size)


def overlap_with_newcomers(old: Labels, new: Labels) -> Overlap:
    """Count who is where; newcomers count in the size of their new community only."""
    table = overlap(old, new[: old.size])
    return table._replace(new_sizes=np.bincount(new))


def kept(table: Overlap) -> list[tuple[int, int]]:
    """Return the (old, new) labels that are the same group, each label once."""
    either = table.old_sizes[table.old] + table.new_sizes[table.new] - table.both
    alike = table.both / either
    order = np.lexsort((table.new, table.old, -alike))
    old_used: set[int] = set()
    new_used: set[int] = set()
    pairs = []
    for at in order[alike[order] >= SAME]:
        before, after = int(table.old[at]), int(table.new[at])
        if before not in old_used and after not in new_used:
            old_used.add(before)
            new_used.add(after)
            pairs.append((before, after))
    return pairs


def events(
    table: Overlap, old_ids: Ids, ids: Ids, same: list[tuple[int, int]]
) -> tuple[Event, ...]:
    """Tell splits, mergers, births and deaths of groups of at least three.

    An old group split if two new ones come from it by half or more; a new group merged if two old
    ones went into it by half or more. What neither continues nor took part in these was born or
    died.
    """
    old_big, new_big = table.old_sizes >= SMALLEST, table.new_sizes >= SMALLEST
    big = old_big[table.old] & new_big[table.new]
    comes_from = big & (2 * table.both >= table.new_sizes[table.new])
    goes_into = big & (2 * table.both >= table.old_sizes[table.old])
    told: list[Event] = []
    old_told = {before for before, _ in same}
    new_told = {after for _, after in same}
    for before, parts in grouped(table.old[comes_from], table.new[comes_from]):
        told.append(Event(EventKind.SPLIT, named(old_ids, [before]), named(ids, parts)))
        old_told.add(before)
        new_told.update(parts)
    for after, sources in grouped(table.new[goes_into], table.old[goes_into]):
        told.append(Event(EventKind.MERGED, named(old_ids, sources), named(ids, [after])))
        old_told.update(sources)
        new_told.add(after)
    for before in sorted(set(np.flatnonzero(old_big).tolist()) - old_told):
        told.append(Event(EventKind.DIED, named(old_ids, [before]), ()))
    for after in sorted(set(np.flatnonzero(new_big).tolist()) - new_told):
        told.append(Event(EventKind.BORN, (), named(ids, [after])))
    return tuple(told)


def grouped(keys: Labels, values: Labels) -> list[tuple[int, list[int]]]:
    """Return each key that has at least two values, with them."""
    found: dict[int, list[int]] = {}
    for key, value in zip(keys.tolist(), values.tolist(), strict=True):
        found.setdefault(key, []).append(value)
    return [(key, found[key]) for key in sorted(found) if len(found[key]) > 1]


def named(ids: Ids, labels: list[int]) -> tuple[int, ...]:
    """Return the ids of labels, rising."""
    return tuple(sorted(int(ids[label]) for label in labels))


def update(
    graph: Graph,
    changes: csr_array,
    labels: Labels,
    *,
    resolution: float,
    rng: np.random.Generator,
) -> Updated:
    """Bring a CPM partition up to date by looking near changed ties only.

    Groups with a tenth of their ties changed are detected anew, among themselves; elsewhere the
    ends of changed ties move if that pays, then those whom a move concerns. Groups that drift apart
    slowly are missed: run `detect` now and then and keep the partition of more worth.

    Parameters
    ----------
    graph : csr_array, (n, n)
        The ties now.
    changes : csr_array, (n, n)
        Ties now minus ties before, symmetric.
    labels : NDArray[int32], (at most n,)
        The partition before; newcomers at the end have none.
    """
    checked(graph)
    known = int(labels.max(initial=-1)) + 1
    newcomers = known + np.arange(graph.shape[0] - labels.size, dtype=np.int32)
    labels = np.concatenate([labels, newcomers])
    changed = np.diff(changes.indptr) > 0
    anew = unsettled(graph, changes, labels)[labels]
    rows = np.flatnonzero(anew)
    if rows.size:
        found = detect(graph[rows][:, rows], resolution=resolution, rng=rng)
        labels[rows] = int(labels.max()) + 1 + found
        labels, _ = numbered(labels)
    waiting = np.flatnonzero(changed | anew).astype(np.int32)
    level = level_of(graph, np.ones(labels.size))
    looks = kernels.move(level, labels, waiting, resolution)
    return Updated(split_disconnected(graph, labels), looks)


def unsettled(graph: Graph, changes: csr_array, labels: Labels) -> NDArray[np.bool_]:
    """Return which communities had a tenth of their ties changed; shape (communities,)."""
    strength = np.asarray(graph.sum(axis=1, dtype=np.float64)).ravel()
    change = np.asarray(abs(changes).sum(axis=1, dtype=np.float64)).ravel()
    changed = np.bincount(labels, change)
    return (changed > 0) & (changed >= UNSETTLED * np.bincount(labels, strength))
