"""Opening a ledger: new, old, newer, foreign; with the right key only; nothing in clear on disk."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from graph.codec import encode_change
from graph.errors import ConfigError, CorruptStore, StoreUnavailable
from graph.ledger import migrating, opening
from graph.ledger.canonical import canonical
from graph.ledger.dialect import WRITE, make_engine
from graph.ledger.imports import BatchState
from graph.ledger.keys import Box, KeyRing, make_home_key, read_home_key
from graph.ledger.ledger import Ledger
from graph.ledger.migrating import newest_version
from graph.ledger.outbox import EventKind
from graph.ledger.rows import RowKind
from graph.ledger.tables import METADATA
from graph.model import (
    Basis,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    ResidentId,
    Source,
    SourceClass,
    SourceId,
)
from tests.conftest import ROOT
from tests.ledger_worker import NOW, entry_about, open_at
from tests.sizes import Sizes


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


def open_here(folder: Path) -> Ledger:
    return open_at(url_of(folder), folder)


def test_the_migrations_lead_to_the_tables(ledger_url: str, tmp_path: Path):
    ledger = open_at(ledger_url, tmp_path)
    with ledger.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), METADATA) == []
    ledger.close()
    assert newest_version() == opening.VERSION


def test_a_file_is_written_as_durably_as_can_be(tmp_path: Path):
    ledger = open_here(tmp_path)
    with ledger.read() as tx:
        assert tx.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert tx.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert tx.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    ledger.close()


def test_several_processes_may_open_a_new_ledger_at_once(ledger_url: str, tmp_path: Path):
    command = (sys.executable, "-m", "tests.ledger_worker", "append", ledger_url)
    running = [
        subprocess.Popen(
            [*command, str(tmp_path), name, "5"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for name in ("a", "b", "c")
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    ledger = open_at(ledger_url, tmp_path)
    with ledger.read() as tx:
        assert ledger.outbox.head(tx).seq == sum(len(lines.split()) for lines in said) == 15
    ledger.close()


def old_ledger(folder: Path) -> tuple[str, NodeChange]:
    """Make a ledger of the first version that holds an import; returns its batch and change."""
    make_home_key(folder / "keys")
    keys = KeyRing(read_home_key(folder / "keys"))
    said = Provenance(SourceId("s"), NOW, NOW, 1.0, DataCategory.IDENTITY, Basis.STATUTORY)
    change = NodeChange(Op.PUT, "Resident", "r-li", {"birth_year": 1950}, said)
    config = migrating._config()
    engine = make_engine(url_of(folder))
    with engine.connect().execution_options(**WRITE) as tx, tx.begin():
        config.attributes["connection"] = tx
        command.upgrade(config, "0001")
        run = tx.exec_driver_sql
        run("INSERT INTO head VALUES (1, 1, 0, 0, 0, ?)", (keys.check(),))
        for batch, state in (("b1", "committed"), ("b2", "staged")):
            run(
                "INSERT INTO imports (id, kind, file_hash, source, state, begun_at, seq, changes)"
                " VALUES (?, 'k', ?, ?, ?, 0, 1, 1)",
                (batch, batch, SOURCE_JSON, state),
            )
            body = canonical({"changes": [encode_change(change)]})
            sealed = keys.seal(tx, Box("import_chunks", f"{batch}/0", batch, "import"), body)
            run("INSERT INTO import_chunks VALUES (?, 0, 1, ?)", (batch, sealed))
        run("INSERT INTO seats VALUES ('i', 2, 1, 0, 1)")
        run("INSERT INTO bookings VALUES ('i', 'r-li', 'confirmed', 1, NULL, 0)")
        run("INSERT INTO rows VALUES ('resident', 0, 'r-li')")
        run("INSERT INTO row_counts VALUES ('resident', 1)")
    engine.dispose()
    return "b1", change


SOURCE_JSON = (
    '{"id":"s","source_class":"government","owner":"o","title":"t","legal_basis":"l",'
    '"licence":"","refresh":""}'
)


def test_a_ledger_of_the_first_version_is_migrated_with_its_data(tmp_path: Path):
    batch, change = old_ledger(tmp_path)
    ledger = open_here(tmp_path)
    with ledger.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), METADATA) == []
        assert list(ledger.imports.changes(tx, batch)) == [[change]]
        states = {b.id: b.state for b in ledger.imports.list(tx)}
        assert states == {"b1": BatchState.COMMITTED, "b2": BatchState.STAGING}
        assert ledger.bookings.taken(tx, ["i"]) == {"i": (2, 1, 0)}
        assert [b.item for b in ledger.bookings.of(tx, ResidentId("r-li"))] == ["i"]
        assert ledger.rows.all(tx, RowKind.RESIDENT) == ["r-li"]
    ledger.close()


def test_a_newer_ledger_is_refused_and_left_alone(ledger_url: str, tmp_path: Path):
    ledger = open_at(ledger_url, tmp_path)
    with ledger.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    ledger.close()
    with pytest.raises(CorruptStore, match="newer"):
        open_at(ledger_url, tmp_path)


def test_a_foreign_database_is_refused(tmp_path: Path):
    import sqlite3

    other = sqlite3.connect(tmp_path / "ledger.db")
    other.execute("CREATE TABLE recipes (id)")
    other.close()
    with pytest.raises(CorruptStore, match="other tables"):
        open_here(tmp_path)
    (tmp_path / "ledger.db").write_bytes(b"not a database at all, but long enough to look" * 50)
    with pytest.raises(CorruptStore, match="not a ledger"):
        open_here(tmp_path)


def test_only_files_are_ledgers(tmp_path: Path):
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://host/db"):
        with pytest.raises(ConfigError):
            open_at(url, tmp_path)
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises((StoreUnavailable, CorruptStore)):
        open_here(tmp_path)


def test_the_home_key_is_private_random_and_the_right_one(tmp_path: Path):
    open_here(tmp_path).close()
    path = tmp_path / "keys" / "home.key"
    good = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ledger.db").stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others"):
        open_here(tmp_path)
    path.chmod(0o600)
    for bad in (b"", b"password", base64.b64encode(bytes(32)), base64.b64encode(b"ab" * 16)):
        path.write_bytes(bad)
        with pytest.raises(ConfigError):
            open_here(tmp_path)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        open_here(tmp_path)
    assert not path.exists(), "a lost key must not be replaced by another one in silence"
    make_home_key(tmp_path / "keys")
    with pytest.raises(ConfigError, match="not this ledger's"):
        open_here(tmp_path)
    path.write_bytes(good)
    open_here(tmp_path).close()


def test_the_ledger_of_another_home_is_refused(ledger_url: str, tmp_path: Path):
    open_at(ledger_url, tmp_path).close()
    make_home_key(tmp_path / "other" / "keys")
    with pytest.raises(ConfigError, match="not this ledger's"):
        open_at(ledger_url, tmp_path / "other")
    open_at(ledger_url, tmp_path).close()


PLANTED = {
    "name": "李秀英阿婆",
    "phone": "13800138000",
    "id_number": "110101195003071234",
    "address": "朝阳里七号楼三单元",
}
WRITTEN = "膝盖疼得下不了楼"


def plant(ledger: Ledger) -> None:
    """Put sensitive values through every repository that takes any."""
    who = ResidentId("r-li")
    source = Source(SourceId("register"), SourceClass.GOVERNMENT, "street", "Register", "law")
    said = Provenance(source.id, NOW, NOW, 1.0, DataCategory.IDENTITY, Basis.STATUTORY)
    change = NodeChange(Op.PUT, "Resident", "r-li", {"languages": PLANTED["name"]}, said)
    with ledger.write() as tx:
        ledger.identity.put(tx, who, PLANTED, NOW)
        ledger.words.put(tx, who, WRITTEN, at=NOW)
        for n, value in enumerate([*PLANTED.values(), WRITTEN]):
            ledger.outbox.append(
                tx,
                kind=EventKind.RESIDENT,
                key=f"key with {value}",
                subject=who,
                category=DataCategory.NEED,
                payload={"text": value, "n": n},
                at=NOW,
            )
            ledger.outbox.set_reply(tx, f"key with {value}", {"text": value})
        batch = ledger.imports.begin(tx, kind="k", file_hash="f", source=source, at=NOW)
        ledger.imports.stage(tx, batch.id, 0, [change])
        ledger.runs.request(tx, "import", {"text": WRITTEN}, "operator", NOW)
    ledger.log.compact(3)
    ledger.audit.record(entry_about(who))
    ledger.audit.sign()


def found_in_clear(folder: Path) -> set[str]:
    """Planted values that stand in any file, in UTF-8 or as JSON escapes."""
    content = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    return {
        value
        for value in [*PLANTED.values(), WRITTEN]
        if value.encode() in content
        or value.encode("unicode_escape") in content
        or value.encode("utf-16-le") in content
    }


def test_nothing_sensitive_stands_in_clear_on_disk(tmp_path: Path):
    ledger = open_here(tmp_path)
    plant(ledger)
    assert (tmp_path / "ledger.db-wal").stat().st_size > 0
    assert list((tmp_path / "log").glob("*.seg"))
    assert found_in_clear(tmp_path) == set()  # while it is open, its WAL included
    ledger.close()
    assert found_in_clear(tmp_path) == set()


class Unsealed(KeyRing):
    """A key ring that seals nothing."""

    def seal_many(self, tx, values):
        return [plain for _, plain in values]


def test_the_scan_can_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "KeyRing", Unsealed)
    ledger = open_here(tmp_path)
    plant(ledger)
    ledger.close()
    assert found_in_clear(tmp_path) == {*PLANTED.values(), WRITTEN}


@pytest.mark.parametrize("value", [b"", b"1", "王秀兰".encode(), bytes(200)])
def test_a_blind_digest_is_hmac_sha256_of_the_library(value: bytes):
    ring = KeyRing(os.urandom(32))
    key, said = ring.derive("blind-index"), (5).to_bytes(2, "big") + b"phone" + value
    assert ring.blind("phone", value) == hmac.digest(key, said, "sha256")


def test_pseudonyms_differ_between_domains_and_homes():
    one, two = KeyRing(os.urandom(32)), KeyRing(os.urandom(32))
    names = {ring.pseudonym(domain, "r1") for ring in (one, two) for domain in ("graph", "clinic")}
    assert len(names) == 4
    assert {len(name) for name in names} == {20}
    assert one.pseudonym("graph", "r1") == one.pseudonym("graph", "r1")


def test_keys_kept_in_memory_are_bounded(tmp_path: Path, sizes: Sizes):
    ledger = open_here(tmp_path)
    ledger.keys._capacity = 10
    people = [(ResidentId(f"r{n}"), {"name": f"name {n}"}) for n in range(40)]
    with ledger.write() as tx:
        ledger.identity.put_many(tx, people, NOW)
    with ledger.read() as tx:
        assert len(ledger.identity.names(tx, [who for who, _ in people])) == 40
    assert len(ledger.keys._cache) <= 10
    ledger.close()


def test_a_read_sees_one_moment(ledger_url: str, tmp_path: Path):
    ledger = open_at(ledger_url, tmp_path)
    with ledger.read() as tx:
        before = ledger.outbox.head(tx)
        with ledger.write() as other:
            ledger.words.put(other, ResidentId("r"), "x", at=NOW)
            ledger.outbox.append(
                other,
                kind=EventKind.ITEM,
                key="k",
                subject="i",
                category=DataCategory.PUBLIC,
                payload={},
                at=NOW + timedelta(seconds=1),
            )
        assert ledger.outbox.head(tx) == before
        assert ledger.outbox.after(tx, 0) == []
    with ledger.read() as tx:
        assert ledger.outbox.head(tx).seq == before.seq + 1
    ledger.close()
