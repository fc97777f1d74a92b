"""PostgreSQL stopped under a served home: public items go on, all else waits, nothing is lost."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.wiring import load_config, open_floors
from tests.integration.serving import (
    Answer,
    Browser,
    Pass,
    Server,
    generous_residents,
    move_ledger,
    new_api_key,
    new_key,
    served,
    sign_in,
)
from tests.postgres_server import Databases

STARTS = (datetime.now(UTC) + timedelta(days=3)).isoformat()
SOON = 5.0
"""Seconds that no request may take longer than."""
TAICHI = "operator.outage-taichi"
ACTIVITIES = "/api/v1/activities?limit=100"


@dataclass
class Story:
    """A served home on a PostgreSQL that can be stopped, and a resident who looks at it."""

    home: Path
    postgres: Databases
    server: Server
    who: Pass
    organiser: Browser

    def ask(self, method: str, path: str, *, signed: bool = True, **more: object) -> Answer:
        browser = Browser(self.server.port, self.who if signed else None)
        began = time.monotonic()
        try:
            return browser.ask(method, path, **more)  # type: ignore[arg-type]
        finally:
            assert time.monotonic() - began < SOON, path
            browser.close()

    def tap(self, key: str) -> Answer:
        return self.ask(
            "POST", f"/api/v1/residents/{self.who.resident}/signups", body={"item": TAICHI}, key=key
        )

    def came_back(self) -> None:
        last = time.monotonic() + 30
        while self.ask("GET", "/health/ready").status != 200:
            assert time.monotonic() < last
            time.sleep(0.2)


@pytest.fixture
def story(served_home: Path, stoppable_postgres: Databases) -> Iterator[Story]:
    url = stoppable_postgres.new()
    move_ledger(served_home, url)
    with open_floors(load_config(home=served_home)) as floors:
        assert floors.site.config.ledger_url == url
        (who,) = sign_in(floors, generous_residents(floors, 1))
        key = new_api_key(floors, "operator", "items:write", "catalogue:read")
    with served(served_home, "--workers", "1") as server:
        organiser = Browser(server.port, api_key=key)
        organiser.publish(TAICHI, seats=1, starts=STARTS)
        yield Story(served_home, stoppable_postgres, server, who, organiser)
        organiser.close()


def public(card: object) -> dict[str, object]:
    """What a card says that is the same for everybody."""
    own = {"state", "position", "walk_minutes", "can_join", "rec_id", "reason"}
    return {name: value for name, value in dict(card).items() if name not in own}  # type: ignore[call-overload]


def items(answer: Answer) -> list[dict[str, object]]:
    assert answer.status == 200, answer.text
    return [dict(card) for card in answer.json["items"]]  # type: ignore[attr-defined]


def assert_refused(answer: Answer) -> None:
    assert answer.status == 503, answer.text
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json["type"] == "urn:linli:problem:unavailable"
    assert "detail" not in answer.json  # nothing of the database's address


def test_public_items_go_on_and_all_else_waits_for_the_ledger(story: Story):
    who, feed = story.who.resident, f"/api/v1/residents/{story.who.resident}/feed"
    assert story.tap("tap-before-1").json["state"] == "confirmed"
    before = items(story.ask("GET", ACTIVITIES))
    assert [card["state"] for card in before if card["item_id"] == TAICHI] == ["joined"]
    page = story.ask("GET", f"/item/{TAICHI}").text
    assert 'name="csrf"' in page
    assert story.ask("GET", feed).json["personalised"] is True

    kinds = ("groups", "activities", "services", "roles")
    on_offer = {
        str(card["item_id"])
        for kind in kinds
        for card in items(story.ask("GET", f"/api/v1/{kind}?limit=100"))
    }

    story.postgres.stop()
    for _ in range(2):  # at once, and when everybody knows
        # reads of public items: the same facts as before, and nothing of the one who asks
        away = items(story.ask("GET", ACTIVITIES))
        assert [public(card) for card in away] == [public(card) for card in before]
        assert {card["state"] for card in away} == {"none"}
        assert {card["walk_minutes"] for card in away} == {None}
        card = story.ask("GET", f"/api/v1/activities/{TAICHI}").json["card"]
        assert (dict(card)["seats_left"], dict(card)["state"]) == (0, "none")  # type: ignore[call-overload]
        assert story.organiser.get(ACTIVITIES).status == 200
        shown = story.ask("GET", f"/item/{TAICHI}")
        assert (shown.status, TAICHI in shown.text, 'name="csrf"' in shown.text) == (
            200,
            True,
            False,
        )
        start = story.ask("GET", "/")
        suggested = re.findall(r'<article[^>]* id="card-([^"]+)"', start.text)
        assert (start.status, 'name="csrf"' in start.text) == (200, False)
        assert len(suggested) == len(set(suggested)) >= 10
        assert set(suggested) <= on_offer - {TAICHI}  # that one is full
        # personal data and changes: refused
        for method, path in (
            ("GET", feed),
            ("GET", f"/api/v1/residents/{who}/grants"),
            ("GET", "/api/v1/session"),
            ("DELETE", f"/api/v1/residents/{who}/signups/{TAICHI}"),
        ):
            assert_refused(story.ask(method, path, key=new_key()))
        assert_refused(story.tap("tap-while-away"))
        assert story.ask("GET", "/health/ready").status == 503
        assert story.ask("GET", "/health/live").status == 200
        mine = story.ask("GET", "/mine")
        assert (mine.status, mine.headers["Retry-After"]) == (503, "5")
        assert mine.headers["Content-Type"].startswith("text/html")
        # who sends no credentials at all is told so, as ever
        assert story.ask("GET", ACTIVITIES, signed=False).status == 401

    story.postgres.start()
    story.came_back()
    assert items(story.ask("GET", ACTIVITIES)) == before
    assert story.ask("GET", feed).json["personalised"] is True
    assert 'name="csrf"' in story.ask("GET", f"/item/{TAICHI}").text


def test_a_tap_refused_while_away_is_not_half_done(story: Story):
    story.postgres.stop()
    assert_refused(story.tap("tap-while-away"))
    story.postgres.start()
    story.came_back()
    with open_floors(load_config(home=story.home)) as floors, floors.ledger.read() as tx:
        assert floors.ledger.bookings.of(tx, story.who.resident) == []
        assert floors.ledger.bookings.taken(tx, [TAICHI])[TAICHI] == (1, 0, 0)
    first, again = story.tap("tap-while-away"), story.tap("tap-while-away")
    assert (first.status, first.json["state"]) == (201, "confirmed")
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")


def test_the_jobs_process_goes_on_by_itself(story: Story):
    def jobs_done() -> int:
        with open_floors(load_config(home=story.home)) as floors, floors.ledger.read() as tx:
            done = floors.ledger.runs.last_done(tx, "drain")
        return 0 if done is None else done.id

    workers, before = story.server.workers(), jobs_done()
    story.postgres.stop()
    time.sleep(3)
    story.postgres.start()
    story.came_back()
    assert story.tap("tap-after-1").status == 201  # something to drain
    last = time.monotonic() + 60
    while jobs_done() <= before:
        assert time.monotonic() < last
        time.sleep(0.5)
    assert story.server.workers() == workers
