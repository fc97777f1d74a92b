"""Who looked at my data: told to its resident alone, with a complaint that has a clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.services import looks as service
from graph.gate import AuditEntry
from graph.model import (
    Action,
    DataCategory,
    InstitutionId,
    ItemKind,
    Purpose,
    ResidentId,
    StaffRole,
)
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import Instance, Person, new_key, problem_name

CLERK = "staff:wang-li"


def look(web: Instance, who: str, **changes: object) -> None:
    """Put a look on record as the gate does."""
    entry = AuditEntry(
        at=web.clock.advance(seconds=60),
        actor=CLERK,
        role=StaffRole.SOCIAL_WORKER,
        institution=InstitutionId("clinic"),
        app="linli",
        action=Action.VIEW,
        purpose=Purpose.CARE_VISIT,
        categories=(DataCategory.HEALTH,),
        allowed=True,
        reason="grant",
        subject=ResidentId(who),
        grant="g-1",
    )
    web.floors.ledger.audit.record(replace(entry, **changes))


def looks(person: Person, **query: object):
    answer = person.client.get(f"/api/v1/residents/{person.resident}/looks", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json


def complain(person: Person, ref: str, words: str = "", who: str | None = None):
    path = f"/api/v1/residents/{who or person.resident}/complaints"
    body = {"ref": ref, "words": words}
    return person.client.post(path, json=body, headers=person.headers())


@pytest.fixture
def people(web: Instance) -> list[Person]:
    return [web.sign_in(resident) for resident in web.residents(2)]


def test_a_look_is_shown_in_every_process_with_who_when_what_for_and_why(
    web: Instance, other: Instance, people: list[Person]
):
    mine, _ = people
    program = web.key("operator", "feed:read")
    assert program.get(f"/api/v1/residents/{mine.resident}/feed").status_code == 200
    look(web, mine.resident)
    elsewhere = other.sign_in(mine.resident)
    page = looks(elsewhere)
    first, second = page["looks"][:2]
    assert first | {"ref": "", "number": "", "at": ""} == {
        "ref": "",
        "number": "",
        "at": "",
        "institution": "clinic",
        "app": "linli",
        "role": "social-worker",
        "by_person": True,
        "action": "view",
        "purpose": "care-visit",
        "categories": ["health"],
        "basis": "grant",
        "grant": "g-1",
        "law": "",
        "complaint": None,
    }
    assert (second["institution"], second["purpose"], second["by_person"]) == (
        "operator",
        "feed",
        False,
    )
    assert all(len(one["number"]) == 8 and one["number"].isdigit() for one in (first, second))
    assert first["number"] != second["number"]
    together = {(one["action"], one["purpose"]) for one in page["together"]}
    assert ("train", "feed") in together
    html = elsewhere.client.get("/data/looks").text
    assert (first["number"] in html, "wang" in html) == (True, False)


def test_each_basis_is_told_and_has_a_colour_of_its_own(web: Instance, people: list[Person]):
    mine, _ = people
    look(web, mine.resident, purpose=Purpose.STATUTORY_DUTY, law="《居民委员会组织法》")
    look(web, mine.resident, purpose=Purpose.EMERGENCY)
    look(web, mine.resident, allowed=False, reason="no grant in force allows it", grant="")
    look(web, mine.resident, purpose=None, categories=(), action=Action.OPERATE, reason="a link")
    bases = [one["basis"] for one in looks(mine)["looks"][:4]]
    assert bases == ["operation", "refused", "emergency", "law"]
    html = mine.client.get("/data/looks").text
    assert all(f"look_{basis}" in html and f"basis_{basis}" in html for basis in bases)
    assert "《居民委员会组织法》" in html


def test_acts_of_residents_are_never_told_neither_my_own_nor_anothers(
    web: Instance, people: list[Person], monkeypatch: pytest.MonkeyPatch
):
    mine, neighbour = people
    item = web.item(ItemKind.GROUP)
    assert mine.act(item, "like").status_code == 202  # a write is on record under one's own name
    look(web, mine.resident, actor=neighbour.resident, role=StaffRole.RESIDENT, allowed=False)
    assert looks(mine)["looks"] == []
    assert neighbour.resident not in mine.client.get("/data/looks").text
    monkeypatch.setattr(service, "_is_told", lambda entry: True)
    assert len(looks(mine)["looks"]) == 2  # positive control: both are there to be told


def test_another_residents_looks_are_not_mine_to_read_or_to_complain_of(
    web: Instance, people: list[Person]
):
    mine, neighbour = people
    look(web, neighbour.resident)
    (theirs,) = looks(neighbour)["looks"]
    assert looks(mine)["looks"] == []
    tries = [(mine.resident, theirs["ref"]), (mine.resident, "none-1")]
    tries += [(neighbour.resident, theirs["ref"]), ("nobody", theirs["ref"])]
    for who, ref in tries:
        answer = complain(mine, ref, who=who)
        assert (answer.status_code, problem_name(answer)) == (404, "not-found")
    assert complain(neighbour, theirs["ref"]).status_code == 201  # control


def test_i_did_not_expect_this_becomes_a_complaint_that_is_due_and_answered(
    web: Instance, people: list[Person], demo_home
):
    mine, _ = people
    look(web, mine.resident)
    (seen,) = looks(mine)["looks"]
    form = {"csrf": mine.csrf, "words": "我那天不在家"}
    answer = mine.client.post(f"/data/looks/{seen['ref']}/complaint", data=form)
    assert (answer.status_code, answer.location) == (303, f"/data/looks#look-{seen['ref']}")
    made = looks(mine)["looks"][0]["complaint"]
    assert (made["state"], made["words"], made["overdue"]) == ("open", "我那天不在家", False)
    assert complain(mine, seen["ref"], "again").json == made
    linli = CommandLine(demo_home)
    listed = linli.run("audit", "complaints")
    assert (made["id"] in listed.out, "我那天" in listed.out) == (True, False)
    web.clock.advance(days=16)
    mine = web.sign_in(mine.resident)
    assert looks(mine)["looks"][0]["complaint"]["overdue"] is True
    assert "已经超期" in mine.client.get("/data/looks").text
    with web.floors.ledger.write() as tx:
        web.floors.ledger.complaints.answer(tx, made["id"], "已核实", at=web.clock())
    (kept,) = mine.client.get(f"/api/v1/residents/{mine.resident}/complaints").json["complaints"]
    assert (kept["state"], kept["answer"], kept["overdue"]) == ("answered", "已核实", False)
    assert "已核实" in mine.client.get("/data/looks").text


def test_pages_of_looks_follow_each_other_without_a_gap(web: Instance, people: list[Person]):
    mine, _ = people
    for _ in range(2):
        look(web, mine.resident, actor=mine.resident, role=StaffRole.RESIDENT)
    for _ in range(service.PAGE + 5):
        look(web, mine.resident)
    first = looks(mine)
    rest = looks(mine, skip=first["next"])
    assert (len(first["looks"]), len(rest["looks"]), rest["next"]) == (service.PAGE, 5, None)
    assert (rest["together"], bool(first["together"])) == ([], True)
    refs = [one["ref"] for one in first["looks"] + rest["looks"]]
    assert len(set(refs)) == service.PAGE + 5
    assert f"skip={first['next']}" in mine.client.get("/data/looks").text
    for strange in ("x", "-1", "9" * 40, "²"):
        assert mine.client.get(f"/data/looks?skip={strange}").status_code == 200


def test_words_of_a_complaint_are_bounded_and_forms_need_the_sessions_token(
    web: Instance, people: list[Person]
):
    mine, _ = people
    look(web, mine.resident)
    (seen,) = looks(mine)["looks"]
    path = f"/data/looks/{seen['ref']}/complaint"
    assert mine.client.post(path, data={"words": "x"}).status_code == 403
    assert mine.client.post(path, data={"csrf": mine.csrf, "words": "x" * 501}).status_code == 400
    assert complain(mine, seen["ref"], "x" * 501).status_code == 422
    body = {"ref": seen["ref"]}
    headers = mine.headers(new_key()) | {"Idempotency-Key": ""}
    answer = mine.client.post(
        f"/api/v1/residents/{mine.resident}/complaints", json=body, headers=headers
    )
    assert answer.status_code == 400
    assert looks(mine)["looks"][0]["complaint"] is None
