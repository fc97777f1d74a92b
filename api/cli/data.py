"""Commands that bring data in and turn them into something to serve from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.jobs_commands import borrowed_graph, run_job
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
from api.wiring import Floors, load_config, open_floors
from graph.errors import ConfigError
from graph.gate import CypherStore
from graph.ingest import (
    ImportPlan,
    LedgerRegister,
    Severity,
    import_plan,
    read_file,
    read_meetup,
)

__all__ = ["register"]

import_app = typer.Typer(help="Bring data in: Meetup folders and CSV files.", no_args_is_help=True)
graph_app = typer.Typer(help="Look after the property graph.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(help="File or folder to read.", exists=True)]


def _import(floors: Floors, plan: ImportPlan, name: str | None, *, as_json: bool) -> None:
    actor = operator(name, floors.institution)
    with progress_bar("importing") as bar:
        result = import_plan(
            floors.ledger, plan, gate=floors.gate, actor=actor, clock=floors.clock, progress=bar
        )
    issues = [
        {
            "row": i.row,
            "column": i.column,
            "code": i.code,
            "severity": i.severity.value,
            "message_zh": i.message_zh,
            "message_en": i.message_en,
            "remedy_zh": i.remedy_zh,
            "remedy_en": i.remedy_en,
        }
        for i in plan.issues
    ]
    if as_json:
        print_json({"batch": result.batch, "rows": plan.rows, "issues": issues})
        return
    for i in plan.issues:
        where = f"row {i.row}" if i.row else "whole file"
        left_out = " (row left out)" if i.severity is Severity.ERROR else ""
        for line in (
            f"{where}, {i.column or '-'} [{i.code}]{left_out}",
            f"  {i.message_zh} → {i.remedy_zh}",
            f"  {i.message_en} → {i.remedy_en}",
        ):
            say(line)
    state = "was there already" if result.already else "imported"
    left_out_rows = len({issue.row for issue in plan.errors})
    say(
        f"{plan.rows} rows read, {left_out_rows} left out, {len(plan.notices)} notices; "
        f"batch {result.batch} {state}."
    )
    say("Next: linli snapshot, then linli train.")


@import_app.command("meetup")
def import_meetup(
    folder: FileArgument,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Import a folder in the layout of the published Meetup sets (never its test split)."""
    with open_floors(load_config(home=home)) as floors:
        plan = read_meetup(folder, pseudonym=floors.ledger.keys.pseudonym, clock=floors.clock)
        _import(floors, plan, as_operator, as_json=as_json)


def _csv_command(kind: str, doc: str) -> None:
    def command(
        file: FileArgument,
        home: HomeOption = None,
        as_operator: OperatorOption = None,
        as_json: AsJson = False,
    ) -> None:
        with open_floors(load_config(home=home)) as floors:
            plan = read_file(
                kind,
                file,
                pseudonym=floors.ledger.keys.pseudonym,
                clock=floors.clock,
                register=LedgerRegister(
                    floors.ledger, floors.gate, operator(as_operator, floors.institution)
                ),
            )
            _import(floors, plan, as_operator, as_json=as_json)

    import_app.command(kind, help=doc)(command)


_csv_command("residents", "Import a register of residents (人口台账) from CSV.")
_csv_command("activities", "Import activities (活动) from CSV.")
_csv_command("signups", "Import sign-ups (活动报名表) from CSV.")


def snapshot(
    home: HomeOption = None, as_operator: OperatorOption = None, as_json: AsJson = False
) -> None:
    """Drain the log into the graph and take a snapshot of it."""
    _job("snapshot", "taking a snapshot", home, as_operator, as_json=as_json)


def train(
    home: HomeOption = None, as_operator: OperatorOption = None, as_json: AsJson = False
) -> None:
    """Fit the recommender on the current snapshot and publish the model."""
    _job("train", "training", home, as_operator, as_json=as_json)


def _job(job: str, title: str, home: Path | None, name: str | None, *, as_json: bool) -> None:
    with open_floors(load_config(home=home)) as floors:
        actor = operator(name, floors.institution)
        note = run_job(floors.site, job, by=actor.id, title=title)
    if as_json:
        print_json({"job": job, "note": note})
    else:
        say(f"{job}: {note}")


@graph_app.command("rebuild")
def graph_rebuild(
    home: HomeOption = None, as_operator: OperatorOption = None, as_json: AsJson = False
) -> None:
    """Make the graph anew from the log; the result equals the graph it replaces."""
    _job("rebuild", "rebuilding the graph", home, as_operator, as_json=as_json)


@graph_app.command("status")
def graph_status(home: HomeOption = None, as_json: AsJson = False) -> None:
    """Count what is in the graph, and how far behind the log it is."""
    with (
        open_floors(load_config(home=home)) as floors,
        borrowed_graph(floors.site) as store,
    ):
        counts = dict(store.count())
        watermark = store.watermark()
        with floors.ledger.read() as tx:
            head = floors.ledger.outbox.head(tx).seq
    if as_json:
        print_json({"watermark": watermark, "head": head, "counts": counts})
        return
    print_table(("what", "how many"), sorted(counts.items()))
    say(f"The graph stands at event {watermark} of {head}.")


@graph_app.command("cypher")
def graph_cypher(
    statement: Annotated[str, typer.Argument(help="One Cypher statement.")],
    home: HomeOption = None,
    as_operator: OperatorOption = None,
) -> None:
    """Run one Cypher statement in the store (operators only, audited).

    What it changes is not in the log: `linli graph rebuild` undoes it.
    """
    with open_floors(load_config(home=home)) as floors:
        floors.gate.record_act(
            operator(as_operator, floors.institution), f"graph cypher: {statement}"
        )
        with borrowed_graph(floors.site) as store:
            if not isinstance(store, CypherStore):
                raise ConfigError(f"the store {floors.site.config.graph_url} answers no Cypher")
            print_json(store.cypher(statement))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(import_app, name="import")
    app.command()(snapshot)
    app.command()(train)
    app.add_typer(graph_app, name="graph")
