"""Files through REST: validated by the jobs process, and told as the command line tells it."""

from __future__ import annotations

import csv
import io
import os
import stat
from pathlib import Path

import pytest

from api.security import operations
from api.services.services import make_services
from graph.gate import BatchState, RowKind, open_graph
from jobs import steps, uploads
from jobs.runner import Runner
from jobs.uploads import preview_file
from tests.factories import csv_file, make_id_number, operator
from tests.integration.demo_world import Instance, Program

COLUMNS = ("姓名", "公民身份号码", "联系方式")


@pytest.fixture
def program(web: Instance) -> Program:
    return web.key("operator", "imports:read", "imports:write")


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    good = ("王秀兰", make_id_number(order=21), "15400000071")
    return csv_file(tmp_path, COLUMNS, good, ("李四", "123", "15400000072"), ("=1+1", "9", ""))


def send(program: Program, file: Path, kind: str = "residents"):
    return program.client.post(
        f"/api/v1/imports?kind={kind}",
        data=file.read_bytes(),
        content_type="text/csv",
        headers=program.base,
    )


def call(program: Program, method: str, path: str):
    return program.client.open(f"/api/v1{path}", method=method, headers=program.base)


def test_an_upload_is_validated_by_the_jobs_process_and_committed(
    web: Instance, program: Program, messy: Path
):
    answer = send(program, messy)
    assert answer.status_code == 202
    where = answer.headers["Location"].removeprefix("/api/v1")
    assert call(program, "GET", where).json["state"] == "staging"
    (waiting,) = web.floors.home.uploads.iterdir()
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    web.run_jobs()
    assert list(web.floors.home.uploads.iterdir()) == []
    shown = call(program, "GET", where).json
    assert (shown["state"], shown["preview"]["rows"], shown["preview"]["left_out"]) == (
        "previewed",
        3,
        2,
    )
    before = rows(web)
    done = call(program, "POST", f"{where}/commit")
    assert (done.status_code, done.json["already"]) == (200, False)
    assert rows(web) == before + 1
    assert call(program, "POST", f"{where}/commit").json["already"] is True
    assert send(program, messy).status_code == 200
    assert call(program, "DELETE", where).status_code == 409
    assert call(program, "POST", f"{where}/undo").json["state"] == "undone"
    assert call(program, "POST", f"{where}/undo").json["state"] == "undone"
    batch = where.rpartition("/")[2]
    with web.floors.ledger.read() as tx:
        told = {entry.reason for entry in web.floors.ledger.audit.bulk(tx)}
    assert {f"import {act} {batch}" for act in ("preview", "commit", "undo")} <= told


def rows(web: Instance) -> int:
    with web.floors.ledger.read() as tx:
        return web.floors.ledger.rows.count(tx, RowKind.RESIDENT)


def test_rest_and_command_line_tell_the_same_of_a_file(
    web: Instance, program: Program, messy: Path
):
    where = send(program, messy).headers["Location"].removeprefix("/api/v1")
    web.run_jobs()
    first = call(program, "GET", f"{where}?limit=1").json
    second = call(program, "GET", f"{where}?limit=1&cursor={first['next_cursor']}").json
    whole = call(program, "GET", where).json
    assert first["issues"] + second["issues"] == whole["issues"][:2]
    assert call(program, "DELETE", where).status_code == 204
    assert call(program, "GET", where).status_code == 404
    preview = preview_file(web.floors.site, "residents", messy, actor=operator())
    told = list(make_services(web.floors).imports.issues(operator(), preview.batch.id))
    assert preview.to_json() == {**whole["preview"], "sample": preview.to_json()["sample"]}
    assert [issue["code"] for issue in whole["issues"]] == [issue.code for issue in told]
    assert [issue["message_zh"] for issue in whole["issues"]] == [i.message_zh for i in told]


def test_the_corrected_copy_says_what_is_wrong_beside_each_row(
    web: Instance, program: Program, messy: Path
):
    where = send(program, messy).headers["Location"].removeprefix("/api/v1")
    web.run_jobs()
    answer = call(program, "GET", f"{where}/errors")
    table = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [bool(row[0]) for row in table] == [True, False, True, True]
    with web.floors.ledger.read() as tx:
        told = [entry.reason for entry in web.floors.ledger.audit.bulk(tx)]
    assert f"import copy {where.rpartition('/')[2]}" in told
    assert table[3][1] == "'=1+1"


def test_a_refused_file_says_why_and_leaves_nothing(
    web: Instance, program: Program, tmp_path: Path
):
    binary = tmp_path / "table.csv"
    binary.write_bytes(b"\x00\x01" * 40)
    where = send(program, binary).headers["Location"].removeprefix("/api/v1")
    web.run_jobs()
    shown = call(program, "GET", where).json
    assert shown["state"] == "refused"
    assert "binary" in shown["reason_en"]
    assert shown["reason_zh"].startswith("这不是表格文件")
    assert list(web.floors.home.uploads.iterdir()) == []
    assert call(program, "POST", f"{where}/commit").status_code == 404


def test_what_is_no_file_for_this_door_is_refused(
    web: Instance, program: Program, messy: Path, monkeypatch: pytest.MonkeyPatch
):
    assert send(program, messy, "recipes").status_code == 422
    post = program.client.post
    answer = post(
        "/api/v1/imports?kind=residents",
        data=b"{}",
        content_type="application/json",
        headers=program.base,
    )
    assert answer.status_code == 415
    monkeypatch.setattr(operations, "MAX_UPLOAD", 10)
    assert send(program, messy).status_code == 413
    assert list(web.floors.home.uploads.iterdir()) == []


def test_a_form_may_carry_the_file(web: Instance, program: Program, messy: Path):
    with messy.open("rb") as file:
        answer = program.client.post(
            "/api/v1/imports?kind=residents",
            data={"file": (file, "register.csv")},
            headers=program.base,
        )
    assert answer.status_code == 202
    web.run_jobs()
    where = answer.headers["Location"].removeprefix("/api/v1")
    assert call(program, "GET", where).json["preview"]["rows"] == 3


def test_scopes_and_institutions_are_kept_apart(web: Instance, program: Program, messy: Path):
    reader = web.key("operator", "imports:read")
    assert send(reader, messy).status_code == 403
    where = send(program, messy).headers["Location"].removeprefix("/api/v1")
    other = web.key("clinic", "imports:read", "imports:write")
    assert call(other, "GET", where).status_code == 403
    assert call(other, "DELETE", where).status_code == 403
    assert call(other, "GET", "/imports").json["imports"] == []


def test_a_validation_that_was_killed_is_done_again(
    web: Instance, program: Program, messy: Path, monkeypatch: pytest.MonkeyPatch
):
    where = send(program, messy).headers["Location"].removeprefix("/api/v1")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(uploads, "preview_file", killed)
    with pytest.raises(KeyboardInterrupt):
        web.run_jobs()
    monkeypatch.undo()
    site = web.floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="next") as lease:
        runner = Runner(site, lease)
        runner.recover()
        runner.run_requests("next")
    assert call(program, "GET", where).json["state"] == BatchState.PREVIEWED


def test_uploads_that_a_killed_process_left_are_deleted_when_old(web: Instance):
    now = web.clock()
    for name, age in (("old.csv", 2 * steps.UPLOADS_LAST), ("young.csv", steps.UPLOADS_LAST / 2)):
        file = web.floors.home.uploads / name
        file.write_bytes(b"left")
        os.utime(file, times=((now - age).timestamp(),) * 2)
    steps.clean_up(web.floors.site)
    assert [file.name for file in web.floors.home.uploads.iterdir()] == ["young.csv"]
