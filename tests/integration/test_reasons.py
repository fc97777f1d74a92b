"""The reasons on the cards of a whole city are true: without what is cited, the item stands lower.

The positive control cites something else of the resident's own, and is found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from api.services.feed import FeedService
from api.web.look import Language
from api.web.wording import MESSAGES
from api.wiring import load_config, open_floors
from graph.gate import training_view
from graph.model import ItemId, RecId
from graph.snapshot import current_snapshot, open_snapshot
from graph.view import CSR, View
from graph.vocabulary import interests, offers
from recommender.artifact import load_model
from recommender.base import Query, Reason, ReasonCode, Recommendation
from recommender.candidates import NearbyItems
from recommender.fitted import FittedModel
from recommender.pipeline import Recommender
from recommender.ranking import eligible
from recommender.reasons import CITABLE, OWN_ITEMS
from recommender.scorers import HabitScorer, PopularScorer, VenueScorer
from tests.conftest import FixedClock
from tests.factories import NOW
from tests.worlds import csr

WORDS = {"interest": interests().codes, "offer": offers().codes}


@dataclass(frozen=True, slots=True)
class Card:
    """One suggestion, and who it was made for."""

    query: Query
    shown: Recommendation


def cited_by(card: Card, code: ReasonCode) -> list[str]:
    """Parts that may cite it and that speak for the item."""
    parts = card.shown.parts
    return [name for name, codes in CITABLE.items() if code in codes and parts.get(name, 0) > 0]


@dataclass(frozen=True, slots=True)
class World:
    """The city as training sees it, the model served from its home, and many cards."""

    view: View
    model: FittedModel
    cards: tuple[Card, ...]

    def some(self, code: ReasonCode) -> list[Card]:
        return [card for card in self.cards if card.shown.reason.code is code]


@pytest.fixture(scope="module")
def world(made_rich_home: Path) -> Iterator[World]:
    """Return the feeds of every third resident."""
    with open_floors(load_config(home=made_rich_home), clock=FixedClock(NOW)) as floors:
        folder = floors.home.snapshots
        snapshot = open_snapshot(folder, current_snapshot(folder))
        view = training_view(floors.gate, floors.ledger, floors.site.actor, snapshot)
        model = load_model(floors.home.models)
        yield World(view, model, cards_of(view, model, range(0, view.n_residents, 3)))


@pytest.fixture(scope="module")
def regulars(world: World) -> World:
    """Return some feeds as they are where places and hours count much; here they hardly do."""
    weights = {**world.model.blend.weights, "venue": (0.5, 0.5, 0.5), "habit": (0.5, 0.5, 0.5)}
    others = [s for s in world.model.scorers if s.name not in {"venue", "habit"}]
    model = replace(
        world.model,
        scorers=(*others, VenueScorer(), HabitScorer()),
        blend=replace(world.model.blend, weights=weights),
    )
    return World(world.view, model, cards_of(world.view, model, range(1, 400, 12)))


def cards_of(view: View, model: FittedModel, residents: range) -> tuple[Card, ...]:
    recommender = Recommender(model, words=WORDS)
    cards: list[Card] = []
    for row in residents:
        query = Query.from_view(view, np.array([row]), now=int(NOW.timestamp()))
        found = recommender.recommend(query, mint=lambda item, reason: RecId(ItemId(item)))
        cards.extend(Card(query, shown) for shown in found)
    return tuple(cards)


def dropped(matrix: CSR, column: int) -> CSR:
    dense = matrix.toarray()
    dense[0, column] = 0.0
    return csr(dense)


def without(query: Query, reason: Reason) -> Query:
    """The same resident, had they not given what is cited."""
    code, slots = reason.code, reason.slots
    if code is ReasonCode.OWN_INTEREST:
        column = interests().index(slots["interest"])
        return replace(query, interests=dropped(query.interests, column))
    if code is ReasonCode.OWN_OFFER:
        return replace(query, offers=dropped(query.offers, offers().index(slots["offer"])))
    if code in OWN_ITEMS:
        item = query.items.ids.tolist().index(slots["item"])
        history, held = dropped(query.history, item), dropped(query.held, item)
        return replace(query, history=history, held=held)
    assert code is ReasonCode.IN_OWN_GRID
    return replace(query, grid=np.array([-1], np.int32))


def is_true(model: FittedModel, card: Card, reason: Reason) -> bool:
    """Whether a part that may cite it, and the item in the whole list, score lower without it."""
    less = without(card.query, reason)
    rows = eligible(card.query, NearbyItems().candidates(card.query))
    at = int(np.searchsorted(rows, card.shown.row))
    names = cited_by(card, reason.code)
    if reason.code in {ReasonCode.OWN_INTEREST, ReasonCode.OWN_OFFER}:
        scorer = next(s for s in model.scorers if s.name == "content")
        before, after = (scorer.score(query, rows)[0, at] for query in (card.query, less))
        return bool(after < before)
    before, after = (model.contributions(query, rows) for query in (card.query, less))
    totals = [sum(part[0, at] for part in parts.values()) for parts in (before, after)]
    fell = [name not in after or after[name][0, at] < before[name][0, at] for name in names]
    return any(fell) and bool(totals[1] < totals[0])


def test_the_city_gives_many_kinds_of_reasons(world):
    told = Counter(card.shown.reason.code for card in world.cards)
    assert len(world.cards) > 1_000
    for code in ("own_interest", "similar_to_own", "popular", "in_own_grid", "general"):
        assert told[ReasonCode(code)] > 10, told


def test_the_part_that_cites_speaks_for_the_item(world):
    for card in world.cards:
        code = card.shown.reason.code
        assert code is ReasonCode.GENERAL or cited_by(card, code)


def test_without_what_is_cited_the_item_stands_lower(world):
    for card in world.cards:
        reason = card.shown.reason
        if reason.code not in {ReasonCode.GENERAL, ReasonCode.POPULAR}:
            assert is_true(world.model, card, reason), reason


def test_places_and_hours_one_knows_are_cited_truly(regulars):
    items = regulars.view.items
    for code in (ReasonCode.OWN_VENUE, ReasonCode.OWN_TIME):
        assert len(regulars.some(code)) > 10
        for card in regulars.some(code):
            assert is_true(regulars.model, card, card.shown.reason), card.shown.reason
            own = int(np.flatnonzero(items.ids == card.shown.reason.slots["item"])[0])
            if code is ReasonCode.OWN_VENUE:
                assert items.lat[own] == items.lat[card.shown.row]
                assert items.lon[own] == items.lon[card.shown.row]
            else:
                apart = abs(int(items.starts[own] // 3600 - items.starts[card.shown.row] // 3600))
                assert min(apart % 168, -apart % 168) <= 1


def test_what_is_popular_would_be_less_so_without_those_counted(world):
    """And those counted are 20 at least, in the bucket that is told."""
    X, bounds = (
        world.view.interactions,
        {"20-50": (20, 50), "50-200": (50, 200), "200+": (200, 9e9)},
    )
    scorer = next(s for s in world.model.scorers if s.name == "popular")
    for row, bucket in {
        (card.shown.row, card.shown.reason.slots["bucket"])
        for card in world.some(ReasonCode.POPULAR)
    }:
        people = int(((X.indices == row) & (X.data >= 2.0)).sum())
        low, high = bounds[bucket]
        assert low <= people < high
        nobody = X.copy()
        nobody.data[X.indices == row] = 0.0
        alone = PopularScorer().fit(replace(world.view, interactions=nobody), seed=0)
        assert alone.score_[row] < scorer.score_[row]


def test_a_grid_is_cited_only_where_20_live(world):
    living = np.bincount(world.view.grid[(world.view.grid >= 0) & world.view.active])
    for card in world.some(ReasonCode.IN_OWN_GRID):
        grid = int(card.query.grid[0])
        assert int(world.view.items.grid[card.shown.row]) == grid
        assert living[grid] >= 20


def test_only_what_is_ones_own_is_cited(world):
    for card in world.cards:
        slots = card.shown.reason.slots
        if "item" in slots:
            assert slots["item"] in card.query.items.ids[card.query.history.indices]
        for slot, profile in (("interest", card.query.interests), ("offer", card.query.offers)):
            if slot in slots:
                assert WORDS[slot].index(slots[slot]) in profile.indices


def test_a_wrong_citation_is_found(world):
    """The positive control: another interest of the resident's, which the item is not about."""
    asked = 0
    for card in world.cards:
        tags = world.view.items.tags[[card.shown.row]].indices
        for word in set(card.query.interests.indices.tolist()) - set(tags.tolist()):
            wrong = Reason(ReasonCode.OWN_INTEREST, {"interest": interests().codes[word]})
            assert not is_true(world.model, card, wrong)
            asked += 1
            break
    assert asked > 500


def test_not_every_own_item_will_do(world):
    """The control for own items: citing any other one is found out now and then."""
    found = []
    for card in world.some(ReasonCode.SIMILAR_TO_OWN)[:100]:
        for own in card.query.history.indices[:3]:
            other = Reason(ReasonCode.SIMILAR_TO_OWN, {"item": str(card.query.items.ids[own])})
            found.append(is_true(world.model, card, other))
    assert 0 < sum(found) < len(found)


@pytest.mark.parametrize("code", [ReasonCode.OWN_VENUE, ReasonCode.OWN_TIME])
def test_another_place_or_hour_will_not_do(regulars, code):
    """The control for both: any other own item in place of the one cited is mostly found out."""
    found = []
    for card in regulars.some(code):
        for item in card.query.items.ids[card.query.history.indices].tolist():
            if item != card.shown.reason.slots["item"]:
                found.append(is_true(regulars.model, card, Reason(code, {"item": item})))
    assert 2 * sum(found) < len(found)


def test_every_card_has_a_reason_in_both_languages(rich_home, world):
    with open_floors(load_config(home=rich_home), clock=FixedClock(NOW)) as floors:
        moment, service = floors.live.catch_up(), FeedService(floors)
        seen = set()
        for resident in moment.snapshot.resident_ids[::20].tolist():
            for card in service.own(resident, (), 20).cards:
                assert card.reason is not None
                seen.add(card.reason.code)
                texts = [MESSAGES[language].reason(card.reason) for language in Language]
                assert all(text and "{" not in text for text in texts)
                assert len(set(texts)) == len(Language)
    assert len(seen) > 3
