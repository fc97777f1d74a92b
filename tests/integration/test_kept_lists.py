"""A list that was kept is the list that would be made now, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from api.services.feed import FeedService
from api.services.kept_lists import KeptLists
from graph.gate import open_graph
from graph.model import ItemKind, ResidentId
from jobs import steps
from tests.integration.demo_world import Instance, activity, new_key


class Counted(KeptLists):
    """Counts how often a list was made."""

    made = 0

    def get(self, basis, make):
        def counted():
            self.made += 1
            return make()

        return super().get(basis, counted)


@pytest.fixture
def feeds(web: Instance) -> FeedService:
    made = FeedService(web.floors)
    made._kept = Counted()
    return made


def items(feeds: FeedService, resident: str) -> list[str]:
    return [card.item_id for card in feeds.own(ResidentId(resident), (), 20).cards]


def test_what_stays_the_same_is_made_once(web: Instance, feeds: FeedService):
    who, other = web.residents(2)
    lists = [items(feeds, who) for _ in range(5)]
    assert lists == [lists[0]] * 5
    assert feeds._kept.made == 1
    items(feeds, other)
    feeds.own(ResidentId(who), (ItemKind.GROUP,), 20)
    feeds.own(ResidentId(who), (), 5)
    assert feeds._kept.made == 4
    web.sign_in(other).act(lists[0][0], "like")  # nobody's single act shows in another's list
    items(feeds, who)
    assert feeds._kept.made == 4


def own_like(web: Instance, who: str, shown: list[str]) -> None:
    web.sign_in(who).act(shown[0], "like")


def own_dismissal(web: Instance, who: str, shown: list[str]) -> None:
    web.sign_in(who).act(shown[0], "dismiss")


def own_grants(web: Instance, who: str, shown: list[str]) -> None:
    ledger = web.floors.ledger
    with ledger.write() as tx:
        ledger.grants.withdraw(
            tx,
            ResidentId(who),
            institution=None,
            category=None,
            purpose=None,
            at=web.clock(),
            key=new_key(),
        )


def others_grants(web: Instance, who: str, shown: list[str]) -> None:
    own_grants(web, web.residents(2)[1], shown)


def seats(web: Instance, who: str, shown: list[str]) -> None:
    item = web.item(ItemKind.ACTIVITY, seats=True)
    answer = web.sign_in(web.residents(2)[1]).sign_up(item)
    assert answer.status_code in {200, 201}


def new_item(web: Instance, who: str, shown: list[str]) -> None:
    program = web.key("operator", "items:write")
    answer = program.put("/api/v1/activities/new-walk", activity())
    assert answer.status_code in {200, 201, 202}, answer.text


def time(web: Instance, who: str, shown: list[str]) -> None:
    web.clock.advance(days=2)


def snapshot(web: Instance, who: str, shown: list[str]) -> None:
    own_like(web, who, shown)
    site = web.floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
        steps.take_snapshot(site, lease.store)


def model(web: Instance, who: str, shown: list[str]) -> None:
    snapshot(web, who, shown)
    steps.train(web.floors.site)


@pytest.mark.parametrize(
    "happens",
    [
        own_like,
        own_dismissal,
        own_grants,
        others_grants,
        seats,
        new_item,
        time,
        snapshot,
        model,
    ],
)
def test_what_changes_a_list_is_seen_by_the_next_look(
    web: Instance, feeds: FeedService, happens: Callable[[Instance, str, list[str]], None]
):
    who = web.residents(1)[0]
    before = items(feeds, who)
    happens(web, who, before)
    after = items(feeds, who)
    assert after == items(FeedService(web.floors), who)
    assert feeds._kept.made == 2
