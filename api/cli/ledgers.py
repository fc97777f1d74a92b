"""Commands about the ledger as a whole: copy it to another engine."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.output import (
    HomeOption,
    OperatorOption,
    operator,
    print_table,
    progress_bar,
    say,
)
from api.wiring import load_config, open_floors
from graph.errors import ConfigError
from graph.gate import copy_ledger
from graph.urls import masked

__all__ = ["register"]

ledger_app = typer.Typer(help="Look after the ledger.", no_args_is_help=True)


@ledger_app.command("copy")
def copy(
    to: Annotated[str, typer.Argument(metavar="URL", help="Where to: an empty database.")],
    home: HomeOption = None,
    as_operator: OperatorOption = None,
) -> None:
    """Copy this home's ledger, row for row, to another engine; stop linli serve first.

    The old ledger stays as it is. Nothing is copied while a jobs process is at work, and a copy
    that is interrupted leaves the target empty.
    """
    with open_floors(load_config(home=home)) as floors:
        if to == floors.site.config.ledger_url:
            raise ConfigError("this is the ledger's own address; give that of an empty database")
        actor = operator(as_operator, floors.institution)

        def record() -> None:
            floors.gate.record_act(actor, f"copy the ledger to {masked(to)}")

        with progress_bar("copying") as bar:
            rows = copy_ledger(floors.ledger, to, record=record, progress=bar)
    print_table(("table", "rows"), rows.items())
    say(f"{sum(rows.values())} rows in {len(rows)} tables: equal, row for row.")
    say(f"Now let this home use it: set LINLI_LEDGER, or ledger in {floors.home.settings}.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(ledger_app, name="ledger")
