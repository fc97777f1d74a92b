"""The operator sets a weight of re-ranking, trains, and sees it and what it did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from api.services.feed import FeedService
from graph.model import ItemKind
from graph.view import ITEM_KINDS
from jobs import steps
from recommender.base import Recommendation
from recommender.ranking import Weights
from tests.conftest import FixedClock
from tests.factories import operator
from tests.integration.demo_world import web_process

HELPER = ITEM_KINDS.index(ItemKind.HELPER_ROLE)


def test_a_weight_of_the_settings_is_trained_into_the_model(
    rich_home: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LINLI_WEIGHTS", "helper=9 dominance=0")
    with web_process(rich_home, clock) as web:
        service, kinds = FeedService(web.floors), web.floors.live.catch_up().items.kind

        def firsts() -> list[Recommendation]:
            """What comes first for some residents."""
            feeds = [service.for_actor(operator(), one, n=1)[0] for one in web.residents(20)]
            return [feed.recommendations[0] for feed in feeds]

        before = firsts()
        steps.train(web.floors.site)
        weights = web.floors.models.current().model.reranker.weights
        assert weights == replace(Weights(), helper=9.0, dominance=0.0)
        after = firsts()
    roles = [sum(kinds[one.row] == HELPER for one in shown) for shown in (before, after)]
    assert roles[0] < roles[1]
    for one in after:
        assert one.gains["helper"] == (9.0 if kinds[one.row] == HELPER else 0.0)
        assert one.gains["dominance"] == 0.0
