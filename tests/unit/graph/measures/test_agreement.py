"""Agreement of partitions, on values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from graph.measures.agreement import adjusted_rand, known, mutual_information, overlap


def labels(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_renamed_partitions_agree():
    one, other = labels(0, 0, 1, 1, 2), labels(2, 2, 0, 0, 1)
    assert adjusted_rand(one, other) == pytest.approx(1.0)
    assert mutual_information(one, other) == pytest.approx(1.0)


def test_a_known_table_gives_the_known_index():
    one, other = labels(0, 0, 0, 1, 1, 1), labels(0, 0, 1, 1, 2, 2)
    # pairs together in both 2, in one 6, in the other 3, of 15: (2 - 1.2) / (4.5 - 1.2)
    assert adjusted_rand(one, other) == pytest.approx(0.8 / 3.3)


def test_independent_partitions_share_nothing():
    one, other = labels(0, 0, 1, 1), labels(0, 1, 0, 1)
    assert mutual_information(one, other) == pytest.approx(0.0)
    assert adjusted_rand(one, other) == pytest.approx(-0.5)


def test_overlap_lists_the_cells_that_are_not_empty():
    table = overlap(labels(0, 0, 1), labels(1, 0, 1))
    cells = zip(table.old.tolist(), table.new.tolist(), table.both.tolist(), strict=True)
    assert list(cells) == [(0, 0, 1), (0, 1, 1), (1, 1, 1)]
    with pytest.raises(ValueError, match="same vertices"):
        overlap(labels(0), labels(0, 1))


def test_unknown_truth_is_left_out():
    truth, found = known(labels(5, -1, 5, 9), labels(0, 1, 2, 2))
    assert truth.tolist() == [0, 0, 1]
    assert found.tolist() == [0, 1, 1]
