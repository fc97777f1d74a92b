"""Commands about suggestions: recommend, residents, evaluate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from api.cli.output import (
    AsJson,
    HomeOption,
    OperatorOption,
    console,
    operator,
    print_json,
    print_table,
    progress_bar,
)
from api.services.feed import FeedService
from api.web.look import Language
from api.web.wording import MESSAGES
from api.wiring import load_config, open_floors
from graph.model import ItemKind, ResidentId
from recommender.evaluation.datasets import read_dataset
from recommender.evaluation.new_items import evaluate_new_items
from recommender.evaluation.report import BLEND, Trial, compare, evaluate, evaluate_cold

__all__ = ["register"]


def recommend(  # noqa: PLR0913 - the options of a command
    resident: Annotated[str, typer.Argument(help="Pseudonym of a resident (`linli residents`).")],
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many.")] = 10,
    kind: Annotated[
        list[ItemKind] | None, typer.Option(help="Only this kind; may be repeated.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also what carried and what re-ranked each item.")
    ] = False,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one resident's feed with its reasons (audited under your name)."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        feed, cards = FeedService(floors).for_actor(
            actor, ResidentId(resident), kinds=tuple(kind or ()), n=n
        )
    if as_json:
        print_json(
            {
                "resident": feed.resident,
                "snapshot": feed.snapshot_id,
                "model": feed.model_id,
                "personalised": feed.personalised,
                "recommendations": [
                    {
                        "rank": r.rank,
                        "item": r.item,
                        "title": card.title.zh,
                        "kind": card.kind.value,
                        "score": round(r.score, 4),
                        "parts": {k: round(v, 4) for k, v in r.parts.items() if v},
                        "reranking": {k: round(v, 4) for k, v in r.gains.items() if v},
                        "reason": {
                            "code": r.reason.code.value,
                            "slots": dict(r.reason.slots),
                            "text": MESSAGES[Language.ZH].reason(card.reason),
                        },
                        "rec_id": r.rec_id,
                    }
                    for r, card in zip(feed.recommendations, cards, strict=True)
                ],
            }
        )
        return
    rows: list[tuple[object, ...]] = [
        (r.rank, c.kind.value, c.title.zh, MESSAGES[Language.ZH].reason(c.reason))
        for r, c in zip(feed.recommendations, cards, strict=True)
    ]
    heads: tuple[str, ...] = ("", "what", "title", "why")
    if explain:
        heads = (*heads, "parts of the score", "re-ranking")
        told = [(_strongest(r.parts), _strongest(r.gains)) for r in feed.recommendations]
        rows = [(*row, *more) for row, more in zip(rows, told, strict=True)]
    print_table(heads, rows)


def _strongest(amounts: Mapping[str, float]) -> str:
    """Name the four largest amounts."""
    order = sorted(amounts, key=lambda name: -abs(amounts[name]))
    return ", ".join(f"{name} {amounts[name]:+.2f}" for name in order[:4] if amounts[name])


def residents(
    home: HomeOption = None,
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many.")] = 10,
    as_json: AsJson = False,
) -> None:
    """List pseudonyms of residents, the most active first (no personal data)."""
    with open_floors(load_config(home=home)) as floors:
        found = floors.live.catch_up().most_active(n)
    if as_json:
        print_json([{"resident": r, "actions": k} for r, k in found])
    else:
        print_table(("resident", "actions"), found)


def evaluate_command(  # noqa: PLR0913 - the options of a command
    folder: Annotated[
        Path,
        typer.Argument(help="Folder with train.txt.xz and test.txt.xz.", exists=True),
    ],
    model: Annotated[
        str, typer.Option(help="The shipped blend, or one of its parts, such as popular.")
    ] = BLEND,
    compare_all: Annotated[
        bool, typer.Option("--compare", help="Show the blend and all parts side by side.")
    ] = False,
    without_memberships: Annotated[
        bool, typer.Option("--without-memberships", help="Leave the table of members unread.")
    ] = False,
    by_item: Annotated[
        bool, typer.Option("--by-item", help="Tell items nobody took up before from the others.")
    ] = False,
    cold: Annotated[
        bool,
        typer.Option("--cold", help="Ask about residents without a history, and new items."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of training.")] = 2026,
    as_json: AsJson = False,
) -> None:
    """Train on a published data set's train part and measure on its test part.

    Blend and hyper-parameters are chosen on a validation cut of the train part only.
    """
    dataset = read_dataset(folder, memberships=not without_memberships)
    with progress_bar("evaluating") as bar:
        if cold:
            newcomers = {
                **evaluate_cold(dataset, seed=seed, progress=bar),
                "new_items": evaluate_new_items(dataset, seed=seed, progress=bar),
            }
        elif compare_all:
            trials = list(compare(dataset, seed=seed, progress=bar))
        else:
            trials = [evaluate(dataset, model=model, seed=seed, progress=bar)]
        reports = [] if cold else [_report(trial, by_item=by_item) for trial in trials]
    if cold:
        _show(newcomers, as_json=as_json)
        return
    typer.echo(f"chosen: {json.dumps(trials[0].chosen(), ensure_ascii=False)}", err=True)
    if compare_all:
        _show_side_by_side(trials, reports, as_json=as_json)
    else:
        _show(reports[0], as_json=as_json)


def _report(trial: Trial, *, by_item: bool) -> dict[str, object]:
    extra: dict[str, object] = {"by_item_history": trial.by_item_history()} if by_item else {}
    return {**trial.report(), **extra}


def _show(report: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    metrics = _errors(report)
    plain = [
        (name, _with_error(report, name) if name in metrics else value)
        for name, value in report.items()
        if not isinstance(value, dict)
    ]
    print_table(("measure", "value"), plain)
    for name, part in report.items():
        if not isinstance(part, dict) or name == "stderr":
            continue
        console.print(f"{name}:", markup=False)
        if name in {"by_history", "by_item_history"}:
            told = ("recall@10", "ndcg@10")
            rows = [(k, v["users"], *(_with_error(v, m) for m in told)) for k, v in part.items()]
            print_table(("", "residents", *told), rows)
        else:
            print_table(("measure", "value"), part.items())


def _errors(report: Mapping[str, object]) -> Mapping[str, float]:
    """Return the standard errors of a report, by metric."""
    return cast("Mapping[str, float]", report.get("stderr", {}))


def _with_error(report: Mapping[str, object], metric: str) -> str:
    return f"{report[metric]:.4f}±{_errors(report)[metric]:.4f}"


def _show_side_by_side(
    trials: Sequence[Trial], reports: Sequence[Mapping[str, object]], *, as_json: bool
) -> None:
    if as_json:
        print_json(reports)
        return
    metrics, mute, rows = tuple(trials[0].quality), [], []
    for trial, report in zip(trials, reports, strict=True):
        if trial.says_nothing():
            mute.append(trial.model)
        else:
            row = (trial.model, *(_with_error(report, m) for m in metrics), report["fit_s"])
            rows.append(row)
    print_table(("model", *metrics, "fit_s"), rows)
    if mute:
        console.print(f"with nothing to go by here: {', '.join(mute)}", markup=False)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(recommend)
    app.command()(residents)
    app.command("evaluate")(evaluate_command)
