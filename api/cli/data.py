"""Commands that turn what came in into something to serve from, and look after the graph."""

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
    say,
)
from api.wiring import load_config, open_floors
from graph.errors import ConfigError
from graph.gate import CypherStore
from recommender.artifact import load_model

__all__ = ["register"]

graph_app = typer.Typer(help="Look after the property graph.", no_args_is_help=True)


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
    if not as_json:
        with open_floors(load_config(home=home)) as floors:
            chosen = load_model(floors.site.home.models).chosen
        print_table(("chosen", "value"), list(chosen.items()))


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
    app.command()(snapshot)
    app.command()(train)
    app.add_typer(graph_app, name="graph")
