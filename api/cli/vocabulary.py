"""Commands that show the governed lists, and look after texts that no list knew."""

from __future__ import annotations

from collections.abc import Callable
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
from graph.ingest import FEWEST, forget_coded, import_plan, plan_recode, uncoded_occupations
from graph.model import Category
from graph.vocabulary import (
    VOCABULARIES,
    Coding,
    Term,
    Vocabulary,
    Way,
    edition,
    manifest,
    release,
)

__all__ = ["register"]

vocabulary_app = typer.Typer(
    help="Show the governed lists: what there is to choose from, and what a text is coded as."
)

_WHY = {
    Way.WORD: "it is a code, a label or a synonym",
    Way.CROSSWALK: "the crosswalk from GB/T 6565-2015 leads there",
    Way.PARTS: "all its parts lead there",
    Way.AMBIGUOUS: "uncoded: it may mean one of these",
    Way.UNKNOWN: "uncoded: the list does not know it",
}


@vocabulary_app.callback(invoke_without_command=True)
def lists(context: typer.Context, as_json: AsJson = False) -> None:
    """List the governed lists with their versions and sizes."""
    if context.invoked_subcommand is not None:
        return
    rows = [(r.name, r.version, r.entries, r.digest[:12]) for r in manifest()]
    if as_json:
        names = ("name", "version", "entries", "digest")
        print_json(
            {"version": edition(), "lists": [dict(zip(names, r, strict=True)) for r in rows]}
        )
        return
    print_table(("list", "version", "entries", "digest"), rows)


def _show(
    load: Callable[[], Vocabulary], category: Category | None, text: str | None, *, as_json: bool
) -> None:
    vocabulary = load()
    if text is not None:
        _explain(vocabulary, text, as_json=as_json)
        return
    terms = [t for t in vocabulary.terms if category is None or t.life_category is category]
    if as_json:
        version = release(vocabulary.name).version
        described = [_described(term) for term in terms]
        print_json({"name": vocabulary.name, "version": version, "terms": described})
        return
    rows = [
        (t.code, t.life_category or t.parent, t.label_zh, t.label_en, "、".join(t.synonyms))
        for t in terms
    ]
    print_table(("code", "under", "中文", "English", "also written"), rows)


def _explain(vocabulary: Vocabulary, text: str, *, as_json: bool) -> None:
    coding: Coding = vocabulary.coding(text)
    if as_json:
        print_json({"way": coding.way, "code": coding.code, "candidates": list(coding.candidates)})
        return
    say(f"{text}: {_WHY[coding.way]}")
    for code in coding.codes:
        term = vocabulary[code]
        above = "".join(f" < {group.label_zh} {group.label_en}" for group in vocabulary.above(code))
        say(f"  {code}  {term.label_zh} {term.label_en}{above}")


def _described(term: Term) -> dict[str, object]:
    return {
        "code": term.code,
        "label_zh": term.label_zh,
        "label_en": term.label_en,
        "life_category": term.life_category,
        "parent": term.parent,
        "synonyms": list(term.synonyms),
    }


FindOption = Annotated[
    str | None, typer.Option("--find", help="Show what this text is coded as, and why.")
]


def _list_command(load: Callable[[], Vocabulary]) -> None:
    name = load().name

    def of_life(
        category: Annotated[
            Category | None, typer.Option(help="Only this one of the seven categories.")
        ] = None,
        find: FindOption = None,
        as_json: AsJson = False,
    ) -> None:
        _show(load, category, find, as_json=as_json)

    def plain(find: FindOption = None, as_json: AsJson = False) -> None:
        _show(load, None, find, as_json=as_json)

    command = plain if name == "occupations" else of_life
    vocabulary_app.command(name, help=f"Show the {name}, or what a text is coded as.")(command)


for _load in VOCABULARIES.values():
    _list_command(_load)


@vocabulary_app.command("uncoded")
def uncoded(
    at_least: Annotated[
        int, typer.Option(min=FEWEST, help="Show texts of at least so many residents.")
    ] = FEWEST,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Count the occupations that came in as words no list knew (audited)."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        found = uncoded_occupations(floors.ledger, floors.gate, actor, at_least=at_least)
    if as_json:
        texts = [
            {
                "text": t.text,
                "residents": t.residents,
                "candidates": list(t.candidates),
                "code": t.code,
            }
            for t in found.texts
        ]
        print_json({"texts": texts, "rare": found.rare})
        return
    rows = [(t.text, t.residents, t.code or " ".join(t.candidates) or "-") for t in found.texts]
    print_table(("text", "residents", "may mean"), rows)
    say(f"{found.rare} more texts, each of fewer than {at_least} residents, are not shown.")


@vocabulary_app.command("recode")
def recode(
    home: HomeOption = None, as_operator: OperatorOption = None, as_json: AsJson = False
) -> None:
    """Code the kept occupations that the list knows by now, and drop their words (audited)."""
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        plan = plan_recode(floors.ledger, floors.gate, actor, now=floors.clock())
        if plan.rows:
            import_plan(floors.ledger, plan, gate=floors.gate, actor=actor, clock=floors.clock)
            forget_coded(floors.ledger, floors.gate, actor)
    if as_json:
        print_json({"coded": plan.rows})
        return
    say(f"{plan.rows} residents' occupations coded.")
    if plan.rows:
        say("Next: linli snapshot, then linli train.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(vocabulary_app, name="vocabulary")
