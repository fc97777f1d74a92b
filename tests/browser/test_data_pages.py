"""The pages of own data in a real browser: keyboard, screen readers, large text, narrow screens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest
from playwright.sync_api import Browser, Page

from api.security.sessions import COOKIE
from api.web.look import LOOK_COOKIE
from graph.gate import AuditEntry
from graph.model import Action, DataCategory, InstitutionId, Purpose, ResidentId, StaffRole
from tests.browser.checks import (
    AXES_OWN,
    LOOKS,
    SMALL_TARGETS,
    SMALL_TEXT,
    TOO_WIDE,
    axe,
    serving,
    watch,
)
from tests.conftest import FixedClock
from tests.factories import NOW
from tests.integration.demo_world import Instance, Person, make_city, web_process

pytestmark = pytest.mark.browser

PAGES = {
    "mine": "/mine",
    "home": "/data",
    "looks": "/data/looks",
    "facts": "/data/facts",
    "tags": "/data/tags",
    "grants": "/data/grants",
    "what if": "/data/grants/withdraw?institution=operator&purpose=feed&category=interest",
}


@dataclass
class Home:
    """A served home, and a resident whose data somebody looked at."""

    address: str
    web: Instance
    person: Person


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    root, clock = tmp_path_factory.mktemp("own") / "home", FixedClock(NOW)
    make_city(root, residents=90)
    with web_process(root, clock) as web, serving(web.app) as address:
        person = web.sign_in(web.residents(1)[0])
        entry = AuditEntry(
            at=NOW,
            actor="staff:wang",
            role=StaffRole.SOCIAL_WORKER,
            institution=InstitutionId("street-office"),
            app="linli",
            action=Action.VIEW,
            purpose=Purpose.CARE_VISIT,
            categories=(DataCategory.HEALTH, DataCategory.CONTACT),
            allowed=True,
            reason="grant",
            subject=ResidentId(person.resident),
        )
        for purpose in (Purpose.CARE_VISIT, Purpose.STATUTORY_DUTY, Purpose.EMERGENCY):
            web.floors.ledger.audit.record(replace(entry, purpose=purpose))
        web.floors.ledger.audit.record(replace(entry, allowed=False))
        yield Home(address, web, person)


@pytest.fixture
def page(browser: Browser, home: Home) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 375, "height": 812}, locale="zh-CN")
    kept = home.person.client.get_cookie(COOKIE)
    assert kept is not None
    context.add_cookies([{"name": COOKIE, "value": kept.value, "url": home.address}])
    complaints: list[str] = []
    page = context.new_page()
    page.set_default_timeout(8000)
    watch(page, home.address, complaints)
    yield page
    context.close()
    assert [line for line in complaints if AXES_OWN not in line] == []


def wear(page: Page, home: Home, look: str) -> None:
    page.context.add_cookies([{"name": LOOK_COOKIE, "value": look, "url": home.address}])


def test_two_taps_from_the_feed_turn_personal_lists_off_and_the_page_says_so(
    page: Page, home: Home
):
    page.goto(home.address)
    page.get_by_role("link", name="我的", exact=True).click()
    page.get_by_role("button", name="关闭个性化推荐").click()
    assert page.get_by_text("已经关闭").is_visible()
    page.goto(home.address)
    assert page.locator("article").count() >= 3
    page.goto(f"{home.address}/data")
    page.get_by_role("button", name="打开个性化推荐").click()


def test_the_keyboard_alone_complains_of_a_look(page: Page, home: Home):
    page.goto(home.address + PAGES["looks"])
    first = page.locator("article.look").first
    ask = first.locator("summary")
    ask.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("我没有同意过")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/data/looks#look-*")
    assert page.get_by_text("我没有同意过").is_visible()
    assert page.get_by_text("最晚").is_visible()


def test_a_deleted_tag_is_gone_and_said_to_be(page: Page, home: Home):
    page.goto(home.address + PAGES["tags"])
    button = page.locator("button[name=delete]").first
    value = button.get_attribute("value")
    button.click()
    assert page.get_by_role("status").filter(has_text="以后不会自己回来").is_visible()
    assert page.locator(f"button[name=delete][value='{value}']").count() == 0


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_nothing_scrolls_sideways_and_targets_and_text_are_large_enough(
    page: Page, home: Home, width: int
):
    page.set_viewport_size({"width": width, "height": 812})
    for language, mode in product(("zh-CN", "en"), ("standard", "care")):
        wear(page, home, f"{language}.{mode}.light")
        for name, path in PAGES.items():
            page.goto(home.address + path)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert not page.evaluate(TOO_WIDE), (name, width, mode, language)
            target, text = (60, 18) if mode == "care" else (44, 13)
            assert page.evaluate(SMALL_TARGETS, target) == [], (name, width, mode, language)
            assert page.evaluate(SMALL_TEXT, text) == [], (name, width, mode, language)


@pytest.mark.parametrize("look", LOOKS[::3])
def test_axe_finds_nothing_closed_or_open(page: Page, home: Home, look: str):
    wear(page, home, look)
    for name, path in PAGES.items():
        page.goto(home.address + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert axe(page) == [], (look, name)
