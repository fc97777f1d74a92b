"""A spoilt file in a real home: it is reported exactly, and its clean rows come in all the same."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from graph.gate import RowKind
from graph.ingest import FILE_COLUMNS, issues_of, undo_import
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from tests.conftest import FixedClock
from tests.corruptor import CASES, Dirty, person, phone
from tests.factories import operator
from tests.office import Office
from tests.small_city import empty_site

WHOLE_FILE = 0
"""Row of what is said of a file, not of a row of it."""


@contextmanager
def office(clock: FixedClock, files: Path):
    files.mkdir(exist_ok=True)
    with empty_site(clock) as site, MemoryStore() as store:
        opened = Office(site, store, files)
        opened.open()
        yield opened


def spoilt(kind: str) -> Dirty:
    """Every case of a kind in one table, between clean rows."""
    known = [column.zh for column in FILE_COLUMNS[kind] if not column.name.startswith("worker")]
    table = Dirty(kind, known)
    table.add()
    for one in CASES:
        if one.kind == kind:
            one.apply(table)
    table.add()
    return table


def without(table: Dirty, rows: set[int]) -> Dirty:
    kept = [row for number, row in enumerate(table.rows, 2) if number not in rows]
    return replace(table, rows=kept)


def reported(office: Office, batch: str) -> list[tuple[int, str, str]]:
    with office.site.ledger.read() as tx:
        issues = list(issues_of(office.site.ledger, tx, batch))
    return sorted((i.row, i.column, i.code) for i in issues if i.row != WHOLE_FILE)


def content(office: Office):
    """What the ledger says in clear, whoever sealed it, and whatever random ids it has."""
    ledger, people = office.site.ledger, office.residents()
    with ledger.read() as tx:
        return {
            "rows": {kind: ledger.rows.all(tx, kind) for kind in RowKind},
            "identity": {who: ledger.identity.get(tx, who) for who in people},
            "words": {
                who: sorted((w.category, w.text) for w in ledger.words.of(tx, who))
                for who in people
            },
            "records": {
                (who, kind): sorted((r.at, str(r.fields)) for r in ledger.records.of(tx, who, kind))
                for who in people
                for kind in ("visit", "assessment", "reading")
            },
            "bookings": {who: ledger.bookings.of(tx, who) for who in people},
            "seats": ledger.bookings.taken(tx, None),
        }


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("kind", FILE_COLUMNS)
def test_the_clean_rows_of_a_spoilt_file_come_in_as_if_the_others_had_never_been_there(
    tmp_path, clock, kind, ending
):
    table = spoilt(kind)
    repeated = {row for row, _, code in table.expected if code.endswith("_repeated")}
    assert table.lost
    with office(clock, tmp_path / "a") as one, office(clock, tmp_path / "b") as other:
        before = content(one)
        assert before == content(other)
        preview = one.preview(kind, table.write(tmp_path / f"spoilt.{ending}"))
        assert reported(one, preview.batch.id) == sorted(table.expected)
        assert (preview.rows, preview.left_out) == (len(table.rows), len(table.lost))
        one.commit(preview)
        clean = without(table, table.lost | repeated)
        other.bring(kind, clean.write(tmp_path / f"clean.{ending}"))
        assert one.snapshot() == other.snapshot()
        assert differences(one.store, other.store) == []
        assert content(one) == content(other) != before


def test_what_earlier_files_said_of_places_is_known_to_later_ones(tmp_path, clock):
    """Streets of grids; a building that was renamed is found under either name, and is one."""
    home = ("网格编码", "姓名", "联系方式", "现住址")
    streets = ("街道", "网格", "小区", "幢", "单元", "层", "室", "曾用名")
    with office(clock, tmp_path / "a") as here:
        here.bring(
            "buildings", here.write(streets, ("", "g1", "凤凰小区", "3", "1", "1", "101", ""))
        )
        renamed = ("赭山街道", "g1", "凤凰苑", "5", "1", "1", "102", "凤凰小区3幢")
        again = ("赭山街道", "g1", "凤凰苑", "5", "1", "1", "103", "")
        wrong = ("弋矶山街道", "g1", "凤凰苑", "5", "1", "1", "104", "")
        here.bring("buildings", here.write(streets, renamed))
        preview = here.bring("buildings", here.write(streets, again, wrong))
        assert reported(here, preview.batch.id) == [(3, "街道", "grid_two_streets")]
        people = [
            ("g1", person(2), phone(2), "凤凰小区3幢1单元101室"),
            ("g1", person(3), phone(3), "凤凰苑5幢1单元102室"),
            ("340203009001", person(4), phone(4), "凤凰苑5幢1单元102室"),
        ]
        preview = here.bring("residents", here.write(home, *people))
        assert reported(here, preview.batch.id) == [(4, "网格编码", "grid_other_street")]
        here.snapshot()
        assert here.store.count()["Building"] == 1
        assert here.store.count()["Dwelling"] == 3
        assert here.store.nodes("Building").column("name").to_pylist() == ["5幢"]
        lives_in = here.store.relationships("LIVES_IN", "Resident", "Building")
        assert lives_in.num_rows == 2


def test_an_import_that_was_undone_says_nothing_of_places(tmp_path, clock):
    table = ("网格编码", "网格名称", "社区", "街道")
    streets = ("街道", "网格", "幢", "单元", "层", "室")
    with office(clock, tmp_path / "a") as here:
        grids = here.bring("grids", here.write(table, ("n1", "新网格", "新社区", "新街道")))
        file = here.write(streets, ("旧街道", "n1", "3", "1", "1", "101"))
        assert here.preview("buildings", file).codes == {"grid_two_streets": 1}
        ledger, gate = here.site.ledger, here.site.gate
        assert undo_import(ledger, grids.batch.id, gate=gate, actor=operator(), clock=clock)
        file = here.write(streets, ("旧街道", "n1", "3", "1", "1", "102"))
        assert "grid_two_streets" not in here.preview("buildings", file).codes


@pytest.mark.parametrize("how", ["withdrawn", "expired"])
def test_who_withdraws_between_preview_and_commit_loses_those_facts_and_nobody_elses(
    tmp_path, clock, how
):
    columns = ("姓名", "联系方式", "现住址", "网格编码")
    visits = ("对象", "联系电话", "日期", "方式", "结果")
    with office(clock, tmp_path / "a") as here:
        ledger = here.site.ledger
        with ledger.read() as tx:
            found = ledger.identity.find_many(tx, "phone", [phone(2), phone(3)])
        gone, stays = found[phone(2)], found[phone(3)]
        people = [(person(n), phone(n), f"3幢2单元{n}室", "g1") for n in (2, 3)]
        previews = [
            here.preview("residents", here.write(columns, *people)),
            here.preview(
                "visits",
                here.write(
                    visits, *((person(n), phone(n), "2026-05-20", "上门", "见到") for n in (2, 3))
                ),
            ),
        ]
        assert not any(preview.missing for preview in previews)
        clock.advance(days=1)
        if how == "expired":
            clock.advance(days=400)
            here.agree([stays])
        else:
            with ledger.write() as tx:
                ledger.grants.withdraw(
                    tx, gone, institution=None, category=None, purpose=None, at=clock(), key="w"
                )
        assert [here.commit(preview).withdrawn for preview in previews] == [1, 1]
        with ledger.read() as tx:
            assert "address" in ledger.identity.get(tx, stays)
            assert "address" not in ledger.identity.get(tx, gone)
            assert len(ledger.records.of(tx, stays, "visit")) == 1
            assert ledger.records.of(tx, gone, "visit") == []
        here.snapshot()
        in_grid = here.store.relationships("IN_GRID", "Resident", "Grid")
        assert in_grid.column("start").to_pylist() == [stays]
