"""What a resident withdraws is as if it had never been: the same view, the same model, bit for bit.

World A holds cells that their residents did not authorise, withdrew, or let run out. In world B
these cells never existed; rows and words are the same. Nothing that is learnt may tell A from B.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.gate import GraphStore, make_keys, open_graph
from graph.home import Home
from graph.ingest import import_plan
from graph.live import Live
from graph.model import Change, DataCategory, Level, Purpose, ResidentId
from graph.policy import CATEGORY_COLUMN, PURPOSE_BIT
from graph.schema import CATEGORY_LEVEL, interaction_category
from graph.snapshot import Snapshot, current_snapshot, open_snapshot
from graph.snapshot.build import build_snapshot
from graph.snapshot.snapshot import INTERACTION_KINDS
from graph.store.memory import MemoryStore
from graph.synthetic import generate
from graph.view import ItemTable, View, fingerprint
from jobs import steps
from jobs.site import Site, SiteConfig, open_site
from recommender.artifact import save_model
from recommender.training import train
from tests.conftest import SIZE, FixedClock
from tests.contract.store_data import link, put
from tests.factories import NOW, operator
from tests.sizes import SIZES
from tests.small_city import (
    RESIDENTS,
    Cell,
    Given,
    bring,
    cells,
    changes_of,
    empty_site,
    givens,
    grants,
    residents,
)

EXAMPLES = SIZES[SIZE].histories
unshrunk = settings(
    suppress_health_check=list(HealthCheck),
    # Not made smaller: that takes minutes, and two worlds of a handful of people are small.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
quick = settings(unshrunk, max_examples=max(10, EXAMPLES // 2))
slow = settings(unshrunk, max_examples=max(5, EXAMPLES // 8))

_LEARNT = {Level.S1: Purpose.FEED, Level.S2: Purpose.GROUP_MATCHING}
Withdrawal = tuple[ResidentId, DataCategory | None, Purpose | None]


def arrays(view: View | ItemTable, prefix: str = "") -> dict[str, np.ndarray]:
    """Every array of a view by name, matrices spread out."""
    out: dict[str, np.ndarray] = {}
    for field in fields(view):
        value = getattr(view, field.name)
        if isinstance(value, ItemTable):
            out |= arrays(value, "items.")
        else:
            dense = value.toarray() if sp.issparse(value) else np.asarray(value)
            out[prefix + field.name] = dense
    return out


def assert_same(one: View, other: View) -> None:
    mine, theirs = arrays(one), arrays(other)
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    assert fingerprint(one) == fingerprint(other)


def picture(site: Site, store: GraphStore) -> Snapshot:
    name = build_snapshot(
        store,
        site.ledger,
        parent=site.home.snapshots,
        institution=site.institution,
        now=site.clock(),
    )
    return open_snapshot(site.home.snapshots, name)


def is_learnt(cell: Cell, given: Given) -> bool:
    """Whether everybody a cell is about authorises it for what is learnt from its level."""
    purpose = _LEARNT.get(CATEGORY_LEVEL[cell.category])
    return all(purpose in given.get((who, cell.category), ()) for who in cell.residents)


# --- the view -----------------------------------------------------------------------------------

flags = st.dictionaries(
    st.sampled_from(DataCategory),
    st.lists(st.booleans(), min_size=len(RESIDENTS), max_size=len(RESIDENTS)).map(np.array),
    min_size=8,
)


@quick
@given(facts=cells, permitted=flags)
def test_a_view_equals_that_of_a_store_in_which_the_other_cells_never_were(
    facts: list[Cell], permitted: dict[DataCategory, np.ndarray]
):
    def may(cell: Cell) -> bool:
        rows = [RESIDENTS.index(who) for who in cell.residents]
        return cell.category in permitted and bool(permitted[cell.category][rows].all())

    everything = {c: np.ones(len(RESIDENTS), np.bool_) for c in DataCategory}
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store, MemoryStore() as other:
        bring(site, store, facts, [])
        other.apply(changes_of([cell for cell in facts if may(cell)]))
        view = picture(site, store).view(permitted)
        never = picture(site, other)
    assert_same(view, never.view(permitted))
    assert_same(view, never.view(everything))


def test_one_cell_of_every_category_that_a_view_holds_shows_when_it_is_permitted():
    """The positive control: the property above is not true because views are empty."""
    who, friend = RESIDENTS[0], RESIDENTS[1]
    facts = [
        put("Resident", who, birth_year=1950, status="moved"),
        link("IN_GRID", "Resident", who, "Grid", "grid-1"),
        link("LIVES_IN", "Resident", who, "Building", "b0"),
        link("WORKS_AS", "Resident", who, "Occupation", "111"),
        link("INTERESTED_IN", "Resident", who, "Interest", "baking", weight=1.0, origin="declared"),
        link("NEEDS", "Resident", who, "Need", "meal_delivery"),
        link("CAN_OFFER", "Resident", who, "Offer", "cooking"),
        link("KNOWS", "Resident", who, "Resident", friend, strength=0.5),
        link("BLOCKS", "Resident", who, "Group", "group-2", at=NOW),
        link("JOINED", "Resident", who, "Group", "group-0", at=NOW),
        link("LIKED", "Resident", who, "Activity", "activity-0", at=NOW),
        link("DISMISSED", "Resident", who, "Activity", "activity-1", at=NOW),
        link("HELPED", "Resident", who, "HelperRole", "helper_role-0", at=NOW),
    ]
    everything = {c: np.ones(len(RESIDENTS), np.bool_) for c in DataCategory}
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, [Cell(change) for change in facts], [])
        snapshot = picture(site, store)
    whole = snapshot.view(everything)
    none = snapshot.view({})
    assert whole.interactions.nnz == 3
    assert whole.held.nnz == whole.dismissed.nnz == whole.blocked.nnz == 1
    for category in {Cell(change).category for change in facts}:
        without = {c: rows for c, rows in everything.items() if c is not category}
        assert fingerprint(snapshot.view(without)) != fingerprint(whole), category
        assert fingerprint(snapshot.view({category: everything[category]})) != fingerprint(none)
    for matrix in (none.interactions, none.held, none.dismissed, none.blocked, none.ties):
        assert matrix.nnz == 0
    assert none.active.all()


def test_every_kind_of_deed_is_governed():
    assert {interaction_category(kind) for kind in INTERACTION_KINDS} == {
        DataCategory.INTEREST,
        DataCategory.ATTENDANCE,
        DataCategory.HELP,
    }


# --- the model, by the real path ----------------------------------------------------------------


def files(folder: Path) -> dict[str, bytes]:
    """Bytes of every array and of the manifest."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "about.json"}


def model_of(site: Site) -> tuple[str, dict[str, bytes]]:
    name = steps.train(site)
    return name, files(site.home.models / name)


def withdraw(site: Site, withdrawals: Sequence[Withdrawal]) -> None:
    with site.ledger.write() as tx:
        for n, (who, category, purpose) in enumerate(withdrawals):
            site.ledger.grants.withdraw(
                tx,
                who,
                institution=None,
                category=category,
                purpose=purpose,
                at=site.clock(),
                key=f"withdraw-{n}",
            )


def left_over(given: Given, withdrawals: Sequence[Withdrawal]) -> Given:
    """What is still authorised."""

    def gone(who: ResidentId, category: DataCategory, purpose: Purpose) -> bool:
        return any(
            w == who and c in {None, category} and p in {None, purpose} for w, c, p in withdrawals
        )

    return {
        (who, category): [p for p in purposes if not gone(who, category, p)]
        for (who, category), purposes in given.items()
    }


def never_was(facts: Sequence[Cell], given: Given) -> tuple[str, dict[str, bytes]]:
    """Model of the world that holds only what may be learnt from."""
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, [c for c in facts if is_learnt(c, given)], grants(given))
        steps.take_snapshot(site, store)
        return model_of(site)


withdrawals_of = st.lists(
    st.tuples(
        residents,
        st.none() | st.sampled_from(DataCategory),
        st.none() | st.sampled_from([Purpose.FEED, Purpose.GROUP_MATCHING, Purpose.STATISTICS]),
    ),
    min_size=1,
    max_size=4,
)


@slow
@given(facts=cells, given_=givens, withdrawals=withdrawals_of, late=st.booleans())
def test_a_model_after_withdrawals_is_that_of_the_world_without_the_cells(
    facts: list[Cell], given_: Given, withdrawals: list[Withdrawal], late: bool
):
    """Whether the withdrawal comes before the snapshot or after it."""
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, facts, grants(given_))
        if late:
            steps.take_snapshot(site, store)
            withdraw(site, withdrawals)
        else:
            withdraw(site, withdrawals)
            steps.take_snapshot(site, store)
        found = model_of(site)
    assert found == never_was(facts, left_over(given_, withdrawals))


@slow
@given(facts=cells, lasting=givens, ending=givens)
def test_a_grant_that_runs_out_is_a_withdrawal_without_any_job(
    facts: list[Cell], lasting: Given, ending: Given
):
    clock = FixedClock(NOW)
    # Of two grants for one cell the earliest expiry counts, so each cell ends or lasts as a whole.
    ending = {cell: purposes for cell, purposes in ending.items() if cell not in lasting}
    with empty_site(clock) as site, MemoryStore() as store:
        soon = grants(ending, lasts=timedelta(days=3))
        bring(site, store, facts, [*grants(lasting), *soon])
        steps.take_snapshot(site, store)
        live = Live(
            site.ledger, site.home.snapshots, institution=site.institution, clock=site.clock
        )
        masked = live.catch_up().masked(int(clock().timestamp()))
        assert masked.tolist() == []
        clock.advance(days=3)
        found = model_of(site)
        masked = live.catch_up().masked(int(clock().timestamp()))
    assert found == never_was(facts, lasting)
    ended = {RESIDENTS.index(g.resident) for g in soon}
    assert set(masked.tolist()) == ended


def test_other_purposes_and_the_most_sensitive_cells_never_enter():
    """Whatever stands in them, and whoever authorises statistics or care, the model is one."""
    who = RESIDENTS[0]
    base = [Cell(link("JOINED", "Resident", r, "Group", "group-0", at=NOW)) for r in RESIDENTS[1:]]
    attendance: Given = {(r, DataCategory.ATTENDANCE): [Purpose.FEED] for r in RESIDENTS[1:]}
    only_statistics: Given = {
        (who, c): [Purpose.STATISTICS, Purpose.CARE_VISIT, Purpose.NEEDS_MATCHING]
        for c in DataCategory
    }
    sensitive = [
        Cell(link("MEMBER_OF_HOUSEHOLD", "Resident", who, "Household", "h", living="alone")),
        Cell(link("JOINED", "Resident", who, "Group", "group-1", at=NOW)),
        Cell(link("KNOWS", "Resident", who, "Resident", RESIDENTS[1], strength=1.0)),
        Cell(link("IN_GRID", "Resident", who, "Grid", "grid-0")),
        Cell(put("Resident", who, birth_year=1944)),
    ]
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, [*base, *sensitive], grants({**attendance, **only_statistics}))
        steps.take_snapshot(site, store)
        found = model_of(site)
    assert found == never_was(base, attendance)
    given_feed = {key: [Purpose.FEED] for key in only_statistics}
    assert never_was([*base, *sensitive], {**attendance, **given_feed}) != found


@pytest.mark.parametrize("category", [DataCategory.TIE, DataCategory.DWELLING, DataCategory.NEED])
def test_feed_grants_let_nothing_of_the_second_level_into_what_many_share(category):
    def cell(who):
        return Cell(
            {
                DataCategory.TIE: link("KNOWS", "Resident", who, "Resident", "r4", strength=1.0),
                DataCategory.DWELLING: link("LIVES_IN", "Resident", who, "Building", "b0"),
                DataCategory.NEED: link("NEEDS", "Resident", who, "Need", "meal_delivery"),
            }[category]
        )

    facts = [cell(who) for who in RESIDENTS[:3]]
    with_feed: Given = {(who, category): [Purpose.FEED] for who in RESIDENTS}
    matching: Given = {(who, category): [Purpose.GROUP_MATCHING] for who in RESIDENTS}
    nothing = never_was([], {})
    with empty_site(FixedClock(NOW)) as site, MemoryStore() as store:
        bring(site, store, facts, grants(with_feed))
        steps.take_snapshot(site, store)
        assert model_of(site) == nothing
    assert never_was(facts, matching) != nothing


# --- a city in LadybugDB, where hyper-parameters and weights are chosen --------------------------


def of_category(change: Change, who: ResidentId, category: DataCategory) -> bool:
    assert change.provenance is not None
    return change.provenance.category is category and who in Cell(change).residents


@contextmanager
def city_home(root: Path, without: tuple[ResidentId, DataCategory] | None) -> Iterator[Site]:
    """The made-up city in a home with LadybugDB, with a snapshot; some cells never came in."""
    home = Home(root)
    home.make()
    make_keys(home.keys)
    config = SiteConfig(str(root), home.graph_url, home.ledger_url, "operator", seed=7)
    plan = generate(600, 4, now=NOW).plan()
    if without is not None:
        who, category = without
        plan = replace(
            plan,
            changes=[c for c in plan.changes if not of_category(c, who, category)],
            grants=[g for g in plan.grants if (g.resident, g.category) != without],
        )
    with open_site(config, clock=FixedClock(NOW)) as site:
        import_plan(site.ledger, plan, gate=site.gate, actor=operator(), clock=site.clock)
        with open_graph(config.graph_url, ledger=site.ledger, holder="test") as lease:
            steps.take_snapshot(site, lease.store)
        yield site


def most_active(site: Site) -> ResidentId:
    """Whoever took part most among those who authorised it."""
    picture = open_snapshot(site.home.snapshots, current_snapshot(site.home.snapshots))
    column = CATEGORY_COLUMN[DataCategory.ATTENDANCE]
    authorised = (picture.masks[:, column] & PURPOSE_BIT[Purpose.FEED]) != 0
    lengths = np.diff(picture.history.indptr) * authorised
    return ResidentId(str(picture.resident_ids[int(lengths.argmax())]))


def test_a_city_that_forgets_what_one_resident_did_is_the_city_in_which_they_never_did_it(
    tmp_path: Path,
):
    """With weights chosen on a validation cut, on LadybugDB, through the import of residents."""
    with city_home(tmp_path / "a", None) as site:
        before, _ = model_of(site)
        who = most_active(site)
        withdraw(site, [(who, DataCategory.ATTENDANCE, None)])
        after = model_of(site)
        picture = open_snapshot(site.home.snapshots, current_snapshot(site.home.snapshots))
        everything = {c: np.ones(picture.n_residents, np.bool_) for c in DataCategory}
        careless = picture.view(everything)
        control = save_model(
            train(careless, seed=7), site.home.models, view_id=fingerprint(careless)
        )
        chosen = json.loads((site.home.models / after[0] / "manifest.json").read_bytes())["chosen"]
    with city_home(tmp_path / "b", (who, DataCategory.ATTENDANCE)) as other:
        never = model_of(other)
    assert chosen["validated"] > 100
    assert after == never
    assert len({before, after[0], control}) == 3
