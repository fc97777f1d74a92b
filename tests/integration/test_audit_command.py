"""`linli audit`: what is given away, and what somebody without the home can tell from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.wiring import load_config, open_floors
from graph.gate import Matter
from graph.model import ResidentId
from tests.integration.command_line import CommandLine
from tests.ledger_worker import entry_about

LI = ResidentId("r-li-audited")


@pytest.fixture
def linli(tmp_path: Path) -> CommandLine:
    command = CommandLine(tmp_path / "home")
    assert command.run("init").code == 0
    with open_floors(load_config(home=command.home)) as floors:
        for _ in range(3):
            floors.ledger.audit.record(entry_about(LI))
    return command


def test_an_export_is_verified_without_the_home_and_an_edit_is_found(
    linli: CommandLine, tmp_path: Path
):
    file, away = tmp_path / "audit.jsonl", tmp_path / "away"
    said = json.loads(linli.run("audit", "export", str(file), "--as", "wang", "--json").out)
    assert said["entries"] == 4  # the export is on record itself
    heads = tmp_path / "heads.jsonl"
    heads.write_bytes(Path(said["heads"]).read_bytes())
    assert LI not in file.read_text()
    elsewhere = CommandLine(away)
    check = ("audit", "verify", str(file), "--heads", str(heads))
    key = said["public_key"]
    done = elsewhere.run(*check, "--key", key)
    assert (done.code, "4 entries" in done.out, key in done.out) == (0, True, True)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    found = elsewhere.run(*check)
    assert (found.code, "was cut off" in found.err or "signed" in found.err) == (1, True)
    assert not away.exists()


def test_another_key_than_the_one_made_known_is_refused(linli: CommandLine, tmp_path: Path):
    file = tmp_path / "audit.jsonl"
    said = json.loads(linli.run("audit", "export", str(file), "--json").out)
    check = ("audit", "verify", str(file), "--heads", said["heads"], "--json")
    assert json.loads(linli.run(*check).out)["ok"] is True
    other = linli.run(*check, "--key", "11" * 32)
    assert (other.code, json.loads(other.out)["ok"]) == (1, False)
    assert linli.run(*check, "--key", "no key").code == 3


def test_a_complaint_is_read_and_answered_once_and_both_are_on_record(linli: CommandLine):
    with open_floors(load_config(home=linli.home)) as floors:
        ledger = floors.ledger
        with ledger.read() as tx:
            ref = ledger.audit.recorded(tx, LI, limit=1)[0].ref
        with ledger.write() as tx:
            made = ledger.complaints.file(
                tx, LI, matter=Matter.LOOK, about=ref, words="不是我", at=floors.clock()
            )
    (waiting,) = json.loads(linli.run("audit", "complaints", "--json").out)["complaints"]
    assert (waiting["id"], waiting["overdue"], "不是我" in str(waiting)) == (made.id, False, False)
    read = linli.run("audit", "complaint", made.id, "--as", "wang")
    assert (read.code, "不是我" in read.out, ref in read.out) == (0, True, True)
    assert linli.run("audit", "complaint", made.id, "--answer", "查过了").code == 0
    assert linli.run("audit", "complaint", made.id, "--answer", "再查").code == 1
    assert json.loads(linli.run("audit", "complaints", "--json").out)["complaints"] == []
    assert linli.run("audit", "complaint", "none").code == 4
    with open_floors(load_config(home=linli.home)) as floors, floors.ledger.read() as tx:
        done = [entry.reason for entry in floors.ledger.audit.of(tx, LI)]
    assert sorted(done)[:3] == ["answer a complaint", "answer a complaint", "grant"]
    assert "read a complaint" in done


def test_what_is_not_there_is_named(linli: CommandLine, tmp_path: Path):
    file = tmp_path / "audit.jsonl"
    assert linli.run("audit", "verify", str(file), "--heads", str(file)).code == 4
    file.touch()
    assert linli.run("audit", "export", str(file)).code == 2
