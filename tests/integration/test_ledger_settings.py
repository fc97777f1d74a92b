"""Which ledger a command uses, where that is written down, and that no password is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psycopg
import pytest

from tests.integration.command_line import CommandLine
from tests.integration.serving import LINLI, Browser, served
from tests.postgres_server import Databases


@pytest.fixture
def linli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home")


def used(linli: CommandLine, *words: str, **env: str) -> str:
    """The ledger that a command uses, as ``linli doctor`` shows it."""
    said = linli.run(*words, "doctor", "--json", env=env)
    found = {s["name"]: s["value"] for s in json.loads(said.out)["settings"]}
    return str(found["ledger"])


def tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        return int(found.fetchall()[0][0])


def test_init_writes_the_ledger_down_and_later_commands_find_it(
    linli: CommandLine, postgres_server: Databases
):
    url = postgres_server.new()
    linli.text("--ledger", url, "init")
    assert tables(url) > 0
    assert not (linli.home / "ledger.db").exists()
    assert used(linli) == url
    postgres_server.drop(url)


def test_the_flag_wins_over_environment_and_file(linli: CommandLine, tmp_path: Path):
    one, two, three = (f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two", "three"))
    linli.text("--ledger", one, "init")
    assert used(linli) == one
    assert used(linli, LINLI_LEDGER=two) == two
    assert used(linli, "--ledger", three, LINLI_LEDGER=two) == three


def test_a_password_is_masked_and_never_written_down(
    linli: CommandLine, postgres_server: Databases
):
    url = postgres_server.new()
    secret = url.replace("postgres@", "postgres:s3cret@")  # the server asks this role for none
    said = linli.text("--ledger", secret, "init")
    assert "LINLI_LEDGER" in said
    assert "s3cret" not in said
    assert [p for p in linli.home.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()] == []
    assert used(linli) == ""
    assert used(linli, LINLI_LEDGER=secret) == url.replace("postgres@", "postgres:***@")
    postgres_server.drop(url)


def test_a_home_moves_to_the_other_engine_and_is_served_there(
    present_home: Path, postgres_server: Databases
):
    linli, url = CommandLine(present_home), postgres_server.new()
    events = next(c for c in linli.json("doctor", "--json")["checks"] if c["check"] == "ledger")
    said = linli.text("ledger", "copy", url)
    assert "equal, row for row" in said
    code, line = linli.refusal("ledger", "copy", url)
    assert (code, "empty" in line) == (1, True)
    checks = linli.json("--ledger", url, "doctor", "--json")["checks"]
    assert all(check["ok"] for check in checks)
    assert events in checks
    with served(present_home, command=(*LINLI, "--ledger", url)) as server:
        browser = Browser(server.port)
        assert browser.get("/health/ready").status == 200
        browser.close()
        last = time.monotonic() + 60
        while not server.jobs():
            assert time.monotonic() < last
            time.sleep(0.1)
        with psycopg.connect(url) as connection:
            using = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE datname = %s"
            name = url.rpartition("/")[2]
            # This one, a web process at least, and the jobs process.
            while connection.execute(using, (name,)).fetchall()[0][0] < 3:
                connection.rollback()  # the view stands still within a transaction
                assert time.monotonic() < last
                time.sleep(0.1)
    postgres_server.drop(url)
