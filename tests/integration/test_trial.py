"""What is shown is noted with consent only, the holdout gets a newcomer's list, the lot is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from api.app import create_app
from api.wiring import load_config, open_floors
from graph.gate import LEARNT_FROM, Shown, ShownList, shown_and_done
from graph.model import DataCategory, InteractionKind, Purpose
from jobs import steps
from recommender.evaluation.experiments import Arm, held_out
from recommender.ranking.exploration import lot
from tests.conftest import FixedClock
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import Instance, Person, new_key


@contextmanager
def serving(home: Path, clock: FixedClock, **settings: float) -> Iterator[Instance]:
    with open_floors(load_config(home=home, **settings), clock=clock) as floors:
        app = create_app(floors)
        app.testing = False
        yield Instance(app, floors, clock)


def noted(web: Instance) -> list[ShownList]:
    """Every list that is on file."""
    web.floors.trial.impressions.flush()
    ledger = web.floors.ledger
    with ledger.read() as tx:
        residents = list(web.floors.live.catch_up().resident_rows)
        return list(ledger.impressions.lists(tx, residents, since=web.clock() - timedelta(days=1)))


def learnt(web: Instance) -> Shown:
    web.floors.trial.impressions.flush()
    site = web.floors.site
    since = web.clock() - timedelta(days=1)
    return shown_and_done(site.gate, site.ledger, site.actor, since=since)


def withdraw(web: Instance, person: Person, category: DataCategory) -> None:
    ledger = web.floors.ledger
    with ledger.write() as tx:
        withdrawn = ledger.grants.withdraw(
            tx,
            person.resident,
            institution=None,
            category=category,
            purpose=Purpose.FEED,
            at=web.clock(),
            key=new_key(),
        )
    assert withdrawn


class TestNoting:
    def test_a_feed_is_noted_and_a_tap_on_it_found_again(self, web: Instance):
        person = web.sign_in(web.residents(1)[0])
        cards = person.feed(n=8)["cards"]
        answer = person.act(cards[2]["item_id"], "like", rec_id=cards[2]["rec_id"])
        assert answer.status_code == 202
        person.feed(kind="activity")
        whole, activities = noted(web)
        assert [p.rec_id for p in whole.places] == [card["rec_id"] for card in cards]
        assert [p.item for p in whole.places] == [card["item_id"] for card in cards]
        assert [p.rank for p in whole.places] == list(range(1, len(cards) + 1))
        assert (whole.surface, activities.surface) == ("feed", "feed/activity")
        assert whole.arm == Arm.PERSONAL
        assert whole.model == web.floors.models.current().model.model_id
        found = learnt(web)
        liked = found.did(InteractionKind.LIKE)
        assert np.flatnonzero(liked).tolist() == [2]

    @pytest.mark.parametrize("category", sorted(LEARNT_FROM))
    def test_nothing_is_noted_without_either_grant(self, web: Instance, category: DataCategory):
        one, other = (web.sign_in(who) for who in web.residents(2))
        one.feed()
        other.feed()
        assert {each.resident for each in noted(web)} == {one.resident, other.resident}
        withdraw(web, one, category)
        assert {each.resident for each in noted(web)} == {other.resident}
        web.clock.advance(seconds=60)
        one.feed()
        other.feed()
        assert [each.resident for each in noted(web)] == [other.resident] * 2

    def test_a_reload_is_no_second_showing(self, web: Instance):
        person = web.sign_in(web.residents(1)[0])
        cards = [person.feed()["cards"] for _ in range(3)]
        assert cards[0] == cards[1] == cards[2]
        assert len(noted(web)) == 1
        web.clock.advance(seconds=60)
        again = person.feed()["cards"]
        assert {c["rec_id"] for c in again}.isdisjoint(c["rec_id"] for c in cards[0])
        assert len(noted(web)) == 2

    def test_nobody_but_residents_themselves_is_shown_to(self, web: Instance):
        who = web.residents(1)[0]
        program = web.key("operator", "feed:read")
        assert program.get(f"/api/v1/residents/{who}/feed").status_code == 200
        assert noted(web) == []
        web.sign_in(who).feed()
        assert len(noted(web)) == 1  # the control

    def test_feeds_do_not_wait_for_it(self, web: Instance):
        person = web.sign_in(web.residents(1)[0])
        person.feed()
        held, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            with web.floors.ledger.write():
                held.set()
                let_go.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(60)
        try:
            for _ in range(5):
                web.clock.advance(seconds=60)
                assert person.feed()["cards"]
            assert holder.is_alive()
        finally:
            let_go.set()
            holder.join()
        assert len(noted(web)) == 6

    def test_clean_up_deletes_what_is_old(self, web: Instance):
        web.sign_in(web.residents(1)[0]).feed()
        assert len(noted(web)) == 1
        folder = web.floors.ledger.impressions.folder
        web.clock.advance(days=steps.IMPRESSIONS_LAST.days - 1)
        steps.clean_up(web.floors.site)
        assert len(list(folder.iterdir())) == 1
        web.clock.advance(days=2)
        steps.clean_up(web.floors.site)
        assert list(folder.iterdir()) == []


class TestHoldout:
    def test_whoever_is_held_out_gets_the_list_of_a_newcomer(
        self, rich_home: Path, clock: FixedClock
    ):
        lists = {}
        for share in (0.0, 1.0):
            with serving(rich_home, clock, holdout=share, explore=0.0) as web:
                person = web.sign_in(resident_of(web))
                feed = person.feed(n=20)
                assert feed["personalised"] is (share == 0.0)
                lists[share] = [card["item_id"] for card in feed["cards"]]
                arm = Arm.HELD_OUT if share else Arm.PERSONAL
                assert [one.arm for one in noted(web) if one.at == clock()] == [arm]
                clock.advance(seconds=60)
                reasons = {card["reason"]["code"] for card in feed["cards"]}
                own = {"own_interest", "own_offer", "own_group", "similar_to_own"}
                assert bool(reasons & own) is (share == 0.0)
        assert lists[0.0] != lists[1.0]
        assert len(lists[1.0]) == len(lists[0.0]) > 5

    def test_a_like_changes_no_other_place_in_a_newcomers_list(
        self, rich_home: Path, clock: FixedClock
    ):
        changed = {}
        for share in (0.0, 1.0):
            with serving(rich_home, clock, holdout=share, explore=0.0) as web:
                person = web.sign_in(resident_of(web))
                before = [card["item_id"] for card in person.feed(n=50)["cards"]]
                for item in before[-3:]:
                    assert person.act(item, "like").status_code == 202
                after = [card["item_id"] for card in person.feed(n=50)["cards"]]
                changed[share] = before != after
        assert changed == {0.0: True, 1.0: False}

    def test_the_same_residents_are_held_out_in_every_process(self, demo_home: Path, clock):
        found = []
        for _ in range(2):
            with serving(demo_home, clock, holdout=0.3) as web:
                ids = web.floors.live.catch_up().snapshot.resident_ids
                held = set(np.flatnonzero(held_out(np.arange(len(ids)), 0.3)).tolist())
                served = {
                    row
                    for row in range(0, len(ids), 20)
                    if web.sign_in(str(ids[row])).feed()["personalised"] is False
                }
                assert {row for row in held if row % 20 == 0} <= served
                found.append(served)
        assert found[0] == found[1]


class TestUplift:
    def test_the_command_tells_of_many_and_nothing_of_a_few(self, present_home: Path):
        line = CommandLine(present_home)
        assert line.json("uplift", "--json")["residents"] == 0
        with open_floors(load_config(home=present_home, holdout=0.5, explore=0.0)) as floors:
            web = Instance(create_app(floors), floors, FixedClock(floors.clock()))
            for who, _ in floors.live.catch_up().most_active(80):
                person = web.sign_in(who)
                for card in person.feed(n=5)["cards"][:1]:
                    person.act(card["item_id"], "like", rec_id=card["rec_id"])
        told = line.json("uplift", "--json")
        assert told["residents"] >= 60
        assert told["residents"] < told["places"] <= 5 * told["residents"]
        joins = told["joins"]
        assert joins["n_personal"] + joins["n_held_out"] == told["residents"]
        assert joins["difference"]["low"] <= joins["difference"]["value"]
        assert (told["chosen"], told["by_lot"]) == (None, None)  # the lot was off
        assert "places shown" in line.text("uplift")


class TestLot:
    def test_a_place_given_by_lot_is_noted_with_its_chance_and_stays_all_day(
        self, rich_home: Path, clock: FixedClock
    ):
        with serving(rich_home, clock, holdout=0.0, explore=0.49) as web:
            person = web.sign_in(resident_of(web, by_lot=True))
            once, again = (person.feed(n=8)["cards"] for _ in range(2))
            assert [c["item_id"] for c in once] == [c["item_id"] for c in again]
            first = noted(web)[0].places
            assert [p.propensity for p in first[:-1]] == [1.0] * 7
            assert first[-1].propensity == pytest.approx(0.49 / 5)
        with serving(rich_home, clock, holdout=0.0, explore=0.0) as web:
            plain = web.sign_in(person.resident).feed(n=8)["cards"]
        assert [c["item_id"] for c in plain[:-1]] == [c["item_id"] for c in once[:-1]]
        assert plain[-1]["item_id"] != once[-1]["item_id"]

    def test_whoever_is_not_noted_is_left_out_of_the_lot(self, rich_home: Path, clock: FixedClock):
        with serving(rich_home, clock, holdout=0.0, explore=0.49) as web:
            person = web.sign_in(resident_of(web, by_lot=True))
            by_lot = [card["item_id"] for card in person.feed(n=8)["cards"]]
            withdraw(web, person, DataCategory.INTEREST)
            without = [card["item_id"] for card in person.feed(n=8)["cards"]]
        with serving(rich_home, clock, holdout=0.0, explore=0.0) as web:
            plain = [c["item_id"] for c in web.sign_in(person.resident).feed(n=8)["cards"]]
        assert without == plain != by_lot


def resident_of(web: Instance, *, by_lot: bool = False) -> str:
    """The most active one who authorised everything (and whom the lot meets today)."""
    moment = web.floors.live.catch_up()
    model, now = web.floors.models.current().model.model_id, int(web.clock().timestamp())
    masks = np.bitwise_count(moment.snapshot.masks).sum(axis=1)
    return next(
        who
        for who, _ in moment.most_active(400)
        if masks[row := moment.resident_rows[who]] == masks.max()
        and not (by_lot and lot(row, now, model) >= 0.49)
    )
