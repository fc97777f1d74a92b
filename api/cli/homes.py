"""Commands about a home as a whole: init, doctor."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from importlib.metadata import version as package_version

import typer
from rich.markup import escape

from api.cli.output import AsJson, HomeOption, console, print_json, print_table, say
from api.services.views import STALE
from api.wiring import Config, Floors, load_config, open_floors, settings
from graph.errors import LinliError
from graph.gate import RunState, make_keys, open_ledger
from graph.home import Home
from graph.urls import masked
from jobs.site import utc_now

__all__ = ["make_home", "register"]

_TOML = """\
# Settings of this Linli home. Environment variables (LINLI_PORT=...) and flags win over them.
# `linli doctor` shows every setting and where its value comes from.
# host = "127.0.0.1"
# port = 8000
# workers = 2
# weights = "bridging=0.2 helper=0.3"
"""


def make_home(config: Config) -> Home:
    """Make the folders, the keys, the settings file and the ledger; what exists stays."""
    home = Home(config.home.resolve())
    home.make()
    make_keys(home.keys)
    site = config.site()
    open_ledger(site.ledger_url, keys_dir=home.keys, log_dir=home.log, clock=utc_now).close()
    if not home.settings.exists():  # last: a home without it was not finished
        home.settings.write_text(_TOML + _addresses(config), encoding="utf-8")
    return home


def _addresses(config: Config) -> str:
    """Lines of the settings file for stores outside the home; no password goes into a file."""
    given = {"graph": config.graph, "ledger": config.ledger}
    return "".join(
        f"{name} = {json.dumps(url)}\n" for name, url in given.items() if url == masked(url) != ""
    )


def init(home: HomeOption = None) -> None:
    """Make a home: folders, keys, settings, ledger. Does nothing to one that exists."""
    config = load_config(home=home)
    made = make_home(config)
    say(f"Home ready in {made.root}")
    written = made.settings.read_text(encoding="utf-8")
    for name, url in (("LINLI_GRAPH", config.graph), ("LINLI_LEDGER", config.ledger)):
        if json.dumps(url) not in written and url:
            say(f"{masked(url)} is not written into {made.settings.name}, as passwords never are")
            say(f"and a settings file that is there stays: set {name} for every later command.")
    say(f"Keep {made.keys} safe and apart from backups: without it nothing sealed opens.")


def doctor(home: HomeOption = None, as_json: AsJson = False) -> None:
    """Check a home and show every setting with the source of its value."""
    said = settings({"home": home})
    checks = _checks(load_config(home=home))
    if as_json:
        print_json(
            {
                "settings": [{"name": s.name, "value": s.value, "source": s.source} for s in said],
                "checks": [{"check": c, "ok": ok, "detail": d} for c, ok, d in checks],
            }
        )
    else:
        print_table(
            ("setting", "value", "from", ""),
            [(s.name, s.value or "-", s.source, s.description) for s in said],
        )
        console.print()
        for check, ok, detail in checks:
            state = "[green]ok  [/]" if ok else "[red]FAIL[/]"
            console.print(f"{state} {check}: {escape(detail)}", highlight=False, soft_wrap=True)
    if not all(ok for _, ok, _ in checks):
        raise typer.Exit(1)


def _checks(config: Config) -> list[tuple[str, bool, str]]:
    checks = [
        ("linli", True, f"{package_version('linli')} on Python {platform.python_version()}"),
    ]
    try:
        with open_floors(config) as floors:
            with floors.ledger.read() as tx:
                head = floors.ledger.outbox.head(tx)
                audit = floors.ledger.audit.verify(tx)
            checks.append(("ledger", True, f"{head.seq} events, grant epoch {head.epoch}"))
            checks.append(
                (
                    "audit chain",
                    audit.fault is None,
                    audit.fault or f"{audit.entries} entries in {audit.chains} chains, unbroken",
                )
            )
            checks.extend(_serving_checks(floors))
    except LinliError as error:
        checks.append(("home", False, str(error)))
    return checks


def _serving_checks(floors: Floors) -> list[tuple[str, bool, str]]:
    asked: dict[str, Callable[[], str]] = {
        "snapshot": lambda: _snapshot(floors),
        "model": lambda: floors.models.current().model.model_id,
        "re-ranking": lambda: str(floors.models.current().model.reranker.weights),
    }
    out = [("graph", *_graph(floors))]
    for name, ask in asked.items():
        try:
            out.append((name, True, ask()))
        except LinliError as error:
            out.append((name, False, str(error)))
    return out


def _snapshot(floors: Floors) -> str:
    """Name the snapshot and say how old it is."""
    moment = floors.live.catch_up()
    age = floors.live.snapshot_age(moment)
    late = "; is a jobs process running?" if age > STALE else ""
    return f"{moment.snapshot.id}, taken {age.total_seconds() / 3600:.0f} h ago{late}"


_USE_THE_GRAPH = ("drain", "snapshot", "rebuild")


def _graph(floors: Floors) -> tuple[bool, str]:
    """Tell how the graph fared, from the records: whoever leads has it open."""
    runs = floors.ledger.runs
    with floors.ledger.read() as tx:
        last = [run for run in (runs.last(tx, job) for job in _USE_THE_GRAPH) if run]
    if not last:
        return True, "no job has used it yet"
    latest = max(last, key=lambda run: run.started_at)
    told = f"{latest.job} {latest.state.value} at {latest.started_at:%Y-%m-%d %H:%M} UTC"
    if latest.state is RunState.FAILED:
        return False, f"{told}: {latest.note}; what people do waits in the ledger"
    return True, f"{told}: {latest.note}" if latest.note else told


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(init)
    app.command()(doctor)
