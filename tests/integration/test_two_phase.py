"""Preview, commit, discard, undo: what is visible when, and what a stopped import goes on with."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from api.services.services import make_services
from graph.errors import Conflict, Denied, ImportRefused, NotFound
from graph.gate import BookingState, EventKind, Gate, RowKind, open_graph
from graph.ingest import (
    BookingRow,
    RecordKind,
    RecordRow,
    commit_import,
    copy_of,
    discard_import,
    import_plan,
    preview_import,
    read_file,
    undo_import,
)
from graph.ledger.staging import Staging
from graph.model import (
    Action,
    DataCategory,
    ItemId,
    ItemKind,
    Purpose,
    ResidentId,
    StaffRole,
)
from graph.policy import Requirement
from graph.schema import PURPOSE_CATEGORIES
from graph.synthetic import generate
from jobs import steps
from jobs.uploads import preview_file
from tests.factories import NOW, csv_file, make_id_number, operator
from tests.integration.demo_world import Instance


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def with_gate(ledger, clock):
    return {"gate": Gate(ledger, clock), "actor": operator(), "clock": clock}


def everything(ledger):
    """Every line of every table that anybody reads."""
    names = ("rows", "identity", "grants", "words", "records", "bookings", "seats", "outbox")
    with ledger.read() as tx:
        return {name: tx.exec_driver_sql(f"SELECT * FROM {name}").all() for name in names}  # noqa: S608


def test_a_preview_changes_nothing_that_is_read_and_a_commit_needs_no_file(ledger, with_gate, city):
    before = everything(ledger)
    preview = preview_import(ledger, city.plan(), **with_gate)
    assert everything(ledger) == before
    assert preview.new["resident"] == len(city.residents)
    assert preview.known["resident"] == 0
    assert preview.missing == {}
    assert preview.brings["identities"] == sum(len(row.fields) for row in city.identities())
    result = commit_import(ledger, preview.batch.id, **with_gate)
    assert result.residents == len(city.residents)
    with ledger.read() as tx:
        assert ledger.rows.all(tx, RowKind.RESIDENT) == city.residents
        assert not any(
            n for part, n in ledger.staging.counts(tx, result.batch).items() if part != "bookings"
        )


def test_discarding_leaves_nothing(ledger, with_gate, city):
    before = everything(ledger)
    batch = preview_import(ledger, city.plan(), **with_gate).batch.id
    discard_import(ledger, batch, gate=with_gate["gate"], actor=operator())
    assert everything(ledger) == before
    with ledger.read() as tx:
        assert ledger.imports.list(tx) == []
        assert not any(ledger.staging.counts(tx, batch).values())
        for table in ("import_chunks", "import_parts"):
            query = f"SELECT count(*) FROM {table}"  # noqa: S608
            assert tx.exec_driver_sql(query).scalar() == 0


@pytest.mark.parametrize("where", ["changes", "identities", "grants"])
def test_a_stopped_import_goes_on_and_writes_only_what_is_missing(
    ledger, with_gate, city, where, monkeypatch
):
    def cut(rows):
        yield from itertools.islice(rows, 5_500 if where == "grants" else 150)
        raise Killed

    plan = city.plan()
    first = replace(plan, **{where: cut(getattr(plan, where))})
    with pytest.raises(Killed):
        preview_import(ledger, first, **with_gate)
    written = []
    original = Staging._write
    monkeypatch.setattr(
        Staging, "_write", lambda self, tx, *a: written.append(a[1]) or original(self, tx, *a)
    )
    with ledger.read() as tx:
        there = dict(tx.exec_driver_sql("SELECT n, sealed FROM import_chunks").all())
    batch = preview_import(ledger, plan, **with_gate).batch.id
    with ledger.read() as tx:
        now = dict(tx.exec_driver_sql("SELECT n, sealed FROM import_chunks").all())
    assert there.items() <= now.items()  # what was there was not sealed anew
    if where == "grants":
        assert "identities" not in written
    written.clear()
    preview_import(ledger, plan, **with_gate)
    assert written == []
    assert commit_import(ledger, batch, **with_gate).residents == len(city.residents)


def test_a_missing_authorisation_is_in_the_preview_and_stops_the_commit(ledger, with_gate, city):
    plan = city.plan()
    victim = next(g.resident for g in city.grants() if g.category is DataCategory.GRID)
    fewer = [g for g in city.grants() if (g.resident, g.category) != (victim, DataCategory.GRID)]
    preview = preview_import(ledger, replace(plan, grants=fewer), **with_gate)
    assert preview.missing == {"grid": 1}
    before = everything(ledger)
    with pytest.raises(ImportRefused, match=f"{victim} did not authorise grid"):
        commit_import(ledger, preview.batch.id, **with_gate)
    assert everything(ledger) == before


def test_what_was_withdrawn_since_the_preview_is_left_out_and_the_rest_comes_in(
    ledger, with_gate, city, clock
):
    commit_import(ledger, preview_import(ledger, city.plan(), **with_gate).batch.id, **with_gate)
    grid = {"purpose": Purpose.FEED, "category": DataCategory.GRID, "action": Action.DERIVE}
    held = with_gate["gate"].may_among(operator(), subjects=city.residents, **grid)
    facts = [c for c in city.changes() if getattr(c, "type", "") == "IN_GRID" and c.start in held]
    plan = replace(city.plan(), file_hash="second", grants=[], changes=facts)
    preview = preview_import(ledger, plan, **with_gate)
    assert preview.missing == {}
    batch = preview.batch.id
    clock.advance(seconds=1)
    victim = facts[0].start
    with ledger.write() as tx:
        ledger.grants.withdraw(
            tx, victim, institution=None, category=None, purpose=None, at=clock(), key="w"
        )
    result = commit_import(ledger, batch, **with_gate)
    assert (result.withdrawn, result.changes) == (1, len(facts) - 1)
    with ledger.read() as tx:
        came = [change for chunk in ledger.imports.changes(tx, batch) for change in chunk]
    assert came == [fact for fact in facts if fact.start != victim]


def test_an_import_from_before_there_were_reports_says_so_whatever_is_asked_of_it(
    ledger, with_gate, city
):
    batch = import_plan(ledger, city.plan(), **with_gate).batch
    with ledger.write() as tx:
        ledger.staging.drop_parts(tx, batch)
    asked = [
        lambda: preview_import(ledger, city.plan(), **with_gate),
        lambda: commit_import(ledger, batch, **with_gate),
        lambda: undo_import(ledger, batch, **with_gate),
    ]
    for ask in asked:
        with pytest.raises(NotFound, match="by an earlier Linli, which kept no report"):
            ask()


def test_a_copy_of_a_file_is_kept_where_a_row_has_an_issue(tmp_path, ledger, with_gate):
    def copy(**cells):
        person = {"姓名": "王秀兰", "公民身份号码": make_id_number(), "爱好": "太极", **cells}
        path = csv_file(tmp_path, list(person), person)
        plan = read_file(
            "residents", path, pseudonym=ledger.keys.pseudonym, clock=with_gate["clock"]
        )
        preview = preview_import(ledger, plan, file=path, **with_gate)
        assert preview.codes["column_unknown"] == 1
        with ledger.read() as tx:
            return b"".join(copy_of(ledger, tx, preview.batch.id)).decode()

    assert copy() == ""
    assert "(phone_invalid)" in copy(手机="12345678")


def test_an_institution_reaches_its_own_imports_only(ledger, with_gate, city):
    batch = preview_import(ledger, city.plan(), **with_gate).batch.id
    stranger = replace(operator(), role=StaffRole.INSTITUTION, institution="clinic")
    with pytest.raises(Denied, match="another institution"):
        commit_import(ledger, batch, **{**with_gate, "actor": stranger})
    with pytest.raises(Denied, match="another institution"):
        discard_import(ledger, batch, gate=with_gate["gate"], actor=stranger)


def test_commits_and_undos_are_audited(ledger, with_gate, city):
    batch = preview_import(ledger, city.plan(), **with_gate).batch.id
    with pytest.raises(Conflict, match="discard it"):
        undo_import(ledger, batch, **with_gate)
    commit_import(ledger, batch, **with_gate)
    assert undo_import(ledger, batch, **with_gate)
    with ledger.read() as tx:
        told = [entry.reason for entry in ledger.audit.bulk(tx)]
        assert {f"import commit {batch}", f"import undo {batch}"} <= set(told)
        assert ledger.audit.verify(tx).fault is None


def test_what_an_institution_does_with_its_imports_is_on_record(ledger, with_gate, city):
    clinic = replace(operator(), role=StaffRole.INSTITUTION, institution="clinic")
    batch = preview_import(ledger, city.plan(), **with_gate).batch.id
    gate = with_gate["gate"]
    with pytest.raises(Denied, match="another institution"):
        discard_import(ledger, batch, gate=gate, actor=clinic)
    gate.record_import(clinic, f"import preview {batch}")
    with pytest.raises(Denied, match="may not"):
        gate.record_import(replace(clinic, role=StaffRole.RESIDENT), f"import preview {batch}")
    with ledger.read() as tx:
        told = [(e.institution, e.reason, e.allowed) for e in ledger.audit.bulk(tx)]
    assert ("clinic", f"import preview {batch}", True) in told
    assert ("clinic", f"import preview {batch}", False) in told


def test_records_are_sealed_need_a_grant_and_go_with_their_import(
    ledger, with_gate, city, tmp_path
):
    commit_import(ledger, preview_import(ledger, city.plan(), **with_gate).batch.id, **with_gate)
    held = {g.resident for g in city.grants() if g.category is DataCategory.ATTENDANCE}
    who, other = sorted(held)[0], next(r for r in city.residents if r not in held)
    noted = {"note": "他说膝盖疼"}

    def visits(file_hash: str, *people: ResidentId):
        rows = [RecordRow(p, DataCategory.ATTENDANCE, RecordKind.VISIT, NOW, noted) for p in people]
        return replace(
            city.plan(),
            file_hash=file_hash,
            kind="visits",
            changes=[],
            residents=[],
            items=[],
            identities=[],
            grants=[],
            seats=[],
            bookings=[],
            records=rows,
            statutory=frozenset(),
            consented=frozenset({DataCategory.ATTENDANCE}),
        )

    refused = preview_import(ledger, visits("one", who, other), **with_gate)
    assert refused.missing == {"attendance": 1}
    batch = preview_import(ledger, visits("two", who), **with_gate).batch.id
    commit_import(ledger, batch, **with_gate)
    with ledger.read() as tx:
        (record,) = ledger.records.of(tx, who, "visit")
    assert record.fields == noted
    stored = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert who.encode() in stored
    assert noted["note"].encode() not in stored
    assert undo_import(ledger, batch, **with_gate)
    with ledger.read() as tx:
        assert ledger.records.of(tx, who, "visit") == []


@pytest.mark.parametrize(
    ("purpose", "category"),
    [
        (Purpose.CARE_VISIT, DataCategory.SURVEY),
        (Purpose.CARE_VISIT, DataCategory.HEALTH),
        (Purpose.ALARM, DataCategory.UTILITY_WATER),
    ],
)
def test_an_operator_may_bring_in_what_is_watched_on_grants_only(
    with_gate, purpose: Purpose, category: DataCategory
):
    gate, actor = with_gate["gate"], with_gate["actor"]
    assert category in PURPOSE_CATEGORIES[purpose]
    decision = gate.authorise_bulk(
        actor, purpose=purpose, categories={category}, action=Action.WRITE, rows=None
    )
    assert decision.requirement is Requirement.GRANT


# --- in a served home ---------------------------------------------------------------------------


def seated(web: Instance) -> tuple[ItemId, list[ResidentId]]:
    """Return an activity of two seats and three people."""
    item = ItemId(web.item(ItemKind.ACTIVITY))
    return item, web.residents(3)


def test_undoing_sign_ups_moves_the_waiting_list_up_and_says_so_in_the_log(web: Instance):
    floors = web.floors
    item, people = seated(web)
    services = make_services(floors)
    with floors.ledger.write() as tx:
        taken = floors.ledger.bookings.taken(tx, [item]).get(item, (None, 0, 0))[1]
        floors.ledger.bookings.set_seats(tx, item, taken + 1)
    plan = replace(
        generate(20, 1, seed=9, now=NOW).plan(),
        file_hash="signups",
        kind="signups",
        changes=[],
        residents=[],
        items=[],
        grids=[],
        identities=[],
        grants=[],
        seats=[],
        bookings=[BookingRow(item, people[0], NOW)],
        consented=frozenset(),
        statutory=frozenset(),
    )
    with_gate = {"gate": floors.gate, "actor": operator(), "clock": floors.clock}
    batch = preview_import(floors.ledger, plan, **with_gate).batch.id
    services.imports.commit(operator(), batch)
    with floors.ledger.write() as tx:
        late = floors.ledger.bookings.book(tx, item, people[1], at=floors.clock())
    assert late.state is BookingState.WAITLIST
    assert services.imports.undo(operator(), batch)
    with floors.ledger.read() as tx:
        (place,) = [b for b in floors.ledger.bookings.of(tx, people[1]) if b.item == item]
        assert [b for b in floors.ledger.bookings.of(tx, people[0]) if b.item == item] == []
        last = floors.ledger.outbox.after(tx, floors.ledger.outbox.head(tx).seq - 1)[0]
    assert place.state is BookingState.CONFIRMED
    assert (last.kind, last.subject) == (EventKind.INTERACTION, people[1])


def test_an_undone_import_leaves_feeds_at_once_and_the_next_snapshot_for_good(
    web: Instance, tmp_path: Path
):
    floors = web.floors
    columns = ("活动名称", "日期", "开始", "地点", "名额")
    file = csv_file(tmp_path, columns, ("新来的读书会", "2026-06-05", "09:30", "社区中心", "10"))
    batch = preview_file(floors.site, "activities", file, actor=operator()).batch.id
    services = make_services(floors)
    services.imports.commit(operator(), batch)
    site = floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
        steps.take_snapshot(site, lease.store)
        before = lease.store.count()
        moment = floors.live.catch_up()
        rows = moment.rows_mentioning("新来的读书会")
        assert moment.items.open[rows].tolist() == [True]
        assert services.imports.undo(operator(), batch)
        moment = floors.live.catch_up()
        assert moment.items.open[rows].tolist() == [False]
        steps.take_snapshot(site, lease.store)
        assert lease.store.count()["Activity"] == before["Activity"] - 1
    moment = floors.live.catch_up()
    assert moment.rows_mentioning("新来的读书会").tolist() == []
    assert not moment.items.open[rows].any()
    who = web.residents(1)[0]
    assert services.feeds.own(who, (), 10).cards
