"""A snapshot outlives additions to the governed lists: new terms are empty columns at the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from graph.home import Home
from graph.snapshot import current_snapshot, open_snapshot
from graph.snapshot.files import write_snapshot
from graph.vocabulary import needs


def test_a_snapshot_with_fewer_terms_opens_as_wide_as_the_lists(demo_home: Path):
    folder = Home(demo_home).snapshots
    new = open_snapshot(folder, current_snapshot(folder))
    old = 42
    older = replace(
        new,
        needs=new.needs[:, :old],
        items=replace(new.items, needs=new.items.needs[:, :old]),
    )
    name = write_snapshot(folder, older, vocabulary={}, extras=lambda path: None)
    opened = open_snapshot(folder, name)
    for ours, before in ((opened.needs, new.needs), (opened.items.needs, new.items.needs)):
        assert ours.shape == before.shape
        assert ours.shape[1] == len(needs()) > old
        assert before[:, :old].nnz > 0
        np.testing.assert_array_equal(ours[:, :old].toarray(), before[:, :old].toarray())
        assert ours[:, old:].nnz == 0
