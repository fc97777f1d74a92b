"""Lists, publishing and places through REST: status and body and what stands in the ledger."""

from __future__ import annotations

from graph.gate import EventKind, open_graph
from graph.model import ItemId, ItemKind
from jobs import steps
from tests.integration.demo_world import Instance, activity, problem_name


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


def test_what_was_published_and_who_waits_stand_in_the_next_snapshot(web: Instance):
    a, b = (web.sign_in(r) for r in web.residents(2))
    centre = web.floors.live.catch_up().snapshot.grid_centre[0].tolist()
    publisher = web.key("operator", "items:write")
    path = "/api/v1/activities/operator.tea"
    place = {"name": "茶馆", "lat": centre[0], "lon": centre[1]}
    body = activity(interests=["taichi", "calligraphy"], place=place, organiser="茶社", seats=1)
    assert publisher.put(path, body).status_code == 201
    assert publisher.put(path, body | {"interests": ["taichi"]}).status_code == 200
    groups = a.client.get("/api/v1/groups?limit=100").json["items"]
    group = next(g["item_id"] for g in groups if g["state"] == "none" and g["can_join"])
    with web.floors.ledger.write() as tx:
        web.floors.ledger.bookings.set_seats(tx, ItemId(group), 0)
    for person in (a, b):
        assert person.sign_up("operator.tea").status_code == 201
    waits = a.act(group, "join").json
    assert (waits["state"], waits["position"]) == ("waitlist", 1)
    live = a.client.get(path).json
    live_group = a.client.get(f"/api/v1/groups/{group}").json
    assert live_group["card"]["state"] == "waitlist"

    config = web.floors.site.config
    with open_graph(config.graph_url, ledger=web.floors.ledger, holder="test") as lease:
        steps.take_snapshot(web.floors.site, lease.store)
        ends = lease.store.relationships("JOINED", "Resident", "Group").to_pylist()
        assert not [e for e in ends if e["start"] == a.resident and e["end"] == group]
        states = {
            e["start"]: e["state"]
            for e in lease.store.relationships("SIGNED_UP", "Resident", "Activity").to_pylist()
            if e["end"] == "operator.tea"
        }
    assert states == {a.resident: "confirmed", b.resident: "waitlist"}
    moment = web.floors.live.catch_up()
    assert not moment.item_facts  # from the snapshot, not the overlay
    assert a.client.get(path).json == live
    assert a.client.get(f"/api/v1/groups/{group}").json == live_group
    assert moment.items.grid[moment.item_rows["operator.tea"]] == 0
    grid = str(moment.snapshot.grid_ids[0])
    found = a.client.get(f"/api/v1/activities?grid={grid}&text=散步").json["items"]
    assert "operator.tea" in [card["item_id"] for card in found]
