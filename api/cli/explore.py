"""Commands that ask about the network of people; audited, residents by pseudonym."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.cli.jobs_commands import borrowed_graph
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
from graph.explore import (
    Acquaintance,
    Circle,
    Entry,
    Introducer,
    Introducers,
    Neighbour,
    Question,
    RareNeed,
    Shared,
    Thing,
    question_said,
)
from graph.gate import Explorer
from graph.model import ItemId, ResidentId
from jobs.steps import drain

__all__ = ["register"]

explore_app = typer.Typer(
    help="Ask about the network of people: what residents authorised, by pseudonym, audited.",
    no_args_is_help=True,
)

ResidentArgument = Annotated[
    str, typer.Argument(help="Pseudonym of a resident (`linli residents`).")
]


@explore_app.command("shared")
def shared(
    a: ResidentArgument,
    b: ResidentArgument,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what two residents share: interests, work, needs, groups, activities, acquaintances."""
    _ask(Shared(ResidentId(a), ResidentId(b)), home, as_operator, as_json=as_json)


@explore_app.command("introducers")
def introducers(
    resident: ResidentArgument,
    group: Annotated[str, typer.Argument(help="Id of a group.")],
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Show who could introduce a resident to a group."""
    _ask(Introducers(ResidentId(resident), ItemId(group)), home, as_operator, as_json=as_json)


@explore_app.command("circle")
def circle(
    resident: ResidentArgument,
    depth: Annotated[int, typer.Option(min=1, max=2, help="How many steps.")] = 2,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Show whom a resident knows, and whom those know."""
    _ask(Circle(ResidentId(resident), depth), home, as_operator, as_json=as_json)


@explore_app.command("rare-need")
def rare_need(  # noqa: PLR0913 - options of a command
    resident: ResidentArgument,
    need: Annotated[str, typer.Option(help="Code of one need [all the resident has].")] = "",
    within: Annotated[int, typer.Option(min=100, max=2_000, help="Metres.")] = 500,
    fewer_than: Annotated[
        int, typer.Option(min=2, max=100, help="Holders in the city from which it is not rare.")
    ] = 20,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Show who lives near a resident and has the same rare need."""
    question = RareNeed(ResidentId(resident), need, within, fewer_than)
    _ask(question, home, as_operator, as_json=as_json)


def _ask(question: Question, home: Path | None, name: str | None, *, as_json: bool) -> None:
    with open_floors(load_config(home=home)) as floors:
        actor = operator(name, floors.institution)
        explorer = Explorer(floors.gate, floors.ledger)
        explorer.admit(actor, question)
        with borrowed_graph(floors.site) as store:
            drain(floors.site, store)
            found = explorer.find(actor, question, store)
        answer = explorer.answer(actor, found)
    if as_json:
        entries = [asdict(entry) for entry in answer.entries]
        print_json({"question": question_said(question), "entries": entries})
    elif answer.entries:
        print_table(_COLUMNS[type(question)], map(_line, answer.entries))
    else:
        say("没有可以告知的结果。 Nothing that may be told.")


_COLUMNS: dict[type, tuple[str, ...]] = {
    Shared: ("共同点 what", "编号 id", "中文", "English"),
    Introducers: ("介绍人 resident", "关系强度 strength"),
    Circle: ("居民 resident", "步数 steps", "经由 via"),
    RareNeed: ("居民 resident", "需求 need", "中文", "English", "距离不超过 within"),
}


def _line(entry: Entry) -> Sequence[object]:
    match entry:
        case Thing(what, id_, zh, en):
            return what, id_, zh, en
        case Introducer(resident, strength):
            return resident, f"{strength:.1f}"
        case Acquaintance(resident, steps, via):
            return resident, steps, " ".join(via) or "-"
        case Neighbour(resident, need, zh, en, within_m):
            return resident, need, zh, en, f"{within_m} m"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(explore_app, name="explore")
