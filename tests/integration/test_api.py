"""The REST doors on a real home: status and body and what stands in the ledger afterwards."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from api.rest.problems import PROBLEMS
from api.security.operations import OPERATIONS
from graph.errors import AuditUnavailable, NotReady, StoreUnavailable
from graph.gate import EventKind
from graph.model import ItemKind, StaffRole
from tests.integration.demo_world import Instance, problem_name


def items_of(feed) -> list[str]:
    return [card["item_id"] for card in feed["cards"]]


def test_feed_shows_cards_with_reasons_and_ids(web: Instance):
    person = web.sign_in(web.residents(1)[0])
    feed = person.feed(n=5)
    assert feed["personalised"] is True
    assert 1 <= len(feed["cards"]) <= 5
    for card in feed["cards"]:
        assert card["reason"]["code"]
        assert len(card["rec_id"]) == 44
        assert "score" not in card
    only = person.feed(kind="group,service")
    assert {card["kind"] for card in only["cards"]} <= {"group", "service"}
    assert only["cards"]


def test_feed_without_authorisation_is_useful_and_says_so(web: Instance):
    moment = web.floors.live.catch_up()
    closed = next(r for r, row in moment.resident_rows.items() if not moment.consent(row)[0].any())
    feed = web.sign_in(closed).feed()
    assert feed["personalised"] is False
    assert feed["cards"]
    assert {card["walk_minutes"] for card in feed["cards"]} == {None}


def test_like_is_in_the_ledger_and_in_the_next_feed_of_another_process(
    web: Instance, other: Instance
):
    resident = web.residents(1)[0]
    here, there = web.sign_in(resident), other.sign_in(resident)
    before = there.feed(n=50)
    dismissed, liked = (
        next(c for c in before["cards"] if c["state"] == "none"),
        next(c for c in reversed(before["cards"]) if c["state"] == "none"),
    )
    answer = here.act(liked["item_id"], "like", rec_id=liked["rec_id"])
    assert answer.status_code == 202
    assert answer.json == {
        "item": liked["item_id"],
        "kind": "like",
        "rec_id": liked["rec_id"],
        "at": answer.json["at"],
        "state": None,
        "position": None,
    }
    kind, subject, payload = web.events()[-1]
    assert (kind, subject) == (EventKind.INTERACTION, resident)
    assert payload is not None
    assert payload["kind"] == "like"
    assert payload["item"] == liked["item_id"]
    assert payload["rec_id"] == liked["rec_id"]

    assert here.act(dismissed["item_id"], "dismiss").status_code == 202
    after = there.feed(n=50)
    states = {card["item_id"]: card["state"] for card in after["cards"]}
    assert states[liked["item_id"]] == "liked"
    assert dismissed["item_id"] not in states

    assert here.act(dismissed["item_id"], "undo").status_code == 202
    assert dismissed["item_id"] in items_of(there.feed(n=50))


def test_retry_gets_the_very_same_answer_and_does_nothing_twice(web: Instance, other: Instance):
    resident = web.residents(1)[0]
    here, there = web.sign_in(resident), other.sign_in(resident)
    item = web.item(ItemKind.ACTIVITY, seats=True)
    first = here.act(item, "sign_up", key="the-same-key")
    events = len(web.events())
    assert first.status_code == 202
    assert "Idempotency-Replayed" not in first.headers
    web.clock.advance(hours=1)
    for who in (here, there):
        again = who.act(item, "sign_up", key="the-same-key")
        assert (again.status_code, again.data) == (first.status_code, first.data)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert len(web.events()) == events
    other_request = there.act(item, "cancel", key="the-same-key")
    assert other_request.status_code == 409
    assert problem_name(other_request) == "idempotency-conflict"
    assert len(web.events()) == events


def test_one_residents_key_is_not_anothers(web: Instance):
    a, b = (web.sign_in(r) for r in web.residents(2))
    item = web.item(ItemKind.GROUP)
    assert a.act(item, "like", key="common-key").status_code == 202
    answer = b.act(item, "like", key="common-key")
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers


def test_last_seat_waiting_list_and_who_moves_up(web: Instance, other: Instance):
    a, b, c = web.residents(3)
    here = {r: web.sign_in(r) for r in (a, b, c)}
    there = {r: other.sign_in(r) for r in (b, c)}
    item = "operator.last-seat"
    publisher = web.key("operator", "items:write")
    assert publisher.put(f"/api/v1/activities/{item}", activity(seats=1)).status_code == 201

    taken = here[a].sign_up(item)
    assert (taken.status_code, taken.json["state"]) == (201, "confirmed")
    waits = [there[r].sign_up(item).json for r in (b, c)]
    assert [(w["state"], w["position"]) for w in waits] == [("waitlist", 1), ("waitlist", 2)]
    shown = here[c].client.get(f"/api/v1/activities/{item}").json["card"]
    assert (shown["state"], shown["position"], shown["seats_left"]) == ("waitlist", 2, 0)
    assert shown["waiting"] == 2

    assert here[a].cancel(item).status_code == 200
    moved = there[b].client.get(f"/api/v1/activities/{item}").json["card"]
    assert (moved["state"], moved["seats_left"], moved["waiting"]) == ("joined", 0, 1)
    assert there[c].client.get(f"/api/v1/activities/{item}").json["card"]["position"] == 1
    with web.floors.ledger.read() as tx:
        assert web.floors.ledger.bookings.taken(tx, [item]) == {item: (1, 1, 1)}
    promotions = [
        (subject, payload["state"])
        for _, subject, payload in web.events()[-2:]
        if payload and payload["kind"] == "sign_up"
    ]
    assert promotions == [(b, "confirmed")]

    # More seats: the next in line moves up with the change itself.
    more = publisher.put(f"/api/v1/activities/{item}", activity(seats=5))
    assert (more.status_code, more.json["moved_up"]) == (200, 1)
    assert there[c].client.get(f"/api/v1/activities/{item}").json["card"]["state"] == "joined"


def test_what_is_over_called_off_or_for_another_age_cannot_be_joined(web: Instance):
    person = web.sign_in(web.residents(1)[0])
    publisher = web.key("operator", "items:write")
    path = "/api/v1/activities/operator.walk"
    assert publisher.put(path, activity()).status_code == 201
    assert person.sign_up("operator.walk").status_code == 201
    assert publisher.put(path, activity(state="cancelled")).status_code == 200
    refused = person.act("operator.walk", "sign_up")
    assert refused.status_code == 409
    assert problem_name(refused) == "conflict"
    card = person.client.get(path).json["card"]
    assert (card["cancelled"], card["can_join"], card["state"]) == (True, False, "joined")
    assert person.cancel("operator.walk").status_code == 200

    assert publisher.put(path, activity(min_age=120)).status_code == 200
    assert problem_name(person.sign_up("operator.walk")) == "conflict"
    assert publisher.put(path, activity()).status_code == 200
    web.clock.advance(days=6)
    person = web.sign_in(person.resident)
    assert problem_name(person.sign_up("operator.walk")) == "conflict"


def test_published_item_is_in_everyones_next_request(web: Instance, other: Instance):
    person = other.sign_in(web.residents(1)[0])
    publisher = web.key("club", "items:write", "catalogue:read")
    body = activity(
        title="周末皮影戏工坊",
        interests=["taichi"],
        place={"name": "文化站", "lat": 31.2, "lon": 121.4},
        organiser="皮影社",
    )
    answer = publisher.put("/api/v1/activities/club.shadow", body, key="publish-1")
    assert answer.status_code == 201
    assert answer.json == {"item": "club.shadow", "created": True, "moved_up": 0}
    kind, subject, payload = web.events()[-1]
    assert (kind, subject) == (EventKind.ITEM, "club.shadow")
    assert payload is not None
    assert payload["properties"]["title"] == "周末皮影戏工坊"
    again = publisher.put("/api/v1/activities/club.shadow", body, key="publish-1")
    assert again.json == answer.json
    assert again.headers["Idempotency-Replayed"] == "true"

    item = person.client.get("/api/v1/activities/club.shadow").json
    assert item["card"]["place"]["zh"] == "文化站"
    assert item["card"]["organiser"]["zh"] == "皮影社"
    assert [each["en"] for each in item["interests"]] == ["Tai chi"]
    found = person.client.get("/api/v1/activities?text=皮影戏").json["items"]
    assert [each["item_id"] for each in found] == ["club.shadow"]


def test_institution_may_not_publish_under_anothers_name(web: Instance):
    club = web.key("club", "items:write")
    existing = web.item(ItemKind.ACTIVITY)
    for item in (existing, "other.walk", "unknown"):
        answer = club.put(f"/api/v1/activities/{item}", activity())
        assert (answer.status_code, problem_name(answer)) == (403, "not-allowed")
    wrong = club.put("/api/v1/activities/club.x", activity(interests=["no-such-interest"]))
    assert (wrong.status_code, problem_name(wrong)) == (400, "unfit-data")
    assert web.events()[-1][0] != EventKind.ITEM


def test_lists_page_filter_and_search(web: Instance):
    reader = web.key("club", "catalogue:read", purpose="statistics")
    for path, kind in (
        ("groups", "group"),
        ("activities", "activity"),
        ("services", "service"),
        ("roles", "helper_role"),
    ):
        everything = reader.get(f"/api/v1/{path}?limit=100").json
        assert everything["next_cursor"] is None
        ids = [card["item_id"] for card in everything["items"]]
        assert ids
        assert {card["kind"] for card in everything["items"]} == {kind}
        paged: list[str] = []
        cursor = ""
        while True:
            page = reader.get(f"/api/v1/{path}?limit=2{cursor}").json
            paged += [card["item_id"] for card in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert paged == ids
        first = everything["items"][0]
        text = first["title"]["zh"][:4]
        hits = reader.get(f"/api/v1/{path}?text={text}").json["items"]
        assert first["item_id"] in [card["item_id"] for card in hits]
        assert reader.get(f"/api/v1/{path}?text=%25").json["items"] == []
        life = first["life_category"]
        of_life = reader.get(f"/api/v1/{path}?life_category={life}").json["items"]
        assert {card["life_category"] for card in of_life} == {life}
        other = reader.get(f"/api/v1/{'groups' if path != 'groups' else 'roles'}/{ids[0]}")
        assert problem_name(other) == "not-found"
    foreign = reader.get("/api/v1/groups?cursor=" + cursor.removeprefix("&cursor="))
    assert problem_name(foreign) == "unfit-data"


def test_lists_by_grid(web: Instance):
    reader = web.key("club", "catalogue:read")
    moment = web.floors.live.catch_up()
    found = 0
    for grid in moment.snapshot.grid_ids.tolist():
        cards = reader.get(f"/api/v1/groups?limit=100&grid={grid}").json["items"]
        rows = [moment.item_rows[card["item_id"]] for card in cards]
        assert {str(moment.snapshot.grid_ids[moment.items.grid[row]]) for row in rows} <= {grid}
        found += len(rows)
    assert found
    assert reader.get("/api/v1/groups?grid=nowhere").json["items"] == []


def test_withdrawn_grant_changes_the_next_feed_in_another_process(web: Instance, other: Instance):
    resident = web.residents(1)[0]
    here, there = web.sign_in(resident), other.sign_in(resident)
    assert there.feed()["personalised"] is True
    path = f"/api/v1/residents/{resident}/grants"
    given = [g for g in here.client.get(path).json["grants"] if g["state"] == "given"]
    assert given
    answer = here.client.delete(path, headers=here.headers())
    assert (answer.status_code, answer.json) == (200, {"withdrawn": len(given)})
    feed = there.feed()
    assert feed["personalised"] is False
    assert {card["reason"]["code"] for card in feed["cards"]} <= {"general", "popular"}
    states = {g["state"] for g in there.client.get(path).json["grants"]}
    assert states == {"withdrawn"}

    body = {"category": "interest", "purpose": "feed"}
    headers = here.headers("grant-key-1")
    given_back = here.client.post(path, json=body, headers=headers)
    assert given_back.status_code == 201
    assert here.client.post(path, json=body, headers=headers).json == given_back.json
    assert there.feed()["personalised"] is True


def test_a_grant_ends_by_the_clock_alone(web: Instance):
    resident = web.residents(1)[0]
    assert web.sign_in(resident).feed()["personalised"] is True
    web.clock.advance(days=400)
    assert web.sign_in(resident).feed()["personalised"] is False


def test_institution_sees_a_feed_only_with_a_grant_and_leaves_a_trace(web: Instance):
    resident, stranger = web.residents(2)
    club = web.key("club", "feed:read")
    path = "/api/v1/residents/{}/feed"
    refusals = [club.get(path.format(who)) for who in (resident, stranger, "nobody")]
    assert {(r.status_code, problem_name(r)) for r in refusals} == {(403, "purpose_not_authorised")}
    assert len({r.json["detail"] for r in refusals}) == 1

    person = web.sign_in(resident)
    body = {"category": "interest", "purpose": "feed", "institution": "club"}
    granted = person.client.post(
        f"/api/v1/residents/{resident}/grants", json=body, headers=person.headers()
    )
    assert granted.status_code == 201
    answer = club.get(path.format(resident))
    assert answer.status_code == 200
    assert answer.json["cards"]
    assert {card["walk_minutes"] for card in answer.json["cards"]} == {None}  # no grid grant
    with web.floors.ledger.read() as tx:
        entries = web.floors.ledger.audit.of(tx, resident)
    assert [(e.institution, e.allowed) for e in entries if e.institution == "club"] == [
        ("club", True),
        ("club", False),
    ]
    assert club.get(path.format(stranger)).status_code == 403


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


def test_session_ends_by_idling_and_by_signing_out(web: Instance, other: Instance):
    person = web.sign_in(web.residents(1)[0])
    web.clock.advance(hours=7)
    assert person.client.get("/api/v1/session").status_code == 200
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
    from graph.gate import Principal

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
    person = web.sign_in(web.residents(1)[0])
    tried = 0
    for endpoint, method, address in operations(web.app):
        line = OPERATIONS[endpoint]
        path = address.replace("{resident}", person.resident)
        if StaffRole.ANONYMOUS not in line.roles:
            answer = nobody.open(path, method=method)
            assert answer.status_code == 401, (endpoint, answer.status_code)
            tried += 1
        if StaffRole.INSTITUTION not in line.roles:
            answer = key.client.open(path, method=method, headers=key.base)
            assert answer.status_code == 403, (endpoint, answer.status_code)
            tried += 1
        elif line.scope:  # a key without any scope
            answer = key.client.open(path, method=method, headers=key.base)
            assert answer.status_code == 403, (endpoint, answer.status_code)
            tried += 1
        if StaffRole.RESIDENT not in line.roles:
            answer = person.client.open(path, method=method, headers=person.headers())
            assert answer.status_code == 403, (endpoint, answer.status_code)
            tried += 1
    assert tried > 40


BODIES = {
    "api.interact": {"item": "x", "kind": "like"},
    "api.sign_up": {"item": "{item}"},
    "api.give_grant": {"category": "interest", "purpose": "feed"},
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
        if method in {"get", "post", "put", "delete"}
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


def test_rec_id_of_another_card_is_refused(web: Instance):
    a, b = (web.sign_in(r) for r in web.residents(2))
    first, second = a.feed()["cards"][:2]
    assert a.act(first["item_id"], "like", rec_id=first["rec_id"]).status_code == 202
    assert problem_name(a.act(first["item_id"], "like", rec_id=second["rec_id"])) == "unfit-data"
    assert problem_name(b.act(first["item_id"], "like", rec_id=first["rec_id"])) == "unfit-data"


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
    assert person.client.get("/").status_code == 503


def test_an_empty_home_is_alive_and_not_ready(tmp_path, clock):
    from api.cli.homes import make_home
    from api.wiring import load_config
    from tests.integration.demo_world import web_process

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


def activity(**more: object) -> dict[str, object]:
    """An activity that begins in four days."""
    return {
        "title": "河边散步",
        "starts_at": "2026-06-05T09:00:00+08:00",
        "ends_at": "2026-06-05T11:00:00+08:00",
        "state": "open",
    } | more
