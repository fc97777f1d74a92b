"""Ids of communities: made of who is in them, and kept from night to night by overlap.

A new community is named after its members alone, so equal views name communities equally. As long
as nobody withdrew anything, :func:`continued` carries ids on; after a withdrawal it must not be
asked, as a kept id tells of the network in which it was given.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from graph.measures.tracking import follow
from recommender.network.network import CommunityChange, PeopleNetwork, Scale

__all__ = ["continued", "fresh_ids"]


def fresh_ids(scale: Scale, members: NDArray[np.int32]) -> tuple[str, ...]:
    """Name every community after its members."""
    return tuple(_name(scale, rows, ()) for rows in _rosters(members))


def _rosters(members: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """Return the rows of each community."""
    order = np.argsort(members, kind="stable")
    counts = np.bincount(members[members >= 0], minlength=int(members.max(initial=-1)) + 1)
    inside = order[len(order) - int(counts.sum()) :]
    return np.split(inside, np.cumsum(counts)[:-1]) if len(counts) else []


def _name(scale: Scale, rows: NDArray[np.int64], taken: Collection[str]) -> str:
    """Digest the rows; should another community still bear that name, digest once more."""
    digest = rows.astype("<i8").tobytes()
    while True:
        digest = hashlib.blake2b(digest, digest_size=5, person=b"community").digest()
        name = f"{scale.value[0]}-{base64.b32encode(digest).decode().lower()}"
        if name not in taken:
            return name


def continued(
    network: PeopleNetwork, before: PeopleNetwork
) -> tuple[PeopleNetwork, tuple[CommunityChange, ...]]:
    """Keep the ids of communities that go on (see :mod:`graph.measures.tracking`).

    Returns
    -------
    (PeopleNetwork, tuple of CommunityChange)
    """
    ids: dict[Scale, tuple[str, ...]] = {}
    changes: list[CommunityChange] = []
    for scale in Scale:
        ids[scale], found = _follow(scale, network, before)
        changes += found
    return replace(network, community_ids=ids), tuple(changes)


def _follow(
    scale: Scale, network: PeopleNetwork, before: PeopleNetwork
) -> tuple[tuple[str, ...], list[CommunityChange]]:
    old_ids, rosters = before.community_ids[scale], _rosters(network.members(scale))
    old, new = _everybody(before.members(scale)), _everybody(network.members(scale))
    numbers = np.arange(int(old.max(initial=-1)) + 1)
    tracked = follow(old, numbers, new, next_id=len(numbers))
    names = dict(enumerate(old_ids))
    for rows, number in zip(rosters, tracked.ids.tolist(), strict=False):  # then those alone
        if number not in names:
            names[number] = _name(scale, rows, set(names.values()))
    changes = [
        CommunityChange(scale, event.kind, _named(event.before, names), _named(event.after, names))
        for event in tracked.events
    ]
    return _named(tracked.ids[: len(rosters)].tolist(), names), changes


def _everybody(members: NDArray[np.int32]) -> NDArray[np.int32]:
    """Put those in no community into one of their own, after the others."""
    alone = members < 0
    labels = members.copy()
    labels[alone] = int(members.max(initial=-1)) + 1 + np.arange(int(alone.sum()))
    return labels


def _named(numbers: Iterable[int], names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(names[number] for number in numbers)
