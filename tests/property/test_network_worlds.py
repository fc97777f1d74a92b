"""Communities after a withdrawal are those of the world in which the cells never were.

The same two worlds as for models (`test_two_worlds`): ids, labels and bytes, by the real path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from hypothesis import given

from graph.folders import read_about
from graph.model import DataCategory, Level, Purpose, ResidentId
from graph.schema import CATEGORY_LEVEL
from graph.store.memory import MemoryStore
from jobs import steps
from jobs.site import Site
from tests.conftest import FixedClock
from tests.contract.store_data import link
from tests.factories import NOW
from tests.property.test_two_worlds import (
    Withdrawal,
    files,
    left_over,
    slow,
    withdraw,
    withdrawals_of,
)
from tests.small_city import RESIDENTS, Cell, Given, bring, cells, empty_site, givens, grants

Found = tuple[dict[str, bytes], Mapping[str, object]]


def is_grouped(cell: Cell, given_: Given) -> bool:
    """Whether everybody a cell is about authorises it for group matching."""
    return CATEGORY_LEVEL[cell.category] in {Level.S1, Level.S2} and all(
        Purpose.GROUP_MATCHING in given_.get((who, cell.category), ()) for who in cell.residents
    )


def network_of(site: Site) -> Found:
    """Every byte of the network, and the ids beside it."""
    folder = site.home.networks / steps.communities(site)
    return files(folder), dict(read_about(folder.parent, folder.name)["ids"])


def never_was(facts: list[Cell], given_: Given) -> Found:
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, [c for c in facts if is_grouped(c, given_)], grants(given_))
        steps.take_snapshot(site, store)
        return network_of(site)


@slow
@given(facts=cells, given_=givens, withdrawals=withdrawals_of)
def test_a_network_after_withdrawals_is_that_of_the_world_without_the_cells(
    facts: list[Cell], given_: Given, withdrawals: list[Withdrawal]
):
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, facts, grants(given_))
        steps.take_snapshot(site, store)
        network_of(site)  # of the night before, whose ids must not be carried on
        withdraw(site, withdrawals)
        found = network_of(site)
    assert found == never_was(facts, left_over(given_, withdrawals))


def circle_of(people: list[ResidentId]) -> tuple[list[Cell], Given]:
    facts = [
        Cell(link("JOINED", "Resident", who, "Group", f"group-{n}", at=NOW))
        for who in people
        for n in range(2)
    ]
    return facts, {(who, DataCategory.ATTENDANCE): [Purpose.GROUP_MATCHING] for who in people}


def test_the_cells_of_one_resident_make_a_difference_unless_they_are_withdrawn():
    """The positive control: the property above is not true because networks are empty."""
    facts, given_ = circle_of(RESIDENTS)
    with_all = never_was(facts, given_)
    less = left_over(given_, [(RESIDENTS[0], None, None)])
    without = never_was(facts, less)
    assert any(json.loads(json.dumps(with_all[1])).values())
    assert with_all != without


def test_kept_ids_end_with_a_withdrawal():
    """A group that grew keeps its id; were that id kept on, it would tell of who left."""
    facts, given_ = circle_of(RESIDENTS)
    four = {cell: purposes for cell, purposes in given_.items() if cell[0] != RESIDENTS[4]}
    three = {cell: purposes for cell, purposes in four.items() if cell[0] != RESIDENTS[3]}
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, facts, grants(four))
        steps.take_snapshot(site, store)
        _, first = network_of(site)
        with site.ledger.write() as tx:
            joined = {cell: given_[cell] for cell in given_ if cell not in four}
            site.ledger.grants.give(tx, grants(joined), key="joined")
        _, grown = network_of(site)
        withdraw(site, [(RESIDENTS[3], None, None), (RESIDENTS[4], None, None)])
        _, after = network_of(site)
    assert any(first.values())
    assert grown == first
    assert after == never_was(facts, three)[1] != first
