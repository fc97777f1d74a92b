"""The demo: a made-up neighbourhood, from nothing to a served feed in one command."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
import typer

from api.cli.homes import make_home
from api.cli.jobs_commands import run_job
from api.cli.output import HomeOption, console, operator, progress_bar, say
from api.cli.serving import serve_forever
from api.security.sessions import STAFF
from api.wiring import Floors, load_config, open_floors
from graph.errors import ConfigError
from graph.folders import current_name, write_atomically
from graph.gate import Principal
from graph.home import Home
from graph.ingest import import_plan
from graph.live import Moment
from graph.model import StaffRole
from graph.synthetic import care_plan, generate
from recommender.evaluation.experiments import held_out

__all__ = ["prepare", "register"]

_LINKS_LAST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a demo city is made from; kept in its home, so that a second run finds it again."""

    residents: int
    grids: int
    seed: int
    now: str
    """Moment the city stands at, ISO 8601."""


def demo(  # noqa: PLR0913 - the options of a command
    home: HomeOption = None,
    residents: Annotated[int, typer.Option(min=60, help="Made-up residents.")] = 3000,
    grids: Annotated[int, typer.Option(min=1, help="Grids they live in.")] = 12,
    seed: Annotated[int, typer.Option(help="The same number makes the same city.")] = 2026,
    host: Annotated[str | None, typer.Option(help="Address to serve on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on [8000].")] = None,
    workers: Annotated[int | None, typer.Option(help="Web processes [2].")] = None,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Prepare the home, print the links, and stop.")
    ] = False,
) -> None:
    """Make a demo city, train on it and serve it. Stop it at any point and run it again."""
    config = load_config(home=home, host=host, port=port, workers=workers)
    wanted = Recipe(residents, grids, seed, "")
    with console.status("making a home"):
        recipe = _recipe(Home(config.home.resolve()), wanted)
        make_home(config)
    with open_floors(config) as floors:
        prepare(floors, recipe)
        _print_links(floors, f"http://{config.host}:{config.port}", serving=not no_serve)
    if not no_serve:
        serve_forever(config, jobs=True)


def _recipe(home: Home, wanted: Recipe) -> Recipe:
    """Read the recipe of a demo home, or write one into a new home.

    Raises
    ------
    ConfigError
        The home holds data of its own.
    """
    path = home.root / "demo.json"
    if path.exists():
        return Recipe(**json.loads(path.read_text()))
    if home.exists():
        raise ConfigError(
            f"{home.root} holds data of its own; give the demo another folder: "
            "linli demo --home linli-demo"
        )
    home.make()
    hour = datetime.now().astimezone().replace(minute=0, second=0, microsecond=0)
    recipe = Recipe(wanted.residents, wanted.grids, wanted.seed, hour.isoformat())
    write_atomically(path, json.dumps(asdict(recipe)).encode())
    return recipe


def prepare(floors: Floors, recipe: Recipe) -> None:
    """Import the city, picture it, find communities and train; what is done is not done again."""
    by = operator("demo", floors.institution)
    if current_name(floors.home.snapshots) is None:
        with progress_bar("making the city") as bar:
            city = generate(
                recipe.residents,
                recipe.grids,
                seed=recipe.seed,
                now=datetime.fromisoformat(recipe.now),
                pseudonym=floors.ledger.keys.pseudonym,
            )
            for plan in (city.plan(), care_plan(city)):
                import_plan(
                    floors.ledger,
                    plan,
                    gate=floors.gate,
                    actor=by,
                    clock=floors.clock,
                    progress=bar,
                )
        run_job(floors.site, "snapshot", by=by.id, title="taking a snapshot")
    if current_name(floors.home.networks) is None:
        run_job(floors.site, "communities", by=by.id, title="finding communities")
    if current_name(floors.home.models) is None:
        run_job(floors.site, "train", by=by.id, title="training")
    if current_name(floors.home.isolation) is None:
        run_job(floors.site, "isolation", by=by.id, title="scoring isolation")
        run_job(floors.site, "charters", by=by.id, title="proposing groups to found")


def _print_links(floors: Floors, address: str, *, serving: bool) -> None:
    moment = floors.live.catch_up()
    console.print(
        f"\n[bold]Linli 邻里[/bold]: {moment.snapshot.n_residents:,} made-up residents, "
        f"{len(moment.items):,} groups, activities, services and helper roles.",
        highlight=False,
    )
    console.print("Sign in as one of them (each link works once, for 12 hours):\n")
    here = floors.institution
    people = [
        (who, Principal(str(moment.snapshot.resident_ids[row]), StaffRole.RESIDENT, here))
        for who, row in _people(moment, floors.trial.holdout)
    ]
    clerk = Principal(f"{STAFF}demo", StaffRole.OPERATOR, here)
    worker = Principal(f"{STAFF}visits", StaffRole.SOCIAL_WORKER, here)
    staff = [
        ("the clerk of the street office, who brings in files", clerk),
        ("the social worker of the first two grids, who visits people", worker),
    ]
    for who, principal in [*people, *staff]:
        with floors.ledger.write() as tx:
            floors.ledger.cases.post(tx, worker.id, moment.snapshot.grid_ids[:2].tolist())
            token = floors.ledger.access.new_link(tx, principal, at=floors.clock(), ttl=_LINKS_LAST)
        console.print(f"  {who}\n    {address}/sign-in/{token}\n", highlight=False, soft_wrap=True)
    if serving:
        console.print(f"Serving on {address}; Ctrl-C stops it, the data stay.", highlight=False)
    else:
        say(f"Ready in {floors.home.root}. Serve it: linli serve")


def _people(moment: Moment, holdout: float) -> list[tuple[str, int]]:
    """Three residents whose feeds differ: much history, little history, nothing authorised."""
    picture = moment.snapshot
    actions = np.diff(picture.history.indptr)
    authorised = (picture.masks != 0).any(axis=1)
    personal = authorised & ~held_out(np.arange(len(authorised)), holdout)
    elder = (picture.birth_year > 0) & (picture.birth_year < 1958) & personal
    busy = int(np.argmax(np.where(elder, actions, -1)))
    quiet = int(np.argmax(personal & (actions == 0)))
    closed = int(np.argmax(~authorised))
    return [
        (f"a pensioner who takes part often ({actions[busy]} actions so far)", busy),
        ("somebody who just joined and declared interests only", quiet),
        ("somebody who authorised nothing: a feed without personal data", closed),
    ]


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(demo)
