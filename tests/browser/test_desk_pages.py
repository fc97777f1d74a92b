"""The desk in a real Chromium, on a real home: a clerk's workbook from upload to undo."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, expect

from api.app import create_app
from api.cli.homes import make_home
from api.security.sessions import COOKIE, STAFF
from api.web.look import LOOK_COOKIE
from api.wiring import Floors, load_config, open_floors
from graph.gate import BatchState, Principal, process_name
from graph.model import StaffRole
from jobs.scheduler import lead
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
from tests.clerk import clerks_register
from tests.conftest import FixedClock
from tests.factories import NOW, csv_file
from tests.integration.demo_world import Clerk, Instance

pytestmark = pytest.mark.browser

PATIENCE = 40_000
"""Milliseconds that the jobs process may take on a busy machine."""


@dataclass
class Office:
    """A served home, and where its imports are."""

    address: str
    web: Instance
    clerk: Clerk
    pages: dict[str, str]


@contextmanager
def served_home(root: Path, clock: Callable[[], datetime]) -> Iterator[tuple[str, Floors, object]]:
    make_home(load_config(home=root))
    with open_floors(load_config(home=root), clock=clock) as floors:
        app = create_app(floors)
        with serving(app) as address:
            yield address, floors, app


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A home with an import in each state; nothing is at work in it."""
    folder, clock = tmp_path_factory.mktemp("office"), FixedClock(NOW)
    with served_home(folder / "home", clock) as (address, floors, app):
        web = Instance(app, floors, clock)
        clerk = web.staff("王敏")
        ready = clerk.send(clerks_register(folder), name="台账.xlsx").location
        refused = clerk.send(b"\x00\x01" * 40).location
        done, undone = (clerk.send(people(folder, n)).location for n in (1, 2))
        web.run_jobs()
        for where in (done, undone):
            assert clerk.post(f"{where}/commit").status_code == 303
        assert clerk.post(f"{undone}/undo").status_code == 303
        waiting = clerk.send(people(folder, 3)).location
        clock.advance(seconds=31)
        pages = {
            "list": "/desk/imports",
            "dropped": "/desk/imports?dropped=1",
            "kinds": "/desk/imports/new",
            "circles": "/desk/communities",
            "form": "/desk/imports/new/residents",
            "ready": ready,
            "refused": refused,
            "done": done,
            "confirm": f"{done}/undo",
            "undone": undone,
            "waiting": waiting,
            "missing": "/desk/imports/none",
            "wrong door": "/mine",
        }
        yield Office(address, web, clerk, pages)


def people(folder: Path, n: int) -> Path:
    return csv_file(folder, ("姓名", "联系方式"), (f"王{n}", f"1540000000{n}"), name=f"{n}.csv")


Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    contexts, complaints = [], []

    def open_page(address: str, *, cookies: dict[str, str], script: bool = True, width: int = 375):
        context = browser.new_context(
            viewport={"width": width, "height": 812},
            locale="zh-CN",
            java_script_enabled=script,
            accept_downloads=True,
        )
        contexts.append(context)
        context.add_cookies(
            [{"name": name, "value": value, "url": address} for name, value in cookies.items()]
        )
        page = context.new_page()
        page.set_default_timeout(8000)
        watch(page, address, complaints)
        return page

    open_page.complaints = complaints  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    own = [line for line in complaints if AXES_OWN not in line and "status of 40" not in line]
    assert own == []


def cookies(office: Office, look: str = "zh-CN.standard.light") -> dict[str, str]:
    kept = office.clerk.client.get_cookie(COOKIE)
    assert kept is not None
    return {COOKIE: kept.value, LOOK_COOKIE: look}


def change_look(page: Page, office: Office, look: str) -> None:
    page.context.add_cookies([{"name": LOOK_COOKIE, "value": look, "url": office.address}])


# --- from upload to undo ------------------------------------------------------------------------


@contextmanager
def jobs_at_work(floors: Floors) -> Iterator[None]:
    """Run the scheduler that `linli jobs run` runs."""
    stop = threading.Event()
    thread = threading.Thread(
        target=lead, args=(floors.site,), kwargs={"holder": process_name(), "stop": stop}
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def new_link(floors: Floors) -> str:
    clerk = Principal(f"{STAFF}王敏", StaffRole.OPERATOR, floors.institution)
    with floors.ledger.write() as tx:
        return floors.ledger.access.new_link(tx, clerk, at=floors.clock())


@pytest.mark.parametrize("script", [True, False], ids=["js", "no-js"])
def test_a_clerk_brings_in_a_messy_workbook_and_takes_it_back(opened, tmp_path, script):
    home = tmp_path / "home"
    with (
        served_home(home, lambda: datetime.now(UTC)) as (address, floors, _),
        jobs_at_work(floors),
    ):
        page = opened(address, cookies={LOOK_COOKIE: "zh-CN.standard.light"}, script=script)
        page.goto(f"{address}/sign-in/{new_link(floors)}")
        page.get_by_role("button", name="进入邻里").click()
        page.get_by_role("link", name="导入一个文件").click()
        page.get_by_role("link", name="选这一种：人口台账").click()
        page.get_by_label("选择文件").set_input_files(clerks_register(tmp_path))
        page.get_by_role("button", name="上传并核对").click()
        expect(page.locator("h1")).to_have_text(
            re.compile("共.5.行：2.行可以导入，3.行有问题"), timeout=PATIENCE
        )
        expect(page.locator("main")).to_contain_text("“民族”一栏不收")
        expect(page.locator("main")).to_contain_text("身份证号被表格软件改成了")
        with page.expect_download() as download:
            page.get_by_role("link", name="下载标出问题的表").click()
        assert download.value.suggested_filename == "人口台账（标出问题）.xlsx"
        with download.value.path().open("rb") as file:
            sheet = load_workbook(file).active
        assert sum(1 for row in sheet.iter_rows(values_only=True) if row[0]) >= 3
        page.get_by_role("button", name="导入 2 行").click()
        expect(page.locator("h1")).to_have_text("已导入 2 行")
        expect(page.locator("main")).to_contain_text("更新后生效")
        page.get_by_role("link", name="撤销这次导入").click()
        page.get_by_role("button", name="确定撤销").click()
        expect(page.locator("h1")).to_have_text("这次导入已经撤销")
        page.get_by_role("link", name="工作台").click()
        expect(page.locator(".line")).to_contain_text("已撤销")
        page.get_by_role("button", name="退出登录").click()
        page.goto(f"{address}/desk/imports")
        expect(page.locator("h1")).to_have_text("您还没有登录工作台")
        with floors.ledger.read() as tx:
            (batch,) = floors.ledger.imports.list(tx)
        assert batch.state is BatchState.UNDONE


def test_a_page_that_waits_shows_progress_without_being_loaded_again(opened, office: Office):
    page = opened(office.address, cookies=cookies(office))
    page.goto(office.address + office.pages["waiting"])
    expect(page.get_by_role("status")).to_contain_text("排队中")
    page.evaluate("window.sameDocument = true")
    runs = office.web.floors.ledger.runs
    with office.web.floors.ledger.write() as tx:
        request = runs.claim(tx, "test", office.web.clock())
        assert request is not None
        run = runs.start(tx, "import", "by hand", office.web.clock(), request=request.id)
        runs.progress(tx, run, 1, 3, "")
    try:
        expect(page.get_by_role("status")).to_contain_text("第 2 步，共 3 步")
        assert page.evaluate("window.sameDocument")
    finally:
        with office.web.floors.ledger.write() as tx:
            runs.recover(tx, office.web.clock())


def test_a_file_that_is_too_large_is_told_before_it_is_sent(opened, office: Office, tmp_path):
    page = opened(office.address, cookies=cookies(office))
    page.goto(office.address + office.pages["form"])
    page.evaluate("document.getElementById('file').dataset.most = '10'")
    page.get_by_label("选择文件").set_input_files(people(tmp_path, 4))
    page.get_by_role("button", name="上传并核对").click()
    expect(page.get_by_role("alert")).to_contain_text("文件太大，最大 64 MB")
    assert page.url.endswith(office.pages["form"])


def test_a_file_on_its_way_is_told_and_sent_once(opened, office: Office, tmp_path):
    page = opened(office.address, cookies=cookies(office))
    page.goto(office.address + office.pages["form"])
    page.evaluate(
        """window.sent = 0;
        document.addEventListener('submit', (e) => { window.sent++; e.preventDefault(); })"""
    )  # so that the page stays and can be looked at
    page.get_by_label("选择文件").set_input_files(people(tmp_path, 6))
    page.get_by_role("button", name="上传并核对").click()
    button = page.get_by_role("button", name="正在上传")
    expect(button).to_be_disabled()
    button.click(force=True)
    assert page.evaluate("window.sent") == 1


def test_a_page_that_waited_for_long_asks_no_more(opened, office: Office, tmp_path):
    where = office.clerk.send(people(tmp_path, 7)).location
    page = opened(office.address, cookies=cookies(office))
    page.goto(office.address + where)
    office.web.clock.advance(seconds=660)
    try:
        expect(page.get_by_role("link", name="刷新")).to_be_visible()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2500)
        assert asked == []
    finally:
        office.web.clock.advance(seconds=-660)


def test_keyboard_alone_reaches_and_presses_the_import(opened, office: Office, tmp_path):
    where = office.clerk.send(people(tmp_path, 5)).location
    office.web.run_jobs()
    page = opened(office.address, cookies=cookies(office))
    page.goto(office.address + where)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").startswith("导入"):
            break
    expect(page.get_by_role("button", name="导入 1 行")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("已导入 1 行")


UNDER_THE_BAR = """() => {
  const bar = document.querySelector('.actbar'), at = document.activeElement;
  const box = at.getBoundingClientRect();
  return at !== document.body && !bar.contains(at)
    && box.bottom > bar.getBoundingClientRect().top + 0.5 ? at.outerHTML.slice(0, 90) : '';
}"""


def test_what_has_the_focus_is_never_behind_the_bar(opened, office: Office):
    page = opened(office.address, cookies=cookies(office))
    for look in ("zh-CN.standard.light", "zh-CN.care.light"):
        change_look(page, office, look)
        page.goto(office.address + office.pages["ready"])
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate(UNDER_THE_BAR) == ""


# --- what every page is held to -----------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_nothing_scrolls_sideways_and_targets_and_text_are_large_enough(
    opened, office: Office, width: int
):
    page = opened(office.address, cookies=cookies(office), width=width)
    for language, mode in product(("zh-CN", "en"), ("standard", "care")):
        change_look(page, office, f"{language}.{mode}.light")
        for name, path in office.pages.items():
            page.goto(office.address + path)
            assert not page.evaluate(TOO_WIDE), (name, width, mode, language)
            target, text = (60, 18) if mode == "care" else (44, 13)
            assert page.evaluate(SMALL_TARGETS, target) == [], (name, width, mode, language)
            assert page.evaluate(SMALL_TEXT, text) == [], (name, width, mode, language)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_in_any_look(opened, office: Office, look: str):
    page = opened(office.address, cookies=cookies(office, look))
    for name, path in office.pages.items():
        page.goto(office.address + path)
        assert axe(page) == [], (look, name)


def test_the_last_words_of_a_page_are_not_covered_by_the_bar(opened, office: Office):
    page = opened(office.address, cookies=cookies(office))
    for look in ("zh-CN.standard.light", "zh-CN.care.light"):
        change_look(page, office, look)
        page.goto(office.address + office.pages["ready"])
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        last = page.locator(".columns > div").last.bounding_box()
        bar = page.locator(".actbar").bounding_box()
        assert last is not None
        assert bar is not None
        assert last["y"] + last["height"] <= bar["y"]
