"""The pages over HTTP, without a browser: acts, tokens, keys, headers, looks, errors."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.security.sessions import COOKIE
from api.services.views import CardState, Words
from api.web.look import LOOK_COOKIE
from graph.errors import Conflict, NotReady
from graph.model import ItemId
from tests.browser.feed_double import MemoryResidents, MemorySessions, make_app

TAICHI = ItemId("act-taichi")


@pytest.fixture
def made() -> tuple[Flask, MemoryResidents, MemorySessions]:
    return make_app()


@pytest.fixture
def residents(made) -> MemoryResidents:
    return made[1]


@pytest.fixture
def sessions(made) -> MemorySessions:
    return made[2]


@pytest.fixture
def stranger(made) -> FlaskClient:
    return made[0].test_client()


@pytest.fixture
def client(made, sessions) -> FlaskClient:
    client = made[0].test_client()
    client.set_cookie(COOKIE, sessions.open())
    return client


def csrf(sessions: MemorySessions) -> str:
    return next(iter(sessions.sessions.values())).csrf


def form(sessions: MemorySessions, kind: str = "sign_up", **more: str) -> dict[str, str]:
    return {"csrf": csrf(sessions), "kind": kind, "key": "k" * 20, "rec": "rec00"} | more


def act(client, sessions, kind="sign_up", item=TAICHI, headers=None, **more):
    data = form(sessions, kind, **more)
    return client.post(f"/item/{item}/act", data=data, headers=headers)


def test_every_page_needs_a_session(stranger):
    for path in ("/", "/mine", "/item/act-taichi", "/item/act-taichi/why"):
        answer = stranger.get(path)
        assert answer.status_code == 401
        assert "您还没有登录" in answer.text
        assert "太极" not in answer.text


def test_feed_shows_every_card_with_its_reason(client):
    page = client.get("/").text
    assert page.count("<article") == 12
    assert page.count("reason__text") == 12
    assert "您对「太极拳」感兴趣" in page


def test_feed_filters_by_kind_and_ignores_unknown_ones(client):
    assert client.get("/?kind=group").text.count("<article") == 3
    assert client.get("/?kind=nonsense").text.count("<article") == 12


def test_act_without_javascript_comes_back_to_the_card(client, sessions, residents):
    answer = act(client, sessions)
    assert answer.status_code == 303
    assert answer.location == "/?done=act-taichi#card-act-taichi"
    page = client.get(answer.location).text
    assert 'id="card-act-taichi"' in page
    assert "您刚才的操作" in page
    assert residents.acts == [("act-taichi", "sign_up", "rec00")]


def test_act_keeps_the_filter(client, sessions):
    assert act(client, sessions, tab="activity").location.startswith("/?kind=activity&done=")


def test_act_on_its_own_page_and_on_mine_stays_there(client, sessions):
    at_item = act(client, sessions, place="item")
    assert at_item.location == "/item/act-taichi?rec=rec00"
    at_mine = act(client, sessions, "cancel", place="mine", key="m" * 20)
    assert at_mine.location == "/mine?done=act-taichi#card-act-taichi"


def test_acts_on_the_item_page_count_for_the_suggestion_that_led_there(client, residents):
    residents.cards[TAICHI] = replace(residents.cards[TAICHI], rec_id=None)
    assert 'name="rec" value="rec77"' in client.get("/item/act-taichi?rec=rec77").text
    assert 'name="rec" value=""' in client.get("/item/act-taichi").text


def test_enhanced_act_answers_with_the_card_alone(client, sessions):
    answer = act(client, sessions, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.text.strip().startswith("<article")
    assert "已报名" in answer.text
    assert "<html" not in answer.text


def test_same_form_twice_acts_once(client, sessions, residents):
    act(client, sessions)
    act(client, sessions)
    assert len(residents.acts) == 1
    assert residents.cards[TAICHI].seats_left == 2


def test_key_of_another_request_is_refused(client, sessions, residents):
    act(client, sessions, "like")
    assert act(client, sessions, "dismiss").status_code == 409
    assert len(residents.acts) == 1


def test_full_item_leads_to_the_waitlist(client, sessions):
    answer = act(client, sessions, item="act-dumpling", headers={"HX-Request": "true"})
    assert "候补第 3 位" in answer.text


@pytest.mark.parametrize(
    "wrong",
    [{"csrf": "x"}, {"csrf": ""}, {"csrf": "ж" * 9}],
)
def test_act_without_the_sessions_token_is_refused(client, sessions, residents, wrong):
    assert act(client, sessions, **wrong).status_code == 403
    assert residents.acts == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_post_from_another_site_is_refused(client, sessions, residents, headers):
    assert act(client, sessions, headers=headers).status_code == 403
    assert residents.acts == []


def test_post_from_the_own_site_passes(client, sessions, residents):
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert act(client, sessions, headers=headers).status_code == 303
    assert len(residents.acts) == 1


@pytest.mark.parametrize(
    "wrong", [{"kind": "attend"}, {"kind": "view"}, {"kind": ""}, {"key": ""}, {"key": "<b>" * 9}]
)
def test_malformed_act_is_refused(client, sessions, residents, wrong):
    assert act(client, sessions, **wrong).status_code == 400
    assert residents.acts == []


def test_act_on_something_closed_says_so(client, sessions, residents):
    residents.cards[TAICHI] = replace(residents.cards[TAICHI], can_join=False)
    plain = act(client, sessions)
    assert plain.status_code == 409
    assert "现在不能这样操作了" in plain.text
    swapped = act(client, sessions, headers={"HX-Request": "true"})
    assert swapped.status_code == 409
    assert swapped.text.strip().startswith("<article")
    assert "现在不能这样操作了" in swapped.text


def test_why_is_a_page_and_a_panel(client):
    page = client.get("/item/act-taichi/why?rec=rec00").text
    panel = client.get("/item/act-taichi/why?rec=rec00", headers={"HX-Request": "true"}).text
    assert "<html" in page
    assert "<html" not in panel
    for text in (page, panel):
        assert "兴趣和喜好" in text
        assert "从不提到别的居民" in text
        assert text.index("<details") < text.index("住处位置")


def test_why_without_personal_data_says_so(client, residents):
    residents.personalised = False
    assert "没有使用您的个人信息" in client.get("/item/act-taichi/why").text


def test_mine_lists_what_was_joined_and_the_waitlist(client, sessions):
    assert "您还没有参加什么" in client.get("/mine").text
    act(client, sessions)
    act(client, sessions, item="act-dumpling", key="w" * 20)
    page = client.get("/mine").text
    assert "取消报名" in page
    assert "候补第 3 位" in page
    assert page.count("<article") == 2


def test_looking_at_a_sign_in_link_does_not_use_it_up(stranger, sessions):
    for _ in range(3):
        assert stranger.get("/sign-in/once-only").status_code == 200
    assert sessions.links == {"once-only"}
    answer = stranger.post("/sign-in/once-only")
    assert (answer.status_code, answer.location) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert stranger.get("/").status_code == 200


def test_sign_in_link_works_once(stranger, made):
    stranger.post("/sign-in/once-only")
    other = made[0].test_client()
    answer = other.post("/sign-in/once-only")
    assert answer.status_code == 401
    assert "这个链接不能用了" in answer.text
    assert COOKIE not in answer.headers.get("Set-Cookie", "")


def test_signing_in_ends_the_session_before(client, sessions):
    before = set(sessions.sessions)
    client.post("/sign-in/once-only")
    assert not before & set(sessions.sessions)


def test_session_cookie_is_secure_over_tls(made):
    answer = made[0].test_client().post("https://localhost/sign-in/once-only")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_signing_out_ends_the_session_and_needs_the_token(client, sessions):
    assert client.post("/sign-out").status_code == 403
    assert len(sessions.sessions) == 1
    answer = client.post("/sign-out", data={"csrf": csrf(sessions)})
    assert answer.location == "/signed-out"
    assert sessions.sessions == {}
    assert client.get("/").status_code == 401


def test_every_answer_has_a_strict_policy_and_is_not_stored(client, stranger):
    for answer in (client.get("/"), stranger.get("/"), client.get("/none"), client.post("/look")):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_pages_hold_no_inline_script_or_style(client):
    for path in ("/", "/mine", "/item/act-taichi", "/item/act-taichi/why", "/signed-out"):
        page = client.get(path).text
        assert (
            re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page) == []
        )


def test_look_is_remembered_and_leads_back(client):
    answer = client.post("/look", data={"mode": "care", "back": "/mine"})
    assert (answer.status_code, answer.location) == (303, "/mine")
    assert 'data-mode="care"' in client.get("/mine").text
    client.post("/look", data={"language": "en"})
    page = client.get("/").text
    assert 'lang="en"' in page
    assert 'data-mode="care"' in page
    assert client.get_cookie(LOOK_COOKIE).value == "en.care.auto"


@pytest.mark.parametrize(
    "back",
    ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x", "/a\n/b"],
)
def test_look_never_leads_to_another_site(client, back):
    assert client.post("/look", data={"mode": "care", "back": back}).location == "/"


@pytest.mark.parametrize("cookie", ["", "a.b.c", "en", "en.care.auto.x", "<script>.care.dark"])
def test_strange_look_cookie_falls_back_to_chinese(client, cookie):
    client.set_cookie(LOOK_COOKIE, cookie)
    page = client.get("/").text
    assert '<html lang="zh-CN"' in page
    assert "<script>." not in page


def test_browser_language_decides_until_something_is_chosen(client):
    page = client.get("/", headers={"Accept-Language": "en-GB,en;q=0.9"}).text
    assert '<html lang="en"' in page
    page = client.get("/", headers={"Accept-Language": "fr"}).text
    assert '<html lang="zh-CN"' in page


def test_words_of_people_are_never_markup(client, residents):
    nasty = '<script>alert(1)</script>"\uff1cimg src=x\uff1e'
    card = residents.cards[TAICHI]
    residents.cards[TAICHI] = replace(
        card, title=Words(nasty), summary=Words(nasty), place=Words(nasty), organiser=Words(nasty)
    )
    for path in ("/", "/item/act-taichi", "/item/act-taichi/why"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_addresses_with_strange_ids_are_quoted(client, residents):
    strange = ItemId('a"b/../<c> 中')
    residents.cards[strange] = replace(residents.cards[TAICHI], item_id=strange)
    residents.order.insert(0, strange)
    page = client.get("/").text
    assert 'a"b' not in page
    assert "<c>" not in page


def test_missing_item_is_told_kindly(client):
    answer = client.get("/item/none")
    assert answer.status_code == 404
    assert "没有找到" in answer.text
    assert client.get("/?done=none").status_code == 200


def test_errors_have_their_status_and_no_details(client, residents, monkeypatch):
    detail = "ledger at /secret/place"
    for error, status in ((NotReady(detail), 503), (Conflict(detail), 409)):

        def fail(*_: object, error=error) -> None:
            raise error

        monkeypatch.setattr(residents, "feed", fail)
        answer = client.get("/")
        assert answer.status_code == status
        assert "secret" not in answer.text


def test_enhanced_request_without_session_is_sent_to_the_signed_out_page(stranger):
    answer = stranger.post("/item/act-taichi/act", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/signed-out"


def test_wrong_method_and_unknown_address_are_pages(client):
    assert client.get("/look").status_code == 405
    assert "<html" in client.get("/nothing/here").text


def test_assets_are_cached_for_good_only_under_their_present_version(client):
    address = re.search(r'href="(/assets/[^"]+main\.css)"', client.get("/").text).group(1)
    good = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in good.headers["Cache-Control"]
    assert good.headers["Content-Encoding"] == "gzip"
    assert good.mimetype == "text/css"
    old = client.get("/assets/old/main.css")
    assert old.headers["Cache-Control"] == "no-cache"
    assert b"--brand" in old.data


@pytest.mark.parametrize("name", ["../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "/etc/passwd"])
def test_nothing_beside_the_assets_is_served(client, name):
    assert client.get(f"/assets/x/{name}").status_code in {404, 308}


def test_liked_card_stays_in_the_feed_with_undo(client, sessions, residents):
    act(client, sessions, "like")
    page = client.get("/").text
    assert "已喜欢" in page
    act(client, sessions, "undo", key="u" * 20)
    assert residents.cards[TAICHI].state is CardState.NONE
