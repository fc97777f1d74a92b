"""A ledger copied to the other engine and back: equal row for row, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Table, func, insert, select

from graph.errors import Conflict, CorruptStore, LeaseHeld
from graph.gate import copy_ledger, process_name
from graph.ledger import copying
from graph.ledger.access import Principal
from graph.ledger.copying import Progress
from graph.ledger.ledger import Ledger
from graph.ledger.rows import RowKind
from graph.ledger.tables import METADATA
from graph.model import DataCategory, InstitutionId, ItemId, ResidentId, StaffRole
from tests.contract.ledger.data import SOURCE, make_grant, node, tap
from tests.ledger_worker import NOW, entry_about, open_at
from tests.postgres_server import Databases
from tests.sizes import Sizes

Rows = Mapping[str, set[tuple[object, ...]]]


def act(ledger: Ledger, n: int, rng: np.random.Generator) -> None:
    """Do one thing of each kind, of and with somebody drawn at random."""
    who = ResidentId(f"r{rng.integers(9)}")
    item = ItemId(f"i{rng.integers(4)}")
    with ledger.write() as tx:
        ledger.rows.assign(tx, RowKind.RESIDENT, [who])
        ledger.outbox.append_many(tx, [tap(n, subject=who)])
        ledger.outbox.set_reply(tx, f"tap-{n}", {"n": n})
        ledger.bookings.set_seats(tx, item, int(rng.integers(3)))
        ledger.bookings.book(tx, item, who, at=NOW)
        ledger.grants.give(tx, [make_grant(who, id=f"g{n}")], key=f"grant-{n}")
        ledger.identity.put(tx, who, {"name": f"姓名{n}"}, NOW)
        ledger.words.put(tx, who, f"想学{n}", at=NOW)
        batch = ledger.imports.begin(tx, kind="k", file_hash=f"f{n}", source=SOURCE, at=NOW)
        ledger.imports.stage(tx, batch.id, 0, [node(n)])
        ledger.imports.commit(tx, batch.id, NOW)
        ledger.runs.request(tx, "train", {"n": n}, "operator", NOW)
        ledger.runs.start(tx, "train", f"slot-{n}", NOW)
        principal = Principal(who, StaffRole.RESIDENT, InstitutionId("operator"))
        ledger.access.new_link(tx, principal, at=NOW)
        ledger.access.begin(tx, principal, at=NOW)
        ledger.access.new_key(
            tx,
            title="t",
            institution=InstitutionId("clinic"),
            app="a",
            scopes=["feed:read"],
            at=NOW,
        )
        ledger.leases.acquire(tx, f"lease-{n}", "gone", timedelta(seconds=1), NOW)
    ledger.audit.record(entry_about(who))
    ledger.audit.count_own(who, DataCategory.INTEREST, NOW)


@pytest.fixture
def filled(tmp_path: Path, rng: np.random.Generator, sizes: Sizes) -> Ledger:
    """Return a ledger in SQLite with a random history in every table."""
    ledger = open_at(f"sqlite:///{tmp_path}/ledger.db", tmp_path)
    for n in range(sizes.histories):
        act(ledger, n, rng)
    with ledger.write() as tx:
        ledger.keys.destroy(tx, "r0", [DataCategory.NEED_WORDS], at=NOW)
    ledger.log.compact(sizes.histories)
    ledger.audit.flush()
    with ledger.write() as tx:
        for table in METADATA.sorted_tables:  # what the acts above never touch is made up
            if not tx.execute(select(func.count()).select_from(table)).scalar_one():
                tx.execute(insert(table), [made_up(table, n, rng) for n in range(5)])
    return ledger


def made_up(table: Table, n: int, rng: np.random.Generator) -> dict[str, object]:
    """Return a line with a value of its type in every column, keys that differ by n."""
    line: dict[str, object] = {}
    for column in table.columns:
        kind = column.type.python_type
        if kind is bytes:
            line[column.name] = bytes([n]) + rng.bytes(20)
        else:
            line[column.name] = n if kind is int else f"{column.name} {n} 姓名"
    return line


def rows_of(ledger: Ledger) -> Rows:
    with ledger.read() as tx:
        return {
            table.name: {tuple(row) for row in tx.execute(select(table))}
            for table in METADATA.sorted_tables
        }


def quiet(done: int, total: int, table: str) -> None:
    """Nobody looks on."""


def copy(ledger: Ledger, url: str, progress: Progress = quiet) -> Mapping[str, int]:
    return copy_ledger(ledger, url, record=lambda: None, progress=progress)


def test_there_and_back_a_ledger_is_equal_row_for_row(
    filled: Ledger, tmp_path: Path, postgres_server: Databases
):
    url = postgres_server.new()
    sent = rows_of(filled)
    assert [name for name, rows in sent.items() if not rows] == []  # every table is tried
    told: list[tuple[int, int]] = []
    counts = copy(filled, url, progress=lambda done, total, _: told.append((done, total)))
    assert counts == {name: len(rows) for name, rows in sent.items()}
    assert told[-1] == (sum(counts.values()),) * 2
    there = open_at(url, tmp_path)
    assert rows_of(there) == sent
    back_url = f"sqlite:///{tmp_path}/back.db"
    copy(there, back_url)
    back = open_at(back_url, tmp_path)
    assert rows_of(back) == sent
    for ledger in (filled, there, back):
        ledger.close()


def test_the_copy_works_on(filled: Ledger, tmp_path: Path, postgres_server: Databases, rng):
    url = postgres_server.new()
    copy(filled, url)
    with filled.read() as tx:
        seq = filled.outbox.head(tx).seq
        history = list(filled.log.events(tx))
        run = filled.runs.latest(tx, 1)[0].id
    filled.close()
    ledger = open_at(url, tmp_path)
    with ledger.write() as tx:
        assert list(ledger.log.events(tx)) == history
        assert ledger.runs.start(tx, "train", "slot-new", NOW) == run + 1
        assert ledger.runs.request(tx, "train", {}, "operator", NOW) > 0
    act(ledger, 1_000_000, rng)
    with ledger.read() as tx:
        assert ledger.outbox.head(tx).seq > seq
        assert ledger.audit.verify(tx).ok
    ledger.close()


def test_a_target_that_is_not_empty_is_refused_and_left_alone(
    filled: Ledger, tmp_path: Path, postgres_server: Databases
):
    url = postgres_server.new()
    copy(filled, url)
    there = open_at(url, tmp_path)
    before = rows_of(there)
    with pytest.raises(Conflict, match="empty"):
        copy(filled, url)
    assert rows_of(there) == before
    there.close()
    filled.close()


def test_nothing_is_copied_while_a_process_works_on_the_home(filled: Ledger, tmp_path: Path):
    with filled.write() as tx:
        filled.leases.acquire(tx, "graph", process_name(), timedelta(seconds=30), NOW)
    with pytest.raises(LeaseHeld, match="at work"):
        copy(filled, f"sqlite:///{tmp_path}/other.db")
    filled.close()


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_an_interrupted_copy_leaves_the_target_empty(
    engine: str, filled: Ledger, tmp_path: Path, postgres_server: Databases
):
    url = postgres_server.new() if engine == "postgresql" else f"sqlite:///{tmp_path}/other.db"

    def interrupt(done: int, total: int, _: str) -> None:
        if done > total // 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        copy(filled, url, progress=interrupt)
    sent = rows_of(filled)
    copy(filled, url)  # as into an empty one
    there = open_at(url, tmp_path)
    assert rows_of(there) == sent
    there.close()
    filled.close()


def test_a_row_that_arrives_otherwise_is_noticed(
    filled: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = copying._batches

    def altered(tx, table):
        for batch in whole(tx, table):
            if table.name != "words" or "other.db" not in str(tx.engine.url):
                yield batch
                continue
            yield [{**batch[0], "at": 1}, *batch[1:]]

    monkeypatch.setattr(copying, "_batches", altered)
    with pytest.raises(CorruptStore, match="words"):
        copy(filled, f"sqlite:///{tmp_path}/other.db")
    monkeypatch.undo()
    copy(filled, f"sqlite:///{tmp_path}/other.db")
    filled.close()
