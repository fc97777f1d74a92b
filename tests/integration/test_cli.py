"""Every command as people run it: what it says, what it refuses, where settings come from."""

from __future__ import annotations

import csv
import json
import lzma
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from api.cli.main import EXIT_CODES, app
from api.wiring import load_config, open_floors
from graph import errors
from graph.folders import current_name
from graph.ingest.csv_residents import RESIDENT_COLUMNS
from tests.factories import csv_file, make_id_number
from tests.integration.command_line import CommandLine


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command of the tree, groups included."""
    yield path
    for name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, (*path, name))


TREE = list(commands(typer.main.get_command(app)))


@pytest.fixture
def linli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home")


@pytest.fixture
def demo(present_home: Path) -> CommandLine:
    return CommandLine(present_home)


def packed(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.xz").write_bytes(lzma.compress(text.encode()))
    return folder


def meetup(folder: Path, people: int = 24) -> Path:
    """Two groups that share nobody, in the layout of a published Meetup set."""
    users = "".join(f"{u},Town,TN,{36 + u % 2 / 50},-86.7\n" for u in range(people))
    members = "".join(f"{u} {u % 2} {2 + u % 2}\n" for u in range(people))
    weights = "".join(f"{u},{i},1\n" for u in range(people) for i in (u % 2, 2 + u % 2))
    groups = "0,Chess,20,11,Games\n1,Choir,9,21,Music\n2,Go,9,11,Games\n3,Band,9,21,Music\n"
    return packed(
        folder,
        {
            "users.csv": "u,city,state,lat,lon\n" + users,
            "groups.csv": "i,group_name,num_members,category_id,category_name\n" + groups,
            "train.txt": members,
            "train_attendance.csv": "u,i,weight\n" + weights,
        },
    )


# --- the tree -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TREE, ids=[" ".join(p) or "linli" for p in TREE])
def test_every_command_explains_itself(path):
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    assert command.help
    for option in command.params:
        hidden = getattr(option, "hidden", False)
        assert hidden or option.help or option.name == "help", f"{path}: {option.name}"


def test_every_branch_of_the_error_tree_has_an_exit_code_and_the_most_special_wins():
    assert errors.StoreUnavailable in [kind for kind, _ in EXIT_CODES]
    for n, (kind, code) in enumerate(EXIT_CODES):
        assert 2 <= code <= 7
        assert not any(issubclass(kind, earlier) for earlier, _ in EXIT_CODES[:n])


# --- from nothing to suggestions ----------------------------------------------------------------


def test_from_a_meetup_folder_to_suggestions(linli: CommandLine, tmp_path: Path):
    folder = meetup(tmp_path / "meetup-small")
    assert "Home ready" in linli.text("init")
    assert "Home ready" in linli.text("init")  # again does nothing
    said = linli.text("import", "meetup", str(folder), "--yes")
    assert "imported" in said
    assert "was there already" in linli.text("import", "meetup", str(folder))
    snapshot = linli.json("snapshot", "--json")
    assert snapshot == {"job": "snapshot", "note": current_name(linli.home / "snapshots")}
    assert "train: " in linli.text("train")
    residents = linli.json("residents", "--json", "-n", "3")
    assert [r["actions"] for r in residents] == [2, 2, 2]
    who = residents[0]["resident"]
    feed = linli.json("recommend", who, "--json", "-n", "2")
    assert feed["resident"] == who
    assert feed["personalised"] is True
    assert feed["model"] == current_name(linli.home / "models")
    assert [card["rank"] for card in feed["recommendations"]] == [1, 2]
    for card in feed["recommendations"]:
        assert card["title"]
        assert card["reason"]["text"]
        assert card["score"] == pytest.approx(sum(card["parts"].values()), abs=1e-3)
    assert "why" in linli.text("recommend", who)
    assert "re-ranking" in linli.text("recommend", who, "--explain")
    assert feed["recommendations"][0]["reranking"]
    checks = {c["check"]: c for c in linli.json("doctor", "--json")["checks"]}
    assert checks["re-ranking"]["detail"].startswith("bridging=0.15 ")
    assert linli.json("recommend", who, "--kind", "service", "--json")["recommendations"] == []
    status = linli.json("graph", "status", "--json")
    assert status["counts"]["Resident"] == 24
    assert status["counts"]["JOINED"] == 48
    assert "The graph stands at event" in linli.text("graph", "status")
    assert "events replayed" in linli.text("graph", "rebuild")
    assert linli.json("graph", "status", "--json") == status
    query = (
        "MATCH (:Resident)-[j:JOINED]->(g) RETURN g.title AS title, count(j) AS n ORDER BY title"
    )
    rows = linli.json("graph", "cypher", query)
    assert [row["n"] for row in rows] == [12, 12, 12, 12]
    jobs = {row["job"]: row for row in linli.json("jobs", "list", "--json")}
    assert {name for name, row in jobs.items() if row["state"] == "done"} == {
        "snapshot",
        "train",
        "rebuild",
    }
    checks = linli.json("doctor", "--json")["checks"]
    known = {"linli", "ledger", "graph", "audit chain", "snapshot", "model", "re-ranking"}
    assert {c["check"] for c in checks} == known
    assert all(c["ok"] for c in checks)
    model = next(c["detail"] for c in checks if c["check"] == "model")
    assert model == current_name(linli.home / "models")
    assert "FAIL" not in linli.text("doctor")


def test_a_register_of_residents_with_a_bad_row(linli: CommandLine, tmp_path: Path):
    linli.text("init")
    good = {
        "姓名": "王秀兰",
        "公民身份号码": make_id_number(order=12),
        "性别": "女",
        "出生日期": "1958-03-12",
        "户号": "H001",
        "与户主关系": "户主",
        "联系方式": "15400000001",
    }
    number = good["公民身份号码"]
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    bad = {**good, "公民身份号码": wrong, "联系方式": "15400000002"}
    file = csv_file(tmp_path, [column.zh for column in RESIDENT_COLUMNS], good, bad)
    said = linli.json("import", "residents", str(file), "--yes", "--json")
    assert said["rows"] == 2
    assert [i["row"] for i in said["issues"] if i["severity"] == "error"] == [3]
    text = linli.text("import", "residents", str(file))
    assert "2 rows read, 1 left out" in text
    assert "王秀兰" not in text
    assert good["公民身份号码"] not in text
    assert "was there already" in text


def test_an_import_is_previewed_committed_undone_and_may_come_again(
    linli: CommandLine, tmp_path: Path
):
    linli.text("init")
    header = ("活动名称", "日期", "开始", "地点", "名额")
    day = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    rows = [("读书会", day, "09:30", "社区中心", "10"), ("无日期", "", "09:30", "社区中心", "10")]
    file = csv_file(tmp_path, header, *rows)
    text = linli.text("import", "activities", str(file))
    assert "2 rows read, 1 left out, 1 come through" in text
    (batch,) = linli.json("import", "list", "--json")
    assert batch["state"] == "previewed"
    assert f"linli import commit {batch['batch']}" in text
    linli.text("import", "discard", batch["batch"])
    assert linli.json("import", "list", "--json") == []
    said = linli.json("import", "activities", str(file), "--json")
    assert (said["state"], said["left_out"]) == ("previewed", 1)
    assert linli.json("import", "show", said["batch"], "--json")["codes"] == said["codes"]
    out = tmp_path / "errors.csv"
    linli.text("import", "errors", said["batch"], "--out", str(out))
    with out.open(encoding="utf-8-sig", newline="") as copy:
        problems = [(line[0], line[1]) for line in csv.reader(copy)][1:]
    assert [title for _, title in problems] == ["读书会", "无日期"]
    assert [bool(said) for said, _ in problems] == [False, True]
    assert linli.refusal("import", "errors", said["batch"], "--out", str(out))[0] == 2
    assert linli.json("import", "commit", said["batch"], "--json")["items"] == 1
    assert linli.json("import", "commit", said["batch"], "--json")["already"] is True
    assert linli.json("import", "undo", said["batch"], "--json")["already"] is False
    assert "undone before" in linli.text("import", "undo", said["batch"])
    again = linli.json("import", "activities", str(file), "--yes", "--json")
    assert again["state"] == "committed"
    assert again["batch"] != said["batch"]


def test_evaluate_a_small_data_set(linli: CommandLine, tmp_path: Path):
    people = 60
    train, test = "", ""
    for u in range(people):  # of the twelve items those of one's own colour; some are held out
        own = range(u % 2, 12, 2)
        train += " ".join(str(n) for n in (u, *(i for i in own if i % 5 != u % 5))) + "\n"
        test += " ".join(str(n) for n in (u, *(i for i in own if i % 5 == u % 5))) + "\n"
    folder = packed(tmp_path / "small", {"train.txt": train, "test.txt": test})
    apart = linli.run_apart("evaluate", str(folder), "--json")
    report = json.loads(apart.out)
    assert report["recall@10"] > 0.9
    assert report["users"] > 0
    assert "recall@10" in linli.text("evaluate", str(folder))
    assert "chosen" in apart.err
    popular = json.loads(
        linli.run_apart("evaluate", str(folder), "--model", "popular", "--json").out
    )
    assert list(popular) == list(report)
    assert (report["model"], popular["model"]) == ("blend", "popular")
    assert popular["ndcg@10"] < report["ndcg@10"]
    by_item = linli.run_apart("evaluate", str(folder), "--by-item", "--json")
    assert "by_item_history" in json.loads(by_item.out)


def test_evaluate_shows_all_models_side_by_side(linli: CommandLine, tmp_path: Path):
    train = "".join(f"{u} {u % 4} {(u + 1) % 4}\n" for u in range(20))
    test = "".join(f"{u} {(u + 2) % 4}\n" for u in range(20))
    folder = packed(tmp_path / "small", {"train.txt": train, "test.txt": test})
    reports = json.loads(linli.run_apart("evaluate", str(folder), "--compare", "--json").out)
    assert reports[0]["model"] == "blend"
    assert {"popular", "als"} <= {report["model"] for report in reports}
    told = linli.text("evaluate", str(folder), "--compare")
    assert "±" in told
    table, mute = told.split("with nothing to go by here:")
    assert "als" in table
    assert {"venue", "social"} <= set(mute.replace(",", " ").split())  # no places, no ties
    assert "venue" not in table


# --- refusals -----------------------------------------------------------------------------------


def test_errors_are_one_line_with_their_exit_code(demo: CommandLine, tmp_path: Path):
    nowhere = CommandLine(tmp_path / "nowhere")
    code, said = nowhere.refusal("residents")
    assert code == 2
    assert "linli init" in said
    apart = nowhere.run_apart("residents")
    assert (apart.code, apart.out, apart.err.strip()) == (2, "", said)
    code, said = demo.refusal("recommend", "nobody")
    assert code == 5  # the same as for somebody who authorised nothing
    code, said = demo.refusal("import", "meetup", str(tmp_path))
    assert code == 3
    code, said = demo.refusal("graph", "cypher", "MATCH (n RETURN n")
    assert code == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["jobs", "request", "[/sleep]"], 2),
        (["link", "[bold]nobody[/]"], 4),
    ],
)
def test_what_people_type_is_shown_as_typed(demo: CommandLine, words: list[str], code: int):
    """Square brackets are markup to the printer; a name is none."""
    found, said = demo.refusal(*words)
    assert found == code
    assert words[-1] in said


def test_a_link_for_staff_needs_no_snapshot_and_one_person(linli: CommandLine):
    linli.text("init")
    assert "/sign-in/" in linli.text("link", "--staff", "王敏")
    for words in ([], ["nobody", "--staff", "li"], ["--staff", "a/b"], ["--staff", ""]):
        assert linli.refusal("link", *words)[0] == 2, words


def test_a_link_for_staff_is_short_lived(linli: CommandLine):
    linli.text("init")
    code, said = linli.refusal("link", "--staff", "li", "--minutes", "61")
    assert (code, "60 minutes at most" in said) == (2, True)


def test_staff_are_signed_out_everywhere(linli: CommandLine):
    linli.text("init")
    token = linli.text("link", "--staff", "li").strip().rpartition("/")[2]
    with open_floors(load_config(home=linli.home)) as floors, floors.ledger.write() as tx:
        access = floors.ledger.access
        secret = access.redeem(tx, token, at=floors.clock())
    assert "sessions ended: 1" in linli.text("sign-out", "--staff", "li")
    assert "sessions ended: 0" in linli.text("sign-out", "--staff", "li")
    with open_floors(load_config(home=linli.home)) as floors, floors.ledger.read() as tx:
        assert floors.ledger.access.session(tx, secret or "", at=floors.clock()) is None
        told = [entry.reason for entry in floors.ledger.audit.bulk(tx)]
    assert "sign-out of staff:li" in told
    assert linli.refusal("sign-out")[0] == 2


def test_a_wrong_command_line_is_told_by_usage(linli: CommandLine):
    for words in (["no-such-command"], ["residents", "-n", "many"], ["import", "meetup", "/no"]):
        said = linli.run(*words)
        assert said.code == 2
        assert "Usage" in said.err
        assert "Traceback" not in said.err


def test_serving_to_others_without_tls_is_refused(demo: CommandLine):
    code, said = demo.refusal("serve", "--host", "0.0.0.0")  # noqa: S104 - refused
    assert code == 2
    assert "TLS" in said


def test_a_home_that_holds_data_is_no_place_for_the_demo(linli: CommandLine):
    linli.text("init")
    code, said = linli.refusal("demo", "--no-serve")
    assert code == 2
    assert "another folder" in said


def test_damage_is_told_by_name(demo: CommandLine):
    models = demo.home / "models"
    array = next((models / current_name(models)).glob("*.npy"))
    whole = bytearray(array.read_bytes())
    whole[-1] ^= 1
    array.write_bytes(whole)
    who = demo.json("residents", "--json")[0]["resident"]
    _, said = demo.refusal("recommend", who)
    assert array.name in said or "train" in said
    said = demo.run("doctor")
    assert said.code == 1
    assert "FAIL" in said.out
    assert "Traceback" not in said.err


# --- settings -----------------------------------------------------------------------------------


def setting(linli: CommandLine, name: str, *words: str, **env: str) -> tuple[str, str]:
    said = linli.run("doctor", "--json", *words, env=env)
    found = {s["name"]: s for s in json.loads(said.out)["settings"]}
    return found[name]["value"], found[name]["source"]


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(
    linli: CommandLine, tmp_path: Path
):
    linli.text("init")
    toml = linli.home / "linli.toml"
    assert setting(linli, "port") == ("8000", "default")
    toml.write_text("port = 8100\nworkers = 3\n")
    assert setting(linli, "port") == ("8100", str(toml))
    assert setting(linli, "port", LINLI_PORT="8200") == ("8200", "LINLI_PORT")
    assert setting(linli, "workers", LINLI_PORT="8200") == ("3", str(toml))
    assert setting(linli, "home") == (str(linli.home), "LINLI_HOME")
    other = tmp_path / "other"
    assert setting(linli, "home", "--home", str(other)) == (str(other), "--home")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("port = 0", ["port", "linli.toml"]),
        ("prot = 8000", ["prot", "linli.toml"]),
        ("port = ", ["linli.toml"]),
        ("port = 'a'", ["port", "linli.toml"]),
        ("weights = 'bridge=1'", ["weights", "linli.toml", "bridge", "bridging"]),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(linli: CommandLine, text: str, names: list[str]):
    linli.text("init")
    (linli.home / "linli.toml").write_text(text)
    code, said = linli.refusal("residents")
    assert code == 2
    assert all(name in said for name in names)


def test_a_settings_file_may_be_chinese_and_must_be_text(linli: CommandLine):
    linli.text("init")
    toml = linli.home / "linli.toml"
    toml.write_bytes("# 端口\nport = 8100\n".encode())
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = linli.run_apart("doctor", "--json", env=plain)
    assert {s["name"]: s["value"] for s in json.loads(said.out)["settings"]}["port"] == "8100"
    toml.write_bytes("# 端口\nport = 8100\n".encode("gb18030"))
    code, said = linli.refusal("residents")
    assert code == 2
    assert "linli.toml" in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://linli:s3cret@db/linli",
        "postgresql://linli:s3cret%40x@db:5432/linli",
        "postgresql://db/linli?user=linli&password=s3cret",
        "bolt://neo4j:s3cret@graph:7687",
    ],
)
@pytest.mark.parametrize("name", ["ledger", "graph"])
def test_passwords_are_never_shown(linli: CommandLine, name: str, url: str):
    linli.text("init")
    env = {f"LINLI_{name.upper()}": url}
    for words in (["doctor"], ["graph", "status"], ["snapshot"]):
        said = linli.run(*words, env=env)
        assert "s3cret" not in said.out + said.err, words
    shown, source = setting(linli, name, **env)
    assert "***" in shown
    assert source == f"LINLI_{name.upper()}"


# --- the demo -----------------------------------------------------------------------------------

DEMO = ("demo", "--no-serve", "--residents", "80", "--grids", "2")


def test_the_demo_twice_does_nothing_anew(linli: CommandLine):
    said = linli.text(*DEMO)
    links = [line.strip() for line in said.splitlines() if "/sign-in/" in line]
    assert len(links) == 5
    before = {p: p.stat().st_mtime_ns for p in linli.home.glob("*/*/manifest.json")}
    assert len(before) == 4  # a snapshot, a network, a model, isolation scores
    head = linli.json("graph", "status", "--json")
    again = linli.text(*DEMO)
    assert {p: p.stat().st_mtime_ns for p in linli.home.glob("*/*/manifest.json")} == before
    assert linli.json("graph", "status", "--json") == head
    new = [line.strip() for line in again.splitlines() if "/sign-in/" in line]
    assert len(new) == 5
    assert not set(new) & set(links)  # each link works once


def test_a_demo_killed_on_the_way_is_finished_by_the_next_one(linli: CommandLine, sizes):
    """Killed while it imports, while it takes the snapshot, or while it trains."""
    process = None
    for tries in range(sizes.kills):
        process = linli.start(*DEMO)
        wanted = ("ledger.db-wal", "snapshots/.new-*", "models/.new-*")[tries % 3]
        stop = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < stop:
            if list(linli.home.glob(wanted)):
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    linli.text(*DEMO)
    status = linli.json("graph", "status", "--json")
    assert status["counts"]["Resident"] == 80
    assert status["watermark"] == status["head"]
    assert all(c["ok"] for c in linli.json("doctor", "--json")["checks"])


def test_help_says_where_to_begin(linli: CommandLine):
    said = linli.text("--help")
    for name in ("demo", "serve", "init", "import"):
        assert name in said
    assert linli.text("--version").startswith("linli ")
