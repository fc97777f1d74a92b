"""What every command shares: options, printing for people and for programs, progress."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from graph.model import Actor, InstitutionId, StaffRole

__all__ = [
    "AsJson",
    "HomeOption",
    "OperatorOption",
    "console",
    "fail",
    "operator",
    "print_json",
    "print_table",
    "progress_bar",
    "say",
]

console = Console()
_errors = Console(stderr=True)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder that holds all state [LINLI_HOME, ./linli-home]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
OperatorOption = Annotated[
    str | None,
    typer.Option("--as", help="Name the audit log records for this command [your login name]."),
]


def operator(name: str | None, institution: InstitutionId) -> Actor:
    """Make the actor that a command is audited under."""
    return Actor(f"cli:{name or _login()}", StaffRole.OPERATOR, institution, "linli")


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without an entry in the user database
        return "unknown"


def say(text: str) -> None:
    """Print a line as it is: names and paths may hold square brackets, and are not wrapped."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def fail(message: str) -> None:
    """Print one error line on standard error."""
    line = escape(" ".join(part.strip() for part in message.splitlines()))
    _errors.print(f"[bold red]linli:[/] {line}", highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a plain table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for n, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=n == 0)  # first: what is copied whole
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(table)


class Bar:
    """A progress bar that steps report to; silent when standard error is no terminal."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, note="")

    def __call__(self, done: int, total: int, note: str) -> None:
        """Report: done of total, and what is being done."""
        self._progress.update(self._task, completed=done, total=total or None, note=note)


@contextmanager
def progress_bar(title: str) -> Iterator[Bar]:
    """Show a bar on standard error while the block runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_errors, transient=True) as progress:
        yield Bar(progress, title)
