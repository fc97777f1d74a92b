"""A spoilt file in a real home: it is reported exactly, and its clean rows come in all the same."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from graph.gate import RowKind
from graph.ingest import FILE_COLUMNS, issues_of
from graph.store.dump import differences
from graph.store.memory import MemoryStore
from tests.conftest import FixedClock
from tests.corruptor import CASES, Dirty
from tests.office import Office
from tests.small_city import empty_site

# Two homes are compared: columns are held back row by row there, and counted once for the file.
WHOLE_FILE = 0


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
