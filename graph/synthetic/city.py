"""The seeded city: everything about it from one number, the same bit for bit each time."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from graph.errors import DataError
from graph.ingest.grants import GRANTED_CATEGORIES
from graph.ingest.plan import BookingRow, IdentityRow, ImportPlan, Lazy, SeatRow, WordsRow
from graph.model import Change, DataCategory, Grant, ItemId, ResidentId
from graph.schema import STATUTORY_CATEGORIES
from graph.synthetic import emit
from graph.synthetic.consent import Consent, make_consent
from graph.synthetic.history import Deeds, Ties, Truth, make_deeds, make_ties
from graph.synthetic.items import make_items
from graph.synthetic.names import full_names, id_number, phone_number
from graph.synthetic.people import make_people
from graph.synthetic.places import Homes, build_places, place_homes
from graph.synthetic.tastes import make_tastes, top_by_gumbel
from graph.synthetic.wants import make_needs, make_offers
from graph.vocabulary import needs, source

__all__ = ["City", "generate"]

RECIPE = 1
"""Raise when the same seed makes another city."""

ITEMS_PER_RESIDENT = 0.12
_ITEM_PREFIX = ("grp", "act", "svc", "role")

Pseudonym = Callable[[str, str], str]
"""Makes the pseudonym of a value in a domain."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class City:
    """A synthetic neighbourhood. All iterators begin anew each time and give the same.

    ``truth`` holds what no importer ever sees: tastes, communities, who is isolated.
    """

    seed: int
    now: datetime
    truth: Truth
    homes: Homes
    consent: Consent
    deeds: Deeds
    """History that residents let Linli know; indices into ``residents`` and ``items``."""
    ties: Ties
    declared: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    """Declared interests: resident, column, place in the resident's order."""
    residents: Sequence[ResidentId]
    items: Sequence[ItemId]
    grids: Sequence[str]
    households: Sequence[str]
    walk_limit: NDArray[np.int64]
    """Metres; -1 not given."""
    languages: Sequence[str]

    def changes(self) -> Iterator[Change]:
        """Yield all nodes, the vocabulary first, then all relationships."""
        yield from emit.nodes(self)
        yield from emit.relationships(self)

    def grants(self) -> Iterator[Grant]:
        """Yield explicit grants to the operator, channel ``synthetic``."""
        return self.consent.grants(self.residents, "synthetic")

    def identities(self) -> Iterator[IdentityRow]:
        """Yield names and numbers of people who cannot exist (see ``names.py``)."""
        people = self.truth.people
        names = full_names(np.random.default_rng([self.seed, 90]), people.woman)
        days = np.random.default_rng([self.seed, 91]).integers(1, 366, people.n)
        born = (self.now.year - people.age).tolist()
        women = people.woman.tolist()
        for row, resident in enumerate(self.residents):
            day = datetime.strptime(f"{born[row]}-{days[row]:03d}", "%Y-%j").replace(tzinfo=UTC)
            fields = {
                "name": names[row],
                "id_number": id_number(row, f"{day:%Y%m%d}", women[row]),
                "phone": phone_number(row),
            }
            yield IdentityRow(resident, fields, self.now)

    def words(self) -> Iterator[WordsRow]:
        """Yield what some residents with a need wrote about it."""
        wanting = self.truth.needs & self.consent.holds(DataCategory.NEED)[:, None]
        rows, columns = np.nonzero(wanting)
        for row, column in zip(rows[::9].tolist(), columns[::9].tolist(), strict=True):
            label = needs().terms[column].label_zh
            text = f"最近需要{label}，麻烦社区帮忙问问，谢谢。"
            yield WordsRow(self.residents[row], DataCategory.NEED_WORDS, text, self.now)

    def seats(self) -> Iterator[SeatRow]:
        """Yield how many people each item takes."""
        for item, seats in zip(self.items, self.truth.items.seats.tolist(), strict=True):
            yield SeatRow(item, None if seats < 0 else seats)

    def bookings(self) -> Iterator[BookingRow]:
        """Yield places held now at items with limited seats, in the order they were taken."""
        items, deeds = self.truth.items, self.deeds
        ahead = items.starts[deeds.item] > int(self.now.timestamp())
        group_or_role = (items.kind[deeds.item] == 0) | (items.kind[deeds.item] == 3)
        holding = ((deeds.type == 0) & group_or_role) | ((deeds.type == 1) & ahead)
        rows = np.flatnonzero(holding & (items.seats[deeds.item] >= 0))
        order = rows[np.lexsort((deeds.resident[rows], deeds.at[rows], deeds.item[rows]))]
        for row in order.tolist():
            yield BookingRow(
                self.items[int(deeds.item[row])],
                self.residents[int(deeds.resident[row])],
                emit.moment(int(deeds.at[row])),
            )

    def plan(self) -> ImportPlan:
        """Return all of it as one import."""
        recipe = f"synthetic {RECIPE} {self.seed} {len(self.residents)} {len(self.items)}"
        recipe += f" {len(self.grids)} {self.now.isoformat()} {self.residents[0]}"
        return ImportPlan(
            kind="synthetic",
            source=source("synthetic-city"),
            file_hash=hashlib.sha256(recipe.encode()).hexdigest(),
            as_of=self.now,
            rows=len(self.residents),
            consented=frozenset(GRANTED_CATEGORIES) | {DataCategory.NEED_WORDS},
            statutory=STATUTORY_CATEGORIES,
            law="none: nobody in this city exists",
            changes=Lazy(self.changes),
            residents=self.residents,
            items=self.items,
            grids=self.grids,
            grants=Lazy(self.grants),
            identities=Lazy(self.identities),
            words=Lazy(self.words),
            seats=Lazy(self.seats),
            bookings=Lazy(self.bookings),
        )


def generate(
    n_residents: int = 3_000,
    n_grids: int = 12,
    *,
    seed: int = 2026,
    now: datetime,
    n_items: int | None = None,
    pseudonym: Pseudonym | None = None,
) -> City:
    """Make a city.

    Parameters
    ----------
    n_residents, n_grids : int
        At least 20 residents per grid.
    seed : int
        The same arguments make the same city, bit for bit.
    now : datetime
        Aware. Histories end here; activities lie up to three weeks ahead.
    n_items : int, optional
        Groups, activities, services and helper roles; default 12 per 100 residents.
    pseudonym : callable, optional
        ``(domain, value) -> str``; default: digests of the seed.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> city = generate(200, 2, now=datetime(2026, 6, 1, tzinfo=UTC))
    >>> len(city.residents), len(city.items)
    (200, 24)
    """
    if n_grids < 1 or n_residents < 20 * n_grids:
        raise DataError(f"{n_residents} residents in {n_grids} grids: at least 20 per grid")
    name = pseudonym or _digests(seed)
    at = int(now.timestamp())
    rngs = [np.random.default_rng([seed, stage]) for stage in range(12)]
    places = build_places(rngs[0], n_grids)
    people = make_people(rngs[1], n_residents, n_grids)
    homes = place_homes(rngs[2], places, people.household_grid)
    grid = people.household_grid[people.household]
    tastes = make_tastes(rngs[3], people, places.grid_area[grid])
    wanted = max(20, round(n_residents * ITEMS_PER_RESIDENT)) if n_items is None else n_items
    items = make_items(rngs[4], places, wanted, at)
    truth = Truth(
        people=people,
        tastes=tastes,
        items=items,
        places=places,
        grid=grid,
        needs=make_needs(rngs[5], people),
        offers=make_offers(rngs[6], people),
    )
    consent = make_consent(rngs[7], n_residents, at)
    deeds = make_deeds(rngs[8], truth, consent.holds(DataCategory.ATTENDANCE), at)
    stairs = (homes.building * 4 + homes.unit)[people.household]
    ties = make_ties(rngs[9], people, deeds, stairs, tastes.community)
    declared = top_by_gumbel(
        rngs[10],
        1.5 * tastes.taste,
        np.minimum(rngs[10].poisson(2.6, n_residents) + (tastes.activity > 0.5), 8),
    )
    elders = rngs[11].random(n_residents) < np.where(people.age > 68, 0.7, 0.35)
    metres = np.where(people.age > 68, 300, 800) + 100 * rngs[11].integers(0, 8, n_residents)
    speech = rngs[11].choice(4, n_residents, p=[0.9, 0.04, 0.045, 0.015])
    spoken = ("zh", "zh,en", "zh,wuu", "en")
    return City(
        seed=seed,
        now=now,
        truth=truth,
        homes=homes,
        consent=consent,
        deeds=deeds,
        ties=ties,
        declared=declared,
        residents=[ResidentId(name("resident", f"synthetic/{n}")) for n in range(n_residents)],
        items=[
            ItemId(f"{_ITEM_PREFIX[kind]}-{name('item', f'synthetic/{n}')[:12]}")
            for n, kind in enumerate(items.kind.tolist())
        ],
        grids=[f"wuhu-g{n:04d}" for n in range(n_grids)],
        households=[name("household", f"synthetic/{n}") for n in range(people.n_households)],
        walk_limit=np.where(elders, metres, -1),
        languages=[spoken[n] for n in speech.tolist()],
    )


def _digests(seed: int) -> Pseudonym:
    def pseudonym(domain: str, value: str) -> str:
        raw = hashlib.blake2b(f"{seed}\0{domain}\0{value}".encode(), digest_size=15).digest()
        return base64.b32encode(raw).decode().lower()[:20]

    return pseudonym
