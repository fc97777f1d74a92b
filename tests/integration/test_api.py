"""Feeds, acts and grants through REST: status and body and what stands in the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from graph.gate import EventKind
from graph.model import ItemId, ItemKind
from tests.integration.demo_world import Instance, activity, new_key, problem_name


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


def test_member_since_before_places_were_counted_stays_one(web: Instance):
    person = web.sign_in(web.residents(1)[0])
    groups = person.client.get("/api/v1/groups?limit=100").json["items"]
    group = next(g for g in groups if g["state"] == "joined" and g["seats"] is None)["item_id"]
    with web.floors.ledger.write() as tx:
        web.floors.ledger.bookings.set_seats(tx, ItemId(group), 0)
    again = person.act(group, "join")
    assert (again.status_code, again.json["state"]) == (202, "confirmed")
    assert person.act(group, "leave").status_code == 202
    assert person.act(group, "join").json["state"] == "waitlist"


def test_one_residents_key_is_not_anothers(web: Instance):
    a, b = (web.sign_in(r) for r in web.residents(2))
    item = web.item(ItemKind.GROUP)
    assert a.act(item, "like", key="common-key").status_code == 202
    answer = b.act(item, "like", key="common-key")
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers


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


def test_rec_id_of_another_card_is_refused(web: Instance):
    a, b = (web.sign_in(r) for r in web.residents(2))
    first, second = a.feed()["cards"][:2]
    assert a.act(first["item_id"], "like", rec_id=first["rec_id"]).status_code == 202
    assert problem_name(a.act(first["item_id"], "like", rec_id=second["rec_id"])) == "unfit-data"
    assert problem_name(b.act(first["item_id"], "like", rec_id=first["rec_id"])) == "unfit-data"


def test_institution_records_acts_only_for_residents_who_let_it(web: Instance):
    resident, stranger = web.residents(2)
    club = web.key("club", "interactions:write")
    groups = web.sign_in(resident).client.get("/api/v1/groups").json["items"]
    item = next(group["item_id"] for group in groups if group["state"] == "none")
    post = "/api/v1/interactions"
    body = {"resident": resident, "item": item, "kind": "like"}
    for who in (resident, stranger, "nobody"):
        refused = club.post(post, body | {"resident": who}, new_key())
        assert (refused.status_code, problem_name(refused)) == (403, "purpose_not_authorised")
    person = web.sign_in(resident)
    grant = {"category": "interest", "purpose": "feed", "institution": "club"}
    path = f"/api/v1/residents/{resident}/grants"
    assert person.client.post(path, json=grant, headers=person.headers()).status_code == 201
    assert club.post(post, body, new_key()).status_code == 202
    # Interests were authorised, attendance was not.
    joins = club.post(post, body | {"kind": "join"}, new_key())
    assert problem_name(joins) == "purpose_not_authorised"
    card = person.client.get(f"/api/v1/groups/{item}").json["card"]
    assert card["state"] == "liked"


def test_rivals_for_the_last_seat_get_it_once(web: Instance, other: Instance):
    rivals = web.residents(8)
    people = [(web, other)[n % 2].sign_in(resident) for n, resident in enumerate(rivals)]
    publisher = web.key("operator", "items:write")
    publisher.put("/api/v1/activities/operator.rare", activity(seats=3))
    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(lambda person: person.sign_up("operator.rare"), people))
    assert {answer.status_code for answer in answers} == {201}
    states = sorted(answer.json["state"] for answer in answers)
    assert states == ["confirmed"] * 3 + ["waitlist"] * 5
    positions = sorted(a.json["position"] for a in answers if a.json["position"])
    assert positions == [1, 2, 3, 4, 5]
    with web.floors.ledger.read() as tx:
        taken = web.floors.ledger.bookings.taken(tx, ["operator.rare"])
    assert taken == {"operator.rare": (3, 3, 5)}
