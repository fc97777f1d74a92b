"""Registers as nobody expects them: the whole way from a file to a feed works, or says why not."""

from __future__ import annotations

import pytest

from api.cli.homes import make_home
from api.services.services import make_services
from api.wiring import load_config, open_floors
from graph.errors import NotReady
from graph.gate import open_graph
from jobs import steps
from tests.conftest import FixedClock
from tests.corruptor import person, phone
from tests.office import Office


def town(here: Office, people: int, *, activities: int, agree: bool, clique: bool) -> None:
    """Bring in people and, if so wished, what all of them went to together."""
    names = [(person(n), phone(n)) for n in range(2, people + 2)]
    if names:
        here.bring("residents", here.write(("姓名", "联系方式"), *names))
    if agree:
        here.agree(here.residents())
    columns = ("活动名称", "日期", "开始", "地点")
    shown = [(f"第{n}次太极", "2026-06-06", "07:30", f"步道{n}") for n in range(activities)]
    if clique:
        shown.append(("五月太极", "2026-05-09", "07:30", "步道"))
    if shown:
        here.bring("activities", here.write(columns, *shown))
    if clique:
        came = [("五月太极", "2026-05-09", "07:30", *name, "√") for name in names]
        columns = ("活动名称", "日期", "开始", "姓名", "联系电话", "到场")
        here.bring("signups", here.write(columns, *came))


ODD = {
    "isolated nodes": (30, {"activities": 3, "agree": True, "clique": False}),
    "one giant clique": (30, {"activities": 3, "agree": True, "clique": True}),
    "zero events": (30, {"activities": 0, "agree": True, "clique": False}),
    "one resident": (1, {"activities": 3, "agree": True, "clique": True}),
    "all consents off": (30, {"activities": 3, "agree": False, "clique": True}),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_neighbourhoods_give_a_snapshot_and_feeds_or_say_that_they_are_not_ready(
    tmp_path, clock: FixedClock, name
):
    people, said = ODD[name]
    config = load_config(home=tmp_path / "home")
    make_home(config)
    with open_floors(config, clock=clock) as floors:
        site = floors.site
        with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
            here = Office(site, lease.store, tmp_path)
            town(here, people, **said)
            here.snapshot()
            residents = here.residents()
        try:
            steps.train(site)
        except NotReady:
            return
    with open_floors(config, clock=clock) as floors:
        feeds = make_services(floors).feeds
        for who in residents:
            assert len(feeds.own(who, (), 10).cards) == said["activities"], who
