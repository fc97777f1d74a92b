"""Command that tells what personal lists are good for."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

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
from graph.gate import shown_and_done
from recommender.evaluation.experiments import Estimate
from recommender.evaluation.trial import FEWEST, TrialReport, report

__all__ = ["register"]


def uplift(
    home: HomeOption = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="How far to look back.")] = 30,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell what personal feeds bring, against the holdout and the lot (audited under your name)."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        since = floors.clock() - timedelta(days=days)
        told = report(shown_and_done(floors.gate, floors.ledger, actor, since=since))
    if as_json:
        print_json(asdict(told))
        return
    print_table(("measure", "value", "95 % interval"), _lines(told))
    say(f"- stands where fewer than {FEWEST} residents are behind a figure.")


def _lines(told: TrialReport) -> list[tuple[str, str, str]]:
    joins = told.joins
    return [
        ("residents who let it be kept", str(told.residents), ""),
        ("places shown", str(told.places), ""),
        ("places taken each, personal", "-" if joins is None else f"{joins.personal:.3f}", ""),
        ("places taken each, holdout", "-" if joins is None else f"{joins.held_out:.3f}", ""),
        ("difference", *_estimate(None if joins is None else joins.difference)),
        ("taps on the last place, the model's choice", *_estimate(told.chosen)),
        ("taps on the last place, by lot", *_estimate(told.by_lot)),
    ]


def _estimate(known: Estimate | None) -> tuple[str, str]:
    if known is None:
        return "-", ""
    return f"{known.value:.3f}", f"{known.low:.3f} to {known.high:.3f}"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(uplift)
