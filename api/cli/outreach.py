"""The command that orders whom to look in on first, and says why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.cli.jobs_commands import run_job
from api.cli.output import (
    AsJson,
    HomeOption,
    OperatorOption,
    operator,
    print_json,
    print_table,
    say,
)
from api.services.care_views import Entry
from api.services.outreach import MOST_LISTED, USUAL_MINUTES, Outreach
from api.wiring import load_config, open_floors
from graph.folders import current_name

__all__ = ["register"]


def outreach(  # noqa: PLR0913 - the options of a command
    grid: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this grid; repeat it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="Residents listed.")] = 20,
    minutes: Annotated[int, typer.Option(min=0, help="Time there is for it.")] = USUAL_MINUTES,
    anew: Annotated[bool, typer.Option("--anew", help="Score again first.")] = False,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """List who may be isolated, how sure that is, and what to do next (audited under your name)."""
    with open_floors(load_config(home=home)) as floors:
        by = operator(as_operator, floors.institution)
        if anew or current_name(floors.home.isolation) is None:
            run_job(floors.site, "isolation", by=by.id, title="scoring isolation")
        found = Outreach(floors).worklist(by, grids=grid or (), minutes=minutes, limit=limit)
    if as_json:
        print_json(asdict(found))
        return
    print_table(
        ("", "resident", "grid", "about", "interval", "next", "because"),
        [_line(entry) for entry in found.entries],
    )
    say(f"{found.planned} of {found.minutes} minutes planned, best within {found.gap:.1%}.")
    for count, what in ((found.waiting, "seen lately"), (found.unknown, "not enough data")):
        say(f"{what}: {'fewer than 20' if count is None else count}")


def _line(entry: Entry) -> tuple[object, ...]:
    why = entry.why
    parts = [f"{part.factor} {part.seen} ({part.points:+.0f})" for part in why.parts[:4]]
    return (
        entry.place,
        entry.resident,
        entry.grid,
        f"{why.probability:.0%}",
        f"{why.low:.0%}-{why.high:.0%}",
        " ".join(filter(None, (entry.action, entry.item))) or "waits",
        ", ".join(parts),
    )


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(outreach)
