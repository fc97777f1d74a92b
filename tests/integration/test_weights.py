"""The operator sets a weight of re-ranking, trains, and sees it and what it did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from api.services.feed import FeedService
from api.wiring import load_config, open_floors
from graph.model import ItemKind, ResidentId
from graph.view import ITEM_KINDS
from jobs import steps
from recommender.base import Recommendation
from recommender.ranking import Weights
from tests.conftest import FixedClock
from tests.factories import NOW, operator

HELPER = ITEM_KINDS.index(ItemKind.HELPER_ROLE)


def test_a_weight_of_the_settings_is_trained_into_the_model(rich_home: Path):
    config = load_config(home=rich_home, weights="helper=9 dominance=0")
    with open_floors(config, clock=FixedClock(NOW)) as floors:
        moment, service = floors.live.catch_up(), FeedService(floors)

        def firsts() -> list[Recommendation]:
            """What comes first for some residents."""
            feeds = [service.for_actor(operator(), ResidentId(r), n=1)[0] for r, _ in asked]
            return [feed.recommendations[0] for feed in feeds]

        asked = moment.most_active(400)[100::20]
        before = firsts()
        steps.train(floors.site)
        weights = floors.models.current().model.reranker.weights
        assert weights == replace(Weights(), helper=9.0, dominance=0.0)
        after = firsts()
    roles = [
        sum(moment.items.kind[one.row] == HELPER for one in shown) for shown in (before, after)
    ]
    assert roles[0] < roles[1]
    for one in after:
        role = bool(moment.items.kind[one.row] == HELPER)
        assert one.gains["helper"] == (9.0 if role else 0.0)
        assert one.gains["dominance"] == 0.0
