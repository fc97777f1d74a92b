"""What residents decide of their own data: the next request in every process obeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import graph.own_word
from api.services import viewing
from graph.gate import GraphStore, open_graph
from graph.model import ResidentId
from graph.vocabulary import interests, source
from jobs import steps
from tests.contract.store_data import link
from tests.integration.demo_world import Instance, Person, new_key, problem_name, web_process

TAICHI, ABSENT = "taichi", "no-such-word"


@pytest.fixture
def mine(web: Instance) -> Person:
    return web.sign_in(web.residents(1)[0])


@pytest.fixture
def elsewhere(other: Instance, mine: Person) -> Person:
    """The same resident, at another web process."""
    return other.sign_in(mine.resident)


@contextmanager
def graph_of(web: Instance) -> Iterator[GraphStore]:
    with open_graph(web.floors.site.config.graph_url, ledger=web.floors.ledger, holder="t") as one:
        yield one.store


def switch(person: Person, *, on: bool, key: str | None = None):
    path = f"/api/v1/residents/{person.resident}/personalisation"
    return person.client.put(path, json={"on": on}, headers=person.headers(key))


def tag(person: Person, code: str, *, held: bool, list_: str = "interests"):
    path = f"/api/v1/residents/{person.resident}/tags/{list_}/{code}"
    ask = person.client.put if held else person.client.delete
    return ask(path, headers=person.headers())


def tags(person: Person, list_: str = "interests") -> set[str]:
    found = person.client.get(f"/api/v1/residents/{person.resident}/tags").json["tags"]
    return {one["code"] for one in found if one["list"] == list_}


def order(feed) -> list[str]:
    return [card["item_id"] for card in feed["cards"]]


class TestPersonalListsOff:
    def test_off_acts_at_the_next_request_of_every_process_and_on_brings_all_back(
        self, web: Instance, mine: Person, elsewhere: Person
    ):
        before = elsewhere.feed(n=50)
        assert before["personalised"] is True
        program = web.key("operator", "feed:read")
        path = f"/api/v1/residents/{mine.resident}/feed"
        assert program.get(path).json["personalised"] is True
        assert switch(mine, on=False).json == {"on": False}
        off = elsewhere.feed(n=50)
        assert off["personalised"] is program.get(path).json["personalised"] is False
        assert len(off["cards"]) >= 5  # still useful
        own = {"own_interest", "own_offer", "own_group", "similar_to_own", "own_venue", "own_time"}
        assert not {card["reason"]["code"] for card in off["cards"]} & own
        assert any(card["walk_minutes"] is not None for card in off["cards"])  # near is still told
        assert switch(mine, on=True).json == {"on": True}
        assert order(elsewhere.feed(n=50)) == order(before)

    def test_two_residents_of_one_grid_get_one_list_but_for_what_they_did_with_items(
        self, web: Instance
    ):
        moment = web.floors.live.catch_up()
        by_grid: dict[int, list[ResidentId]] = {}
        for who in web.residents(20):
            by_grid.setdefault(int(moment.snapshot.grid[moment.resident_row(who)]), []).append(who)
        two = next(people[:2] for people in by_grid.values() if len(people) > 1)
        lists, touched = [], set()
        for who in two:
            person = web.sign_in(who)
            history = moment.history(moment.resident_row(who))
            touched |= set(moment.items.ids[history.items].tolist())
            assert switch(person, on=False).status_code == 200
            lists.append(order(person.feed(n=50)))
        one, other = ([item for item in items if item not in touched] for items in lists)
        assert one == other != []

    def test_two_taps_on_the_pages_and_each_says_so(self, mine: Person, elsewhere: Person):
        page = mine.client.get("/mine").text  # the first tap
        assert "关闭个性化推荐" in page
        form = {"csrf": mine.csrf, "key": "k" * 20, "on": "0", "back": "mine"}
        answer = mine.client.post("/data/personal", data=form)  # the second
        assert (answer.status_code, answer.location) == (303, "/mine#personal")
        assert "打开个性化推荐" in elsewhere.client.get("/mine").text
        feed = elsewhere.client.get("/").text
        assert "没有用您的个人资料" in feed or "您住的这一片" in feed
        assert mine.client.post("/data/personal", data=form | {"csrf": "x"}).status_code == 403
        for wrong in ({"on": "2"}, {"key": "x"}):
            assert mine.client.post("/data/personal", data=form | wrong).status_code == 400

    def test_off_outlasts_new_snapshots_models_and_processes_and_later_grants(
        self, web: Instance, mine: Person, demo_home, clock
    ):
        switch(mine, on=False)
        with graph_of(web) as store:
            steps.take_snapshot(web.floors.site, store)
            steps.take_snapshot(web.floors.site, store)  # the event is in the log now
        steps.train(web.floors.site)
        body = {"category": "help", "purpose": "feed"}
        path = f"/api/v1/residents/{mine.resident}/grants"
        assert mine.client.post(path, json=body, headers=mine.headers()).status_code == 201
        with web_process(demo_home, clock) as later:
            assert later.sign_in(mine.resident).feed()["personalised"] is False
        assert mine.feed()["personalised"] is False

    def test_a_retry_does_not_turn_off_again_what_was_turned_on_since(self, mine: Person):
        key = new_key()
        assert switch(mine, on=False, key=key).status_code == 200
        assert switch(mine, on=True).status_code == 200
        assert switch(mine, on=False, key=key).json == {"on": True}
        assert problem_name(switch(mine, on=True, key=key)) == "idempotency-conflict"

    def test_positive_control_without_the_check_the_feed_stays_personal(
        self, mine: Person, monkeypatch: pytest.MonkeyPatch
    ):
        before = mine.feed(n=50)
        switch(mine, on=False)
        monkeypatch.setattr(viewing, "as_wanted", lambda moment, row, granted: granted)
        assert order(mine.feed(n=50)) == order(before) != []


class TestOwnTags:
    def test_a_chosen_and_a_deleted_word_act_at_the_next_request_of_the_other_process(
        self, web: Instance, mine: Person, elsewhere: Person
    ):
        codes = {t for one in elsewhere.feed(n=50)["cards"] for t in about(web, one["item_id"])}
        new = next(code for code in sorted(codes) if code not in tags(mine))
        assert new in {t["code"] for t in tag(mine, new, held=True).json["tags"]}
        assert new in tags(elsewhere)
        assert cited(elsewhere, new)
        assert tag(mine, new, held=False).status_code == 200
        assert new not in tags(elsewhere)
        assert not cited(elsewhere, new)

    def test_a_deleted_word_does_not_return_by_a_later_import_or_a_new_graph(
        self, web: Instance, mine: Person, monkeypatch: pytest.MonkeyPatch
    ):
        gone = sorted(tags(mine))[0]
        assert tag(mine, gone, held=False).status_code == 200
        bring_back(web, mine, gone)
        with graph_of(web) as store:
            steps.take_snapshot(web.floors.site, store)
            assert gone not in tags(mine)
            grown = graph_edges(store, mine)
            steps.rebuild(web.floors.site, store)
            assert graph_edges(store, mine) == grown
            assert gone not in grown
            # positive control: without precedence it is back
            monkeypatch.setattr(graph.own_word, "overruled", lambda changes, told: changes)
            bring_back(web, mine, gone, n=2)
            steps.take_snapshot(web.floors.site, store)
        assert gone in tags(mine)

    def test_words_outside_the_lists_and_other_peoples_words_are_refused(
        self, web: Instance, mine: Person
    ):
        assert problem_name(tag(mine, ABSENT, held=True)) == "not-found"
        assert problem_name(tag(mine, TAICHI, held=True, list_="religions")) == "not-found"
        form = {"csrf": mine.csrf, "key": "k" * 20, "choose": f"interests/{ABSENT}"}
        assert mine.client.post("/data/tags", data=form).status_code == 404
        assert mine.client.post("/data/tags", data=form | {"csrf": ""}).status_code == 403

    def test_the_page_says_what_was_done_and_shows_it(self, mine: Person):
        (code, *_) = sorted(tags(mine))
        form = {"csrf": mine.csrf, "key": "k" * 20, "delete": f"interests/{code}"}
        answer = mine.client.post("/data/tags", data=form)
        assert answer.status_code == 303
        page = mine.client.get(answer.location).text
        assert "以后不会自己回来" in page
        assert f'name="choose" value="interests/{code}"' in page


def about(web: Instance, item: str) -> list[str]:
    moment = web.floors.live.catch_up()
    columns = moment.items.tags[[moment.item_row(item)]].indices
    return [interests().codes[column] for column in columns]


def cited(person: Person, code: str) -> bool:
    label = interests()[code].label_zh
    reasons = [card["reason"] for card in person.feed(n=50)["cards"]]
    return any(one["labels"].get("interest", {}).get("zh") == label for one in reasons)


def graph_edges(store: GraphStore, person: Person) -> set[str]:
    table = store.relationships("INTERESTED_IN", "Resident", "Interest").to_pylist()
    return {line["end"] for line in table if line["start"] == person.resident}


def bring_back(web: Instance, person: Person, code: str, n: int = 1) -> None:
    """Import a file that says the resident has this interest."""
    said = {"weight": 0.9, "origin": "inferred"}
    change = link("INTERESTED_IN", "Resident", person.resident, "Interest", code, **said)
    ledger, at = web.floors.ledger, web.clock()
    with ledger.write() as tx:
        batch = ledger.imports.begin(
            tx, kind="small", file_hash=str(n), source=source("synthetic-city"), at=at
        )
        ledger.imports.stage(tx, batch.id, 0, [change])
        ledger.imports.commit(tx, batch.id, at)
