"""The compiled loop of neighbour graphs: the most alike of each row, among those of its block.

A row is compared with all rows of a window by walking the holders of its attributes, so pairs that
share nothing cost nothing but a glance, and no more than one window of scores is ever held.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Rows", "Window", "nearest"]

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

GLANCE = 128
"""Scores looked at together: most of them are too low for the list, and their maximum says so."""
ROUNDING = 1.0001
"""Room for rounding where what is too far away is passed over without a look."""


class Rows(NamedTuple):
    """What each row has, where it is, and what breaks a tie."""

    indptr: Ints
    indices: Ints
    weights: Floats
    """Rows of length 1."""
    columns: int
    east: Floats
    """Metres; NaN unknown."""
    north: Floats
    names: Ints
    """What a row is called outside, so that the order of rows here decides nothing."""


class Window(NamedTuple):
    """Which rows are compared."""

    block: int
    """Rows that are given neighbours at a time."""
    margin: int
    """Rows on either side that may be their neighbours too."""
    reach: float
    """Metres over which a likeness falls to 1/e; infinite without distance."""


@njit(cache=True)
def holders(rows: Rows, low: int, high: int) -> tuple[Ints, Ints, Floats]:
    """Turn the rows low..high around: who holds each column, and how much."""
    starts = np.zeros(rows.columns + 1, np.int32)
    first, last = rows.indptr[low], rows.indptr[high]
    for e in range(first, last):
        starts[rows.indices[e] + 1] += 1
    for c in range(rows.columns):
        starts[c + 1] += starts[c]
    place = starts[:-1].copy()
    who = np.empty(last - first, np.int32)
    weight = np.empty(last - first, np.float32)
    for v in range(low, high):
        for e in range(rows.indptr[v], rows.indptr[v + 1]):
            at = place[rows.indices[e]]
            who[at] = v - low
            weight[at] = rows.weights[e]
            place[rows.indices[e]] += 1
    return starts, who, weight


@njit(cache=True)
def mixed(one: int, other: int) -> np.uint32:
    """Return a number that a pair has in either order, as if drawn by lot."""
    a, b = np.uint32(min(one, other)), np.uint32(max(one, other))
    z = a * np.uint32(0x9E3779B1) + b * np.uint32(0x85EBCA77)
    z = (z ^ (z >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    z = (z ^ (z >> np.uint32(12))) * np.uint32(0x297A2D39)
    return np.uint32(z ^ (z >> np.uint32(15)))


@njit(cache=True)
def squared(rows: Rows, v: int, u: int, reach: float) -> np.float32:
    """Return the squared distance of two rows; an unknown place counts as one reach away."""
    east, north = rows.east[v] - rows.east[u], rows.north[v] - rows.north[u]
    if np.isnan(east):
        return np.float32(reach * reach)
    return np.float32(east * east + north * north)


@njit(cache=True)
def boxes(rows: Rows, low: int, high: int) -> Floats:
    """Return west, east, south, north of every `GLANCE` rows from low on; infinite if unknown."""
    found = np.empty(((high - low + GLANCE - 1) // GLANCE, 4), np.float32)
    for c in range(found.shape[0]):
        first = low + c * GLANCE
        east = rows.east[first : min(first + GLANCE, high)]
        north = rows.north[first : min(first + GLANCE, high)]
        found[c] = np.array([east.min(), east.max(), north.min(), north.max()], np.float32)
        if np.isnan(east).any():
            found[c] = np.array([-np.inf, np.inf, -np.inf, np.inf], np.float32)
    return found


@njit(cache=True)
def gap(box: Floats, east: np.float32, north: np.float32) -> np.float32:
    """Return the squared distance of a place to a box; 0 inside, and for an unknown place."""
    x = max(np.float32(0.0), max(box[0] - east, east - box[1]))
    y = max(np.float32(0.0), max(box[2] - north, north - box[3]))
    return np.float32(0.0) if np.isnan(east) else np.float32(x * x + y * y)


@njit(cache=True, fastmath={"nnan", "nsz", "reassoc"})
def largest(scores: Floats, start: int, stop: int) -> np.float32:
    """Return the maximum of some scores, none of which is NaN."""
    top = np.float32(0.0)
    for u in range(start, stop):
        top = max(top, scores[u])
    return top


class Lists(NamedTuple):
    """The best found so far for each row, by falling value, then rising lot."""

    ids: Ints
    """(rows, top); -1 where there is none."""
    values: Floats
    lots: NDArray[np.uint32]


@njit(cache=True)
def insert(lists: Lists, v: int, u: int, value: np.float32, lot: np.uint32) -> None:
    """Put a row into the list of another if it is good enough; the last one falls out."""
    ids, values, lots = lists.ids[v], lists.values[v], lists.lots[v]
    at = values.size
    while at > 0 and (values[at - 1] < value or (values[at - 1] == value and lots[at - 1] > lot)):
        at -= 1
    for later in range(values.size - 1, at, -1):
        values[later], ids[later], lots[later] = values[later - 1], ids[later - 1], lots[later - 1]
    if at < values.size:
        values[at], ids[at], lots[at] = value, u, lot


class Compared(NamedTuple):
    """The rows of one window, and how alike the row in hand is to each."""

    low: int
    """The first of them."""
    scores: Floats
    boxes: Floats


@njit(cache=True)
def choose(rows: Rows, v: int, near: Compared, reach: float, lists: Lists) -> None:
    """Fill the list of one row from its scores in a window."""
    values, scores = lists.values[v], near.scores
    last = values.size - 1
    own, chunks = (v - near.low) // GLANCE, near.boxes.shape[0]
    for step in range(chunks):
        chunk = (own + step) % chunks  # its own surroundings first: they set a high bar
        start, stop = chunk * GLANCE, min((chunk + 1) * GLANCE, scores.size)
        top = largest(scores, start, stop)
        if top == 0.0 or top < values[last]:
            continue
        far = np.inf  # from where on not even the best score of these is good enough
        if values[last] > 0.0 and reach < np.inf:
            far = (reach * np.log(top / values[last])) ** 2 * ROUNDING
            if gap(near.boxes[chunk], rows.east[v], rows.north[v]) > far:
                continue
        for u in range(start, stop):
            if scores[u] == 0.0 or scores[u] < values[last] or u + near.low == v:
                continue
            value = scores[u]
            if reach < np.inf:
                apart = squared(rows, v, u + near.low, reach)
                if apart > far:
                    continue
                value *= np.float32(np.exp(-np.sqrt(apart) / reach))
            lot = mixed(rows.names[v], rows.names[u + near.low])
            insert(lists, v, u + near.low, value, lot)


@njit(cache=True)
def nearest(rows: Rows, window: Window, top: int) -> tuple[Ints, Floats]:
    """Return the most alike rows of each row.

    Returns
    -------
    (NDArray[int32], NDArray[float32]), both (n, top)
        Rows, -1 where there are fewer, and likenesses times nearness, falling; among equals by lot.
    """
    n = rows.indptr.size - 1
    lists = Lists(
        np.full((n, top), -1, np.int32),
        np.zeros((n, top), np.float32),
        np.zeros((n, top), np.uint32),
    )
    for start in range(0, n, window.block):
        stop = min(start + window.block, n)
        low, high = max(start - window.margin, 0), min(stop + window.margin, n)
        starts, who, weight = holders(rows, low, high)
        scores = np.zeros(high - low, np.float32)
        near = Compared(low, scores, boxes(rows, low, high))
        for v in range(start, stop):
            for e in range(rows.indptr[v], rows.indptr[v + 1]):
                own = rows.weights[e]
                for at in range(starts[rows.indices[e]], starts[rows.indices[e] + 1]):
                    scores[who[at]] += own * weight[at]
            choose(rows, v, near, window.reach, lists)
            scores[:] = 0.0
    return lists.ids, lists.values
