"""The entry point of the console script `linli`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

__all__ = ["app", "main"]

app = typer.Typer(name="linli", no_args_is_help=True, add_completion=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"linli {version('linli')}")
        raise typer.Exit


@app.callback()
def linli(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Linli (邻里) helps people in one neighbourhood find each other."""


def main() -> None:
    """Run the command line."""
    app()
