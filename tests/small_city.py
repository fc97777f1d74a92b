"""A city of a handful of people in a home of its own: random facts, real ledger, real import.

A cell is one fact that a resident may authorise or not; a world is made of cells and grants.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from graph.gate import GraphStore, RowKind, make_keys
from graph.home import Home
from graph.ingest.grants import make_grant
from graph.model import (
    Change,
    DataCategory,
    Grant,
    ItemId,
    ItemKind,
    Level,
    NodeChange,
    Purpose,
    ResidentId,
    Scalar,
)
from graph.schema import CATEGORY_LEVEL, ITEM_LABELS, LEVEL_MAX_GRANT, PURPOSE_CATEGORIES
from graph.vocabulary import source
from jobs.site import Site, SiteConfig, open_site
from jobs.steps import drain
from tests.conftest import FixedClock
from tests.contract.store_data import link, put
from tests.factories import NOW

RESIDENTS = tuple(ResidentId(f"r{n}") for n in range(5))
ITEMS = {
    ItemId(f"{kind.value}-{n}"): kind
    for kind, count in zip(ItemKind, (3, 4, 1, 2), strict=True)
    for n in range(count)
}
"""Three groups, four activities, a service and two helper roles."""
SEATS = {ItemId("activity-1"): 2, ItemId("group-1"): 1}
GRIDS = ("grid-0", "grid-1")
WORDS = {
    "Interest": ("home_cooking", "baking", "noodles_dumplings"),
    "Need": ("meal_delivery", "senior_canteen"),
    "Offer": ("cooking", "baking_lessons"),
    "Occupation": ("111", "112"),
}

Given = Mapping[tuple[ResidentId, DataCategory], Collection[Purpose]]
"""What each resident authorises, by category."""


@dataclass(frozen=True)
class Cell:
    """One fact about one resident, or about two of them."""

    change: Change

    @property
    def category(self) -> DataCategory:
        assert self.change.provenance is not None
        return self.change.provenance.category

    @property
    def residents(self) -> tuple[ResidentId, ...]:
        if isinstance(self.change, NodeChange):
            return (ResidentId(self.change.id),)
        two = self.change.end_label == "Resident"
        return tuple(map(ResidentId, (self.change.start, self.change.end)[: 1 + two]))


_LEVELS = (Level.S1, Level.S2)


def label_of(item: str) -> str:
    return ITEM_LABELS[ITEMS[ItemId(item)]]


def public_changes() -> list[Change]:
    """Everything in the city that is about nobody."""
    changes: list[Change] = []
    for n, grid in enumerate(GRIDS):
        changes.append(put("Grid", grid, name=grid, lat=31.30 + n / 50, lon=118.40))
        changes.append(put("Building", f"b{n}", lat=31.301 + n / 50, lon=118.401))
        changes.append(put("Venue", f"v{n}", name=f"站{n}", lat=31.302 + n / 50, lon=118.402))
    for label, codes in WORDS.items():
        changes += [put(label, code, label_zh=code, label_en=code) for code in codes]
    changes.append(put("Household", "h"))
    for n, (item, kind) in enumerate(ITEMS.items()):
        more: dict[str, Scalar] = {"opened_at": NOW - timedelta(days=10 + n)}
        if kind is ItemKind.ACTIVITY:
            more["starts_at"] = NOW + timedelta(days=3)
        changes.append(put(ITEM_LABELS[kind], item, title=item, state="open", **more))
    changes += [link("BUILT_IN", "Venue", f"v{n}", "Grid", grid) for n, grid in enumerate(GRIDS)]
    for n, item in enumerate(ITEMS):
        changes.append(link("HELD_AT", label_of(item), item, "Venue", f"v{n % 2}"))
        about = WORDS["Interest"][n % 3]
        changes.append(link("ABOUT", label_of(item), item, "Interest", about))
    changes.append(link("ORGANISED_BY", "Activity", "activity-0", "Group", "group-0"))
    return changes


# --- random facts -------------------------------------------------------------------------------

residents = st.sampled_from(RESIDENTS)
_WHEN = st.integers(0, 100_000).map(lambda s: NOW - timedelta(seconds=s))
_SHARE = st.sampled_from([0.25, 0.5, 1.0])


def _did(type_: str, *kinds: ItemKind) -> st.SearchStrategy[Change]:
    items = [item for item, kind in ITEMS.items() if kind in kinds]
    return st.builds(
        lambda who, item, at: link(type_, "Resident", who, label_of(item), item, at=at),
        residents,
        st.sampled_from(items),
        _WHEN,
    )


def _word(type_: str, label: str, **values: st.SearchStrategy[object]) -> st.SearchStrategy[Change]:
    return st.builds(
        lambda who, code, more: link(type_, "Resident", who, label, code, **more),
        residents,
        st.sampled_from(WORDS[label]),
        st.fixed_dictionaries(values),
    )


_everything = tuple(ItemKind)
_facts = st.one_of(
    *(_did(type_, *_everything) for type_ in ("LIKED", "DISMISSED", "VIEWED")),
    _did("JOINED", ItemKind.GROUP, ItemKind.SERVICE, ItemKind.HELPER_ROLE),
    _did("JOINED", ItemKind.GROUP),
    _did("SIGNED_UP", ItemKind.ACTIVITY),
    _did("ATTENDED", ItemKind.ACTIVITY),
    _did("HELPED", ItemKind.HELPER_ROLE),
    _did("BLOCKS", ItemKind.GROUP),
    _word("INTERESTED_IN", "Interest", weight=_SHARE, origin=st.just("declared")),
    _word("NEEDS", "Need"),
    _word("CAN_OFFER", "Offer"),
    _word("WORKS_AS", "Occupation"),
    st.builds(
        lambda r, g: link("IN_GRID", "Resident", r, "Grid", g), residents, st.sampled_from(GRIDS)
    ),
    st.builds(
        lambda r, b: link("LIVES_IN", "Resident", r, "Building", b),
        residents,
        st.sampled_from(["b0", "b1"]),
    ),
    st.builds(
        lambda a, b, s: link("KNOWS", "Resident", a, "Resident", b, strength=s),
        residents,
        residents,
        _SHARE,
    ).filter(lambda change: change.start != change.end),
    st.builds(
        lambda r, living: link(
            "MEMBER_OF_HOUSEHOLD", "Resident", r, "Household", "h", living=living
        ),
        residents,
        st.sampled_from(["alone", "family"]),
    ),
    st.builds(
        lambda r, year, status: put(
            "Resident", r, birth_year=year, languages="zh,en", walk_limit=300, status=status
        ),
        residents,
        st.integers(1930, 2010),
        st.sampled_from(["active", "moved"]),
    ),
)


def _one_each(changes: Sequence[Change]) -> list[Cell]:
    """Leave one change per place in the graph: one grid and one building for each resident."""
    places: dict[tuple[str, ...], Cell] = {}
    for change in changes:
        if isinstance(change, NodeChange):
            key: tuple[str, ...] = (change.label, change.id)
        elif change.type in {"IN_GRID", "LIVES_IN"}:
            key = (change.type, change.start)
        else:
            key = (change.type, change.start, change.end)
        places[key] = Cell(change)
    return list(places.values())


cells = st.lists(_facts, min_size=4, max_size=25).map(_one_each)
"""Facts about residents, at most one in each place."""

_purposes = st.frozensets(
    st.sampled_from([Purpose.FEED, Purpose.GROUP_MATCHING, Purpose.STATISTICS]), min_size=1
)
givens: st.SearchStrategy[Given] = st.dictionaries(
    st.tuples(
        residents, st.sampled_from([c for c in DataCategory if CATEGORY_LEVEL[c] in _LEVELS])
    ),
    _purposes | st.just(frozenset({Purpose.FEED, Purpose.GROUP_MATCHING})),
    min_size=20,
    max_size=60,
)
"""What residents authorise."""


# --- homes --------------------------------------------------------------------------------------


_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - hundreds of small homes
"""Where nothing waits for a disk, if there is such a place."""


@cache
def _empty_home() -> Path:
    folder = tempfile.mkdtemp(prefix="linli-empty-", dir=_FAST)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = Path(folder) / "home"
    home = Home(root)
    home.make()
    make_keys(home.keys)
    with open_site(_config(root)):
        pass
    return root


def _config(root: Path) -> SiteConfig:
    return SiteConfig(str(root), "memory:", Home(root).ledger_url, "operator", seed=7)


@contextmanager
def empty_site(clock: FixedClock) -> Iterator[Site]:
    """A home without anything, gone afterwards; a copy, because migrating takes longer."""
    with tempfile.TemporaryDirectory(dir=_FAST) as folder:
        root = Path(folder) / "home"
        shutil.copytree(_empty_home(), root)
        with open_site(_config(root), clock=clock) as site:
            yield site


def grants(given: Given, *, start: datetime = NOW, lasts: timedelta | None = None) -> list[Grant]:
    return [
        make_grant(who, category, purpose, channel="synthetic", start=start, lasts=lasts)
        for (who, category), purposes in given.items()
        for purpose in sorted(purposes)
        if category in PURPOSE_CATEGORIES[purpose] and CATEGORY_LEVEL[category] in LEVEL_MAX_GRANT
    ]


def changes_of(facts: Sequence[Cell]) -> list[Change]:
    """What is public, residents of whom nothing is said, and these facts."""
    people = [put("Resident", who) for who in RESIDENTS]
    nodes = [cell.change for cell in facts if isinstance(cell.change, NodeChange)]
    links = [cell.change for cell in facts if not isinstance(cell.change, NodeChange)]
    return [*public_changes(), *people, *nodes, *links]


def bring(site: Site, store: GraphStore, facts: Sequence[Cell], given: Sequence[Grant]) -> None:
    """Take in what is public, the residents, and these facts and grants.

    Each fact is one change of a committed batch, as an import leaves them; facts nobody
    authorises are among them, which an import refuses: what a view leaves out must not depend
    on what was let in.
    """
    ledger, at = site.ledger, site.clock()
    with ledger.write() as tx:
        batch = ledger.imports.begin(
            tx, kind="small", file_hash="0", source=source("synthetic-city"), at=at
        )
        ledger.imports.stage(tx, batch.id, 0, changes_of(facts))
        ledger.rows.assign(tx, RowKind.RESIDENT, RESIDENTS)
        ledger.rows.assign(tx, RowKind.ITEM, list(ITEMS))
        ledger.rows.assign(tx, RowKind.GRID, GRIDS)
        ledger.grants.give(tx, given, key="given", at=at)
        for item in ITEMS:
            ledger.bookings.set_seats(tx, item, SEATS.get(item))
        ledger.imports.commit(tx, batch.id, at)
    drain(site, store)
