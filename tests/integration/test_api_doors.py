"""Who gets in, what mistakes are answered with, and whether the machine is well."""

from __future__ import annotations

import time

import pytest
from apiflask import APIBlueprint
from openapi_spec_validator import validate

from api.app import create_app
from api.cli.homes import make_home
from api.rest.blueprints import BLUEPRINTS
from api.rest.problems import PROBLEMS
from api.security.operations import OPERATIONS, SCOPES
from api.wiring import load_config
from graph.errors import AuditUnavailable, ConfigError, NotReady, StoreUnavailable
from graph.gate import Principal, open_graph
from graph.model import ItemKind, StaffRole
from jobs import steps
from tests.integration.demo_world import Instance, Person, problem_name, web_process


def test_key_needs_scope_purpose_and_life(web: Instance):
    path = "/api/v1/groups"
    assert web.key("club", "catalogue:read").get(path).status_code == 200
    assert problem_name(web.key("club", "feed:read").get(path)) == "not-allowed"
    for purpose in ("", "curiosity"):
        answer = web.key("club", "catalogue:read", purpose=purpose).get(path)
        assert (answer.status_code, problem_name(answer)) == (403, "purpose_not_authorised")
    feed = web.key("club", "feed:read", purpose="statistics").get("/api/v1/residents/x/feed")
    assert problem_name(feed) == "purpose_not_authorised"
    program = web.key("club", "catalogue:read")
    web.clock.advance(days=366)
    assert problem_name(program.get(path)) == "not-signed-in"
    wrong = web.app.test_client().get(path, headers={"X-API-Key": "llk_000000000000_x"})
    assert (wrong.status_code, problem_name(wrong)) == (401, "not-signed-in")


def test_jobs_are_for_the_operator(web: Instance):
    operator = web.key("operator", "jobs:read")
    assert operator.get("/api/v1/jobs").json == {"runs": []}
    club = web.key("club", "jobs:read")
    assert problem_name(club.get("/api/v1/jobs")) == "not-allowed"


def wait_until_noted(web: Instance, person: Person) -> None:
    """Wait for the use of a session to be written, which happens soon after the answer."""
    cookie = person.client.get_cookie("linli_session")
    assert cookie is not None
    for _ in range(200):
        with web.floors.ledger.read() as tx:
            session = web.floors.ledger.access.session(tx, cookie.value, at=web.clock())
        assert session is not None
        if not session.due:
            return
        time.sleep(0.05)
    raise AssertionError("the use of the session was never noted")


def test_session_ends_by_idling_and_by_signing_out(web: Instance, other: Instance):
    person = web.sign_in(web.residents(1)[0])
    web.clock.advance(hours=7)
    assert person.client.get("/api/v1/session").status_code == 200
    wait_until_noted(web, person)
    web.clock.advance(hours=7)  # in use a while ago, so still alive
    assert person.client.get("/api/v1/session").status_code == 200
    web.clock.advance(hours=9)
    answer = person.client.get("/api/v1/session")
    assert (answer.status_code, problem_name(answer)) == (401, "not-signed-in")

    person = web.sign_in(person.resident)
    cookie = person.client.get_cookie("linli_session")
    assert cookie is not None
    elsewhere = other.app.test_client()
    elsewhere.set_cookie("linli_session", cookie.value)
    assert elsewhere.get("/api/v1/session").status_code == 200
    assert person.client.post("/sign-out", data={"csrf": person.csrf}).status_code == 303
    assert elsewhere.get("/api/v1/session").status_code == 401


def test_sign_in_link_works_once_and_only_by_its_button(web: Instance):
    person = web.sign_in(web.residents(1)[0])
    old = person.client.get_cookie("linli_session")
    assert old is not None
    assert old.http_only
    assert old.same_site == "Lax"
    principal = Principal(person.resident, StaffRole.RESIDENT, web.floors.institution)
    with web.floors.ledger.write() as tx:
        token = web.floors.ledger.access.new_link(tx, principal, at=web.clock())
    assert person.client.get(f"/sign-in/{token}").status_code == 200
    assert person.client.post(f"/sign-in/{token}").status_code == 303
    new = person.client.get_cookie("linli_session")
    assert new is not None
    assert new.value != old.value
    person.client.set_cookie("linli_session", old.value)
    assert person.client.get("/api/v1/session").status_code == 401
    assert web.app.test_client().post(f"/sign-in/{token}").status_code == 401


def test_change_without_the_sessions_token_is_refused(web: Instance):
    person = web.sign_in(web.residents(1)[0])
    item = web.item(ItemKind.GROUP)
    before = len(web.events())
    body = {"resident": person.resident, "item": item, "kind": "like"}
    for token in (None, "", "0" * 40):
        headers = {"Idempotency-Key": "some-key-1"}
        if token is not None:
            headers["X-CSRF-Token"] = token
        answer = person.client.post("/api/v1/interactions", json=body, headers=headers)
        assert (answer.status_code, problem_name(answer)) == (403, "not-allowed")
    form = {"kind": "like", "key": "k" * 20}
    assert person.client.post(f"/item/{item}/act", data=form).status_code == 403
    assert len(web.events()) == before
    assert person.act(item, "like").status_code == 202


PATHS = {
    "resident": "{resident}",
    "item": "some-item",
    "ref": "some-look",
    "list_": "interests",
    "code": "taichi",
    "ending": "json",
    "exploration": "some-exploration",
    "batch": "some-batch",
    "charter": "some-charter",
    "kind": "residents",
    "token": "some-token",
    "version": "0",
    "name": "main.css",
}


def operations(app) -> list[tuple[str, str, str]]:
    """(endpoint, method, address with a gap for the resident) of every route."""
    found = []
    for rule in app.url_map.iter_rules():
        address = str(rule)
        for argument in rule.arguments:
            address = address.replace(f"<path:{argument}>", PATHS[argument])
            address = address.replace(f"<{argument}>", PATHS[argument])
        found += [
            (rule.endpoint, method, address)
            for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
        ]
    return sorted(found)


def test_every_route_refuses_whoever_its_line_does_not_name(web: Instance):
    nobody, key = web.app.test_client(), web.key("club")
    own = web.key("operator", *SCOPES)
    person, clerk = web.sign_in(web.residents(1)[0]), web.staff()
    tried = 0
    for endpoint, method, address in operations(web.app):
        line = OPERATIONS[endpoint]
        path = address.replace("{resident}", person.resident)
        if StaffRole.ANONYMOUS not in line.roles:
            answer = nobody.open(path, method=method)
            assert answer.status_code == 401, (endpoint, answer.status_code)
            tried += 1
        if StaffRole.INSTITUTION not in line.roles or line.scope:
            answer = key.client.open(path, method=method, headers=key.base)
            assert answer.status_code == 403, (endpoint, answer.status_code)
            tried += 1
        if StaffRole.RESIDENT not in line.roles:
            answer = person.client.open(path, method=method, headers=person.headers())
            assert answer.status_code == 403, (endpoint, answer.status_code)
            tried += 1
        if line.desk:
            answer = own.client.open(path, method=method, headers=own.base)
            assert answer.status_code == 403, (endpoint, answer.status_code)
            tried += 1
        elif StaffRole.ANONYMOUS not in line.roles:  # no session of staff gets past a key's scope
            headers = {"X-CSRF-Token": clerk.csrf, "X-Purpose": "feed"}
            answer = clerk.client.open(path, method=method, headers=headers)
            assert answer.status_code == 403, (endpoint, answer.status_code)
            tried += 1
    assert tried > 80


BODIES = {
    "api.interact": {"item": "x", "kind": "like"},
    "api.sign_up": {"item": "{item}"},
    "api.set_personalisation": {"on": False},
    "api.tell": {"value": "112"},
    "api.dispute": {"name": "some-fact"},
    "api.complain": {"ref": "some-look"},
    "api.give_grant": {"category": "interest", "purpose": "feed"},
    "api.answer_invitation": {"invitation": "charter-1", "answer": "yes"},
}


def test_another_residents_id_and_an_unknown_one_get_the_same_answer(web: Instance):
    me, neighbour = web.residents(2)
    person = web.sign_in(me)
    item = web.item(ItemKind.GROUP)
    before = len(web.events())
    tried = []
    for endpoint, method, address in operations(web.app):
        if not OPERATIONS[endpoint].about and endpoint != "api.interact":
            continue
        answers = []
        for who in (neighbour, "nobody-at-all"):
            body = dict(BODIES.get(endpoint, {}))
            if endpoint == "api.interact":
                body["resident"] = who
            if "item" in body:
                body["item"] = item
            path = address.replace("{resident}", who).replace("some-item", item)
            answer = person.client.open(
                path, method=method, headers=person.headers(), json=body or None
            )
            answers.append(answer)
        assert {a.status_code for a in answers} == {404}, endpoint
        same = [{k: v for k, v in a.json.items() if k != "request_id"} for a in answers]
        assert same[0] == same[1], endpoint
        tried.append(endpoint)
    assert len(tried) >= 7
    assert len(web.events()) == before


def test_openapi_document_is_valid_and_names_every_operation(web: Instance):
    spec = web.app.test_client().get("/openapi.json").json
    assert spec["openapi"].startswith("3.1")
    validate(spec)
    said = {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, methods in spec["paths"].items()
        for method in methods
        if method in {"get", "post", "put", "patch", "delete"}
    }
    offered = {
        (method, str(rule))
        for rule in web.app.url_map.iter_rules()
        if rule.endpoint.startswith(("api.", "health."))
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }
    assert said == offered
    feed = spec["paths"]["/api/v1/residents/{resident}/feed"]["get"]
    assert "application/problem+json" in feed["responses"]["403"]["content"]
    assert {p["name"] for p in feed["parameters"]} >= {"resident", "n", "kind", "X-Purpose"}


def test_every_mistake_is_told_as_a_problem_in_two_languages(web: Instance):
    person = web.sign_in(web.residents(1)[0])
    client, headers = person.client, person.headers()
    feed = f"/api/v1/residents/{person.resident}/feed"
    item = web.item(ItemKind.GROUP)
    body = {"resident": person.resident, "item": item, "kind": "like"}
    post = "/api/v1/interactions"
    mistakes = [
        (client.get("/api/v1/nothing"), "not-found"),
        (client.post("/health/live"), "method-not-allowed"),
        (client.get(feed + "?n=0"), "invalid"),
        (client.get(feed + "?n=many"), "invalid"),
        (client.get(feed + "?kind=person"), "invalid"),
        (client.get(feed + "?user=1"), "invalid"),
        (client.post(post, data="{", headers=headers), "bad-request"),
        (client.post(post, json={}, headers=headers), "invalid"),
        (client.post(post, json=body | {"kind": "attend"}, headers=headers), "unfit-data"),
        (client.post(post, json=body | {"kind": "sign_up"}, headers=headers), "unfit-data"),
        (client.post(post, json=body | {"rec_id": "A" * 44}, headers=headers), "unfit-data"),
        (client.post(post, json=body | {"item": "no-item"}, headers=headers), "not-found"),
        (
            client.post(post, json=body, headers={"X-CSRF-Token": person.csrf}),
            "unfit-data",
        ),
        (client.post(post, data="x" * 70_000, headers=headers), "too-large"),
    ]
    for answer, name in mistakes:
        assert problem_name(answer) == name, answer.text
        assert answer.json["title"] == PROBLEMS[name].zh
        assert answer.headers["Cache-Control"] == "no-store"
    english = client.get("/api/v1/nothing", headers={"Accept-Language": "en"})
    assert english.json["title"] == PROBLEMS["not-found"].en
    assert len({p.type for p in PROBLEMS.values()}) == len(PROBLEMS)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (NotReady("x"), "not-ready"),
        (StoreUnavailable("x"), "unavailable"),
        (AuditUnavailable("x"), "audit-unavailable"),
    ],
)
def test_what_is_away_is_told_with_a_time_to_try_again(
    web: Instance, error: Exception, name: str, monkeypatch: pytest.MonkeyPatch
):
    person = web.sign_in(web.residents(1)[0])

    def away() -> None:
        raise error

    monkeypatch.setattr(web.floors.live, "catch_up", away)
    for path in ("/health/ready", f"/api/v1/residents/{person.resident}/feed"):
        answer = person.client.get(path)
        assert (answer.status_code, problem_name(answer)) == (503, name)
        assert int(answer.headers["Retry-After"]) > 0
        assert "detail" not in answer.json
    assert person.client.get("/health/live").status_code == 200
    assert person.client.get("/mine").status_code == 503


def test_an_app_with_a_route_without_a_line_does_not_start(
    web: Instance, monkeypatch: pytest.MonkeyPatch
):
    planted = APIBlueprint("planted", __name__)
    planted.get("/planted")(lambda: "")
    create_app(web.floors)  # starts as it is
    monkeypatch.setattr("api.app.BLUEPRINTS", (*BLUEPRINTS, planted))
    with pytest.raises(ConfigError, match="planted"):
        create_app(web.floors)


def test_an_empty_home_is_alive_and_not_ready(tmp_path, clock):
    make_home(load_config(home=tmp_path / "empty"))
    with web_process(tmp_path / "empty", clock) as empty:
        client = empty.app.test_client()
        assert client.get("/health/live").json == {"status": "alive"}
        answer = client.get("/health/ready")
        assert (answer.status_code, problem_name(answer)) == (503, "not-ready")
        assert int(answer.headers["Retry-After"]) > 0


def test_ready_tells_the_age_of_the_snapshot(web: Instance):
    web.clock.advance(seconds=90)
    body = web.app.test_client().get("/health/ready").json
    assert body["status"] == "ready"
    assert body["snapshot_age"] == 90
    assert body["snapshot"]
    assert body["model"]


def test_a_snapshot_equal_to_the_one_before_is_as_new(web: Instance):
    """Else a quiet day would look like a jobs process that is away."""
    web.clock.advance(hours=2)
    site, before = web.floors.site, web.floors.live.catch_up().snapshot.id
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
        assert steps.take_snapshot(site, lease.store).startswith(before)
    web.clock.advance(seconds=30)
    assert web.app.test_client().get("/health/ready").json["snapshot_age"] == 30


def test_the_feed_says_when_suggestions_are_more_than_a_day_old(web: Instance):
    web.clock.advance(hours=24)
    person = web.sign_in(web.residents(1)[0])
    assert "已超过一天没有更新" not in person.client.get("/").text
    web.clock.advance(seconds=1)
    assert "已超过一天没有更新" in person.client.get("/").text


def test_too_many_requests_are_refused_and_withdrawal_is_not(web: Instance):
    person = web.sign_in(web.residents(1)[0])
    item = web.item(ItemKind.GROUP)
    refused = None
    for _ in range(130):
        answer = person.client.post(
            "/api/v1/interactions", json={"item": item}, headers=person.headers()
        )
        if answer.status_code == 429:
            refused = answer
            break
    assert refused is not None
    assert problem_name(refused) == "too-many-requests"
    assert int(refused.headers["Retry-After"]) > 0
    path = f"/api/v1/residents/{person.resident}/grants"
    assert person.client.delete(path, headers=person.headers()).status_code == 200
