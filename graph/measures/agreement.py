"""How far two partitions of the same people agree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Overlap", "adjusted_rand", "known", "mutual_information", "overlap"]

Labels = NDArray[np.int32]
Counts = NDArray[np.int64]


class Overlap(NamedTuple):
    """The cells of the table old x new that are not empty, by old and then by new label."""

    old: NDArray[np.int32]
    new: NDArray[np.int32]
    both: Counts
    """Vertices in both."""
    old_sizes: Counts
    new_sizes: Counts


def overlap(old: Labels, new: Labels) -> Overlap:
    """Count who is in which community of two partitions; labels are 0..k-1.

    Raises
    ------
    ValueError
        If the partitions are of different lengths.
    """
    if old.shape != new.shape:
        raise ValueError(f"partitions of the same vertices, not of {old.size} and {new.size}")
    width = int(new.max(initial=-1)) + 1
    cells, both = np.unique(old.astype(np.int64) * width + new, return_counts=True)
    return Overlap(
        (cells // max(width, 1)).astype(np.int32),
        (cells % max(width, 1)).astype(np.int32),
        both,
        np.bincount(old),
        np.bincount(new),
    )


def adjusted_rand(old: Labels, new: Labels) -> float:
    """Return the adjusted Rand index: 1 for equal partitions, about 0 by chance.

    Hubert, Arabie 1985. Two partitions that leave nothing to chance (all together, all alone)
    agree.
    """
    table = overlap(old, new)
    together = pairs(table.both)
    in_old, in_new = pairs(table.old_sizes), pairs(table.new_sizes)
    expected = in_old * in_new / max(old.size * (old.size - 1) / 2, 1.0)
    most = (in_old + in_new) / 2
    return (together - expected) / (most - expected) if most != expected else 1.0


def pairs(sizes: Counts) -> float:
    """Return the number of pairs within groups of these sizes."""
    as_float = sizes.astype(np.float64)
    return float((as_float * (as_float - 1)).sum() / 2)


def mutual_information(old: Labels, new: Labels) -> float:
    """Return mutual information over the mean of both entropies, 0..1 (Danon et al. 2005)."""
    table = overlap(old, new)
    n = max(old.size, 1)
    joint = table.both / n
    apart = table.old_sizes[table.old] / n * (table.new_sizes[table.new] / n)
    mean = (entropy(table.old_sizes) + entropy(table.new_sizes)) / 2
    return float((joint * np.log(joint / apart)).sum()) / mean if mean else 1.0


def entropy(sizes: Counts) -> float:
    """Return the entropy of a partition in nats."""
    share = sizes[sizes > 0] / sizes.sum()
    return float(-(share * np.log(share)).sum())


def known(truth: Labels, labels: Labels) -> tuple[Labels, Labels]:
    """Return both partitions where the truth is known (0 or more), with labels 0..k-1."""
    rows = truth >= 0
    one, other = (np.unique(each[rows], return_inverse=True)[1] for each in (truth, labels))
    return one.astype(np.int32), other.astype(np.int32)
