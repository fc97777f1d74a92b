"""The desk over HTTP: who gets in, and every step of bringing in a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from openpyxl import Workbook, load_workbook

from api.security import operations
from api.security.operations import OPERATIONS
from api.security.sessions import COOKIE, STAFF
from api.web.look import LOOK_COOKIE
from graph.errors import AuditUnavailable, StoreUnavailable
from graph.gate import BatchState, Principal, RowKind, open_graph
from graph.ingest import FILE_COLUMNS
from graph.model import InstitutionId, StaffRole
from jobs import uploads
from jobs.runner import Runner
from tests.factories import csv_file, make_id_number
from tests.integration.demo_world import Clerk, Instance
from tests.integration.test_api_doors import operations as routes

COLUMNS = ("姓名", "公民身份号码", "联系方式", "民族", "血型")


@pytest.fixture
def clerk(web: Instance) -> Clerk:
    return web.staff()


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    good = ("王秀兰", make_id_number(order=21), "15400000071", "汉", "A")
    bad = [(f"李{n}", f"{n}23", f"1540000008{n}", "汉", "B") for n in range(4)]
    return csv_file(tmp_path, COLUMNS, good, *bad, ("=1+1", "", "15400000090", "汉", "O"))


def residents(web: Instance) -> int:
    with web.floors.ledger.read() as tx:
        return web.floors.ledger.rows.count(tx, RowKind.RESIDENT)


def events(web: Instance) -> list[str]:
    return [kind for kind, _, _ in web.events()]


# --- who gets in --------------------------------------------------------------------------------

DESK = sorted(endpoint for endpoint, line in OPERATIONS.items() if line.desk)


@pytest.mark.parametrize("endpoint", DESK)
def test_each_page_of_the_desk_is_for_staff_alone(web: Instance, endpoint: str):
    person, nobody = web.sign_in(web.residents(1)[0]), web.app.test_client()
    key = web.key("operator", "imports:read", "imports:write")
    for name, method, path in routes(web.app):
        if name != endpoint:
            continue
        answer = nobody.open(path, method=method)
        assert (answer.status_code, "您还没有登录工作台" in answer.text) == (401, True)
        answer = person.client.open(path, method=method, data={"csrf": person.csrf})
        assert (answer.status_code, "这里是工作人员的页面" in answer.text) == (403, True)
        assert key.client.open(path, method=method, headers=key.base).status_code == 403


WRITES = [endpoint for endpoint in DESK if OPERATIONS[endpoint].operation == "import.write"]


@pytest.mark.parametrize("endpoint", WRITES)
def test_a_form_needs_the_sessions_token_and_its_own_site(
    web: Instance, clerk: Clerk, messy: Path, endpoint: str
):
    where = clerk.send(messy).location
    web.run_jobs()
    if endpoint == "desk.undo":
        assert clerk.post(f"{where}/commit").status_code == 303
    before, uploads = events(web), len(list(web.floors.home.uploads.iterdir()))
    path = f"{where}/{endpoint.removeprefix('desk.')}"
    if endpoint == "desk.upload":
        path = "/desk/imports/new/residents"
    others = web.staff("li").csrf
    for token in (None, "", "x", "ж" * 9, others):
        form: dict[str, object] = {"file": (io.BytesIO(b"a"), "a.csv")}
        form |= {} if token is None else {"csrf": token}
        assert clerk.client.post(path, data=form).status_code == 403
    for headers in (
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        form = {"csrf": clerk.csrf, "file": (io.BytesIO(b"a"), "a.csv")}
        assert clerk.client.post(path, data=form, headers=headers).status_code == 403
    assert events(web) == before
    assert len(list(web.floors.home.uploads.iterdir())) == uploads
    assert clerk.client.get(where).status_code == 200


def test_resident_pages_are_not_for_staff(web: Instance, clerk: Clerk):
    for path in ("/", "/mine", "/item/x"):
        answer = clerk.client.get(path)
        assert answer.status_code == 403
        assert "这里是居民的页面" in answer.text
        assert 'href="/desk/imports"' in answer.text
    assert clerk.client.get("/api/v1/session").status_code == 403
    assert clerk.client.get("/api/v1/imports").status_code == 403


def test_a_session_of_staff_ends_after_half_an_hour_and_by_signing_out(web: Instance, clerk: Clerk):
    web.clock.advance(hours=0.45)
    assert clerk.client.get("/desk/imports").status_code == 200
    web.clock.advance(hours=0.6)
    answer = clerk.client.get("/desk/imports")
    assert (answer.status_code, "半小时不用" in answer.text) == (401, True)
    clerk = web.staff()
    assert clerk.client.post("/sign-out").status_code == 403
    assert clerk.post("/sign-out").status_code == 303
    assert clerk.client.get("/desk/imports").status_code == 401


def test_the_desk_says_so_while_the_ledger_is_away(
    web: Instance, clerk: Clerk, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(web.floors.ledger, "session", away)
    answer = clerk.client.get("/desk/imports")
    assert (answer.status_code, "暂时打不开" in answer.text) == (503, True)
    assert int(answer.headers["Retry-After"]) > 0


def test_the_cookie_of_staff_goes_by_the_evening(web: Instance):
    cookie = web.staff().client.get_cookie("linli_session")
    assert cookie is not None
    assert cookie.max_age == timedelta(hours=8).total_seconds()
    assert cookie.http_only


# --- bringing in a file -------------------------------------------------------------------------


def test_a_file_is_checked_imported_and_undone_under_the_clerks_name(
    web: Instance, clerk: Clerk, messy: Path
):
    assert "还没有导入过文件" in clerk.client.get("/desk/imports").text
    answer = clerk.send(messy)
    where = answer.location
    assert (answer.status_code, where[:14]) == (303, "/desk/imports/")
    waiting = clerk.client.get(where)
    assert "排队中" in waiting.text
    assert 'http-equiv="refresh"' in waiting.text
    assert "HX-Refresh" not in clerk.client.get(where, headers={"HX-Request": "true"}).headers
    web.run_jobs()
    ready = clerk.client.get(where, headers={"HX-Request": "true"})
    assert (ready.headers["HX-Refresh"], ready.text) == ("true", "")
    page = clerk.client.get(where).text.replace("\u00a0", " ")
    assert "共 6 行：1 行可以导入，5 行有问题，需要您看一下" in page
    assert "导入 1 行" in page
    assert "新增 1 位居民" in page
    before = residents(web)
    assert clerk.post(f"{where}/commit").location == where
    assert residents(web) == before + 1
    page = clerk.client.get(where).text
    assert "已导入 1 行" in page
    assert "更新后生效" in page
    assert "确定撤销" in clerk.client.get(f"{where}/undo").text
    assert clerk.post(f"{where}/undo").location == where
    assert "这次导入已经撤销" in clerk.client.get(where).text
    assert clerk.client.get(f"{where}/undo").location == where
    assert "已撤销" in clerk.client.get("/desk/imports").text
    with web.floors.ledger.read() as tx:
        told = {(e.actor, e.reason) for e in web.floors.ledger.audit.bulk(tx)}
    batch = where.rpartition("/")[2]
    acts = ("preview", "commit", "undo")
    assert {("staff:wang", f"import {act} {batch}") for act in acts} <= told


def test_what_is_wrong_is_gathered_and_told_in_the_readers_language_only(
    web: Instance, clerk: Clerk, messy: Path
):
    where = clerk.send(messy).location
    web.run_jobs()
    page = clerk.client.get(where).text
    assert page.count("身份证号应是 18 位") == 3  # three examples stand for four rows
    assert "第 3、4、5、6 行" in page
    assert "“民族”一栏不收" in page
    assert "不认识“血型”一栏" in page
    assert "王**" in page
    for secret in ("王秀兰", "15400000071", "汉"):
        assert secret not in page
    assert "identity number" not in page
    clerk.client.set_cookie(LOOK_COOKIE, "en.standard.light")
    english = clerk.client.get(where).text
    assert "6 rows: 1 ready to import, 5 with problems" in english
    assert "An identity number has 18 characters" in english
    assert "read as</span> phone" in english
    for words in ("应是", "怎么办", "一栏"):
        assert words not in english


def test_the_copy_with_problems_and_the_templates_can_be_downloaded(
    web: Instance, clerk: Clerk, messy: Path
):
    where = clerk.send(messy).location
    web.run_jobs()
    answer = clerk.client.get(f"{where}/copy")
    named = answer.headers["Content-Disposition"]
    assert named.isascii()
    assert unquote(named).endswith("人口台账（标出问题）.csv")
    table = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [bool(row[0]) for row in table] == [True, False, *[True] * 5]
    for kind in FILE_COLUMNS:
        answer = clerk.client.get(f"/desk/templates/{kind}")
        book = load_workbook(io.BytesIO(answer.data))
        assert book.active.max_row >= 3, kind
    assert clerk.client.get("/desk/templates/recipes").status_code == 404


def test_the_template_as_it_stands_can_be_imported(web: Instance, clerk: Clerk):
    book = clerk.client.get("/desk/templates/activities").data
    where = clerk.send(book, "activities", name="活动.xlsx").location
    web.run_jobs()
    page = clerk.client.get(where).text.replace("\u00a0", " ")
    assert "共 2 行，都可以导入" in page
    assert "新增 2 个活动或服务" in page


def test_a_refused_file_says_why_and_can_be_dropped(web: Instance, clerk: Clerk):
    where = clerk.send(b"\x00\x01" * 40).location
    web.run_jobs()
    page = clerk.client.get(where).text
    assert "这个文件读不了" in page
    assert "这不是表格文件；请用表格软件另存为 xlsx" in page
    assert "binary" not in page
    assert "不能导入" in clerk.client.get("/desk/imports").text
    assert clerk.post(f"{where}/discard").location == "/desk/imports?dropped=1"
    assert clerk.client.get(where).status_code == 404
    assert "已放弃" in clerk.client.get("/desk/imports?dropped=1").text


def test_a_file_without_a_good_row_offers_nothing_to_import(
    web: Instance, clerk: Clerk, tmp_path: Path
):
    where = clerk.send(csv_file(tmp_path, COLUMNS, ("李四", "123", "1", "", ""))).location
    web.run_jobs()
    page = clerk.client.get(where).text
    assert "没有可以导入的" in page
    assert f"{where}/commit" not in page
    assert f"{where}/discard" in page


def test_what_is_no_file_is_told_on_the_form(
    web: Instance, clerk: Clerk, messy: Path, monkeypatch: pytest.MonkeyPatch
):
    form = "/desk/imports/new/residents"
    nothing = clerk.post(form)
    assert (nothing.status_code, "还没有选文件" in nothing.text) == (400, True)
    empty = clerk.send(b"")
    assert (empty.status_code, "是空的" in empty.text) == (400, True)
    assert clerk.send(messy, "recipes").status_code == 404
    monkeypatch.setattr(operations, "MAX_UPLOAD", 10)
    large = clerk.send(messy)
    assert (large.status_code, "文件太大" in large.text) == (413, True)
    assert not web.floors.home.uploads.exists() or not list(web.floors.home.uploads.iterdir())
    with web.floors.ledger.read() as tx:
        kinds = [batch.kind for batch in web.floors.ledger.imports.list(tx)]
    assert kinds == ["synthetic"]


def test_other_forms_of_the_desk_take_no_large_body(web: Instance, clerk: Clerk, messy: Path):
    where = clerk.send(messy).location
    form = {"csrf": clerk.csrf, "more": "x" * 70_000}
    assert clerk.client.post(f"{where}/discard", data=form).status_code == 413


def test_a_check_that_broke_off_or_waits_for_long_is_told(
    web: Instance, clerk: Clerk, messy: Path, monkeypatch: pytest.MonkeyPatch
):
    where = clerk.send(messy).location
    web.clock.advance(seconds=31)
    assert "后台任务" in clerk.client.get(where).text
    batch = where.rpartition("/")[2]

    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(uploads, "preview_file", breaks)
    web.run_jobs()
    page = clerk.client.get(where).text
    assert "核对中断了" in page
    assert 'http-equiv="refresh"' not in page
    asking = {"HX-Request": "true"}
    assert clerk.client.get(where, headers=asking).headers["HX-Refresh"] == "true"
    assert "核对中断" in clerk.client.get("/desk/imports").text
    assert f"{where}/discard" in page
    monkeypatch.undo()
    assert clerk.send(messy).location == where
    assert "排队中" in clerk.client.get(where).text
    web.run_jobs()
    assert batch in clerk.client.get("/desk/imports").text
    assert "需要您看一下" in clerk.client.get(where).text


def test_progress_comes_from_the_run_record(web: Instance, clerk: Clerk, messy: Path):
    where = clerk.send(messy).location
    site, runs = web.floors.site, web.floors.ledger.runs
    with site.ledger.write() as tx:
        request = runs.claim(tx, "test", web.clock())
        assert request is not None
        run = runs.start(tx, "import", "request", web.clock(), request=request.id)
    assert "正在读表格" in clerk.client.get(where).text
    with site.ledger.write() as tx:
        runs.progress(tx, run, 1, 3, "staging")
    page = clerk.client.get(where).text
    assert "第 2 步，共 3 步" in page
    assert 'value="2" max="3"' in page


def test_when_it_takes_effect_is_told_until_it_has(web: Instance, clerk: Clerk, messy: Path):
    where = clerk.send(messy).location
    web.run_jobs()
    clerk.post(f"{where}/commit")
    assert "更新后生效" in clerk.client.get(where).text
    web.clock.advance(seconds=60)
    site = web.floors.site
    with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
        assert Runner(site, lease).run("snapshot", "now")
    web.clock.advance(seconds=1)
    assert "已经生效" in clerk.client.get(where).text


def test_somebody_else_was_faster(web: Instance, clerk: Clerk, messy: Path):
    where = clerk.send(messy).location
    web.run_jobs()
    colleague = web.staff("li")
    assert colleague.post(f"{where}/commit").status_code == 303
    assert clerk.post(f"{where}/commit").status_code == 303  # again changes nothing
    late = clerk.post(f"{where}/discard")
    assert (late.status_code, "情况有变化" in late.text) == (409, True)
    assert clerk.client.get("/desk/imports/no-such-import").status_code == 404
    assert clerk.client.get("/desk").location == "/desk/imports"


def test_an_import_older_than_reports_is_listed(web: Instance, clerk: Clerk, messy: Path):
    where = clerk.send(messy).location
    web.run_jobs()
    clerk.post(f"{where}/commit")
    with web.floors.ledger.write() as tx:
        web.floors.ledger.staging.drop_parts(tx, where.rpartition("/")[2])
    assert "已导入" in clerk.client.get("/desk/imports").text
    assert clerk.client.get(where).status_code == 404


def test_pages_of_the_desk_carry_the_policy_and_stay_in_no_cache(web: Instance, clerk: Clerk):
    for client in (clerk.client, web.app.test_client()):
        answer = client.get("/desk/imports/new")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


# --- whose imports, and how many -----------------------------------------------------------------


@pytest.fixture
def activities(clerk: Clerk) -> bytes:
    """A file that an institution may bring in as well."""
    return clerk.client.get("/desk/templates/activities").data


def clinics_import(web: Instance, content: bytes) -> str:
    """Send a file with the key of another institution; gives the import's id."""
    program = web.key("clinic", "imports:read", "imports:write")
    answer = program.client.post(
        "/api/v1/imports?kind=activities",
        data={"file": (io.BytesIO(content), "table.xlsx")},
        headers=program.base,
    )
    assert answer.status_code == 202
    web.run_jobs()
    return answer.json["id"]


def test_files_of_another_institution_are_not_there_at_the_desk(
    web: Instance, clerk: Clerk, activities: bytes
):
    with web.floors.ledger.read() as tx:
        (city,) = web.floors.ledger.imports.list(tx)  # the command line's
    batch = clinics_import(web, activities)
    assert batch not in clerk.client.get("/desk/imports").text
    tried = 0
    for endpoint, method, path in routes(web.app):
        if endpoint in DESK and "some-batch" in path:
            answers = [
                clerk.client.open(path.replace("some-batch", which), method=method, data=form)
                for which in (batch, city.id, "none")
                for form in [{"csrf": clerk.csrf} if method == "POST" else None]
            ]
            assert [answer.status_code for answer in answers] == [404] * 3, endpoint
            assert answers[0].text.replace(batch, "none") == answers[2].text
            tried += 1
    assert tried == 6
    with web.floors.ledger.read() as tx:
        states = {b.id: b.state for b in web.floors.ledger.imports.list(tx)}
    assert states == {batch: BatchState.PREVIEWED, city.id: BatchState.COMMITTED}


def test_a_file_that_another_institution_sent_is_not_taken_over(
    web: Instance, clerk: Clerk, activities: bytes
):
    batch = clinics_import(web, activities)
    with web.floors.ledger.read() as tx:
        before = web.floors.ledger.imports.get(tx, batch)
    answer = clerk.send(activities, "activities", name="t.xlsx")
    assert (answer.status_code, "别的机构已经上传过" in answer.text) == (400, True)
    assert list(web.floors.home.uploads.iterdir()) == []
    web.run_jobs()
    with web.floors.ledger.read() as tx:
        assert web.floors.ledger.imports.get(tx, batch) == before


def test_a_session_made_for_another_institution_does_not_operate_this_home(
    web: Instance, messy: Path
):
    principal = Principal(f"{STAFF}zhao", StaffRole.OPERATOR, InstitutionId("clinic"))
    with web.floors.ledger.write() as tx:
        secret = web.floors.ledger.access.begin(tx, principal, at=web.clock())
    client = web.app.test_client()
    client.set_cookie(COOKIE, secret)
    for endpoint, method, path in routes(web.app):
        if endpoint in DESK:
            assert client.open(path, method=method).status_code == 403, endpoint


def test_uploads_are_counted_apart_and_few(web: Instance, clerk: Clerk):
    answers = [clerk.send(b"") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [400] * 20 + [429]
    assert "操作太快了" in answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert clerk.client.get("/desk/imports").status_code == 200


def test_who_sends_a_file_is_on_record_and_without_a_record_it_is_not_taken(
    web: Instance, clerk: Clerk, messy: Path, monkeypatch: pytest.MonkeyPatch
):
    clerk.send(messy)
    with web.floors.ledger.read() as tx:
        told = {(e.actor, e.reason) for e in web.floors.ledger.audit.bulk(tx)}
    assert ("staff:wang", "import upload of residents") in told
    web.run_jobs()

    def away(*_: object) -> None:
        raise AuditUnavailable("away")

    monkeypatch.setattr(web.floors.ledger.audit, "record", away)
    assert clerk.send(messy.read_bytes() + b"\n").status_code == 503
    assert list(web.floors.home.uploads.iterdir()) == []


# --- what a file may hold ------------------------------------------------------------------------


def test_markup_in_a_file_is_shown_as_text(web: Instance, clerk: Clerk, tmp_path: Path):
    markup = '<img src=x onerror="alert(1)">'
    columns = ("姓名", "联系方式", "工作单位", f"{markup}栏")
    rows = [(f"王{markup}", f"1540000007{n}", markup, markup) for n in range(3)]
    where = clerk.send(csv_file(tmp_path, columns, *rows), name=f"{markup}.csv").location
    web.run_jobs()
    for path in (where, "/desk/imports"):
        assert "<img" not in clerk.client.get(path).text
    assert "&lt;img src=x onerror=" in clerk.client.get(where).text  # it is there, as text


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_no_cell_of_the_copy_is_run_as_a_formula(
    web: Instance, clerk: Clerk, tmp_path: Path, ending: str
):
    tricks = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\uff1d1+1", " =1+1"]
    rows = [("李四", "123", "15400000090", trick, "O") for trick in tricks]
    file = csv_file(tmp_path, (*COLUMNS[:3], "工作单位", "=1+1"), *rows)
    if ending == "xlsx":
        book = Workbook()
        for line in csv.reader(io.StringIO(file.read_text("utf-8"))):
            book.active.append(line)
            for cell in book.active[book.active.max_row]:
                cell.data_type = "s"
        book.save(file := tmp_path / "table.xlsx")
    where = clerk.send(file, name=file.name).location
    web.run_jobs()
    answer = clerk.client.get(f"{where}/copy")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if ending == "xlsx":
        cells = [cell for row in load_workbook(io.BytesIO(answer.data)).active for cell in row]
        assert {cell.data_type for cell in cells} <= {"s", "n"}
        texts = [str(cell.value or "") for cell in cells]
    else:
        lines = csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))
        texts = [text for line in lines for text in line]
    assert sum("1+1" in text or "SUM" in text for text in texts) >= len(tricks)
    assert [text for text in texts if text.lstrip(" \u3000")[:1] in "=+-@\t\r\uff1d" and text] == []


# --- coming again, and dropping what waits -------------------------------------------------------


def test_a_refused_file_that_comes_again_is_being_checked(web: Instance, clerk: Clerk):
    where = clerk.send(b"\x00\x01" * 40).location
    web.run_jobs()
    assert "这个文件读不了" in clerk.client.get(where).text
    assert clerk.send(b"\x00\x01" * 40).location == where
    assert "排队中" in clerk.client.get(where).text
    web.run_jobs()
    assert "这个文件读不了" in clerk.client.get(where).text


def test_what_was_dropped_while_it_waited_does_not_come_back(
    web: Instance, clerk: Clerk, messy: Path
):
    where = clerk.send(messy).location
    assert clerk.post(f"{where}/discard").status_code == 303
    web.run_jobs()
    assert clerk.client.get(where).status_code == 404
    assert list(web.floors.home.uploads.iterdir()) == []


def test_what_was_dropped_while_it_was_read_does_not_come_back(
    web: Instance, clerk: Clerk, messy: Path, monkeypatch: pytest.MonkeyPatch
):
    where, read = clerk.send(messy).location, uploads.read_file

    def slow(*args: object, **options: object) -> object:
        assert clerk.post(f"{where}/discard").status_code == 303
        web.clock.advance(seconds=1)
        return read(*args, **options)

    monkeypatch.setattr(uploads, "read_file", slow)
    web.run_jobs()
    assert clerk.client.get(where).status_code == 404
    assert list(web.floors.home.uploads.iterdir()) == []


def test_what_was_dropped_while_it_was_staged_leaves_nothing(
    web: Instance, clerk: Clerk, messy: Path, monkeypatch: pytest.MonkeyPatch
):
    where, preview = clerk.send(messy).location, uploads.preview_import

    def slow(*args: object, **options: object) -> object:
        told = options["progress"]

        def progress(done: int, total: int, note: str) -> None:
            if done == 1 and clerk.client.get(where).status_code == 200:
                assert clerk.post(f"{where}/discard").status_code == 303
            told(done, total, note)

        return preview(*args, **{**options, "progress": progress})

    monkeypatch.setattr(uploads, "preview_import", slow)
    web.run_jobs()
    assert clerk.client.get(where).status_code == 404
    assert list(web.floors.home.uploads.iterdir()) == []


def test_a_page_that_waits_for_long_stops_asking_so_that_the_session_can_end(
    web: Instance, clerk: Clerk, messy: Path
):
    where, asking = clerk.send(messy).location, {"HX-Request": "true"}
    assert clerk.client.get(where, headers=asking).status_code == 200
    assert "hx-get" in clerk.client.get(where).text
    web.clock.advance(seconds=601)
    assert clerk.client.get(where, headers=asking).status_code == 286
    page = clerk.client.get(where)
    assert page.status_code == 200
    for asks in ("hx-get", 'http-equiv="refresh"'):
        assert asks not in page.text
    assert f'href="{where}"' in page.text
