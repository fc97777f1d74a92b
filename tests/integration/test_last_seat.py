"""Races for the last seat through two web processes: one winner, the others in line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
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
from tests.sizes import Sizes

MOST = 8
STARTS = (datetime.now(UTC) + timedelta(days=3)).isoformat()


@pytest.fixture
def servers(served_home: Path) -> Iterator[tuple[Server, Server]]:
    flags = ("--no-jobs", "--workers", "1")
    with served(served_home, *flags) as one, served(served_home, *flags) as other:
        yield one, other


def test_the_last_seat_has_one_winner_and_the_others_wait_in_order(
    servers, served_home: Path, rng: np.random.Generator, sizes: Sizes
):
    with open_floors(load_config(home=served_home)) as floors:
        people = sign_in(floors, generous_residents(floors, 10 * MOST))
        organiser = Browser(servers[0].port, api_key=new_api_key(floors, "operator", "items:write"))
    runners = [Browser(servers[n % 2].port) for n in range(MOST)]
    with ThreadPoolExecutor(MOST) as pool:
        for race in range(sizes.races):
            item = f"operator.race-{race}"
            organiser.publish(item, seats=1, starts=STARTS)
            n = int(rng.integers(2, MOST + 1))
            rivals = [people[i] for i in rng.choice(len(people), n, replace=False)]
            told = run(pool, runners, rivals, item)
            assert sorted(told.values()) == [("confirmed", 0)] + [
                ("waitlist", place) for place in range(1, n)
            ], item
            if race % 10 == 0:
                give_back(runners[0], item, {who: told[who.resident] for who in rivals})
    for browser in (organiser, *runners):
        browser.close()


def run(
    pool: ThreadPoolExecutor, runners: list[Browser], rivals: list[Pass], item: str
) -> dict[str, tuple[str, int]]:
    """Let all ask at once; what each was told."""
    line = threading.Barrier(len(rivals))

    def ask(browser: Browser, who: Pass) -> tuple[str, int]:
        browser.be(who)
        line.wait()
        path = f"/api/v1/residents/{who.resident}/signups"
        answer = browser.ask("POST", path, {"item": item}, key=new_key())
        assert answer.status == 201, answer.text
        return str(answer.json["state"]), int(answer.json["position"] or 0)

    asked = pool.map(ask, runners, rivals)
    return dict(zip([who.resident for who in rivals], asked, strict=True))


def give_back(browser: Browser, item: str, told: dict[Pass, tuple[str, int]]) -> None:
    """The winner cancels: whoever is first in line has the seat, the others move up by one."""
    winner = next(who for who, (state, _) in told.items() if state == "confirmed")
    browser.be(winner)
    path = f"/api/v1/residents/{winner.resident}/signups/{item}"
    assert browser.ask("DELETE", path, key=new_key()).status == 200
    for who, (_, place) in told.items():
        browser.be(who)
        card = browser.get(f"/api/v1/activities/{item}").json["card"]
        assert (card["state"], card["position"]) == (
            ("none", None)
            if who is winner
            else ("joined", None)
            if place == 1
            else ("waitlist", place - 1)
        )
