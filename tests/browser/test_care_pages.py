"""Care visits in a real Chromium: a worker's list and a resident's page, and the resident's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from api.security.sessions import COOKIE, STAFF
from api.services.outreach import Outreach
from api.web.look import LOOK_COOKIE
from graph.model import Actor, StaffRole
from tests.browser.checks import LOOKS, SMALL_TARGETS, SMALL_TEXT, TOO_WIDE, axe, serving
from tests.conftest import FixedClock
from tests.factories import NOW
from tests.integration.demo_world import Instance, add_care, make_city, web_process

pytestmark = pytest.mark.browser

RESIDENTS = 120
GRID = "wuhu-g0000"
IN_DRAWING = "color-contrast: <text "
"""axe cannot tell what lies behind a name in a drawing; its colours are those of other text."""


@dataclass
class Street:
    """A served home, a worker of one grid, and a resident with many ties on the list."""

    address: str
    web: Instance
    resident: str
    worker: str
    own: str
    """Secrets of the two sessions."""

    def page(self, browser: Browser, secret: str, look: str, width: int) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 812}, locale="zh-CN")
        cookies = {COOKIE: secret, LOOK_COOKIE: look}
        context.add_cookies(
            [{"name": name, "value": value, "url": self.address} for name, value in cookies.items()]
        )
        return context.new_page()


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    root, clock = tmp_path_factory.mktemp("street") / "home", FixedClock(NOW)
    make_city(root, residents=RESIDENTS)
    add_care(root, residents=RESIDENTS)
    with web_process(root, clock) as web, serving(web.app) as address:
        worker = web.worker(GRID).client.get_cookie(COOKIE)
        outreach = Outreach(web.floors)
        actor = Actor(f"{STAFF}zhou", StaffRole.SOCIAL_WORKER, web.floors.institution, "linli")
        listed = [e.resident for e in outreach.worklist(actor, limit=60).entries]
        around = {r: outreach.resident(actor, r).neighbours or () for r in listed}
        named = {r: sum(bool(known.name) for known in around[r]) for r in listed}
        resident = max(listed, key=lambda r: (named[r], len(around[r]), r))
        assert named[resident] > 0  # so that a name is drawn, whoever it is
        assert len(around[resident]) > 1
        own = web.sign_in(resident).client.get_cookie(COOKIE)
        assert worker is not None
        assert own is not None
        yield Street(address, web, resident, worker.value, own.value)


@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[3], LOOKS[5], LOOKS[6]])
def test_pages_are_readable_and_usable_in_every_look(browser: Browser, street: Street, look: str):
    for secret, path in (
        (street.worker, "/desk/care"),
        (street.worker, f"/desk/care/{street.resident}?noted=1"),
        (street.own, "/care"),
    ):
        page = street.page(browser, secret, look, 375)
        page.goto(street.address + path)
        assert [found for found in axe(page) if not found.startswith(IN_DRAWING)] == [], path
        care = ".care." in look
        assert page.evaluate(SMALL_TARGETS, 60 if care else 44) == [], path
        assert page.evaluate(SMALL_TEXT, 18 if care else 13) == [], path
        assert not page.evaluate(TOO_WIDE), path
        page.set_viewport_size({"width": 1280, "height": 900})
        assert not page.evaluate(TOO_WIDE), path
        page.context.close()


def test_a_worker_finds_out_why_and_notes_a_visit(browser: Browser, street: Street):
    page = street.page(browser, street.worker, LOOKS[0], 375)
    page.goto(f"{street.address}/desk/care")
    page.locator(f'a[href="/desk/care/{street.resident}"]').click()
    drawing = page.get_by_role("img")
    assert drawing.locator("circle").count() > 2
    assert drawing.locator("line").count() >= drawing.locator("circle").count() - 1
    page.get_by_label("结果").select_option("not home")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("status")).to_contain_text("已记录")
    page.goto(f"{street.address}/desk/care")
    expect(page.locator(f'a[href="/desk/care/{street.resident}"]')).to_have_count(0)
    page.context.close()


def test_a_resident_reads_the_same_reasons_and_switches_it_off(browser: Browser, street: Street):
    page = street.page(browser, street.own, LOOKS[0], 375)
    page.goto(f"{street.address}/mine")
    page.get_by_role("link", name="社工什么时候来看我").click()
    assert page.locator(".whys li").count() > 1
    page.get_by_text("具体数字").click()
    expect(page.get_by_text("估计值约")).to_be_visible()
    page.get_by_role("button", name="不再计算").click()
    expect(page.get_by_role("status")).to_contain_text("没有为您计算")
    page.context.close()
    worker = street.page(browser, street.worker, LOOKS[0], 375)
    answer = worker.goto(f"{street.address}/desk/care/{street.resident}")
    assert answer is not None
    assert answer.status == 404
    worker.context.close()
