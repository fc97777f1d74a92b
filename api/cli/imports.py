"""Commands that bring files in, in two phases: preview, then commit or discard; and undo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import (
    AsJson,
    HomeOption,
    OperatorOption,
    operator,
    print_json,
    print_table,
    progress_bar,
    say,
)
from api.services.imports import Imports
from api.services.issue_groups import IssueGroup, group_issues
from api.wiring import Floors, load_config, open_floors
from graph.errors import ConfigError
from graph.gate import BatchState
from graph.ingest import (
    ColumnFate,
    ImportResult,
    Preview,
    RowIssue,
    Severity,
    why_no_report,
    write_template,
)
from graph.vocabulary import VOCABULARIES
from jobs.uploads import KINDS, preview_file

__all__ = ["register"]

import_app = typer.Typer(
    help="Bring data in: look at what a file would do, then commit it; or undo it.",
    no_args_is_help=True,
    invoke_without_command=True,
)

FileArgument = Annotated[Path, typer.Argument(help="File or folder to read.", exists=True)]
BatchArgument = Annotated[str, typer.Argument(help="Import batch; `linli import list` shows them.")]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Commit at once, if every authorisation is there.")
]

_SAMPLE_SHOWN = 3
_FATES = {ColumnFate.UNKNOWN: "未读取 not read", ColumnFate.REFUSED: "不收 refused"}
_ALWAYS = {*VOCABULARIES, "Source"}
"""Labels of the governed lists: every import brings them along."""
_NEXT = "Next: linli snapshot, then linli train."


def _kind_command(kind: str, doc: str) -> None:
    def command(
        file: FileArgument,
        yes: YesOption = False,
        home: HomeOption = None,
        as_operator: OperatorOption = None,
        as_json: AsJson = False,
    ) -> None:
        with open_floors(load_config(home=home)) as floors:
            _bring(floors, kind, file, as_operator, yes=yes, as_json=as_json)

    import_app.command(kind, help=doc)(command)


_HELP = {
    "residents": "Import a register of residents (人口台账).",
    "activities": "Import activities (活动).",
    "signups": "Import sign-ups (活动报名表).",
    "grids": "Import grids and the areas they lie in (网格台账).",
    "buildings": "Import addresses: buildings and dwellings (地址).",
    "services": "Import services and who provides them (服务清单).",
    "volunteering": "Import hours of volunteers and of the time bank (志愿/时间银行).",
    "visits": "Import visits and questionnaires (探访记录, 量表).",
    "meters": "Import readings of water meters (水表读数).",
    "meetup": "Import a folder in the layout of the published Meetup sets (never its test split).",
}
for _kind in KINDS:
    _kind_command(_kind, _HELP[_kind])


def _bring(
    floors: Floors, kind: str, file: Path, name: str | None, *, yes: bool, as_json: bool
) -> None:
    actor = operator(name, floors.institution)
    imports = Imports(floors)
    try:
        with progress_bar("validating") as bar:
            preview = preview_file(floors.site, kind, file, actor=actor, progress=bar)
    except KeyboardInterrupt:
        say("Stopped; nothing of it is visible. The same command goes on where it stopped.")
        raise typer.Exit(130) from None
    batch = preview.batch
    groups = [] if as_json else group_issues(imports.issues(actor, batch.id))
    if not as_json:
        _show(preview, groups)
    if batch.state is BatchState.PREVIEWED and (yes or (not as_json and _asked())):
        result = imports.commit(actor, batch.id)
        if not as_json:
            _say_withdrawn(result)
            say(f"Batch {batch.id} imported. {_NEXT}")
    elif not as_json:
        say(_what_next(preview, groups))
    if as_json:
        shown = imports.show(actor, batch.id)
        print_json(
            {
                **_said(preview),
                "state": shown.batch.state.value,
                "issues": [asdict(issue) for issue in imports.issues(actor, batch.id)],
            }
        )


def _say_withdrawn(result: ImportResult) -> None:
    if result.withdrawn:
        say(
            f"{result.withdrawn} residents withdrew an authorisation since the preview; "
            f"what they had authorised was left out."
        )


def _asked() -> bool:
    """Ask whether to commit, where somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty() and typer.confirm("commit?", default=False)


def _said(preview: Preview) -> dict[str, object]:
    batch = preview.batch
    return {"batch": batch.id, "kind": batch.kind, "state": batch.state.value, **preview.to_json()}


def _show(preview: Preview, groups: Sequence[IssueGroup]) -> None:
    """Print a preview: counts, errors, notices, then columns and a sample, in both languages."""
    say(
        f"读了 {preview.rows} 行：{preview.left_out} 行有错不收，{preview.clean} 行可以导入；"
        f"另有 {preview.notices} 处提示。"
    )
    say(
        f"{preview.rows} rows read, {preview.left_out} left out, {preview.clean} come through; "
        f"{preview.notices} notices."
    )
    for what, counts in (("新增 new", preview.new), ("已有 known", preview.known)):
        some = [f"{n} {kind}s" for kind, n in counts.items() if n]
        if some:
            say(f"  {what}: {', '.join(some)}")
    facts = [f"{n} {name}" for name, n in preview.changes.items() if name not in _ALWAYS]
    if facts:
        say(f"  内容 facts: {', '.join(facts)}")
    for group in groups:
        _show_group(group)
    _show_columns(preview)
    for category, n in preview.missing.items():
        say(f"{n} 位居民没有授权 {category}，现在不能导入。")
        say(f"{n} residents did not authorise {category}: it cannot be committed like this.")


def _show_columns(preview: Preview) -> None:
    """Print how each column is understood, with its cells in the first clean rows."""
    if not preview.columns:
        return
    some = preview.sample[:_SAMPLE_SHOWN]
    print_table(
        ("表中一栏 column", "读作 taken as", *(f"例 e.g. {n}" for n in range(1, len(some) + 1))),
        [
            (use.header, use.column or _FATES[use.fate], *(row.get(use.column, "") for row in some))
            for use in preview.columns
        ],
    )


def _what_next(preview: Preview, groups: Sequence[IssueGroup]) -> str:
    batch = preview.batch.id
    if preview.batch.state is BatchState.UNDONE:
        return f"Batch {batch} is undone; its file may be imported again."
    if preview.batch.state is BatchState.COMMITTED:
        return f"Batch {batch} was there already; nothing was done. linli import undo {batch}"
    lines = [f"还没有导入，谁也看不到。Batch {batch} is staged; nobody sees anything of it yet."]
    if any(group.rows for group in groups):
        lines.append(
            f"  下载标出问题的表 with its problems: linli import errors {batch} --out FILE"
        )
    lines.append(f"  导入 take it in: linli import commit {batch}")
    lines.append(f"  放弃 drop it:    linli import discard {batch}")
    return "\n".join(lines)


def _show_group(group: IssueGroup) -> None:
    issue = group.first
    more = ", ..." if group.count > max(len(group.rows), 1) else ""
    rows = ", ".join(str(row) for row in group.rows)
    where = f"第 {rows}{more} 行 rows ({group.count})" if rows else _beside_rows(issue)
    fate = "不收 left out" if issue.severity is Severity.ERROR else "提示 notice"
    column = f" · {issue.column}" if issue.column else ""
    say(f"{fate}{column} · {where} · {issue.code}")
    if len(group.examples) == 1 or not rows:
        say(f"  {issue.message_zh} → {issue.remedy_zh}")
        say(f"  {issue.message_en} → {issue.remedy_en}")
        return
    for one in group.examples:
        say(f"  第 {one.row} 行：{one.message_zh}")
    say(f"  → {issue.remedy_zh}")
    for one in group.examples:
        say(f"  row {one.row}: {one.message_en}")
    say(f"  → {issue.remedy_en}")


def _beside_rows(issue: RowIssue) -> str:
    """Say what an issue is about that is about no row."""
    if issue.column:
        return "整栏 the whole column"
    if issue.severity is Severity.ERROR:
        return "某一条数据 one fact"
    return "整个文件 the whole file"


@import_app.callback()
def template(
    kind: Annotated[
        str | None,
        typer.Option(
            "--template", metavar="KIND", help="Write a table to fill in, with two examples."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Its file, .xlsx or .csv [KIND.xlsx].")
    ] = None,
) -> None:
    """Bring data in: look at what a file would do, then commit it; or undo it."""
    if kind is None:
        return
    target = out or Path(f"{kind}.xlsx")
    if target.exists():
        raise ConfigError(f"{target} is there already; name another file with --out")
    write_template(kind, target)
    say(f"{target} is ready to be filled in; import it with: linli import {kind} {target}")
    raise typer.Exit


@import_app.command("list")
def list_imports(
    home: HomeOption = None, as_operator: OperatorOption = None, as_json: AsJson = False
) -> None:
    """List imports, the newest first."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        batches = Imports(floors).all(actor)
    lines = [
        {
            "batch": b.id,
            "kind": b.kind,
            "state": b.state.value,
            "begun_at": b.begun_at,
            "committed_at": b.committed_at,
            "undone_at": b.undone_at,
            "changes": b.changes,
        }
        for b in batches
    ]
    if as_json:
        print_json(lines)
        return
    print_table(
        ("batch", "kind", "state", "begun", "facts"),
        [(b.id, b.kind, b.state, f"{b.begun_at:%F %R}", b.changes) for b in batches],
    )


@import_app.command("show")
def show_import(
    batch: BatchArgument,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the preview of an import again."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        imports = Imports(floors)
        shown = imports.show(actor, batch)
        issues = imports.issues(actor, batch)
        if as_json:
            said: dict[str, object] = {
                "batch": batch,
                "state": shown.batch.state.value,
                "refusal": str(shown.refusal or ""),
            }
            if shown.preview is not None:
                said = {**_said(shown.preview), "issues": [asdict(issue) for issue in issues]}
            print_json(said)
        elif shown.preview is None:
            say(str(shown.refusal or why_no_report(shown.batch)))
        else:
            groups = group_issues(issues)
            _show(shown.preview, groups)
            say(_what_next(shown.preview, groups))


@import_app.command("commit")
def commit(
    batch: BatchArgument,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Take in what was previewed, whole."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        result = Imports(floors).commit(actor, batch)
    if as_json:
        print_json(asdict(result))
    else:
        state = "was there already" if result.already else "imported"
        _say_withdrawn(result)
        say(f"Batch {batch} {state}. {_NEXT}")


@import_app.command("discard")
def discard(
    batch: BatchArgument,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Drop what was previewed and not committed."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        Imports(floors).discard(actor, batch)
    if as_json:
        print_json({"batch": batch, "state": "discarded"})
    else:
        say(f"Batch {batch} is dropped.")


@import_app.command("undo")
def undo(
    batch: BatchArgument,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Take a committed import back, as if it had never come."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        undone = Imports(floors).undo(actor, batch)
    if as_json:
        print_json({"batch": batch, "state": "undone", "already": not undone})
    else:
        state = "is undone" if undone else "was undone before; nothing was done"
        say(f"Batch {batch} {state}. {_NEXT}")


@import_app.command("errors")
def errors(
    batch: BatchArgument,
    out: Annotated[Path, typer.Option("--out", help="File to write; it must not exist.")],
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the file again with its problems beside the rows."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        copy = Imports(floors).copy(actor, batch)
        if out.suffix.casefold() != copy.ending:
            name = out.with_suffix(copy.ending)
            raise ConfigError(f"the copy is a {copy.ending} file: name it {name}")
        if out.exists():
            raise ConfigError(f"{out} is there already; name another file")
        with out.open("xb") as file:
            file.writelines(copy.pieces)
    if as_json:
        print_json({"batch": batch, "file": str(out)})
    else:
        say(f"{out} holds the file with its problems in the first column.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(import_app, name="import")
