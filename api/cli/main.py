"""The command line: one tree of commands, one place where errors become one line."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as package_version
from typing import Annotated

import typer

from api.cli import (
    access,
    audit,
    charters,
    communities,
    data,
    demo,
    explore,
    feeds,
    homes,
    imports,
    ledgers,
    outreach,
    serving,
    trial,
    vocabulary,
)
from api.cli.output import console, fail
from graph import errors

__all__ = ["app", "main"]

EXIT_CODES: tuple[tuple[type[errors.LinliError], int], ...] = (
    (errors.ConfigError, 2),
    (errors.DataError, 3),
    (errors.NotFound, 4),
    (errors.Denied, 5),
    (errors.NotReady, 6),
    (errors.StoreUnavailable, 6),
    (errors.AuditUnavailable, 6),
    (errors.CorruptStore, 7),
)
"""Exit code per branch of the error tree; anything else is 1, a wrong command line 2."""

app = typer.Typer(
    name="linli",
    help="Linli (邻里) helps people in one neighbourhood find each other.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
demo.register(app)
homes.register(app)
imports.register(app)
data.register(app)
feeds.register(app)
trial.register(app)
explore.register(app)
communities.register(app)
charters.register(app)
outreach.register(app)
serving.register(app)
access.register(app)
audit.register(app)
vocabulary.register(app)
ledgers.register(app)


def _show_version(asked: bool) -> None:
    if asked:
        console.print(f"linli {package_version('linli')}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    graph: Annotated[
        str | None,
        typer.Option("--graph", metavar="URL", help="Graph store [LINLI_GRAPH, linli.toml]."),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option("--ledger", metavar="URL", help="Ledger [LINLI_LEDGER, linli.toml]."),
    ] = None,
) -> None:
    """Linli (邻里) helps people in one neighbourhood find each other."""
    # Said through the environment: every process that a command starts finds the same stores, and
    # no list of processes shows a password twice.
    for name, url in (("LINLI_GRAPH", graph), ("LINLI_LEDGER", ledger)):
        if url is not None:
            os.environ[name] = url


def main() -> None:
    """Run the command line; a known error is one line and an exit code, never a traceback."""
    try:
        app()
    except errors.LinliError as error:
        fail(str(error))
        sys.exit(next((c for kind, c in EXIT_CODES if isinstance(error, kind)), 1))
