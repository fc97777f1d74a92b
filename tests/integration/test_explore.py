"""Exploring through REST and the command line, with the ledger, jobs and grants of a real home."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from pathlib import Path

import pytest

from api.wiring import load_config, open_floors
from graph.codec import encode_change
from graph.errors import AuditUnavailable
from graph.explore import Circle, Introducers, Question, RareNeed, Shared, question_said
from graph.gate import EventKind, Explorer, OpenGraph, RowKind, open_graph
from graph.model import DataCategory, ItemId, ResidentId
from jobs import steps
from jobs.runner import Runner
from tests.conftest import FixedClock
from tests.contract.store_data import link
from tests.factories import operator
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import Instance, Program, new_key, problem_name

PATH = "/api/v1/explorations"
KEPT_HOURS = 24


@pytest.fixture
def graph(web: Instance):
    site = web.floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
        yield lease


@pytest.fixture
def asker(web: Instance) -> Program:
    return web.key("operator", "explore:read", purpose="group-matching")


def post(asker: Program, question: Question, key: str | None = None):
    return asker.post(PATH, {"question": question_said(question)}, key or new_key())


def work(web: Instance, graph: OpenGraph) -> None:
    """Do what a jobs process does for the questions that wait."""
    Runner(web.floors.site, graph).run_requests("test")


def withdraw(web: Instance, resident: str, category: DataCategory) -> None:
    with web.floors.ledger.write() as tx:
        web.floors.ledger.grants.withdraw(
            tx, ResidentId(resident), institution=None, category=category, purpose=None,
            at=web.clock(), key=new_key(),
        )  # fmt: skip


def told(web: Instance, graph: OpenGraph, question: Question):
    explorer = Explorer(web.floors.gate, web.floors.ledger)
    return explorer.answer(operator(), explorer.find(operator(), question, graph.store))


def circle_of(web: Instance, graph: OpenGraph) -> Circle:
    """A circle with several people known and several beyond them."""
    for resident in web.residents(60):
        entries = told(web, graph, Circle(resident)).entries
        if min(sum(e.steps == n for e in entries) for n in (1, 2)) >= 2:
            return Circle(resident)
    raise AssertionError("nobody has a circle")


def test_what_two_share_is_answered_at_once_and_as_the_graph_would(
    web: Instance, graph: OpenGraph, asker: Program
):
    people, shared = web.residents(40), 0
    for a, b in itertools.pairwise(people):
        question = Shared(a, b)
        answer = post(asker, question)
        assert (answer.status_code, answer.json["state"], answer.json["id"]) == (200, "done", None)
        expected = [
            {"what": e.what.value, "id": e.id, "zh": e.zh, "en": e.en}
            for e in told(web, graph, question).entries
        ]
        assert answer.json["entries"] == expected
        shared += len(expected)
    assert shared > 40


def test_the_latest_tap_is_shared_at_once(web: Instance, asker: Program):
    a, b = web.residents(2)
    groups = web.sign_in(a).client.get("/api/v1/groups?limit=100").json["items"]
    before = {e["id"] for e in post(asker, Shared(a, b)).json["entries"]}
    new = next(g["item_id"] for g in groups if g["item_id"] not in before and g["can_join"])
    for person in (web.sign_in(a), web.sign_in(b)):
        assert person.act(new, "join").status_code == 202
    after = {e["id"] for e in post(asker, Shared(a, b)).json["entries"]}
    assert new in after - before


def test_the_rest_is_found_by_a_job_and_read_later(web: Instance, graph: OpenGraph, asker: Program):
    question = circle_of(web, graph)
    answer = post(asker, question, "the-same-key")
    assert (answer.status_code, answer.json["state"]) == (202, "waiting")
    where = answer.headers["Location"]
    assert answer.headers["Retry-After"]
    again = post(asker, question, "the-same-key")
    assert (again.status_code, again.headers["Location"]) == (202, where)
    other = post(asker, Circle(question.resident, 1), "the-same-key")
    assert problem_name(other) == "idempotency-conflict"
    waits = asker.get(where)
    assert (waits.status_code, waits.json["entries"]) == (202, [])
    assert waits.headers["Retry-After"]

    work(web, graph)
    done = asker.get(where)
    assert (done.status_code, done.json["state"]) == (200, "done")
    assert done.json["entries"] == [
        {"resident": e.resident, "steps": e.steps, "via": list(e.via)}
        for e in told(web, graph, question).entries
    ]


def test_an_answer_is_for_whoever_asked_and_for_a_day(
    web: Instance, graph: OpenGraph, asker: Program
):
    where = post(asker, circle_of(web, graph)).headers["Location"]
    work(web, graph)
    assert asker.get(where).status_code == 200
    stranger = web.key("operator", "explore:read", purpose="group-matching")
    for answer in (stranger.get(where), stranger.get(f"{PATH}/never-asked")):
        assert (answer.status_code, problem_name(answer)) == (404, "not-found")
    web.clock.advance(hours=KEPT_HOURS)
    assert problem_name(asker.get(where)) == "not-found"
    steps.clean_up(web.floors.site)
    with web.floors.ledger.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM answers").scalar() == 0


def test_whoever_withdraws_between_asking_and_reading_is_gone(
    web: Instance, graph: OpenGraph, asker: Program
):
    question = circle_of(web, graph)
    where = post(asker, question).headers["Location"]
    work(web, graph)
    before = asker.get(where).json["entries"]
    gone = next(e["via"][0] for e in before if e["steps"] == 2)
    withdraw(web, gone, DataCategory.TIE)
    after = asker.get(where)
    assert after.status_code == 200
    assert gone in str(before)
    assert gone not in after.text
    withdraw(web, question.resident, DataCategory.TIE)
    refused = asker.get(where)
    assert (refused.status_code, problem_name(refused)) == (403, "purpose_not_authorised")


def test_a_grant_that_runs_out_ends_it_without_any_job(
    web: Instance, graph: OpenGraph, clock: FixedClock
):
    question = circle_of(web, graph)
    explorer = Explorer(web.floors.gate, web.floors.ledger)
    found = explorer.find(operator(), question, graph.store)
    assert explorer.answer(operator(), found).entries
    clock.advance(days=181)
    assert explorer.answer(operator(), found).entries == ()


def test_whoever_refused_and_whoever_does_not_exist_look_the_same(web: Instance, asker: Program):
    moment = web.floors.live.catch_up()
    closed = next(r for r, row in moment.resident_rows.items() if not moment.consent(row)[0].any())
    friend = web.residents(1)[0]
    said = []
    for who in (ResidentId(closed), ResidentId("nobody-at-all")):
        for question in (Circle(who), Introducers(who, ItemId("g")), Shared(friend, who)):
            answer = post(asker, question)
            assert (answer.status_code, problem_name(answer)) == (403, "purpose_not_authorised")
            said.append({k: v for k, v in answer.json.items() if k != "request_id"})
    assert all(body == said[0] for body in said)
    with web.floors.ledger.read() as tx:
        assert not any(
            entry.allowed for entry in web.floors.ledger.audit.of(tx, ResidentId(closed))
        )


def test_the_purpose_must_be_the_questions_and_the_institution_the_grants(web: Instance):
    resident = web.residents(1)[0]
    asker = web.key("operator", "explore:read", purpose="group-matching")
    needs = web.key("operator", "explore:read", purpose="needs-matching")
    assert post(asker, Circle(resident)).status_code == 202
    assert post(needs, RareNeed(resident)).status_code == 202
    for key, question in ((needs, Circle(resident)), (asker, RareNeed(resident))):
        assert problem_name(post(key, question)) == "purpose_not_authorised"
    club = web.key("club", "explore:read", purpose="group-matching")
    assert problem_name(post(club, Circle(resident))) == "purpose_not_authorised"
    feed = web.key("operator", "explore:read", purpose="feed")
    assert problem_name(post(feed, Circle(resident))) == "purpose_not_authorised"
    scopeless = web.key("operator", "feed:read", purpose="group-matching")
    assert problem_name(post(scopeless, Circle(resident))) == "not-allowed"


@pytest.mark.parametrize("question", [
    {"kind": "gossip", "resident": "r"},
    {"kind": "circle", "resident": "r", "depth": 3},
    {"kind": "rare-need", "resident": "r", "within_m": 50_000},
    {"kind": "shared", "a": "r"},
])  # fmt: skip
def test_a_question_outside_the_list_is_invalid(asker: Program, question: dict[str, object]):
    answer = asker.post(PATH, {"question": question}, new_key())
    assert (answer.status_code, problem_name(answer)) == (422, "invalid")


def test_everybody_shown_finds_it_in_their_audit(web: Instance, graph: OpenGraph, asker: Program):
    question = circle_of(web, graph)
    ledger = web.floors.ledger
    where = post(asker, question).headers["Location"]
    work(web, graph)
    with ledger.read() as tx:
        before = len(ledger.audit.bulk(tx))
        people = ledger.rows.all(tx, RowKind.RESIDENT)
    now = web.clock.advance(seconds=1)
    entries = asker.get(where).json["entries"]
    shown = {question.resident} | {p for e in entries for p in (e["resident"], *e["via"])}
    with ledger.read() as tx:
        (newest, *_), count = ledger.audit.bulk(tx), len(ledger.audit.bulk(tx))
        looked_at = {
            who
            for who in people
            for entry in ledger.audit.of(tx, ResidentId(who))
            if entry.at == now
        }
        report = ledger.audit.verify(tx)
    assert count == before + 1
    assert (newest.count, newest.categories) == (len(shown), (DataCategory.TIE,))
    assert len(newest.subject_root) == 64
    assert looked_at == shown
    assert report.fault is None


def test_no_audit_no_answer(web: Instance, graph: OpenGraph):
    question = circle_of(web, graph)
    explorer = Explorer(web.floors.gate, web.floors.ledger)
    found = explorer.find(operator(), question, graph.store)
    with web.floors.ledger.write() as tx:  # the disk is full, as far as the audit can see
        tx.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
    with pytest.raises(AuditUnavailable):
        explorer.answer(operator(), found)
    with pytest.raises(AuditUnavailable):
        explorer.admit(operator(), question)


def test_what_waits_is_sealed(web: Instance, graph: OpenGraph, asker: Program):
    question = circle_of(web, graph)
    post(asker, question)
    work(web, graph)
    with web.floors.ledger.read() as tx:
        asked, found = tx.exec_driver_sql("SELECT asked, found FROM answers").one()
    for value in (asked, found):
        assert question.resident.encode() not in value
        assert b"circle" not in value


def test_a_resident_may_not_ask(web: Instance):
    resident = web.residents(1)[0]
    person = web.sign_in(resident)
    body = {"question": question_said(Circle(resident))}
    answer = person.client.post(PATH, json=body, headers=person.headers())
    assert (answer.status_code, problem_name(answer)) == (403, "not-allowed")


def test_a_block_is_known_to_the_snapshot_too(web: Instance, graph: OpenGraph, asker: Program):
    a, b = next(
        (a, b)
        for a, b in itertools.pairwise(web.residents(40))
        if post(asker, Shared(a, b)).json["entries"]
    )
    block = link("BLOCKS", "Resident", b, "Resident", a, at=web.clock())
    with web.floors.ledger.write() as tx:
        web.floors.ledger.outbox.append(
            tx,
            kind=EventKind.RESIDENT,
            key=new_key(),
            subject=b,
            category=DataCategory.TIE,
            payload={"changes": [encode_change(block)]},
            at=web.clock(),
        )
    steps.take_snapshot(web.floors.site, graph.store)
    assert post(asker, Shared(a, b)).json["entries"] == []
    assert told(web, graph, Shared(a, b)).entries == ()


def test_the_command_line_tells_the_same(present_home: Path):
    linli = CommandLine(present_home)
    with open_floors(load_config(home=present_home)) as floors:
        moment = floors.live.catch_up()
        widths = [int((moment.consent(row)[0] > 0).sum()) for row in moment.resident_rows.values()]
        full = [r for r, n in zip(moment.resident_rows, widths, strict=True) if n == max(widths)]
        explorer = Explorer(floors.gate, floors.ledger)
        with open_graph(floors.site.config.graph_url, ledger=floors.ledger, holder="test") as lease:
            question, answer = next(
                (q, a)
                for q in (RareNeed(ResidentId(r), within_m=2_000, fewer_than=100) for r in full)
                if (
                    a := explorer.answer(operator(), explorer.find(operator(), q, lease.store))
                ).entries
            )
    flags = ("--within", "2000", "--fewer-than", "100")
    said = linli.json("explore", "rare-need", question.resident, *flags, "--json")
    assert said["question"] == question_said(question)
    assert said["entries"] == [asdict(entry) for entry in answer.entries]
    shown = linli.text("explore", "rare-need", question.resident, *flags)
    for entry in answer.entries:
        assert entry.resident in shown
    assert "Nothing that may be told" in linli.text(
        "explore", "introducers", question.resident, "no-such-group"
    )
    for words in (("circle",), ("shared", next(r for r in full if r != question.resident))):
        assert linli.text("explore", words[0], question.resident, *words[1:])


def test_denied_is_one_line_on_the_command_line(present_home: Path):
    code, line = CommandLine(present_home).refusal("explore", "circle", "nobody-at-all")
    assert code == 5
    assert "not authorised" in line
