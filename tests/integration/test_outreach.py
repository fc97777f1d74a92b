"""Isolation scores from the jobs process to the worker's list and the resident's own page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from api.security.sessions import STAFF
from api.services.outreach import Outreach
from api.wiring import load_config, open_floors
from graph.errors import Denied, NotFound
from graph.folders import current_name, open_folder
from graph.gate import CareDesk, open_graph, publish_scores
from graph.model import Action, Actor, DataCategory, Purpose, ResidentId, StaffRole
from jobs.isolation import score_isolation
from jobs.runner import Runner
from jobs.steps import is_stale, silent
from tests.conftest import FixedClock
from tests.factories import NOW, operator
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import (
    RESIDENTS,
    Instance,
    add_care,
    copy_home,
    problem_name,
    web_process,
)

GRID, OTHER = "wuhu-g0000", "wuhu-g0001"
SCORE = DataCategory.ISOLATION_SCORE


@pytest.fixture(scope="module")
def made_care_home(made_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_home(made_home, tmp_path_factory.mktemp("care") / "home")
    add_care(root)
    return root


@pytest.fixture
def care_home(made_care_home: Path, tmp_path: Path) -> Path:
    return copy_home(made_care_home, tmp_path / "home")


@pytest.fixture
def web(care_home: Path, clock: FixedClock) -> Iterator[Instance]:
    with web_process(care_home, clock) as instance:
        yield instance


def actor(name: str = "zhou") -> Actor:
    return Actor(STAFF + name, StaffRole.SOCIAL_WORKER, operator().institution, "linli")


def listed(web: Instance, *grids: str) -> list[str]:
    """Everybody on the list of a worker of these grids."""
    web.worker(*grids)
    found = Outreach(web.floors).worklist(actor(), limit=60)
    return [entry.resident for entry in found.entries]


def withdraw(web: Instance, resident: str, category: DataCategory, key: str = "k1") -> None:
    ledger = web.floors.ledger
    with ledger.write() as tx:
        assert ledger.grants.withdraw(
            tx,
            ResidentId(resident),
            institution=web.floors.institution,
            category=category,
            purpose=Purpose.CARE_VISIT,
            at=web.clock(),
            key=key,
        )


# --- whose residents ----------------------------------------------------------------------------


def test_a_worker_sees_residents_of_own_grids_and_nobody_else(web: Instance):
    mine, theirs = listed(web, GRID), listed(web, OTHER)
    assert len(mine) > 5
    assert len(theirs) > 5
    assert not set(mine) & set(theirs)
    clerk = web.worker(GRID)
    page = clerk.client.get("/desk/care")
    assert page.status_code == 200
    for resident in mine[:3]:
        assert f"/desk/care/{resident}" in page.text
        assert clerk.client.get(f"/desk/care/{resident}").status_code == 200
    for stranger in (theirs[0], "nobody-at-all"):
        answer = clerk.client.get(f"/desk/care/{stranger}")
        assert answer.status_code == 404
        assert answer.text.count(stranger) == answer.text.count(f"/desk/care/{stranger}")
    with pytest.raises(Denied, match=OTHER):
        Outreach(web.floors).worklist(actor(), grids=[OTHER])


def test_who_lost_their_grids_sees_nobody_from_the_next_request_on(web: Instance):
    resident = listed(web, GRID)[0]
    clerk = web.worker(GRID)
    assert clerk.client.get(f"/desk/care/{resident}").status_code == 200
    with web.floors.ledger.write() as tx:
        web.floors.ledger.cases.post(tx, clerk.staff, [OTHER])
    assert clerk.client.get(f"/desk/care/{resident}").status_code == 404


def test_only_who_authorised_a_score_is_listed(web: Instance):
    moment = web.floors.live.catch_up()
    desk = CareDesk(web.floors.gate, web.floors.ledger, web.floors.home.isolation)
    for resident in listed(web, GRID, OTHER):
        row = moment.resident_row(ResidentId(resident))
        assert SCORE in desk.permitted(moment, row)
    without = [row for row in range(RESIDENTS) if SCORE not in desk.permitted(moment, row)]
    assert len(without) > 20


# --- roles --------------------------------------------------------------------------------------


def test_each_door_is_for_its_role_alone(web: Instance):
    resident = listed(web, GRID)[0]
    person, clerk, social = web.sign_in(resident), web.staff(), web.worker(GRID)
    for path in ("/desk/care", f"/desk/care/{resident}"):
        assert person.client.get(path).status_code == 403
        assert clerk.client.get(path).status_code == 403
        assert web.app.test_client().get(path).status_code == 401
    assert social.client.get("/desk").location == "/desk/care"
    assert clerk.client.get("/desk").location == "/desk/imports"
    for path in ("/desk/imports", "/", "/care", "/api/v1/outreach", "/api/v1/imports"):
        assert social.client.get(path).status_code == 403, path


def test_rest_is_for_an_operators_key_with_scope_and_purpose(web: Instance):
    path = f"/api/v1/outreach?grid={GRID}&limit=5"
    key = web.key("operator", "outreach:read", purpose="care-visit")
    found = key.get(path).json
    assert [entry["place"] for entry in found["entries"]] == [1, 2, 3, 4, 5]
    assert found["entries"][0]["why"]["parts"]
    wrong = web.key("operator", "outreach:read", purpose="feed").get(path)
    assert problem_name(wrong) == "purpose_not_authorised"
    other = web.key("operator", "feed:read", purpose="care-visit").get(path)
    assert problem_name(other) == "not-allowed"
    clinic = web.key("clinic", "outreach:read", purpose="care-visit").get(path)
    assert problem_name(clinic) == "not-allowed"


def test_a_resident_reads_the_own_score_and_no_others(web: Instance):
    mine, neighbour = listed(web, GRID)[:2]
    person = web.sign_in(mine)
    found = person.client.get(f"/api/v1/residents/{mine}/isolation").json
    assert found["allowed"] is True
    entry = next(
        e for e in Outreach(web.floors).worklist(actor(), limit=60).entries if e.resident == mine
    )
    assert found["why"]["probability"] == entry.why.probability
    assert len(found["why"]["parts"]) == len(entry.why.parts)
    answer = person.client.get(f"/api/v1/residents/{neighbour}/isolation")
    assert answer.status_code == 404


# --- withdrawal ---------------------------------------------------------------------------------


def test_switched_off_it_is_gone_at_the_next_request_everywhere(web: Instance, care_home: Path):
    resident = listed(web, GRID)[0]
    person, social = web.sign_in(resident), web.worker(GRID)
    page = person.client.get("/care")
    assert "用到的资料" in page.text
    with web_process(care_home, web.clock) as other:
        assert resident in listed(other, GRID)
        form = {"csrf": person.csrf, "key": "k" * 20}
        assert person.client.post("/care/off", data={"key": "k" * 20}).status_code == 403
        assert person.client.post("/care/off", data=form).status_code == 303
        assert "没有为您计算" in person.client.get("/care").text
        assert social.client.get(f"/desk/care/{resident}").status_code == 404
        assert resident not in social.client.get("/desk/care").text
        assert resident not in listed(other, GRID)
    own = person.client.get(f"/api/v1/residents/{resident}/isolation").json
    assert own == {"allowed": False, "why": None}


def test_the_guard_is_what_hides_a_withdrawn_score(web: Instance, monkeypatch: pytest.MonkeyPatch):
    resident = listed(web, GRID)[0]
    row = web.floors.live.catch_up().resident_row(ResidentId(resident))
    withdraw(web, resident, SCORE)
    assert resident not in listed(web, GRID)
    asked = CareDesk.permitted
    monkeypatch.setattr(
        CareDesk,
        "permitted",
        lambda desk, moment, r: frozenset(DataCategory) if r == row else asked(desk, moment, r),
    )
    assert resident in listed(web, GRID)  # it still lies in the file: only the gate keeps it back


def test_a_score_that_rests_on_something_withdrawn_waits_to_be_made_anew(web: Instance):
    outreach, resident = Outreach(web.floors), listed(web, GRID)[0]
    assert not is_stale(web.floors.site, web.floors.home.isolation)
    withdraw(web, resident, DataCategory.TIE)
    assert resident not in listed(web, GRID)
    assert outreach.allowed(ResidentId(resident))
    assert outreach.own(ResidentId(resident)) is None
    assert is_stale(web.floors.site, web.floors.home.isolation)
    score_isolation(web.floors.site, silent)
    found = outreach.own(ResidentId(resident))
    assert found is not None
    assert not {part.category for part in found.parts} & {DataCategory.TIE}
    case = outreach.resident(actor(), ResidentId(resident))
    assert case.neighbours is None


def test_after_a_withdrawal_the_file_holds_nothing_of_the_resident(web: Instance):
    resident = listed(web, GRID)[0]
    home = web.floors.home.isolation
    row = web.floors.live.catch_up().resident_row(ResidentId(resident))

    def rows() -> list[int]:
        name = current_name(home)
        assert name is not None
        return open_folder(home, name).arrays["rows"].tolist()

    assert row in rows()
    withdraw(web, resident, SCORE)
    score_isolation(web.floors.site, silent)
    assert row not in rows()
    assert len([path for path in home.iterdir() if path.is_dir()]) == 1


def test_grants_run_out_by_the_clock_alone(web: Instance):
    assert listed(web, GRID)
    web.clock.advance(days=90)
    assert listed(web, GRID) == []


# --- at rest, and on record ---------------------------------------------------------------------


def test_scores_are_sealed_under_their_residents_keys(web: Instance):
    resident = ResidentId(listed(web, GRID)[0])
    home, ledger = web.floors.home, web.floors.ledger

    def everything() -> bytes:
        return b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())

    words = (b'"probability"', b'"parts"')
    assert not any(word in everything() for word in words)
    plain = home.isolation / "planted"
    plain.write_text(json.dumps({"probability": 0.5, "parts": []}))
    assert all(word in everything() for word in words)
    plain.unlink()
    with ledger.write() as tx:
        ledger.keys.destroy(tx, resident, [SCORE.value], at=web.clock())
    assert resident not in listed(web, GRID)


def test_every_resident_shown_finds_an_entry_under_the_workers_name(web: Instance):
    shown = listed(web, GRID)
    ledger = web.floors.ledger
    with ledger.read() as tx:
        for resident in shown:
            entry = ledger.audit.of(tx, ResidentId(resident))[0]
            assert (entry.actor, entry.role) == ("staff:zhou", StaffRole.SOCIAL_WORKER)
            assert (entry.purpose, entry.allowed) == (Purpose.CARE_VISIT, True)
            assert SCORE in entry.categories
        stranger = next(r for r in listed(web, OTHER) if r not in shown)
        assert "staff:zhou" in {entry.actor for entry in ledger.audit.bulk(tx)}
    with pytest.raises(NotFound):
        Outreach(web.floors).resident(actor("nobody"), ResidentId(stranger))


def test_neighbours_are_named_only_where_they_agree_and_are_own(web: Instance):
    outreach, everybody = Outreach(web.floors), listed(web, GRID)
    named = {
        (resident, neighbour.name)
        for resident in everybody
        for neighbour in outreach.resident(actor(), ResidentId(resident)).neighbours or ()
        if neighbour.name
    }
    assert named
    snapshot, ledger = web.floors.live.catch_up().snapshot, web.floors.ledger
    here = snapshot.resident_ids[snapshot.grid_ids[snapshot.grid] == GRID].tolist()
    with ledger.read() as tx:
        names = ledger.identity.names(tx, [ResidentId(r) for r in here])
    assert {name for _, name in named} <= set(names.values())
    seen, name = min(named)
    whose = next(resident for resident, known in names.items() if known == name)
    withdraw(web, whose, DataCategory.IDENTITY)
    again = outreach.resident(actor(), ResidentId(seen)).neighbours
    assert again is not None
    assert name not in {neighbour.name for neighbour in again}


# --- what to do, and what came of it -------------------------------------------------------------


def test_the_plan_keeps_to_the_minutes_there_are(web: Instance):
    web.worker(GRID, OTHER)
    outreach = Outreach(web.floors)
    some, none = (outreach.worklist(actor(), minutes=m, limit=20) for m in (120, 0))
    assert 0 < some.planned <= 120
    assert any(entry.action for entry in some.entries)
    assert any(entry.action is None for entry in some.entries)
    assert not any(entry.action for entry in none.entries)
    assert [e.resident for e in none.entries] == [e.resident for e in some.entries]


def test_who_was_visited_waits_until_it_is_time(web: Instance):
    first, second = listed(web, GRID)[:2]
    clerk = web.worker(GRID)
    path = f"/desk/care/{first}"
    form = {"csrf": clerk.csrf, "key": "n" * 20, "action": "visit", "outcome": "not home"}
    assert clerk.client.post(f"{path}/note", data={**form, "csrf": ""}).status_code == 403
    assert clerk.client.post(f"{path}/note", data={**form, "outcome": "x"}).status_code == 400
    past = {**form, "again": NOW.date().isoformat()}
    assert clerk.client.post(f"{path}/note", data=past).status_code == 400
    for _ in range(2):
        assert clerk.client.post(f"{path}/note", data=form).status_code == 303
    page = clerk.client.get(path)
    assert page.text.count("上门走访：不在家") == 1
    with web.floors.ledger.read() as tx:
        log = web.floors.ledger.audit.of(tx, ResidentId(first))
    assert ("staff:zhou", Action.WRITE) in {(entry.actor, entry.action) for entry in log}
    assert first not in listed(web, GRID)
    assert second in listed(web, GRID)
    web.clock.advance(days=8)
    assert first in listed(web, GRID)


def test_nobody_notes_anything_of_anothers_resident(web: Instance):
    stranger = listed(web, OTHER)[0]
    clerk = web.worker(GRID)
    form = {"csrf": clerk.csrf, "key": "n" * 20, "action": "visit", "outcome": "met"}
    assert clerk.client.post(f"/desk/care/{stranger}/note", data=form).status_code == 404
    with web.floors.ledger.read() as tx:
        assert web.floors.ledger.cases.of(tx, [ResidentId(stranger)]) == {}


def test_before_the_first_scores_the_page_says_so(demo_home: Path, clock: FixedClock):
    with web_process(demo_home, clock) as web:
        assert "还没有评估" in web.worker(GRID).client.get("/desk/care").text


def test_a_page_of_many_who_are_unknown_counts_no_fewer_than_20(web: Instance):
    web.worker(GRID)
    found = Outreach(web.floors).worklist(actor(), limit=1)
    for count in (found.waiting, found.unknown):
        assert count is None or count == 0 or count >= 20


# --- jobs and commands ---------------------------------------------------------------------------


def test_the_job_scores_anew_and_the_refresh_follows_a_withdrawal(web: Instance):
    site = web.floors.site
    withdraw(web, listed(web, GRID)[0], SCORE)
    before = current_name(site.home.isolation)
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
        assert Runner(site, lease).run("isolation", "now")
    assert current_name(site.home.isolation) != before
    assert not is_stale(site, site.home.isolation)


def test_the_command_lists_with_reasons_and_what_to_do(
    care_home: Path, monkeypatch: pytest.MonkeyPatch
):
    linli = CommandLine(care_home)
    asked = ("outreach", "--grid", GRID, "--limit", "3", "--as", "tester")
    at_the_time = partial(open_floors, clock=FixedClock(NOW))
    with monkeypatch.context() as then:
        then.setattr("api.cli.outreach.open_floors", at_the_time)
        found, text = linli.json(*asked, "--json"), linli.text(*asked)
    assert [entry["place"] for entry in found["entries"]] == [1, 2, 3]
    assert found["entries"][0]["why"]["parts"][0]["factor"]
    assert "minutes planned" in text
    assert found["entries"][0]["resident"][:8] in text
    assert linli.json(*asked, "--json")["entries"] == []  # by the machine's clock all ran out


def test_links_for_social_workers_name_their_grids(care_home: Path):
    linli = CommandLine(care_home)
    assert "/sign-in/" in linli.text("link", "--staff", "zhou", "--grid", GRID)
    with open_floors(load_config(home=care_home)) as floors, floors.ledger.read() as tx:
        assert floors.ledger.cases.grids_of(tx, "staff:zhou") == [GRID]
    for wrong in (("--staff", "zhou", "--grid", "nowhere"), ("some-resident", "--grid", GRID)):
        assert linli.run("link", *wrong).code != 0


def test_a_body_must_say_what_it_rests_on(web: Instance, tmp_path: Path):
    resident = ResidentId(listed(web, GRID)[0])
    moment = web.floors.live.catch_up()
    rows = np.array([moment.resident_row(resident)])
    for categories, seen in (([SCORE.value], True), ([DataCategory.HEALTH.value], False)):
        body = {"categories": categories}
        parent = tmp_path / categories[0]
        publish_scores(
            web.floors.ledger, parent, {resident: body}, rows=rows, manifest={}, about={}
        )
        desk = CareDesk(web.floors.gate, web.floors.ledger, parent)
        load = desk.caseload(actor(), moment, [GRID])
        assert bool(load.scores) is seen
