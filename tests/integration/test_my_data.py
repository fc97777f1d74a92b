"""What residents decide of their own data: the next request in every process obeys."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import graph.own_word
from api.services import own_export, viewing
from graph.gate import GraphStore, open_graph
from graph.model import Change, ItemKind, RelationshipChange, ResidentId
from graph.vocabulary import interests, source
from jobs import steps
from tests.contract.store_data import link, put
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
        self, web: Instance, other: Instance
    ):
        # of the least active: for others, what they did may count more than what they say
        mine = web.sign_in(web.residents(200)[-1])
        elsewhere = other.sign_in(mine.resident)
        codes = {t for one in elsewhere.feed(n=50)["cards"] for t in about(web, one["item_id"])}
        new = None
        for code in sorted(codes - set(tags(mine))):
            assert code in {t["code"] for t in tag(mine, code, held=True).json["tags"]}
            assert code in tags(elsewhere)
            if cited(elsewhere, code):  # else something stronger speaks for what it is about
                new = code
                break
        assert new is not None
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


class TestWithdrawing:
    def test_two_taps_from_the_list_and_the_next_request_elsewhere_obeys(
        self, mine: Person, elsewhere: Person
    ):
        assert elsewhere.feed()["personalised"] is True
        page = mine.client.get("/data/grants").text
        one = "institution=operator&amp;purpose=feed&amp;category=interest"
        assert f'href="/data/grants/withdraw?{one}"' in page  # the first tap
        asked = {"institution": "operator", "purpose": "feed", "category": "interest"}
        assert "确定收回" in mine.client.get("/data/grants/withdraw", query_string=asked).text
        form = asked | {"csrf": mine.csrf, "key": "k" * 20}
        assert mine.client.post("/data/grants/withdraw", data=form).status_code == 303
        assert one not in elsewhere.client.get("/data/grants").text
        assert not any(
            card["reason"]["code"] == "own_interest" for card in elsewhere.feed(n=50)["cards"]
        )
        everything = {"institution": "operator", "purpose": "feed"} | {
            k: form[k] for k in ("csrf", "key")
        }
        everything["key"] = "j" * 20
        assert mine.client.post("/data/grants/withdraw", data=everything).status_code == 303
        assert elsewhere.feed()["personalised"] is False

    @pytest.mark.parametrize("category", ["interest", "attendance", "grid", None])
    def test_what_if_tells_the_very_list_that_a_withdrawal_then_gives(
        self, mine: Person, elsewhere: Person, category: str | None
    ):
        path = f"/api/v1/residents/{mine.resident}/grants"
        asked = {"purpose": "feed"} | ({"category": category} if category else {})
        told = mine.client.get(f"{path}/what-if", query_string=asked).json
        assert told["feed_concerned"] is True
        assert told["personalised_after"] is (category is not None)
        gone = {card["item_id"] for card in told["gone"]}
        assert gone == set(order({"cards": told["before"]})) - set(order({"cards": told["after"]}))
        answer = mine.client.delete(path, query_string=asked, headers=mine.headers())
        assert answer.json["withdrawn"] > 0
        now = elsewhere.feed(n=10)["cards"]
        places = min(len(now), len(told["after"]))
        if category in {None, "interest", "attendance"}:  # else the last place is left to the lot
            places_told = order({"cards": told["after"]})
            assert order({"cards": now})[:places] == places_told[:places]
        assert places >= 3

    def test_what_if_leaves_no_trace(self, web: Instance, mine: Person):
        path = f"/api/v1/residents/{mine.resident}/grants/what-if"
        assert mine.client.get("/data").status_code == 200  # the session's use is noted now
        before = trace(web)
        for category in ("interest", "grid", "occupation"):
            assert mine.client.get(path, query_string={"category": category}).status_code == 200
        page = "/data/grants/withdraw?institution=operator&purpose=feed"
        assert mine.client.get(page).status_code == 200
        assert trace(web) == before
        mine.act(web.item(ItemKind.GROUP), "like")
        assert trace(web) != before  # positive control: an act leaves one

    def test_uses_that_do_not_concern_the_feed_say_so(self, mine: Person):
        path = f"/api/v1/residents/{mine.resident}/grants/what-if"
        for asked in ({"purpose": "statistics"}, {"institution": "clinic"}):
            told = mine.client.get(path, query_string=asked | {"category": "interest"}).json
            assert (told["feed_concerned"], told["gone"]) == (False, [])
            assert told["before"] == told["after"]
        answer = mine.client.get(path, query_string={"category": "health"})
        assert (answer.status_code, problem_name(answer)) == (400, "unfit-data")

    def test_the_pages_refuse_what_they_cannot_read(self, mine: Person):
        wrong_ones = ("", "?purpose=feed", "?institution=x&purpose=y", "?purpose=feed&category=z")
        for wrong in wrong_ones:
            assert mine.client.get(f"/data/grants/withdraw{wrong}").status_code == 400
        form = {"institution": "operator", "purpose": "feed", "key": "k" * 20}
        assert mine.client.post("/data/grants/withdraw", data=form).status_code == 403


class TestFacts:
    def test_every_fact_has_a_source_a_day_a_level_and_who_may_use_it(self, mine: Person):
        groups = {group["category"]: group for group in facts(mine)["groups"]}
        assert {"interest", "identity", "grid", "attendance"} <= groups.keys()
        assert groups["interest"]["level"] == "S1"
        assert {"operator"} == {use["institution"] for use in groups["interest"]["uses"]}
        assert "feed" in {use["purpose"] for use in groups["interest"]["uses"]}
        found = [fact for group in groups.values() for fact in group["facts"]]
        assert all(fact["source"] and fact["as_of"] and fact["basis"] for fact in found)
        assert len({fact["name"] for fact in found}) == len(found) > 10
        held = {f["name"].partition("/")[2] for f in found if f["kind"] == "INTERESTED_IN"}
        assert held == tags(mine)

    def test_no_fact_names_another_resident(self, web: Instance):
        everybody = set(web.floors.live.catch_up().resident_rows)
        ties = 0
        for who in web.residents(5):
            person = web.sign_in(who)
            for text in (
                person.client.get(f"/api/v1/residents/{who}/facts").text,
                person.client.get("/data/facts").text,
                person.client.get("/data/export/json").text,
                person.client.get("/data/export/csv").text,
            ):
                ties += "KNOWS" in text
                assert [other for other in everybody - {who} if other in text] == []
        assert ties  # there was somebody to name

    def test_a_tap_and_a_word_of_ones_own_show_at_once_in_the_other_process(
        self, web: Instance, mine: Person, elsewhere: Person
    ):
        item = web.item(ItemKind.SERVICE)
        assert mine.act(item, "like").status_code == 202
        new = next(code for code in interests().codes if code not in tags(mine))
        tag(mine, new, held=True)
        found = {fact["name"]: fact for fact in listed(elsewhere)}
        assert found[f"like/{item}"]["source"] == "linli-app"
        assert found[f"INTERESTED_IN/{new}"]["source"] == "linli-app"
        assert found[f"INTERESTED_IN/{new}"]["correct"] == "tags"

    def test_a_corrected_fact_counts_at_once_and_a_later_import_does_not_change_it_back(
        self, web: Instance, mine: Person, elsewhere: Person
    ):
        assert tell(mine, "birth_year", 1941).status_code == 200
        assert tell(mine, "WORKS_AS", "112").status_code == 200
        for kind, value in (("birth_year", "1941"), ("WORKS_AS", None)):
            (fact,) = [one for one in listed(elsewhere) if one["kind"] == kind]
            assert fact["source"] == "linli-app"
            assert value in {None, fact["value"]["zh"]}
        bring(web, [put("Resident", mine.resident, birth_year=1999, walk_limit=777), works(mine)])
        with graph_of(web) as store:
            steps.take_snapshot(web.floors.site, store)
            grown = node_of(store, mine)
            steps.rebuild(web.floors.site, store)
            assert node_of(store, mine) == grown
        found = {fact["kind"]: fact for fact in listed(elsewhere)}
        assert found["birth_year"]["value"]["zh"] == "1941"
        assert found["walk_limit"]["value"]["zh"] == "777"  # what was not told is renewed
        assert found["WORKS_AS"]["name"] == "WORKS_AS/112"
        row = web.floors.live.catch_up().resident_row(ResidentId(mine.resident))
        assert web.floors.live.catch_up().snapshot.birth_year[row] == 1941

    def test_what_is_no_correction_is_refused(self, mine: Person):
        before = listed(mine)
        for kind, value, status in (
            ("birth_year", 1066, 400),
            ("birth_year", "x", 400),
            ("WORKS_AS", "no-such-work", 404),
            ("id_number", "1", 404),
            ("status", "moved", 404),
            ("languages", "x" * 101, 422),
            ("walk_limit", 2.5, 422),
        ):
            assert tell(mine, kind, value).status_code == status, (kind, value)
        assert listed(mine) == before

    def test_a_fact_of_the_register_is_complained_of_with_a_due_day(self, mine: Person):
        (name,) = [f["name"] for f in listed(mine) if f["kind"] == "status"]
        path = f"/api/v1/residents/{mine.resident}/facts/complaints"
        body = {"name": name, "words": "我没有搬走"}
        made = mine.client.post(path, json=body, headers=mine.headers()).json
        assert (made["matter"], made["state"], made["overdue"]) == ("fact", "open", False)
        (fact,) = [one for one in listed(mine) if one["name"] == name]
        assert fact["complaint"] == made
        answer = mine.client.post(path, json={"name": "none"}, headers=mine.headers())
        assert answer.status_code == 404
        form = {"csrf": mine.csrf, "name": name, "words": ""}
        assert mine.client.post("/data/facts/complaint", data=form).status_code == 303
        assert "最晚" in mine.client.get("/data/facts").text

    def test_the_page_corrects_by_its_form(self, mine: Person):
        form = {"csrf": mine.csrf, "key": "k" * 20, "kind": "birth_year", "value": "1942"}
        assert mine.client.post("/data/facts/tell", data=form).status_code == 303
        assert "1942" in mine.client.get("/data/facts").text
        for wrong in ({"value": "老"}, {"kind": "x"}, {"csrf": ""}, {"key": ""}):
            assert mine.client.post("/data/facts/tell", data=form | wrong).status_code >= 400


class TestExport:
    def test_both_files_hold_every_fact_and_stay_in_no_cache(self, mine: Person):
        names = {fact["name"] for fact in listed(mine)}
        path = f"/api/v1/residents/{mine.resident}/export"
        whole = mine.client.get(path)
        table = mine.client.get(path, query_string={"format": "csv"})
        for answer, ending in ((whole, "json"), (table, "csv")):
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Disposition"].endswith(f'"my-data.{ending}"')
        assert {fact["name"] for fact in whole.json["facts"]} == names
        assert len(whole.json["grants"]) > 0
        lines = list(csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff"))))
        assert {line["name"] for line in lines} == names
        assert mine.client.get("/data/export/json").status_code == 200
        assert mine.client.get("/data/export/xml").status_code == 404

    def test_nothing_in_the_table_runs_as_a_formula(
        self, web: Instance, mine: Person, monkeypatch: pytest.MonkeyPatch
    ):
        poison = '=HYPERLINK("http://x","y")'
        ledger = web.floors.ledger
        with ledger.write() as tx:
            ledger.identity.put(tx, ResidentId(mine.resident), {"address": poison}, web.clock())
        assert poison in [fact["value"]["zh"] for fact in listed(mine)]
        text = mine.client.get("/data/export/csv").text
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        assert "'" + poison in cells
        assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r")]
        monkeypatch.setattr(own_export, "harmless", lambda cell: cell)
        text = mine.client.get("/data/export/csv").text
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        assert poison in cells  # positive control


def facts(person: Person):
    answer = person.client.get(f"/api/v1/residents/{person.resident}/facts")
    assert answer.status_code == 200, answer.text
    return answer.json


def listed(person: Person) -> list[dict[str, object]]:
    return [fact for group in facts(person)["groups"] for fact in group["facts"]]


def tell(person: Person, kind: str, value: object):
    path = f"/api/v1/residents/{person.resident}/facts/{kind}"
    return person.client.put(path, json={"value": value}, headers=person.headers())


def works(person: Person) -> RelationshipChange:
    return link("WORKS_AS", "Resident", person.resident, "Occupation", "221")


def node_of(store: GraphStore, person: Person) -> list[dict[str, object]]:
    nodes = store.nodes("Resident").to_pylist()
    work = store.relationships("WORKS_AS", "Resident", "Occupation").to_pylist()
    mine = [line for line in nodes if line["id"] == person.resident]
    return mine + [line for line in work if line["start"] == person.resident]


def trace(web: Instance) -> dict[str, object]:
    """Rows of every table, but for when sessions were seen and how often one looked oneself."""
    web.floors.ledger.audit.flush()
    with sqlite3.connect(web.floors.home.root / "ledger.db") as ledger:
        names = [n for (n,) in ledger.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {
            name: ledger.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - our own names
            for name in names
            if name not in {"sessions", "audit_own"}
        }


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
    bring(web, [link("INTERESTED_IN", "Resident", person.resident, "Interest", code, **said)], n)


def bring(web: Instance, changes: list[Change], n: int = 1) -> None:
    ledger, at = web.floors.ledger, web.clock()
    with ledger.write() as tx:
        batch = ledger.imports.begin(
            tx, kind="small", file_hash=str(n), source=source("synthetic-city"), at=at
        )
        ledger.imports.stage(tx, batch.id, 0, changes)
        ledger.imports.commit(tx, batch.id, at)
