"""A tap folded in at once comes closer to a full refit than a list that waits for the night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from api.services.viewing import own_categories, view_as
from graph.gate import open_graph, training_view
from graph.model import InteractionKind, ResidentId
from jobs import steps
from recommender.base import Query
from recommender.fitted import FittedModel
from recommender.selection import Selection
from recommender.training import fit, train
from tests.conftest import FixedClock
from tests.integration.demo_world import Instance, web_process
from tests.integration.test_rebuild import tap
from tests.sizes import Sizes

FAR_DOWN = 25
"""Place of the liked card: far from the top, so that the list has something to change."""


@pytest.fixture
def web(rich_home: Path, clock: FixedClock) -> Iterator[Instance]:
    """A web process where a list has much to order."""
    with web_process(rich_home, clock) as instance:
        yield instance


def query_of(web: Instance, resident: ResidentId) -> Query:
    moment = web.floors.live.catch_up()
    row = moment.resident_row(resident)
    permitted = own_categories(web.floors, moment, row)
    return view_as(web.floors, moment, resident, permitted).query


def ranking(web: Instance, resident: ResidentId, model: FittedModel | None = None) -> list[str]:
    """Every candidate, best first, as a model has them; by default the served one."""
    query, recommender = query_of(web, resident), web.floors.models.current()
    rows = recommender.source.candidates(query)
    scores = (model or recommender.model).score(query, rows)[0]
    order = np.lexsort((rows, -scores))
    return [str(query.items.ids[row]) for row in rows[order]]


def unknown_of(web: Instance, resident: ResidentId, ranked: Sequence[str]) -> list[str]:
    """Those with which the resident never had to do."""
    query = query_of(web, resident)
    known = {str(query.items.ids[row]) for row in query.history.indices}
    return [item for item in ranked if item not in known]


def disorder(one: Sequence[str], other: Sequence[str]) -> float:
    """Kendall's distance: share of the pairs of common items that stand the other way round."""
    place = {item: n for n, item in enumerate(other)}
    at = np.array([place[item] for item in one if item in place])
    turned = np.triu(at[:, None] > at[None, :], 1).sum()
    return float(turned / (len(at) * (len(at) - 1) / 2))


def test_a_like_moves_more_than_its_own_card_and_towards_the_refit(web: Instance, sizes: Sizes):
    people = web.residents(10 * sizes.repeats)
    liked: dict[str, str] = {}
    old, new = {}, {}
    for who in people:
        old[who] = ranking(web, who)
        liked[who] = unknown_of(web, who, old[who][FAR_DOWN:])[0]
        tap(web, who, liked[who], InteractionKind.LIKE)
        new[who] = ranking(web, who)
        others = [[item for item in ranks if item != liked[who]] for ranks in (old[who], new[who])]
        assert others[0] != others[1], "the like changed nothing but the place of its own card"
    for refitted in refits(web):
        refit = {who: ranking(web, who, refitted) for who in people}
        stale = np.mean([disorder(old[who], refit[who]) for who in people])
        folded = np.mean([disorder(new[who], refit[who]) for who in people])
        assert folded < stale
        closer = [len(set(new[who][:10]) & set(refit[who][:10])) for who in people]
        farther = [len(set(old[who][:10]) & set(refit[who][:10])) for who in people]
        assert np.mean(closer) >= np.mean(farther)  # one like seldom moves anything across ten
        if refitted.blend == web.floors.models.current().model.blend:
            # What is left is what the likes of thirty people change for everybody.
            assert folded < 0.8 * stale


def refits(web: Instance) -> Iterator[FittedModel]:
    """The model fitted again with the likes: as it was chosen, and with everything chosen anew."""
    site = web.floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
        steps.take_snapshot(site, lease.store)
    snapshot = web.floors.live.catch_up().snapshot
    view = training_view(site.gate, site.ledger, site.actor, snapshot)
    served = web.floors.models.current().model
    as_chosen = Selection(served.blend, {s.name: s.config() for s in served.scorers})
    yield fit(view, as_chosen, seed=served.seed)
    yield train(view, seed=served.seed)


def test_the_served_list_changes_in_another_place_than_the_liked_card(web: Instance):
    """Through the door: what a person sees after a like on a card far down."""
    people = web.residents(6)
    changed = []
    for who in people:
        person = web.sign_in(who)
        before = [card["item_id"] for card in person.feed(n=50)["cards"]]
        liked = unknown_of(web, who, before)[-1]
        assert person.act(liked, "like").status_code == 202
        after = [card["item_id"] for card in person.feed(n=50)["cards"]]
        changed.append([i for i in before if i != liked] != [i for i in after if i != liked])
    assert changed == [True] * len(people)


def test_a_like_of_something_that_opened_after_training_counts_too(web: Instance):
    """The next list knows what the new item is about."""
    who, new = web.residents(1)[0], "operator.chess"
    publisher = web.key("operator", "items:write")
    body = {
        "title": "象棋角",
        "state": "open",
        "starts_at": (web.clock() + timedelta(days=3)).isoformat(),
        "interests": ["xiangqi"],
    }
    answer = publisher.put(f"/api/v1/activities/{new}", body)
    assert answer.status_code == 201, answer.text
    before = ranking(web, who)
    tap(web, who, new, InteractionKind.LIKE)
    after = ranking(web, who)
    assert [item for item in after if item != new] != [item for item in before if item != new]
