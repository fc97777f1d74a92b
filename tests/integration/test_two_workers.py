"""Two web processes on one home: what one acknowledged, the other shows at its next request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.wiring import load_config, open_floors
from tests.integration.serving import (
    Browser,
    Pass,
    Server,
    generous_residents,
    new_api_key,
    new_key,
    served,
    sign_in,
)

ONE = ("--no-jobs", "--workers", "1")
LIKES = 4
"""How many of the last ones in a list somebody likes; lists of this small city have 6 to 8."""


@pytest.fixture(scope="module")
def home(city_today: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.integration.demo_world import copy_home

    return copy_home(city_today, tmp_path_factory.mktemp("two") / "home")


@pytest.fixture(scope="module")
def servers(home: Path) -> Iterator[tuple[Server, Server]]:
    with served(home, *ONE) as one, served(home, *ONE) as other:
        yield one, other


@pytest.fixture(scope="module")
def people(home: Path) -> list[Pass]:
    with open_floors(load_config(home=home)) as floors:
        return sign_in(floors, generous_residents(floors, 10))


def order(feed) -> list[str]:
    return [card["item_id"] for card in feed["cards"]]


def test_likes_change_the_next_feed_of_the_other_process(servers, people: list[Pass]):
    one, other = servers
    moved = 0
    for person in people[:5]:
        here, there = Browser(one.port, person), Browser(other.port, person)
        before = there.feed(person.resident)
        last = [card for card in before["cards"] if card["state"] == "none"][-LIKES:]
        for card in last:
            body = {"resident": person.resident, "item": card["item_id"], "kind": "like"}
            body["rec_id"] = card["rec_id"]
            answer = here.ask("POST", "/api/v1/interactions", body, key=new_key())
            assert answer.status == 202
        after = there.feed(person.resident)
        liked = {card["item_id"] for card in last}
        states = {card["item_id"]: card["state"] for card in after["cards"]}
        assert {states.get(item, "liked") for item in liked} == {"liked"}
        rest = [[i for i in order(feed) if i not in liked] for feed in (before, after)]
        moved += rest[0] != rest[1]
        assert order(here.feed(person.resident)) == order(after)
        here.close()
        there.close()
    assert moved >= 3  # of a few things, some people's keep a clear order


def test_a_switch_and_a_tag_act_in_the_other_process_at_its_next_request(
    servers, people: list[Pass]
):
    one, other = servers
    person = people[6]
    here, there = Browser(one.port, person), Browser(other.port, person)
    path = f"/api/v1/residents/{person.resident}"

    def tags() -> set[str]:
        return {tag["code"] for tag in there.get(f"{path}/tags").json["tags"]}

    assert there.feed(person.resident)["personalised"] is True
    for on in (False, True):
        assert here.ask("PUT", f"{path}/personalisation", {"on": on}, key=new_key()).status == 200
        assert there.feed(person.resident)["personalised"] is on
    gone = sorted(tags())[0]
    assert here.ask("DELETE", f"{path}/tags/interests/{gone}", key=new_key()).status == 200
    assert gone not in tags()
    assert here.ask("PUT", f"{path}/tags/interests/{gone}", key=new_key()).status == 200
    assert gone in tags()
    for browser in (here, there):
        browser.close()


def test_a_withdrawn_grant_acts_in_the_other_process_at_its_next_request(
    servers, people: list[Pass], home: Path
):
    one, other = servers
    person = people[5]
    with open_floors(load_config(home=home)) as floors:
        key = new_api_key(floors, "operator", "feed:read")
    here, there = Browser(one.port, person), Browser(other.port, person)
    program = Browser(other.port, api_key=key)
    path = f"/api/v1/residents/{person.resident}"
    assert there.feed(person.resident)["personalised"] is True
    assert program.get(f"{path}/feed").status == 200
    answer = here.ask("DELETE", f"{path}/grants", key=new_key())
    assert answer.status == 200
    assert answer.json["withdrawn"] > 0
    assert program.get(f"{path}/feed").status == 403
    feed = there.feed(person.resident)
    assert feed["personalised"] is False
    assert {card["walk_minutes"] for card in feed["cards"]} == {None}
    for browser in (here, there, program):
        browser.close()
