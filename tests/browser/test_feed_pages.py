"""The resident pages in a real Chromium, on the in-memory double: acts, reach, size, weight."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from api.security.sessions import COOKIE
from api.services.views import CardState, Words
from api.web.look import LOOK_COOKIE
from graph.model import ItemId
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
from tests.browser.feed_double import MemoryResidents, MemorySessions, make_app

pytestmark = pytest.mark.browser

PAGES = ("/", "/mine", "/item/act-taichi?rec=rec00", "/item/act-taichi/why?rec=rec00")
PUBLIC_PAGES = ("/sign-in/once-only", "/signed-out", "/no/such/page")


@dataclass
class Site:
    """A served application and what it stands on."""

    address: str
    residents: MemoryResidents
    sessions: MemorySessions


@contextmanager
def served() -> Iterator[Site]:
    app, residents, sessions = make_app()
    with serving(app) as address:
        yield Site(address, residents, sessions)


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as site:
        yield site


Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, site: Site) -> Iterator[Opener]:
    """Open pages of a signed-in resident; fail on console errors and on other hosts."""
    contexts = []
    complaints: list[str] = []

    def open_page(
        path: str = "/",
        *,
        look: str = "zh-CN.standard.light",
        width: int = 375,
        script: bool = True,
        signed_in: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 812},
            locale="zh-CN",
            java_script_enabled=script,
            has_touch=True,
        )
        contexts.append(context)
        cookies = {LOOK_COOKIE: look} | ({COOKIE: site.sessions.open()} if signed_in else {})
        context.add_cookies(
            [{"name": name, "value": value, "url": site.address} for name, value in cookies.items()]
        )
        page = context.new_page()
        page.set_default_timeout(8000)
        watch(page, site.address, complaints)
        page.goto(site.address + path)
        return page

    open_page.complaints = complaints  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def card(page: Page, item: str = "act-taichi"):
    return page.locator(f"#card-{item}")


def press(page: Page, label: str, item: str = "act-taichi") -> None:
    card(page, item).get_by_role("button", name=re.compile(f"^{label}")).click()


@pytest.mark.parametrize("script", [True, False], ids=["js", "no-js"])
@pytest.mark.parametrize(
    ("item", "tap"),
    [
        ("act-taichi", ("报名", "已报名", CardState.JOINED, "cancel")),
        ("grp-choir", ("加入", "已加入", CardState.JOINED, "leave")),
        ("role-phone", ("我来帮忙", "谢谢您", CardState.JOINED, "leave")),
        ("act-dumpling", ("排候补", "候补第 3 位", CardState.WAITLIST, "cancel")),
        ("svc-meal", ("喜欢", "已喜欢", CardState.LIKED, "undo")),
        ("act-museum", ("不感兴趣", "已隐藏", CardState.DISMISSED, "undo")),
    ],
)
def test_one_tap_acts_and_one_tap_takes_it_back(opened, site, script, item, tap):
    label, done, state, back = tap
    page = opened(script=script)
    press(page, label, item)
    expect(card(page, item)).to_contain_text(done)
    assert site.residents.cards[ItemId(item)].state is state
    press(page, "撤销", item)
    expect(card(page, item).get_by_role("button", name=re.compile(f"^{label}"))).to_be_visible()
    assert site.residents.cards[ItemId(item)].state is CardState.NONE
    assert [kind for _, kind, _ in site.residents.acts][1] == back


def test_acting_with_javascript_stays_on_the_page_and_keeps_the_focus(opened):
    page = opened()
    page.evaluate("window.sameDocument = true")
    press(page, "喜欢", "role-phone")
    expect(card(page, "role-phone")).to_contain_text("已喜欢")
    assert page.evaluate("window.sameDocument")
    expect(card(page, "role-phone").get_by_role("button", name=re.compile("^撤销"))).to_be_focused()


def test_without_javascript_the_page_returns_to_the_card(opened):
    page = opened(script=False)
    press(page, "喜欢", "role-phone")
    assert page.url.endswith("#card-role-phone")
    expect(card(page, "role-phone")).to_be_in_viewport()


@pytest.mark.parametrize("script", [True, False], ids=["js", "no-js"])
def test_why_tells_reason_own_data_and_the_rule(opened, script):
    page = opened(script=script)
    card(page).get_by_role("link", name=re.compile("^为什么")).click()
    panel = page.locator(".why")
    expect(panel).to_contain_text("您对「太极拳」感兴趣")
    expect(panel).to_contain_text("兴趣和喜好")
    expect(panel).to_contain_text("从不提到别的居民")
    private = panel.get_by_text("住处位置")
    expect(private).to_be_hidden()
    panel.locator("summary").click()
    expect(private).to_be_visible()
    if script:
        panel.get_by_role("button", name="收起").click()
        expect(page.locator(".why")).to_have_count(0)
        expect(card(page).get_by_role("link", name=re.compile("^为什么"))).to_be_focused()


@pytest.mark.parametrize("script", [True, False], ids=["js", "no-js"])
def test_mine_shows_what_was_joined_and_lets_go(opened, site, script):
    page = opened(script=script)
    press(page, "报名")
    expect(card(page)).to_contain_text("已报名")
    page.get_by_role("link", name="我的").click()
    expect(card(page)).to_contain_text("周六 9:00-10:30")
    press(page, "取消报名")
    expect(card(page).get_by_role("button", name=re.compile("^报名"))).to_be_visible()
    assert site.residents.cards[ItemId("act-taichi")].state is CardState.NONE


def test_double_tap_acts_once(opened, site):
    page = opened()
    card(page).get_by_role("button", name=re.compile("^报名")).dblclick()
    expect(card(page)).to_contain_text("已报名")
    page.wait_for_load_state("networkidle")
    assert [kind for _, kind, _ in site.residents.acts].count("sign_up") == 1
    assert site.residents.cards[ItemId("act-taichi")].seats_left == 2


def test_lost_connection_is_told_and_the_card_stays(opened):
    page = opened()
    page.context.set_offline(True)
    press(page, "报名")
    expect(page.get_by_role("alert")).to_contain_text("网络不通")
    expect(card(page).get_by_role("button", name=re.compile("^报名"))).to_be_enabled()
    assert any("ERR_INTERNET_DISCONNECTED" in line for line in opened.complaints)
    opened.complaints.clear()


def test_one_tap_switches_to_large_text_and_back_and_is_remembered(opened):
    page = opened(script=False)
    page.get_by_role("button", name="长辈版").click()
    expect(page.locator("html")).to_have_attribute("data-mode", "care")
    page.get_by_role("link", name="我的").click()
    expect(page.locator("html")).to_have_attribute("data-mode", "care")
    page.locator("header").get_by_role("button", name="标准版").click()
    expect(page.locator("html")).to_have_attribute("data-mode", "standard")


def test_language_and_colours_are_chosen_on_mine(opened):
    page = opened("/mine")
    page.get_by_role("button", name="深色").click()
    expect(page.get_by_role("button", name="深色")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 17, 17)"
    page.locator("header").get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("link", name="Discover", exact=True)).to_be_visible()


def test_colours_follow_the_phone_unless_chosen(opened):
    page = opened(look="zh-CN.standard.auto")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 17, 17)"
    page = opened(look="zh-CN.standard.light")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(237, 237, 237)"


def test_sign_in_takes_one_tap_and_the_link_is_used_up(opened, site):
    page = opened("/sign-in/once-only", signed_in=False, script=False)
    assert site.sessions.links == {"once-only"}
    page.get_by_role("button", name="进入邻里").click()
    expect(page.locator("h1")).to_have_text("王秀英阿姨，您好")
    page.get_by_role("link", name="我的").click()
    page.get_by_role("button", name="退出登录").click()
    expect(page.locator("h1")).to_have_text("您还没有登录")


def test_an_ended_session_leads_to_the_signed_out_page(opened, site):
    page = opened()
    site.sessions.sessions.clear()
    press(page, "报名")
    expect(page.locator("h1")).to_have_text("您还没有登录")
    assert all("401" in line for line in opened.complaints)
    opened.complaints.clear()


def test_keyboard_alone_reaches_and_presses_everything(opened, site):
    page = opened("/item/act-taichi")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "sign_up":
            break
    page.keyboard.press("Enter")
    expect(card(page)).to_contain_text("已报名")


def crowded(site: Site) -> None:
    """Bring cards into every state, with words longer than a screen is wide."""
    states = {
        "grp-choir": CardState.LIKED,
        "act-dumpling": CardState.WAITLIST,
        "role-phone": CardState.JOINED,
    }
    for item, state in states.items():
        kept = site.residents.cards[ItemId(item)]
        position = 3 if state is CardState.WAITLIST else None
        site.residents.cards[ItemId(item)] = replace(kept, state=state, position=position)
    long = site.residents.cards[ItemId("act-calligraphy")]
    words = Words("https://example.invalid/" + "很长很长" * 20, "Donaudampfschifffahrt" * 6)
    site.residents.cards[ItemId("act-calligraphy")] = replace(long, title=words, place=words)
    shut = site.residents.cards[ItemId("act-doctor")]
    site.residents.cards[ItemId("act-doctor")] = replace(shut, can_join=False)


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_nothing_scrolls_sideways_and_targets_are_large_enough(opened, site, width):
    crowded(site)
    page = opened(width=width)
    for language, mode in product(("zh-CN", "en"), ("standard", "care")):
        look = {"name": LOOK_COOKIE, "value": f"{language}.{mode}.light", "url": site.address}
        page.context.add_cookies([look])
        for path in (*PAGES, PUBLIC_PAGES[0]):
            page.goto(site.address + path)
            if path == "/":
                page.locator(".reason__why").first.click()
                expect(page.locator(".why")).to_be_visible()
            assert not page.evaluate(TOO_WIDE), (path, width, mode, language)
            least = 60 if mode == "care" else 44
            assert page.evaluate(SMALL_TARGETS, least) == [], (path, width, mode, language)


def test_the_checks_of_width_target_and_contrast_can_fail(opened):
    page = opened()
    page.evaluate(
        """() => { const box = document.createElement('button'); box.textContent = '小';
        box.className = 'probe'; document.querySelector('main').append(box);
        Object.assign(box.style, {position: 'absolute', left: '340px', top: '0', width: '60px',
          fontSize: '10px', padding: '0'}); }"""
    )
    assert page.evaluate(TOO_WIDE)
    assert any("probe" in found for found in page.evaluate(SMALL_TARGETS, 44))
    assert "小" in page.evaluate(SMALL_TEXT, 13)
    page.evaluate("document.querySelector('.card__summary').style.color = '#8a8a8a'")
    assert any("card__summary" in found for found in axe(page))
    opened.complaints.clear()


def test_text_is_large_enough(opened, site):
    for mode, least in (("standard", 13), ("care", 18)):
        page = opened(look=f"zh-CN.{mode}.light")
        assert page.evaluate(SMALL_TEXT, least) == []
        main = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
        assert main >= (23.8 if mode == "care" else 17)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_in_any_look(opened, site, look):
    crowded(site)
    page = opened(look=look)
    page.locator(".reason__why").first.click()
    expect(page.locator(".why")).to_be_visible()
    page.locator("[id='card-svc-meal'] .act_dismiss button").click()
    expect(page.locator("[id='card-svc-meal'].card_hidden")).to_be_visible()
    assert opened.complaints == []
    assert axe(page) == [], look
    for path in (*PAGES[1:], *PUBLIC_PAGES):
        page.goto(site.address + path)
        assert axe(page) == [], (look, path)
    own = [line for line in opened.complaints if "404" not in line and AXES_OWN not in line]
    assert own == []
    opened.complaints.clear()


def test_page_weighs_little(opened):
    sizes: dict[str, int] = {}
    page = opened()
    page.on(
        "response",
        lambda answer: sizes.__setitem__(answer.url, len(gzip.compress(answer.body(), 6))),
    )
    page.reload()
    page.wait_for_load_state("networkidle")
    scripts = sum(size for url, size in sizes.items() if url.endswith(".js"))
    assert len(sizes) >= 5, sizes
    assert 0 < scripts <= 30_000
    assert sum(sizes.values()) <= 80_000, sizes


def test_no_page_names_another_host(opened, site):
    page = opened()
    for path in PAGES:
        page.goto(site.address + path)
        urls = page.evaluate(
            "[...document.querySelectorAll('[src], [href], [action]')]"
            ".map(e => e.src || e.href || e.action)"
        )
        hosts = {urlsplit(str(url)).netloc for url in urls if isinstance(url, str)}
        assert hosts <= {urlsplit(site.address).netloc, ""}
